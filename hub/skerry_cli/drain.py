"""`skerry drain`: empties a node before it is worked on."""

from __future__ import annotations

import collections
from typing import Any

import click

from skerry_cli import words
from skerry_cli.failures import Exit
from skerry_cli.goals import Goal, wait_for
from skerry_cli.hub import Hub, path
from skerry_cli.plan import tell_shortages
from skerry_cli.plan_text import lines, summary
from skerry_cli.records import Change, Node, Plan, part_of, read
from skerry_cli.screen import Screen
from skerry_cli.session import Session, anywhere, complete_names, output, time_limit

EXAMPLES = """\b
The node is cordoned, and every instance that another node takes moves there, in one transaction.
What fits nowhere else stays, and is told with every reason; --force removes it. The instances of
global workloads stay: there is one for each node.
\b
Examples:
  skerry drain box-1 --dry-run    what would move where
  skerry drain box-1              returns when it runs there, and has ended here
  skerry uncordon box-1           lets the node take workloads again
\b
Exit status: 3 when something fits nowhere else, 4 when the wait ran out of time.
"""


@click.command(epilog=EXAMPLES)
@click.argument("name", metavar="NODE", shell_complete=complete_names("nodes"))
@click.option("--dry-run", "--plan", "dry", is_flag=True, help="Show what would be done.")
@click.option("--force", is_flag=True, help="Remove what fits nowhere else.")
@click.option("--wait/--no-wait", default=True, help="Return when what moved runs (default).")
@time_limit
@output("json", "yaml")
@anywhere
@click.pass_context
def drain(ctx: click.Context, /, name: str, dry: bool, force: bool, **options: Any) -> None:
    """Move away what a node runs, and let nothing new come to it."""
    session: Session = ctx.obj
    hub, screen = session.connect(), Screen()
    answer = hub.post(path("nodes", name, "drain"), {"force": force, "dry_run": dry})
    found = read(Plan, answer)
    _show(screen, answer, options["form"], dry=dry)
    if options["wait"] and not dry:
        wait_for(screen, hub, _goals(screen, hub, name, found), options["timeout"])
    if found.unplaced:
        ctx.exit(Exit.NOT_PLACED)
    if not dry and not options["form"]:
        screen.line(f"node/{name} drained")


def _show(screen: Screen, answer: Any, form: str | None, *, dry: bool) -> None:
    found = read(Plan, answer)
    if form:
        screen.document(answer, form)
    else:
        for line in lines(found, {}, keep=True):
            screen.line(*line)
        if dry:
            screen.line(summary(found))
    stuck = {explanation.workload for explanation in found.unplaced}
    left = collections.Counter(
        one.workload for one in found.changes if one.action == "keep" and one.workload in stuck
    )
    tell_shortages(screen, found, staying=left)
    if left:
        verb = "stays" if left.total() == 1 else "stay"
        count = words.count(left.total(), "instance")
        screen.note(f"{count} {verb}: --force removes what fits nowhere")


def _goals(screen: Screen, hub: Hub, name: str, found: Plan) -> list[Goal]:
    """Return what to wait for: what moved runs, and has ended here where the node can say so."""
    moved = [one for one in found.changes if one.action == "move"]
    gone = [one for one in found.changes if one.action in ("move", "remove")]
    goals = [_goal(one, one.node, running=True) for one in moved]
    if not gone:
        return goals
    node = read(Node, part_of(hub.get(path("nodes", name)), "node"))
    if node.liveness == "online":
        return goals + [_goal(one, node.id, running=False) for one in gone]
    screen.note(f"node/{node.id} is {node.liveness}: what it runs ends when it is heard of again")
    return goals


def _goal(change: Change, node: str, *, running: bool) -> Goal:
    return Goal("instance", change.instance, "running" if running else "deleted", node)

"""`skerry delete`: deletes workloads, or forgets nodes."""

from __future__ import annotations

from typing import Any

import click

from skerry_cli.failures import Exit, Failure, RefusedError
from skerry_cli.files import body_of, file_options
from skerry_cli.goals import Goal, wait_for
from skerry_cli.hub import Hub, path
from skerry_cli.node import confirm
from skerry_cli.plan import tell_shortages
from skerry_cli.plan_text import lines
from skerry_cli.records import Plan, read
from skerry_cli.screen import Screen
from skerry_cli.session import Session, anywhere, complete_names, time_limit

EXAMPLES = """\b
A node that is online is not forgotten: stop its agent first. What it runs keeps running; its
instances are placed on other nodes, and when it connects again it registers anew, and is held.
\b
Examples:
  skerry delete workload shop-web shop-db --wait
  skerry delete -f shop.yaml --ignore-not-found
  skerry delete node box-7
"""


@click.command(epilog=EXAMPLES)
@click.argument("kind", type=click.Choice(["workload", "node"]), required=False)
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_names())
@file_options
@click.option("--ignore-not-found", is_flag=True, help="What is not there is no error.")
@click.option("--wait", "wait", is_flag=True, help="Return when it is gone from the nodes, too.")
@time_limit
@click.option("-y", "--yes", is_flag=True, help="Do not ask before a node is forgotten.")
@anywhere
@click.pass_context
def delete(ctx: click.Context, /, kind: str | None, names: tuple[str, ...], **options: Any) -> None:
    """Delete workloads by name or by the files that they came from, or forget nodes."""
    session: Session = ctx.obj
    hub, screen = session.connect(), Screen()
    kind, wanted = _wanted(hub, kind, names, options)
    if kind == "node" and not options["yes"]:
        confirm(f"Forget node {', '.join(wanted)}, and place its instances anew?")
    deleted, missing, unplaced = [], [], False
    for name in wanted:
        try:
            plan = read(Plan, hub.delete(path(f"{kind}s", name)))
        except RefusedError as failure:
            if not failure.unknown_name:
                raise
            missing.append(failure)
            continue
        deleted.append(name)
        unplaced = unplaced or bool(plan.unplaced)
        _show(screen, kind, name, plan)
    if options["wait"]:
        wait_for(screen, hub, [Goal(kind, name, "deleted") for name in deleted], options["timeout"])
    if missing and not options["ignore_not_found"]:
        raise RefusedError(404, [line for failure in missing for line in failure.lines])
    if unplaced:
        ctx.exit(Exit.NOT_PLACED)


def _wanted(
    hub: Hub, kind: str | None, names: tuple[str, ...], options: dict[str, Any]
) -> tuple[str, list[str]]:
    """Return what to delete: its kind, and the names. Asks the hub what the files name."""
    files, project = options["files"], options["project"]
    if bool(files) == bool(kind):
        raise click.UsageError("give either workload NAME..., node NAME... or -f FILE")
    if kind and not names:
        raise click.UsageError(f"name at least one {kind}")
    if kind:
        return kind, list(dict.fromkeys(names))
    found = read(Plan, hub.post(path("plan"), body_of(files, project)))
    wanted = sorted({*found.created, *found.updated, *found.unchanged})
    if not wanted:
        raise Failure("the files name no workload")
    return "workload", wanted


def _show(screen: Screen, kind: str, name: str, plan: Plan) -> None:
    screen.line(f"{kind}/{name} deleted")
    for line in lines(plan, {}):
        # The head of a workload's lines is known where the workload itself was deleted.
        if kind == "node" or len(line) > 1:
            screen.line(*line)
    tell_shortages(screen, plan)

"""`skerry apply`: makes the hub want what compose files say."""

from __future__ import annotations

from typing import Any

import click

from skerry_cli.failures import Exit
from skerry_cli.files import body_of, file_options
from skerry_cli.goals import DEFAULT_TIMEOUT_S, Goal, wait_for
from skerry_cli.hub import path
from skerry_cli.plan import show_plan, tell_shortages
from skerry_cli.plan_text import DONE, lines
from skerry_cli.records import Plan, read
from skerry_cli.screen import Screen
from skerry_cli.session import Duration, Session, anywhere, output

EXAMPLES = """\b
Examples:
  skerry apply -f shop.yaml
  skerry apply -f shop.yaml --wait --timeout 2m
  skerry apply -f shop.yaml -f depot.yaml --prune
  generate | skerry apply -f - --project shop
\b
Exit status: 3 when something found no node, 4 when --wait ran out of time.
"""


@click.command(epilog=EXAMPLES)
@file_options
@click.option("--prune", is_flag=True, help="Remove what the files no longer name.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--wait", "wait", is_flag=True, help="Return when everything runs.")
@click.option(
    "--timeout",
    type=Duration(),
    default=DEFAULT_TIMEOUT_S,
    metavar="TIME",
    help="How long to wait (default: 5m).",
)
@output("json", "yaml")
@anywhere
@click.pass_context
def apply(
    ctx: click.Context, /, files: tuple[str, ...], project: str | None, **options: Any
) -> None:
    """Make the hub want what compose files say: each service becomes a workload."""
    session: Session = ctx.obj
    body = body_of(files, project, prune=options["prune"])
    screen, hub = Screen(), session.connect()
    answer = hub.post(path("plan" if options["dry_run"] else "apply"), body)
    found = read(Plan, answer)
    if options["dry_run"]:
        show_plan(screen, answer, options["form"])
    else:
        _show(screen, answer, found, options["form"])
        if options["wait"]:
            goals = _goals(found)
            wait_for(screen, hub, goals, options["timeout"])
            for goal in [] if options["form"] else goals:
                screen.line(f"{goal} is {goal.wanted}")
    if found.unplaced:
        ctx.exit(Exit.NOT_PLACED)


def _show(screen: Screen, answer: Any, found: Plan, form: str | None) -> None:
    if form:
        screen.document(answer, form)
    else:
        for line in lines(found, DONE):
            screen.line(*line)
    tell_shortages(screen, found)


def _goals(found: Plan) -> list[Goal]:
    """Return what can be waited for: what found no node will not run."""
    unplaced = {explanation.workload for explanation in found.unplaced}
    present = sorted({*found.created, *found.updated, *found.unchanged} - unplaced)
    running = [Goal("workload", name, "running") for name in present]
    return running + [Goal("workload", name, "deleted") for name in found.removed]

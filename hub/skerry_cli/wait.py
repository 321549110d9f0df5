"""`skerry wait`: returns when nodes or workloads are as they should be."""

from __future__ import annotations

import click

from skerry_cli.goals import GOALS, Goal, Wanted, wait_for
from skerry_cli.screen import Screen
from skerry_cli.session import Session, anywhere, complete_names, time_limit

EXAMPLES = """\b
Examples:
  skerry wait node box-1 --for online --timeout 60s
  skerry wait workload shop-web --for running
  skerry wait workload shop-report --for completed
  skerry wait workload shop-web --for deleted
\b
Exit status: 4 when it is not so in time; the message says how it was seen last.
"""


@click.command(epilog=EXAMPLES)
@click.argument("kind", type=click.Choice(list(GOALS)))
@click.argument(
    "names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_names()
)
@click.option(
    "--for",
    "wanted",
    type=click.Choice(["online", "running", "completed", "deleted"]),
    required=True,
    help="How it shall be.",
)
@time_limit
@anywhere
@click.pass_obj
def wait(
    session: Session, /, kind: str, names: tuple[str, ...], wanted: Wanted, timeout: float
) -> None:
    """Wait until nodes or workloads, known to the hub already or not yet, are as they should be."""
    if wanted not in GOALS[kind]:
        raise click.UsageError(f"a {kind} can be waited for to be {' or '.join(GOALS[kind])}")
    goals = [Goal(kind, name, wanted) for name in dict.fromkeys(names)]
    screen = Screen()
    wait_for(screen, session.connect(), goals, timeout)
    for goal in goals:
        screen.line(f"{goal} is {wanted}")

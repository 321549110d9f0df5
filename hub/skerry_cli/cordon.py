"""`skerry cordon`: lets nothing new come to nodes."""

from __future__ import annotations

import click

from skerry_cli.failures import RefusedError
from skerry_cli.hub import path
from skerry_cli.records import Node, read
from skerry_cli.screen import Screen
from skerry_cli.session import Session, anywhere, complete_names

EXAMPLES = """\b
What is there stays, and is replaced there when its workload is applied anew. Global workloads
come to a cordoned node too.
\b
Examples:
  skerry cordon box-1 box-2    before they are worked on
  skerry drain box-1           moves away what is there
  skerry uncordon box-1        afterwards
"""


@click.command(epilog=EXAMPLES)
@click.argument(
    "names", nargs=-1, required=True, metavar="NODE...", shell_complete=complete_names("nodes")
)
@anywhere
@click.pass_obj
def cordon(session: Session, /, names: tuple[str, ...]) -> None:
    """Let nothing new come to nodes: they become unschedulable."""
    settle_each(session, names, "cordon", "cordoned")


def settle_each(session: Session, names: tuple[str, ...], verb: str, done: str) -> None:
    """Ask it for each node, whatever the hub says of the others."""
    hub, screen = session.connect(), Screen()
    failures: list[RefusedError] = []
    for name in dict.fromkeys(names):
        try:
            found = read(Node, hub.post(path("nodes", name, verb)))
        except RefusedError as failure:
            failures.append(failure)
        else:
            screen.line(f"node/{found.id} {done}")
    if failures:
        lines = [line for failure in failures for line in failure.lines]
        raise RefusedError(min(failure.status for failure in failures), lines)

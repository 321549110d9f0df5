"""`skerry uncordon`: lets nodes take workloads again."""

from __future__ import annotations

import click

from skerry_cli.cordon import settle_each
from skerry_cli.session import Session, anywhere, complete_names

EXAMPLES = """\b
What found no node meanwhile is placed at once where it fits; what was moved away stays away.
\b
Examples:
  skerry uncordon box-1 box-2
"""


@click.command(epilog=EXAMPLES)
@click.argument(
    "names", nargs=-1, required=True, metavar="NODE...", shell_complete=complete_names("nodes")
)
@anywhere
@click.pass_obj
def uncordon(session: Session, /, names: tuple[str, ...]) -> None:
    """Let nodes take workloads again: they become schedulable."""
    settle_each(session, names, "uncordon", "uncordoned")

"""`skerry version`. Does not touch the network unless it is asked to."""

from __future__ import annotations

import click

from skerry_cli.screen import Screen
from skerry_cli.session import Session, output
from skerry_wire import __version__

EXAMPLES = """\b
Examples:
  skerry version
  skerry version --hub
"""


@click.command(epilog=EXAMPLES)
@click.option("--hub", "ask_hub", is_flag=True, help="Ask the hub for its version, too.")
@output("json", "yaml")
@click.pass_obj
def version(session: Session, ask_hub: bool, form: str | None) -> None:
    """Print the version of this program."""
    versions = {"client": __version__}
    if ask_hub:
        versions["hub"] = _hub_version(session)
    screen = Screen()
    if form:
        screen.document(versions, form)
        return
    screen.line(f"skerry {__version__}")
    if ask_hub:
        screen.line(f"hub {versions['hub']} at {session.url}")


def _hub_version(session: Session) -> str:
    from skerry_cli.hub import path  # noqa: PLC0415
    from skerry_cli.records import part_of, read  # noqa: PLC0415

    found: str = read(str, part_of(session.connect().get(path("version")), "version"))
    return found

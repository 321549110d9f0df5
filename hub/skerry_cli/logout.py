"""`skerry logout`: the token for a hub is forgotten here."""

from __future__ import annotations

import dataclasses

import click

from skerry_cli import contexts
from skerry_cli.failures import Exit, Failure
from skerry_cli.screen import Screen
from skerry_cli.session import Session, anywhere

EXAMPLES = """\b
The token stays valid, for whoever else has it: `skerry access revoke` ends it.
\b
Examples:
  skerry logout
  skerry logout --context example
"""


@click.command(epilog=EXAMPLES)
@anywhere
@click.pass_obj
def logout(session: Session, /) -> None:
    """Forget the token for a hub."""
    known = contexts.load()
    name = session.context or (known.of_hub(session.hub) if session.hub else known.current)
    if not name:
        raise Failure("nobody is logged in here", Exit.USAGE)
    found = known.named(name)
    contexts.save(known.put(name, dataclasses.replace(found, token=None, who="")))
    Screen().line(f"logged out of {found.hub}: context {name} has no token any more")

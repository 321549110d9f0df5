"""`skerry whoami`: as whom the hub is asked, and what that may do."""

from __future__ import annotations

import click

from skerry_cli import words
from skerry_cli.hub import path
from skerry_cli.records import Words, read
from skerry_cli.screen import Screen
from skerry_cli.session import Session, anywhere, output
from skerry_wire.frozen import frozen

EXAMPLES = """\b
Examples:
  skerry whoami
  skerry whoami --context example -o json
"""


@frozen(kw_only=True)
class Caller:
    """Who asks, as the hub sees it."""

    name: Words
    role: Words
    scope: Words = ""
    token: Words = ""
    expires_at: float | None = None
    auth: bool = True

    def __str__(self) -> str:
        return f"{self.name} ({self.role}{', ' if self.scope else ''}{self.scope})"


@click.command(epilog=EXAMPLES)
@output("json", "yaml")
@anywhere
@click.pass_obj
def whoami(session: Session, /, form: str | None) -> None:
    """Show as whom the hub is asked."""
    target = session.target()
    answer = session.connect().get(path("whoami"))
    found, screen = read(Caller, answer), Screen()
    if form is not None:
        screen.document({**answer, "hub": target.url, "context": target.context}, form)
        return
    until = "never" if found.expires_at is None else words.moment(found.expires_at)
    screen.facts(
        [
            ("Hub", target.url),
            ("Context", target.context or None),
            ("Name", found.name),
            ("Role", found.role),
            ("Scope", found.scope or "the whole fleet"),
            ("Token", found.token or None),
            ("Expires", until if found.auth else None),
        ]
    )
    if not found.auth:
        screen.note("this hub asks nobody for a token: whoever reaches it may do everything")

"""`skerry access`: the tokens with which people and programs ask the hub."""

from __future__ import annotations

from typing import Any

import click

from skerry_cli import words
from skerry_cli.confirming import confirm, yes_option
from skerry_cli.failures import Exit, Failure
from skerry_cli.hub import path
from skerry_cli.records import Words, items_of, read, read_all
from skerry_cli.screen import Screen
from skerry_cli.secret import shown_as
from skerry_cli.session import Session, anywhere, output
from skerry_cli.verbs import Verbs
from skerry_cli.words import parse_duration
from skerry_wire.frozen import frozen

EXAMPLES = """\b
A viewer sees what there is, an operator changes what runs and where, an admin says who may ask. A
token with a scope sees and changes only nodes that have its labels, and workloads whose constraints
ask for them; what is about the whole fleet is denied to it.
\b
Examples:
  skerry access create alice --role admin
  skerry access create ci --role operator --scope site=quay-3 --ttl 30d > token.txt
  skerry access create prometheus --role viewer --ttl never
  skerry access list
  skerry access revoke ci
"""


@frozen(kw_only=True)
class Token:
    """A token as the hub shows it: without its text."""

    id: Words
    name: Words
    role: Words
    scope: Words = ""
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    made_by: Words = ""
    used_at: float | None = None


@frozen(kw_only=True)
class Made:
    """A new token, and its text."""

    token: Token
    text: Words


@click.group(cls=Verbs, epilog=EXAMPLES)
def access() -> None:
    """Keep the tokens with which the hub is asked."""


@access.command()
@click.argument("name")
@click.option(
    "--role",
    required=True,
    type=click.Choice(["viewer", "operator", "admin"]),
    help="What it may do.",
)
@click.option("--scope", default="", metavar="LABEL=VALUE,...", help="Which nodes it is for.")
@click.option("--ttl", default="90d", metavar="TIME", help="How long, or never (default: 90d).")
@output("json", "yaml")
@anywhere
@click.pass_obj
def create(
    session: Session, /, name: str, role: str, scope: str, ttl: str, form: str | None
) -> None:
    """Make a token. Its text is printed, this once."""
    body: dict[str, Any] = {"name": name, "role": role, "scope": scope, "ttl_s": _ttl_s(ttl)}
    answer = session.connect().post(path("access"), body)
    made, screen = read(Made, answer), Screen()
    if form is not None:
        screen.document(answer, form)
        return
    screen.line(made.text)
    scope = f", for {made.token.scope} alone" if made.token.scope else ""
    screen.note(f"{made.token.name} is {role}{scope}, {_until(made.token)}; it is not shown again")


def _ttl_s(text: str) -> float | None:
    if text == "never":
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise Failure(f"--ttl: {error}, or never", Exit.USAGE) from None


def _until(token: Token) -> str:
    if token.expires_at is None:
        return "for ever"
    return f"until {words.moment(token.expires_at)}"


@access.command("list")
@output("json", "yaml", "name")
@anywhere
@click.pass_obj
def list_(session: Session, /, form: str | None) -> None:
    """List tokens, those that ended within 30 days too."""
    hub, screen = session.connect(), Screen()
    answer = hub.get(path("access"))
    found = read_all(Token, items_of(answer))
    if shown_as(screen, answer, form, [one.name for one in found]):
        return
    now = hub.now()
    rows = [("NAME", "ID", "ROLE", "SCOPE", "STATE", "USED", "MADE BY")]
    rows += [
        (
            one.name,
            one.id,
            one.role,
            one.scope or "-",
            _state(one, now),
            "-" if one.used_at is None else words.age(one.used_at, now),
            one.made_by,
        )
        for one in found
    ]
    screen.table(rows)


def _state(one: Token, now: float) -> str:
    if one.revoked_at is not None:
        return "revoked"
    if one.expires_at is None:
        return "valid for ever"
    return f"until {words.moment(one.expires_at)}" if now < one.expires_at else "expired"


@access.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@yes_option()
@anywhere
@click.pass_obj
def revoke(session: Session, /, names: tuple[str, ...], yes: bool) -> None:
    """Revoke tokens by name or id: they open nothing from then on."""
    confirm(f"Revoke {words.count(len(names), 'token')} for good: {', '.join(names)}?", yes=yes)
    hub, screen = session.connect(), Screen()
    for name in dict.fromkeys(names):
        found = read(Token, hub.delete(path("access", name)))
        screen.line(f"token {found.name} ({found.id}) is revoked")

"""`skerry registry`: the credentials with which nodes pull images."""

from __future__ import annotations

import click

from skerry_cli import words
from skerry_cli.failures import Exit, Failure
from skerry_cli.hub import path
from skerry_cli.records import items_of, read, read_all
from skerry_cli.screen import Screen
from skerry_cli.secret import Secret, content_of, shown_as
from skerry_cli.session import Session, anywhere, output
from skerry_cli.verbs import Verbs

EXAMPLES = """\b
Every container whose image is of the registry is pulled with its credentials, which are sealed to
the node that pulls. New ones need no new apply, and restart nothing.
\b
Examples:
  pass show registry | skerry registry login registry.example:5000 --username ci --password-stdin
  skerry registry list
  skerry registry logout registry.example:5000
"""


@click.group(cls=Verbs, epilog=EXAMPLES)
def registry() -> None:
    """Keep credentials for private registries."""


@registry.command()
@click.argument("host", metavar="HOST[:PORT]")
@click.option("-u", "--username", required=True, metavar="NAME", help="Who pulls.")
@click.option(
    "--password-stdin",
    is_flag=True,
    required=True,
    help="Read the password from standard input; a newline at its end is left out.",
)
@anywhere
@click.pass_obj
def login(session: Session, /, host: str, username: str, password_stdin: bool) -> None:
    """Keep a user and password, or token, for a registry."""
    del password_stdin  # there is no other way: a password on the command line is everybody's
    try:
        password = content_of("-").decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise Failure("the password is not a text", Exit.USAGE) from None
    body = {"username": username, "password": password}
    found = read(Secret, session.connect().post(path("registries", host), body))
    screen = Screen()
    screen.line(f"registry/{found.registry} has credentials now, version {found.version}")
    if found.workloads:
        screen.note(f"used by {', '.join(found.workloads)}")


@registry.command("list")
@output("json", "yaml", "name")
@anywhere
@click.pass_obj
def list_(session: Session, /, form: str | None) -> None:
    """List the registries for which there are credentials."""
    hub, screen = session.connect(), Screen()
    answer = hub.get(path("registries"))
    found = read_all(Secret, items_of(answer))
    if shown_as(screen, answer, form, [f"registry/{one.registry}" for one in found]):
        return
    if not found:
        screen.note("there are credentials for no registry")
        return
    rows = [("REGISTRY", "VERSION", "WORKLOADS", "UPDATED")]
    rows += [
        (
            one.registry,
            one.version,
            str(len(one.workloads)),
            words.age(one.updated_at, hub.now()),
        )
        for one in found
    ]
    screen.table(rows)


@registry.command()
@click.argument("host", metavar="HOST[:PORT]")
@anywhere
@click.pass_obj
def logout(session: Session, /, host: str) -> None:
    """Forget the credentials for a registry."""
    found = read(Secret, session.connect().delete(path("registries", host)))
    Screen().line(f"registry/{found.registry} has no credentials any more")

"""`skerry secret`: what workloads are given and nobody else shall read."""

from __future__ import annotations

import base64
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import click

from skerry_cli import words
from skerry_cli.confirming import confirm, yes_option
from skerry_cli.failures import Exit, Failure
from skerry_cli.hub import Hub, path
from skerry_cli.records import MANY, Names, Words, items_of, read, read_all
from skerry_cli.screen import Screen
from skerry_cli.session import Session, anywhere, output
from skerry_cli.verbs import Verbs
from skerry_wire.frozen import frozen

MAX_SECRET_BYTES = 32 * 1024
EXAMPLES = """\b
A secret's content comes from a file or from standard input, never from the command line, which
every user of a machine can read. It is kept locked at the hub, which shows it to nobody, and is
sealed to the boxes that run a workload with it.
\b
Examples:
  skerry secret create db-password --from-file password.txt
  pass show db | skerry secret create db-password --from-file -
  skerry secret update db-password --from-file new.txt    applied workloads keep the old one
  skerry apply -f shop.yaml                               takes the new one
  skerry secret list
"""


@frozen(kw_only=True)
class Version:
    """One version of a secret, and who uses it."""

    id: Words
    at: float
    size_bytes: int
    workloads: Names = ()


@frozen(kw_only=True)
class Secret:
    """A secret as the hub shows it: without its content."""

    name: Words
    registry: Words = ""
    version: Words
    size_bytes: int
    created_at: float
    updated_at: float
    versions: Annotated[tuple[Version, ...], MANY] = ()
    workloads: Names = ()
    behind: Names = ()


@click.group(cls=Verbs, epilog=EXAMPLES)
def secret() -> None:
    """Keep secrets that workloads use as files or variables."""


_FROM = click.option(
    "--from-file",
    "source",
    required=True,
    metavar="FILE",
    type=click.Path(allow_dash=True),
    help="The file with the content; - for standard input.",
)


@secret.command()
@click.argument("name")
@_FROM
@anywhere
@click.pass_obj
def create(session: Session, /, name: str, source: str) -> None:
    """Keep a new secret."""
    made = _put(session.connect(), name, content_of(source), update=False)
    Screen().line(f"secret/{made.name} created, version {made.version}")


@secret.command()
@click.argument("name")
@_FROM
@anywhere
@click.pass_obj
def update(session: Session, /, name: str, source: str) -> None:
    """Keep a new version of a secret. What runs keeps the old one until it is applied anew."""
    made = _put(session.connect(), name, content_of(source), update=True)
    screen = Screen()
    screen.line(f"secret/{made.name} updated, version {made.version}")
    if made.behind:
        screen.note(f"apply these anew to give it to them: {', '.join(made.behind)}")


@secret.command("list")
@output("json", "yaml", "name")
@anywhere
@click.pass_obj
def list_(session: Session, /, form: str | None) -> None:
    """List secrets."""
    hub, screen = session.connect(), Screen()
    answer = hub.get(path("secrets"))
    found = read_all(Secret, items_of(answer))
    if shown_as(screen, answer, form, [f"secret/{one.name}" for one in found]):
        return
    if not found:
        screen.note("there are no secrets")
        return
    rows = [("NAME", "VERSION", "SIZE", "WORKLOADS", "BEHIND", "UPDATED")]
    rows += [
        (
            one.name,
            one.version,
            words.size(one.size_bytes),
            str(len(one.workloads)),
            str(len(one.behind)),
            words.age(one.updated_at, hub.now()),
        )
        for one in found
    ]
    screen.table(rows)


def shown_as(screen: Screen, answer: Any, form: str | None, names: Sequence[str]) -> bool:
    """Write a list as programs read it, or its names alone; say whether that was asked for."""
    if form == "name":
        for name in names:
            screen.line(name)
    elif form is not None:
        screen.document(answer, form)
    return form is not None


@secret.command()
@click.argument("name")
@output("json", "yaml")
@anywhere
@click.pass_obj
def describe(session: Session, /, name: str, form: str | None) -> None:
    """Tell which versions of a secret there are, and who uses them."""
    answer = session.connect().get(path("secrets", name))
    screen = Screen()
    if form is not None:
        screen.document(answer, form)
        return
    found = read(Secret, answer)
    screen.facts(
        [
            ("Name", found.name),
            ("Registry", found.registry or None),
            ("Created", words.moment(found.created_at)),
            ("Updated", words.moment(found.updated_at)),
            ("Behind", ", ".join(found.behind) or None),
        ]
    )
    screen.section("Versions")
    rows = [("VERSION", "AT", "SIZE", "WORKLOADS")]
    rows += [
        (one.id, words.moment(one.at), words.size(one.size_bytes), words.joined([*one.workloads]))
        for one in found.versions
    ]
    screen.table(rows, indent="  ")


@secret.command("rm")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@yes_option()
@anywhere
@click.pass_obj
def remove(session: Session, /, names: tuple[str, ...], yes: bool) -> None:
    """Remove secrets that no workload uses."""
    confirm(f"Remove {words.count(len(names), 'secret')} for good: {', '.join(names)}?", yes=yes)
    hub, screen = session.connect(), Screen()
    for name in dict.fromkeys(names):
        hub.delete(path("secrets", name))
        screen.line(f"secret/{name} removed")


def content_of(source: str) -> bytes:
    """Return the content of a file, or of standard input. Raises Failure."""
    try:
        if source == "-":
            found = sys.stdin.buffer.read(MAX_SECRET_BYTES + 1)
        else:
            with open(source, "rb") as file:
                found = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise Failure(f"{source}: {error.strerror}", Exit.USAGE) from None
    if not found:
        raise Failure(f"{source}: is empty", Exit.USAGE)
    if len(found) > MAX_SECRET_BYTES:
        raise Failure(f"{source}: is more than {MAX_SECRET_BYTES} bytes", Exit.USAGE)
    return found


def _put(hub: Hub, name: str, content: bytes, *, update: bool) -> Secret:
    body = {"content": base64.b64encode(content).decode(), "update": update}
    return read(Secret, hub.post(path("secrets", name), body))

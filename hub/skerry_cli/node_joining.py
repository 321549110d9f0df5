"""`skerry node revoke` and `skerry node certificates`: about boxes that joined with a token."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import click

from skerry_cli import words
from skerry_cli.confirming import confirm, yes_option
from skerry_cli.failures import RefusedError
from skerry_cli.hub import Hub, path
from skerry_cli.records import MANY, Labels, Words, items_of, read, read_all
from skerry_cli.screen import Screen
from skerry_cli.session import Session, anywhere, complete_names, output
from skerry_wire.frozen import frozen


@frozen(kw_only=True)
class Certificate:
    """A certificate of a box."""

    serial: Words
    issued_at: float
    expires_at: float
    revoked_at: float | None = None
    join_token: Words | None = None

    def state(self, now: float) -> str:
        """Return what it is good for."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if now >= self.expires_at else "valid"


@frozen(kw_only=True)
class Enrollment:
    """A box that has joined."""

    node: Words
    joined_at: float
    key_digest: Words
    let_in_by: Words = ""
    revoked_at: float | None = None
    revoked_by: Words | None = None
    labels: Labels = dataclasses.field(default_factory=dict)
    certificates: Annotated[tuple[Certificate, ...], MANY] = ()


@frozen(kw_only=True)
class Enrolled:
    """A box that has joined, in a list."""

    node: Words
    joined_at: float
    let_in_by: Words = ""
    revoked_at: float | None = None
    expires_at: float | None = None

    def state(self, now: float) -> str:
        """Return how it stands with the broker."""
        if self.revoked_at is not None:
            return "revoked"
        return "valid" if self.expires_at is not None and now < self.expires_at else "expired"


@click.command()
@click.argument(
    "names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_names("nodes")
)
@yes_option()
@anywhere
@click.pass_obj
def revoke(session: Session, /, names: tuple[str, ...], yes: bool) -> None:
    """Shut nodes out: their certificates hold no more, and their sessions end.

    What they run, they run on; it is placed elsewhere once they count as lost. A node comes back
    by joining again, with a token that an admin makes for it after this (skerry token create
    --node).
    """
    confirm(f"Shut out {words.count(len(names), 'node')}: {', '.join(names)}?", yes=yes)
    hub, screen = session.connect(), Screen()
    failures: list[RefusedError] = []
    for name in dict.fromkeys(names):
        try:
            found = read(Enrollment, hub.post(path("nodes", name, "revoke")))
        except RefusedError as failure:
            failures.append(failure)
        else:
            screen.line(f"node/{found.node} revoked")
    if failures:
        lines = [line for failure in failures for line in failure.lines]
        raise RefusedError(min(failure.status for failure in failures), lines)


@click.command()
@click.argument("name", required=False, shell_complete=complete_names("nodes"))
@output("json", "yaml")
@anywhere
@click.pass_obj
def certificates(session: Session, /, name: str | None, form: str | None) -> None:
    """Tell how a node has joined, and its certificates; without NAME, which nodes have joined."""
    hub, screen = session.connect(), Screen()
    if name is None:
        _list(hub, screen, form)
        return
    answer = hub.get(path("nodes", name, "enrollment"))
    if form is not None:
        screen.document(answer, form)
        return
    found = read(Enrollment, answer)
    revoked = None if found.revoked_at is None else words.moment(found.revoked_at)
    if revoked is not None and found.revoked_by:
        revoked = f"{revoked} by {found.revoked_by}"
    labels = [f"{key}={value}" for key, value in sorted(found.labels.items())]
    screen.facts(
        [
            ("Node", found.node),
            ("Joined", words.moment(found.joined_at)),
            ("Let in by", found.let_in_by or None),
            ("Revoked", revoked),
            ("Key", f"sha256:{found.key_digest}"),
            ("Joined with", words.joined(labels) if labels else None),
        ]
    )
    screen.section("Certificates")
    rows = [("SERIAL", "STATE", "ISSUED", "EXPIRES", "BY")]
    rows += [
        (
            one.serial,
            one.state(hub.now()),
            words.moment(one.issued_at),
            words.moment(one.expires_at),
            f"token {one.join_token}" if one.join_token else "renewal",
        )
        for one in found.certificates
    ]
    screen.table(rows, indent="  ")


def _list(hub: Hub, screen: Screen, form: str | None) -> None:
    answer = hub.get(path("enrollments"))
    if form is not None:
        screen.document(answer, form)
        return
    found = read_all(Enrolled, items_of(answer))
    if not found:
        screen.note("no node has joined with a token")
        return
    rows = [("NODE", "STATE", "EXPIRES", "JOINED", "LET IN BY")]
    rows += [
        (
            one.node,
            one.state(hub.now()),
            words.moment(one.expires_at),
            words.moment(one.joined_at),
            one.let_in_by or "-",
        )
        for one in found
    ]
    screen.table(rows)

"""`skerry token`: with what boxes join."""

from __future__ import annotations

import dataclasses
import shlex

import click

from skerry_cli import words
from skerry_cli.failures import RefusedError
from skerry_cli.hub import path
from skerry_cli.label import changes_of
from skerry_cli.records import Labels, Words, items_of, part_of, read, read_all
from skerry_cli.screen import Screen
from skerry_cli.secret import shown_as
from skerry_cli.session import Duration, Session, anywhere, output
from skerry_cli.verbs import Verbs
from skerry_wire.frozen import frozen

LEAST_S = 60.0
MOST_S = 365 * 86_400.0
EXAMPLES = """\b
A box needs a token once, to join. It makes its own key, and gets a certificate for that from the
hub; the token does not stay on it. The hub keeps no token, only a digest: it is shown here once.
\b
A box that was made anew, or whose mainboard was replaced, joins with a token for its node
(--node), which gives that a new key; a certificate for the old one holds no more. Of a node that
is there already, only an admin makes one: the hub trusts whoever joins with it as that node.
\b
Examples:
  skerry token create                                      for one box, within an hour
  skerry token create --ttl 1d --uses 40 --label site=quay-3
  skerry token create --node box-7                         for box-7, made anew
  skerry token list
  skerry token revoke 4f1c0e6a2b9d8375                     who has joined with it stays
"""


@frozen(kw_only=True)
class Token:
    """A token as the hub shows it: without its text."""

    id: Words
    created_at: float
    expires_at: float
    uses: int
    used: int
    state: Words
    node: Words | None = None
    labels: Labels = dataclasses.field(default_factory=dict)
    made_by: Words = ""


@frozen(kw_only=True)
class Made:
    """What a box is told on its console."""

    token: Words
    hub: Words
    ca_pin: Words


@click.group(cls=Verbs, epilog=EXAMPLES)
def token() -> None:
    """Make tokens with which boxes join, list them, and make them invalid."""


@token.command()
@click.option(
    "--ttl",
    type=Duration(LEAST_S, MOST_S),
    default=3600.0,
    metavar="TIME",
    help="For how long it is valid (default: 1h).",
)
@click.option(
    "--uses",
    type=click.IntRange(1, 100_000),
    default=1,
    show_default=True,
    metavar="COUNT",
    help="How many boxes may join with it.",
)
@click.option(
    "-l",
    "--label",
    "labels",
    multiple=True,
    metavar="KEY=VALUE",
    help="A label of the boxes that join with it; several are possible.",
)
@click.option("--node", metavar="ID", help="For this node alone; by an admin, whatever key it had.")
@output("json", "yaml")
@anywhere
@click.pass_obj
def create(
    session: Session,
    /,
    ttl: float,
    uses: int,
    labels: tuple[str, ...],
    node: str | None,
    form: str | None,
) -> None:
    """Make a token, and print the command with which a box joins."""
    given, taken = changes_of(labels)
    if taken:
        raise click.UsageError(f"--label {taken[0]}-: a new box has no label to be taken away")
    body = {"ttl_s": ttl, "uses": uses, "labels": given, "node": node}
    answer = session.connect().post(path("join-tokens"), body)
    made, token_ = read(Made, answer), read(Token, part_of(answer, "view"))
    screen = Screen()
    if form is None:
        screen.line(command_of(made))
    else:
        screen.document({**answer, "command": command_of(made)}, form)
    boxes = "one box" if token_.uses == 1 else f"{token_.uses} boxes"
    boxes = f"node {token_.node}" if token_.node else boxes
    screen.note(f"for {boxes}, until {words.moment(token_.expires_at)}; it is shown this once")
    if not made.hub.startswith("https://"):
        screen.note(
            f"Warning: the hub tells boxes to join at {made.hub}, but they join by https alone: "
            "start it with --listen on an address that they reach, or with --public-url"
        )


def command_of(made: Made) -> str:
    """Return the command with which a box joins."""
    given = ["sudo", "skerry-agent", "join", made.hub, "--token", made.token]
    return shlex.join([*given, "--ca-pin", made.ca_pin])


@token.command("list")
@output("json", "yaml", "name")
@anywhere
@click.pass_obj
def list_(session: Session, /, form: str | None) -> None:
    """List the tokens that are valid, or were until lately."""
    hub, screen = session.connect(), Screen()
    answer = hub.get(path("join-tokens"))
    found = read_all(Token, items_of(answer))
    if shown_as(screen, answer, form, [f"token/{one.id}" for one in found]):
        return
    if not found:
        screen.note("there are no tokens")
        return
    rows = [("ID", "STATE", "USED", "NODE", "LABELS", "MADE BY", "EXPIRES")]
    rows += [
        (
            one.id,
            one.state,
            f"{one.used}/{one.uses}",
            one.node or "-",
            words.joined([f"{key}={value}" for key, value in sorted(one.labels.items())]),
            one.made_by or "-",
            words.moment(one.expires_at),
        )
        for one in found
    ]
    screen.table(rows)


@token.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@anywhere
@click.pass_obj
def revoke(session: Session, /, ids: tuple[str, ...]) -> None:
    """Make tokens invalid; boxes that have joined with them stay."""
    hub, screen = session.connect(), Screen()
    failures: list[RefusedError] = []
    for id_ in dict.fromkeys(ids):
        try:
            found = read(Token, hub.delete(path("join-tokens", id_)))
        except RefusedError as failure:
            failures.append(failure)
        else:
            screen.line(f"token/{found.id} revoked")
    if failures:
        lines = [line for failure in failures for line in failure.lines]
        raise RefusedError(min(failure.status for failure in failures), lines)

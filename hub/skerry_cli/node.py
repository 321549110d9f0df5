"""`skerry node`: has a node look at its hardware again, settles one, trusts it, or shuts it out."""

from __future__ import annotations

import click

from skerry_cli.confirming import confirm, yes_option
from skerry_cli.failures import RefusedError
from skerry_cli.hub import path
from skerry_cli.kinds import liveness
from skerry_cli.node_joining import certificates, revoke
from skerry_cli.records import Node, part_of, read
from skerry_cli.screen import Screen
from skerry_cli.session import Session, anywhere, complete_names
from skerry_cli.verbs import Verbs

EXAMPLES = """\b
A node looks at its hardware when it starts, when something is plugged in or out, and every ten
minutes; what gives no sign, such as a new driver, it finds at once when it is asked to look again.
\b
A node diverges when it has taken an order that this hub does not know, as after the hub's
database was put back to an older copy. The hub then leaves it alone until it is told what counts.
\b
Examples:
  skerry node probe box-1 box-2    look at the hardware again, now
  skerry describe node box-1       what it runs, and why it is held
  skerry node adopt box-1          what it runs is what is wanted
  skerry node overwrite box-1      what the hub wants is what it shall run
  skerry node trust-key box-1      secrets are sealed to the key that it has now
  skerry node certificates box-1   how it has joined, and until when its certificate holds
  skerry node revoke box-1         shut it out: its certificates hold no more
"""


@click.group(cls=Verbs, epilog=EXAMPLES)
def node() -> None:
    """Have nodes look at their hardware again, settle, trust or shut out one."""


node.add_command(certificates)
node.add_command(revoke)


@node.command()
@click.argument(
    "names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_names("nodes")
)
@anywhere
@click.pass_obj
def probe(session: Session, /, names: tuple[str, ...]) -> None:
    """Have nodes look at their hardware again, now.

    Returns when they have taken it up; what is new, they tell the hub a moment later.

    All are asked, whatever some say. A node has 10 seconds; when only some were too slow, the
    exit status is 4.
    """
    hub, screen = session.connect(), Screen()
    failures: list[RefusedError] = []
    for name in dict.fromkeys(names):
        try:
            found = read(Node, hub.post(path("nodes", name, "probe")))
        except RefusedError as failure:
            failures.append(failure)
        else:
            screen.line(f"node/{found.id} looks again, its hardware was {found.capability or '-'}")
    if failures:
        lines = [line for failure in failures for line in failure.lines]
        raise RefusedError(min(failure.status for failure in failures), lines)


@node.command()
@click.argument("name", shell_complete=complete_names("nodes"))
@anywhere
@click.pass_obj
def adopt(session: Session, /, name: str) -> None:
    """Take what the node runs as what is wanted, and end the hold."""
    _settle(session, name, "adopt", "adopted")


@node.command()
@click.argument("name", shell_complete=complete_names("nodes"))
@yes_option()
@anywhere
@click.pass_obj
def overwrite(session: Session, /, name: str, yes: bool) -> None:
    """Make the node run what the hub wants, whatever it runs now, and end the hold."""
    confirm(f"Remove from node {name} whatever this hub does not know of?", yes=yes)
    _settle(session, name, "overwrite", "overwritten")


@node.command("trust-key")
@click.argument("name", shell_complete=complete_names("nodes"))
@yes_option()
@anywhere
@click.pass_obj
def trust_key(session: Session, /, name: str, yes: bool) -> None:
    """Seal secrets for the node to the key that it tells now.

    A node's first key is taken as it comes. Another one is what a box has that was made anew, or
    whose executor lost its state folder; or somebody else tells it, who wants to read the secrets.
    On the box, `skerry-executor check` prints the key's fingerprint.
    """
    hub, screen = session.connect(), Screen()
    found = read(Node, part_of(hub.get(path("nodes", name)), "node"))
    if found.other_sealing_key is None:
        told = f"the key {found.sealing_key} is trusted" if found.sealing_key else "it tells none"
        screen.line(f"node/{found.id}: {told}")
        return
    screen.note(f"trusted: {found.sealing_key}")
    screen.note(f"told:    {found.other_sealing_key}")
    confirm(f"Seal the secrets of node {name} to the key that it tells now?", yes=yes)
    body = {"fingerprint": found.other_sealing_key}
    found = read(Node, hub.post(path("nodes", name, "trust-key"), body))
    screen.line(f"node/{found.id}: the key {found.sealing_key} is trusted")


def _settle(session: Session, name: str, verb: str, done: str) -> None:
    found = read(Node, session.connect().post(path("nodes", name, verb)))
    screen = Screen()
    screen.line(f"node/{found.id} {done}")
    if found.diverged:
        screen.note("it is held still: ", liveness(found), f": {found.diverged}")

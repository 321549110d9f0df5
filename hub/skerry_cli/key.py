"""`skerry key`: the keys with which the hub signs orders, and their change."""

from __future__ import annotations

import click

from skerry_cli import words
from skerry_cli.confirming import confirm, yes_option
from skerry_cli.failures import Exit
from skerry_cli.key_records import OrderKeys
from skerry_cli.records import read
from skerry_cli.screen import Screen
from skerry_cli.session import Session, anywhere, output
from skerry_cli.verbs import Verbs

PATH = "/api/v1/order-keys"
SHOWN = 20
EXAMPLES = """\b
Boxes carry out only what a key that they trust has signed. To change the key touches no box: each
is told the next one, signed with the present one. Once all trust the next one, the present one is
retired by itself: boxes distrust it from then on, whoever has it.
\b
Examples:
  skerry key status                how far a change is, and which boxes do not trust the key yet
  skerry key rotate                make another key, and have every box trust it
  skerry key rotate --stolen       somebody else may have the key: boxes distrust it at once
  skerry key retire --force        end a change although some boxes have not heard of it yet
\b
Make a backup of the hub's data folder after each change: it holds the keys.
"""


@click.group(cls=Verbs, epilog=EXAMPLES)
def key() -> None:
    """Change the key with which the hub signs orders."""


@key.command()
@output("json", "yaml")
@anywhere
@click.pass_obj
def status(session: Session, /, form: str | None) -> None:
    """Show by which key boxes know the hub, and how far a change of it is.

    Exit status 5 while there are boxes that do not trust the wanted key.
    """
    answer = session.connect().get(PATH)
    found, screen = read(OrderKeys, answer), Screen()
    if form is None:
        _show(found, screen)
    else:
        screen.document(answer, form)
    if found.lagging:
        click.get_current_context().exit(Exit.CHANGES_PENDING)


@key.command()
@click.option("--stolen", is_flag=True, help="Boxes distrust the present key at once.")
@yes_option()
@anywhere
@click.pass_obj
def rotate(session: Session, /, stolen: bool, yes: bool) -> None:
    """Make another order key, and have every box trust it.

    With --stolen, a box that has heard of the change takes nothing more that the present key
    signed; else it takes both until the change ends. While a change is under way, --stolen begins
    anew: with another key, and boxes distrust both that there were.
    """
    at_once = ", and have boxes distrust the present one at once" if stolen else ""
    confirm(f"Change the order key{at_once}?", yes=yes)
    _show(read(OrderKeys, session.connect().post(f"{PATH}/rotate", {"stolen": stolen})), Screen())


@key.command()
@click.option("--force", is_flag=True, help="Although some boxes do not trust the next key yet.")
@yes_option()
@anywhere
@click.pass_obj
def retire(session: Session, /, force: bool, yes: bool) -> None:
    """End a change now: sign with the next key alone, and have boxes distrust the present one.

    Boxes that have not heard of it get no orders until they were told, which is as soon as they
    can be reached; what runs there goes on.
    """
    confirm("Retire the present order key for ever?", yes=yes)
    _show(read(OrderKeys, session.connect().post(f"{PATH}/retire", {"force": force})), Screen())


def _show(found: OrderKeys, screen: Screen) -> None:
    if found.next is None:
        screen.line(f"order key {found.current}")
    else:
        how = "; boxes distrust it as soon as they hear of that" if found.phase == "stolen" else ""
        screen.line(f"order key {found.current}, being changed to {found.next}{how}")
    screen.line(f"{found.trusting} of {found.nodes} boxes trust {found.next or found.current}")
    for one in found.lagging[:SHOWN]:
        screen.line(f"  {words.node_name(one.hostname, one.node)}: {one.reason}")
    if len(found.lagging) > SHOWN:
        screen.line(f"  and {len(found.lagging) - SHOWN} more: -o json tells of all")

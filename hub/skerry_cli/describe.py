"""`skerry describe`: everything about one thing, for people; with -o, as the hub tells it."""

from __future__ import annotations

from typing import Any

import click

from skerry_cli import words
from skerry_cli.describe_decision import describe_decision
from skerry_cli.describe_document import describe_document
from skerry_cli.describe_node import show_node
from skerry_cli.describe_workload import show_workload
from skerry_cli.document_kinds import DOCUMENT_KINDS
from skerry_cli.failures import Failure
from skerry_cli.hub import Hub, path
from skerry_cli.job_text import job_text
from skerry_cli.kinds import EVENT, exit_code, health, state
from skerry_cli.records import Event, Instance, items_of, read
from skerry_cli.screen import Screen
from skerry_cli.session import Session, anywhere, complete_names, output
from skerry_cli.sheets import tell_list

DOCUMENTS = {kind.name: kind for kind in DOCUMENT_KINDS}

EXAMPLES = """\b
Examples:
  skerry describe node box-1
  skerry describe workload shop-web
  skerry describe instance shop-web-0
  skerry describe policy eu-only
  skerry describe decision 42
  skerry describe node box-1 -o json   the hub's answer, with all hardware
"""


@click.command(epilog=EXAMPLES)
@click.argument("kind", type=click.Choice(["node", "workload", "instance", "decision", *DOCUMENTS]))
@click.argument("name", shell_complete=complete_names())
@output("json", "yaml")
@anywhere
@click.pass_obj
def describe(session: Session, /, kind: str, name: str, form: str | None) -> None:
    """Tell everything about one node, workload or instance: how it is, why, and what to do.

    Of a decision: what was decided, why, and from what. Of a policy or another document: what it
    says, and every change of it.
    """
    hub, screen = session.connect(), Screen()
    if kind in DOCUMENTS:
        describe_document(hub, screen, DOCUMENTS[kind], name, form)
        return
    if kind == "decision":
        describe_decision(hub, screen, name, form)
        return
    answer = _instance(hub, name) if kind == "instance" else hub.get(path(f"{kind}s", name))
    if form is not None:
        screen.document(answer, form)
    elif kind == "node":
        show_node(screen, answer, hub.now())
    elif kind == "workload":
        show_workload(screen, answer, hub.now())
    else:
        show_instance(screen, hub, read(Instance, answer))


def _instance(hub: Hub, name: str) -> Any:
    """Return what the hub says of one instance. Raises Failure when there is none of this name."""
    for item in items_of(hub.get(path("instances"))):
        if read(Instance, item).id == name:
            return item
    raise Failure(f"there is no instance {name}")


def show_instance(screen: Screen, hub: Hub, found: Instance) -> None:
    """Write everything about one instance."""
    now = hub.now()
    ended = found.exit_code is not None
    screen.facts(
        (
            ("Instance", found.id),
            ("Workload", found.workload),
            ("Node", found.where),
            ("State", state(found.state)),
            ("Reason", found.reason),
            ("Health", health(found)),
            ("Started", f"{words.age(found.started_at, now)} ago" if found.started_at else None),
            ("Restarts", str(found.restarts)),
            ("Last exit status", exit_code(found) if ended else None),
            ("Job", job_text([found], now) if found.job is not None else None),
            ("Image", found.image),
            ("Revision", found.revision + ("" if found.current else " (an older one)")),
        )
    )
    tell_list(screen, "Events of its workload", EVENT, _events(hub, found.workload), now)


def _events(hub: Hub, workload: str) -> list[Any]:
    plain = hub.get(path("events"), {"workload": workload, "limit": 20})
    return [read(Event, item) for item in items_of(plain)]

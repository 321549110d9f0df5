"""`skerry top`: what nodes and instances use, the most first."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from skerry_cli import words
from skerry_cli.failures import Exit, Failure
from skerry_cli.hub import Hub, path
from skerry_cli.records import Instance, Node, items_of, read
from skerry_cli.request_records import ContainerUsage, Usages
from skerry_cli.screen import Cell, Screen
from skerry_cli.session import Session, anywhere, complete_names, output
from skerry_wire.frozen import frozen

WITHIN_S = 30.0
AT_ONCE = 8
EVERY_S = 5.0
SORTS = ("cpu", "memory", "name")

EXAMPLES = """\b
What nodes use is in their heartbeats. What instances use is measured by their boxes when it is
asked for, within a second or two each, so only boxes that are online tell it.
\b
Examples:
  skerry top                           every instance, who computes most first
  skerry top instances --node box-1 --sort memory
  skerry top nodes -w                  again every five seconds, until Ctrl-C
  skerry top instances -o json
"""


@click.command(epilog=EXAMPLES)
@click.argument("what", type=click.Choice(["instances", "nodes"]), default="instances")
@click.option("--node", help="Only of this node.", shell_complete=complete_names("nodes"))
@click.option("--sort", type=click.Choice(SORTS), default="cpu", help="By what (default: cpu).")
@click.option("-w", "--watch", is_flag=True, help="Look again every five seconds, until Ctrl-C.")
@output("json", "yaml")
@anywhere
@click.pass_context
def top(
    ctx: click.Context,
    /,
    what: str,
    node: str | None,
    sort: str,
    watch: bool,
    form: str | None,
) -> None:
    """Show what instances or nodes use."""
    session: Session = ctx.obj
    screen, show = Screen(), _instances if what == "instances" else _nodes
    while True:
        failed = show(session, screen, node, sort, form)
        if not watch:
            ctx.exit(Exit.ERROR if failed else Exit.OK)
        time.sleep(EVERY_S)
        if form is None:
            screen.line()


Show = Callable[[Session, Screen, str | None, str, str | None], bool]


def _nodes(session: Session, screen: Screen, only: str | None, sort: str, form: str | None) -> bool:
    hub = session.connect()
    found = [read(Node, item) for item in items_of(hub.get(path("nodes")))]
    if only is not None:
        found = [_named(found, only)]
    found.sort(key=lambda one: (*_node_rank(one, sort), one.hostname, one.id))
    if form is not None:
        items = [
            {"node": one.id, "hostname": one.hostname, "liveness": one.liveness,
             **dataclasses.asdict(one.resources)}
            for one in found
        ]  # fmt: skip
        screen.document({"items": items}, form)
        return False
    headings: list[Cell] = ["NODE", "STATE", "CPU", "LOAD", "MEMORY", "MEMORY%", "STORAGE", "TEMP"]
    screen.table([headings, *map(_node_row, found)])
    return False


def _named(nodes: Sequence[Node], name: str) -> Node:
    """Return the node of an id, or of a hostname that only one has. Raises Failure."""
    found = [one for one in nodes if one.id == name]
    found = found or [one for one in nodes if one.hostname == name]
    if len(found) == 1:
        return found[0]
    if not found:
        raise Failure(f"there is no node {name}")
    ids = ", ".join(sorted(one.id for one in found)[:10])
    raise Failure(f"{len(found)} nodes have the hostname {name}; name one by its id: {ids}")


def _node_rank(node: Node, sort: str) -> tuple[float, ...]:
    match sort:
        case "cpu":
            return (-(node.resources.cpu_percent or 0.0),)
        case "memory":
            return (-(_used(node.resources.memory_bytes,
                            node.resources.memory_available_bytes) or 0),)  # fmt: skip
    return ()


def _used(whole: int | None, available: int | None) -> int | None:
    return None if whole is None or available is None else max(0, whole - available)


def _node_row(node: Node) -> list[Cell]:
    has = node.resources
    memory = _used(has.memory_bytes, has.memory_available_bytes)
    share = None if memory is None or not has.memory_bytes else 100 * memory / has.memory_bytes
    return [
        words.node_name(node.hostname, node.id),
        node.liveness,
        _percent(has.cpu_percent),
        words.NONE if has.load_1m is None else f"{has.load_1m:.2f}",
        words.size(memory),
        _percent(share),
        words.size(_used(has.storage_bytes, has.storage_available_bytes)),
        words.NONE if has.temperature_c is None else f"{has.temperature_c:.0f} °C",
    ]


def _percent(share: float | None) -> str:
    return words.NONE if share is None else f"{share:.0f}%"


@frozen()
class _Of:
    """What a container uses, on which node; or why a node did not tell."""

    node: Node
    usages: Usages | None
    failure: str = ""


def _instances(
    session: Session, screen: Screen, only: str | None, sort: str, form: str | None
) -> bool:
    hub = session.connect()
    nodes = [read(Node, item) for item in items_of(hub.get(path("nodes")))]
    asked = _asked(hub, nodes, only)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda node: _ask(session, node), asked))
    used = [(of.node, one) for of in found if of.usages for one in of.usages.containers]
    used.sort(key=lambda pair: (*_rank(pair[1], sort), pair[1].instance, pair[1].usage.container))
    if form is not None:
        screen.document({"items": [_plain(node, one) for node, one in used]}, form)
    elif used:
        rows: list[Sequence[Cell]] = [_row(node, one) for node, one in used]
        headings = ["INSTANCE", "CONTAINER", "NODE", "CPU", "MEMORY", "PROCESSES"]
        screen.table([headings, *rows])
    elif not any(of.failure for of in found):
        screen.note("there are no instances that run")
    return _tell_failures(screen, found)


def _asked(hub: Hub, nodes: Sequence[Node], only: str | None) -> list[Node]:
    """Return the nodes that have something to tell; one that is named is asked in any case."""
    if only is not None:
        return [_named(nodes, only)]
    listed = (read(Instance, item) for item in items_of(hub.get(path("instances"))))
    having = {one.node for one in listed}
    return [one for one in nodes if one.id in having]


def _ask(session: Session, node: Node) -> _Of:
    try:
        query = {"within_s": WITHIN_S}
        hub = session.connect()
        answer = hub.get(path("nodes", node.id, "top"), query, within_s=WITHIN_S + 30)
        return _Of(node, read(Usages, answer))
    except Failure as failure:
        return _Of(node, None, failure.message.removeprefix("skerry: "))


def _tell_failures(screen: Screen, found: Iterable[_Of]) -> bool:
    failures = [of.failure for of in found if of.failure]
    failures += [text for of in found if of.usages for text in of.usages.failures]
    for text in failures:
        screen.note(f"skerry: {text}")
    return bool(failures)


def _rank(one: ContainerUsage, sort: str) -> tuple[float, ...]:
    match sort:
        case "cpu":
            return (-(one.cpu_milli or 0.0),)
        case "memory":
            return (-one.usage.memory_bytes,)
    return ()


def _row(node: Node, one: ContainerUsage) -> list[Cell]:
    return [
        one.instance,
        one.usage.container,
        words.node_name(node.hostname, node.id),
        words.NONE if one.cpu_milli is None else f"{one.cpu_milli / 1000:.3f}",
        words.size(one.usage.memory_bytes),
        words.NONE if one.usage.processes is None else str(one.usage.processes),
    ]


def _plain(node: Node, one: ContainerUsage) -> dict[str, Any]:
    return {
        "instance": one.instance,
        "node": node.id,
        "hostname": node.hostname,
        "cpu_milli": one.cpu_milli,
        **dataclasses.asdict(one.usage),
    }

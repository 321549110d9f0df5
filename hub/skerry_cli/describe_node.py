"""The whole story of one node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from skerry_cli import words
from skerry_cli.failures import UnexpectedAnswerError
from skerry_cli.hardware import tree
from skerry_cli.kinds import EVENT, INSTANCE, ROUND_TRIP, is_cordoned, state
from skerry_cli.latency_records import RoundTrip
from skerry_cli.records import Event, Node, Resources, Words, part_of, read, read_all
from skerry_cli.screen import Cell, Screen, Styled
from skerry_cli.sheets import tell_lines, tell_list
from skerry_wire.frozen import frozen
from skerry_wire.hardware import Filesystem, Hardware

CPUID = "feature.node.kubernetes.io/cpu-cpuid."


@frozen(kw_only=True)
class Reservation:
    """Room that is kept on the node, and how much of it nobody uses yet."""

    name: Words
    until: float | None = None
    cpu_milli: int = 0
    cpu_unused_milli: int = 0
    memory_bytes: int = 0
    memory_unused_bytes: int = 0
    storage_bytes: int = 0
    storage_unused_bytes: int = 0

    def __str__(self) -> str:
        amounts = (
            ("cpu", self.cpu_milli, self.cpu_unused_milli, words.processors),
            ("memory", self.memory_bytes, self.memory_unused_bytes, words.size),
            ("storage", self.storage_bytes, self.storage_unused_bytes, words.size),
        )
        kept = [
            f"{name} {shown(unused)} of {shown(amount)}"
            for name, amount, unused, shown in amounts
            if amount
        ]
        until = "" if self.until is None else f", until {words.moment(self.until)}"
        return f"{self.name}: {', '.join(kept)} unused{until}"


@frozen(kw_only=True)
class Maintenance:
    """A time in which nothing new comes to the node."""

    name: Words
    until: float
    reason: Words = ""

    def __str__(self) -> str:
        why = f": {self.reason}" if self.reason else ""
        return f"{self.name} until {words.moment(self.until)}{why}"


def show_node(screen: Screen, answer: Any, now: float) -> None:
    """Write everything that the hub's answer says of a node."""
    node = read(Node, part_of(answer, "node"))
    events = read_all(Event, part_of(answer, "events"))
    screen.facts(facts(node, now))
    tell_lines(screen, "Diverged: the hub leaves this node alone", diverged(node))
    tell_lines(screen, "Tells another sealing key: secrets stay for the one above", other_key(node))
    tell_lines(screen, "Problems", [Styled(problem, "red") for problem in node.problems])
    hardware, lines = _hardware(part_of(answer, "hardware"))
    tell_lines(screen, "Kept from before: these probes fail now", kept_lines(hardware, now))
    maintenance = read_all(Maintenance, _told(answer, "maintenance"))
    tell_lines(
        screen, "Maintenance: nothing new comes", [Styled(str(o), "yellow") for o in maintenance]
    )
    reservations = read_all(Reservation, _told(answer, "reservations"))
    screen.section("Resources")
    rows = resource_rows(
        node.resources, hardware.filesystems, reservations, is_old=is_old(node, now)
    )
    screen.table(rows, indent="  ")
    tell_lines(screen, "Kept by reservations for some workloads", list(map(str, reservations)))
    tell_lines(screen, "Taints", [str(taint) for taint in node.taints])
    tell_lines(screen, "Labels", list(_labels(node.labels)))
    tell_lines(screen, "Hardware", lines)
    tell_list(screen, "Instances", INSTANCE, node.instances, now)
    round_trips = read_all(RoundTrip, _told(answer, "round_trips"))
    tell_list(screen, "Round-trip times", ROUND_TRIP, round_trips, now)
    tell_list(screen, "Events", EVENT, events, now)


def _told(answer: Any, key: str) -> list[Any]:
    """Return a list of the answer; empty of a hub that does not tell it yet, or was too busy."""
    return (answer.get(key) if isinstance(answer, dict) else None) or []


def _labels(labels: Mapping[str, str]) -> Iterator[str]:
    """Yield the labels, the instruction sets as one: a processor has fifty of them."""
    instruction_sets = [
        key.removeprefix(CPUID)
        for key, value in sorted(labels.items())
        if key.startswith(CPUID) and value == "true"
    ]
    for key, value in sorted(labels.items()):
        if not (key.startswith(CPUID) and value == "true"):
            yield f"{key}={value}"
    if instruction_sets:
        yield f"{CPUID}*=true: {' '.join(instruction_sets)}"


def facts(node: Node, now: float) -> list[tuple[str, Cell | None]]:
    """Return who the node is, and how it is."""
    order = node.order
    measured = (
        ("CPU", node.resources.cpu_percent, "%"),
        ("load", node.resources.load_1m, ""),
        ("temperature", node.resources.temperature_c, " C"),
        ("battery", node.resources.battery_percent, "%"),
        ("power", node.resources.power_w, " W"),
    )
    now_doing = [f"{name} {value:.3g}{unit}" for name, value, unit in measured if value is not None]
    if node.resources.on_battery is not None:
        now_doing.append("on battery" if node.resources.on_battery else "on mains")
    return [
        ("Node", node.id),
        ("Hostname", node.hostname),
        ("Liveness", state(node.liveness)),
        ("Revoked", revoked(node)),
        ("Cordoned", "nothing new comes here" if is_cordoned(node) else None),
        ("Heard of", f"{words.age(node.last_seen, now)} ago" if node.last_seen else "never"),
        ("Lost after", lost_after(node)),
        ("Registered", f"{words.age(node.registered_at, now)} ago"),
        ("Agent", node.version),
        ("System", words.joined([part for part in (node.arch, node.os, node.kernel) if part])),
        ("Runtimes", words.joined(list(node.runtimes))),
        _doing(node, now_doing, now),
        ("Order", f"issued {order.issued}, accepted {order.accepted}, reached {order.reached}"),
        ("Order refused", Styled(order.refusal, "red") if order.refusal else None),
        ("Sealing key", node.sealing_key),
    ]


def _doing(node: Node, measured: list[str], now: float) -> tuple[str, Cell]:
    """Return what it is doing: now, or when it was last heard where that is unusually long ago."""
    text, at = words.joined(measured), node.resources.measured_at
    if at is None or not is_old(node, now):
        return "Now", text
    return "Last heard", f"{words.moment(at)}, {words.age(at, now)} ago: {text}"


def is_old(node: Node, now: float) -> bool:
    """Say whether what a node measured last is older than is usual of it."""
    at, usual_s = node.resources.measured_at, node.usual_gap_s
    return at is not None and usual_s is not None and now - at > usual_s


def lost_after(node: Node) -> Cell | None:
    """Return after how long a silence it is lost, and why; None of a hub that does not tell."""
    if node.lost_after_s is None:
        return None
    why = f" ({node.lost_after_reason})" if node.lost_after_reason else ""
    text = f"{words.duration(node.lost_after_s)} of silence{why}"
    if node.lost_at is None:
        return text
    return Styled(f"{text}: at {words.moment(node.lost_at)}", "yellow")


def revoked(node: Node) -> Cell | None:
    """Return when it was shut out, and the way back; None where it was not."""
    if node.revoked_at is None:
        return None
    by = f" by {node.revoked_by}" if node.revoked_by else ""
    again = f"skerry token create --node {node.id} lets it join again"
    return Styled(f"{words.moment(node.revoked_at)}{by}: {again}", "yellow")


def other_key(node: Node) -> list[Cell]:
    """Return what an operator can do about a key that is not trusted."""
    if not node.other_sealing_key:
        return []
    return [
        Styled(node.other_sealing_key, "red"),
        "its box was made anew, or somebody else speaks for it: compare with what",
        "skerry-executor check prints on the box",
        f"skerry node trust-key {node.id}   seal secrets to the key that it tells now",
    ]


def diverged(node: Node) -> list[Cell]:
    """Return why the hub holds a node, and what an operator can do."""
    if not node.diverged:
        return []
    return [
        Styled(node.diverged, "red"),
        f"skerry node adopt {node.id}       what it runs is what is wanted",
        f"skerry node overwrite {node.id}   what the hub wants is what it shall run",
    ]


def resource_rows(
    resources: Resources,
    filesystems: Iterable[Filesystem] = (),
    reservations: Iterable[Reservation] = (),
    *,
    is_old: bool = False,
) -> list[Sequence[Cell]]:
    """Return a table of what there is, what is reserved, what is left, and what is unused now.

    What reservations keep and nobody uses yet is not free; it is shown where there is any. The
    file systems that nothing is reserved of come last, each by its mount point.
    """
    has, kept = resources, list(reservations)
    amounts = (
        ("cpu", has.cpu_milli, has.cpu_reserved_milli, sum(one.cpu_unused_milli for one in kept)),
        (
            "memory",
            has.memory_bytes,
            has.memory_reserved_bytes,
            sum(one.memory_unused_bytes for one in kept),
        ),
        (
            "storage",
            has.storage_bytes,
            has.storage_reserved_bytes,
            sum(one.storage_unused_bytes for one in kept),
        ),
    )
    unused_now = {"memory": has.memory_available_bytes, "storage": has.storage_available_bytes}
    unused = "UNUSED THEN" if is_old else "UNUSED NOW"
    rows: list[list[Cell]] = [["RESOURCE", "TOTAL", "RESERVED", "KEPT", "FREE", unused]]
    for name, total, reserved, held in amounts:
        shown = words.processors if name == "cpu" else words.size
        left = None if total is None else total - reserved - held
        if left is not None and name != "cpu":
            left = max(0, left)
        cells = map(shown, (total, reserved, held, left))
        rows.append([name, *cells, words.size(unused_now.get(name))])
    sizes = {one.mount: one.size_bytes for one in filesystems}
    for mount, available in sorted((has.filesystems_available_bytes or {}).items()):
        size = words.size(sizes.get(mount))
        rows.append([mount, size, words.NONE, words.NONE, words.NONE, words.size(available)])
    if not kept:
        for row in rows:
            del row[3]
    return list(rows)


def kept_lines(hardware: Hardware, now: float) -> list[Cell]:
    """Return the probes whose failure hides behind what they found before, and since when."""
    return [
        Styled(
            f"{name}: {probe.reason or 'failed'}; kept from {words.age(probe.kept_from, now)} ago",
            "red",
        )
        for name, probe in sorted(hardware.probes.items())
        if probe.status == "failed" and probe.kept_from is not None
    ]


def _hardware(plain: Any) -> tuple[Hardware, list[Cell]]:
    """Return the hardware, empty where it cannot be read, and the lines that tell of it."""
    if plain is None:
        return Hardware(), ["not known yet"]
    try:
        hardware = read(Hardware, plain)
    except UnexpectedAnswerError:
        # A newer agent's hardware must not hide the rest of the story.
        refused = "not readable by this version of skerry; -o json of `skerry get node` has it"
        return Hardware(), [refused]
    return hardware, list(tree(hardware))

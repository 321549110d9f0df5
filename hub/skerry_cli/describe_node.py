"""The whole story of one node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from skerry_cli import words
from skerry_cli.failures import UnexpectedAnswerError
from skerry_cli.hardware import tree
from skerry_cli.kinds import EVENT, INSTANCE, ROUND_TRIP, is_cordoned, state
from skerry_cli.records import Event, Node, Resources, RoundTrip, part_of, read, read_all
from skerry_cli.screen import Cell, Screen, Styled
from skerry_cli.sheets import tell_lines, tell_list
from skerry_wire.hardware import Filesystem, Hardware

CPUID = "feature.node.kubernetes.io/cpu-cpuid."


def show_node(screen: Screen, answer: Any, now: float) -> None:
    """Write everything that the hub's answer says of a node."""
    node = read(Node, part_of(answer, "node"))
    events = read_all(Event, part_of(answer, "events"))
    screen.facts(facts(node, now))
    tell_lines(screen, "Diverged: the hub leaves this node alone", diverged(node))
    tell_lines(screen, "Problems", [Styled(problem, "red") for problem in node.problems])
    hardware, lines = _hardware(part_of(answer, "hardware"))
    tell_lines(screen, "Kept from before: these probes fail now", kept_lines(hardware, now))
    screen.section("Resources")
    screen.table(resource_rows(node.resources, hardware.filesystems), indent="  ")
    tell_lines(screen, "Taints", [str(taint) for taint in node.taints])
    tell_lines(screen, "Labels", list(_labels(node.labels)))
    tell_lines(screen, "Hardware", lines)
    tell_list(screen, "Instances", INSTANCE, node.instances, now)
    tell_list(screen, "Round-trip times", ROUND_TRIP, _round_trips(answer), now)
    tell_list(screen, "Events", EVENT, events, now)


def _round_trips(answer: Any) -> tuple[RoundTrip, ...]:
    """Return the round-trip times; none of a hub that does not tell them yet."""
    told = answer.get("round_trips") if isinstance(answer, dict) else None
    return read_all(RoundTrip, told or [])


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
        ("Cordoned", "nothing new comes here" if is_cordoned(node) else None),
        ("Heard of", f"{words.age(node.last_seen, now)} ago" if node.last_seen else "never"),
        ("Registered", f"{words.age(node.registered_at, now)} ago"),
        ("Agent", node.version),
        ("System", words.joined([part for part in (node.arch, node.os, node.kernel) if part])),
        ("Runtimes", words.joined(list(node.runtimes))),
        ("Now", words.joined(now_doing)),
        ("Order", f"issued {order.issued}, accepted {order.accepted}, reached {order.reached}"),
        ("Order refused", Styled(order.refusal, "red") if order.refusal else None),
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
    resources: Resources, filesystems: Iterable[Filesystem] = ()
) -> list[Sequence[Cell]]:
    """Return a table of what there is, what is reserved, what is left, and what is unused now.

    The file systems that nothing is reserved of come last, each by its mount point.
    """
    has = resources
    rows: list[Sequence[Cell]] = [("RESOURCE", "TOTAL", "RESERVED", "FREE", "UNUSED NOW")]
    free = None if has.cpu_milli is None else has.cpu_milli - has.cpu_reserved_milli
    cpu = (has.cpu_milli, has.cpu_reserved_milli, free)
    rows.append(("cpu", *map(words.processors, cpu), words.NONE))
    for name, total, reserved, available in (
        ("memory", has.memory_bytes, has.memory_reserved_bytes, has.memory_available_bytes),
        ("storage", has.storage_bytes, has.storage_reserved_bytes, has.storage_available_bytes),
    ):
        left = None if total is None else max(0, total - reserved)
        rows.append((name, *map(words.size, (total, reserved, left, available))))
    sizes = {one.mount: one.size_bytes for one in filesystems}
    for mount, available in sorted((has.filesystems_available_bytes or {}).items()):
        size = words.size(sizes.get(mount))
        rows.append((mount, size, words.NONE, words.NONE, words.size(available)))
    return rows


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

"""How long placement takes on a fleet of realistic boxes, and how that grows with the fleet.

usage: python -m benchmarks.placement [--nodes N] [-o json]

All budgets are of the wall clock, in one thread; beside them stands the processor time, which
others on the machine lengthen less. Something was placed before, as in a hub that runs; nothing
else is warmed. The fleet is that of `benchmarks.fleet`. What is measured:

- a cold request: one replica of a shape that was never asked for, with eight constraints of
  different sorts over different fields; once over fields that others asked of before, once over
  fields that nobody did;
- warm placements: of shapes that are known, many replicas in one call, and one call a workload;
- 1,000 replicas with anti-affinity to one another and an even spread over zones;
- an explanation of all nodes, with a port taken on every node, where no node takes the workload
  and where many do, of a known and of a new shape;
- a node's change: what columns take over when it goes offline, is tainted, is labelled; and when
  a device is unplugged, from a message whose every record was just decoded;
- what the columns take, for each node; and beside it what the whole process takes.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import gc
import itertools
import json
import pathlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks.fleet import boxes
from benchmarks.row import Row, at_least, at_most, plain, say
from skerry_hub.fleet.columns import Columns
from skerry_hub.model import Liveness, Node, Resources, Taint, Toleration, Workload
from skerry_hub.placement.engine import place, reserve_decision
from skerry_hub.placement.explain import explain
from skerry_hub.placement.world import World
from skerry_hub.terms import Affinity, Placement, Spread
from skerry_wire import codec
from skerry_wire.capability import Capability
from skerry_wire.messages import Heartbeat
from skerry_wire.workload import Container

SIZE = 100_000
RUNS = 9
GIB = 2**30
MIB = 2**20
SAMPLE = 1_000
"""Nodes whose changes are measured."""

CONTAINERS = (Container(name="web", image="registry.example/shop/web:1"),)
SHAPES = tuple(Resources(cpu_milli=100 * at, memory_bytes=64 * MIB * at) for at in range(1, 11))
EVERYWHERE = (Toleration(operator="Exists"),)
FEATURE = "node.labels.feature.node.kubernetes.io/"
HARDWARE = "node.hardware."

USUAL: tuple[str, ...] = (
    "node.labels.site not in [quay-0001, quay-0002]",
    f"{HARDWARE}memory.total_bytes >= 3GiB",
    f"{HARDWARE}nics.speed_mbps >= 1000",
    "node.labels.zone exists",
    f'{HARDWARE}system.os_version != "11"',
    f"{HARDWARE}storage.transport in [nvme, sata, mmc]",
    f"{HARDWARE}cpu.flags contains any [aes, sse2]",
    "node.labels.rack matches r[0-5]",
)
"""Eight constraints of different sorts, over different fields."""

UNASKED: tuple[tuple[str, ...], ...] = (
    USUAL,
    (
        "node.labels.owner in [team-1, team-2, team-3]",
        f"{HARDWARE}cpu.logical_count >= 4",
        f"{HARDWARE}system.kernel version >= 5.15",
        f"{HARDWARE}usb.vendor != 0403",
        f"{FEATURE}cpu-cpuid.AESNI exists",
        f"{HARDWARE}pci.driver contains nvme",
        f"{HARDWARE}runtimes.name in [podman, docker]",
        f"{HARDWARE}system.board_vendor not matches ^Dell",
    ),
    (
        "node.labels.region in [region-1, region-3]",
        f"{HARDWARE}cpu.max_mhz > 1600",
        f"{HARDWARE}runtimes.version version >= 4.0",
        f"{HARDWARE}serial_ports.driver exists",
        f"{FEATURE}kernel-version.major >= 5",
        f"{HARDWARE}gpio.label contains soc",
        f"{HARDWARE}cameras.name not exists",
        f"{HARDWARE}cpu.vendor != GenuineIntel",
    ),
    (
        "node.labels.environment == edge",
        f"{HARDWARE}storage.size_bytes >= 30GiB",
        f"{HARDWARE}system.cgroup_version == 2",
        f"{HARDWARE}accelerators.model not matches ^VIP",
        f"{FEATURE}system-os_release.ID in [debian, ubuntu]",
        f"{HARDWARE}system.security_modules contains all [yama, apparmor]",
        f"{HARDWARE}watchdogs exists",
        f"{HARDWARE}filesystems.type contains ext4",
    ),
    (
        "node.platform.arch in [arm64, amd64]",
        f"{HARDWARE}cpu.core_count < 64",
        f"{HARDWARE}features.cpu-pstate.scaling_governor == performance",
        f"{HARDWARE}nics.driver not in [ena, virtio_net]",
        f"{FEATURE}storage-nonrotationaldisk == true",
        f"{HARDWARE}sensors.kind contains temperature",
        f"{HARDWARE}modems not exists",
        f"{HARDWARE}cpu.model matches (Cortex|Intel|AMD)",
    ),
)
"""Eight times constraints over fields that none before has."""


HOSTNAMES = ("node.hostname not matches ^cloud-[a-z]+-0+1$",)
"""A pattern over what no two nodes share: the dearest single constraint that there is."""


@dataclasses.dataclass(frozen=True, slots=True)
class Time:
    """How long something took by the wall clock, and what this process worked on it, in seconds."""

    wall: float
    processor: float

    def per(self, times: int) -> Time:
        """Return the time of one of so many."""
        return Time(self.wall / times, self.processor / times)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured on one fleet."""

    nodes: int
    cold: Time
    cold_unasked: Time
    cold_unasked_worst: Time
    cold_hostnames: Time
    warm: Time
    """Of one placement of many."""
    warm_calls: Time
    """Of one call and what it reserves."""
    spread: Time
    """Of 1,000 replicas."""
    explain_nowhere: Time
    explain_some: Time
    explain_new: Time
    change: Time
    unplugged: Time
    column_bytes: float
    process_bytes: float
    heartbeats_per_s: float


def workload(name: str, **more: Any) -> Workload:
    """Return a small web service."""
    return Workload(name=name, project="bench", containers=CONTAINERS, **more)


# --- one fleet ----------------------------------------------------------------------------


class Measured:
    """A fleet, and what is measured on it, in turn."""

    def __init__(self, size: int) -> None:
        before = resident_bytes()
        self.columns = Columns()
        self.sample: list[Node] = []
        every = max(1, size // SAMPLE)
        for index, node in enumerate(boxes(size)):
            self.columns.put(node)
            if index % every == 0:
                self.sample.append(node)
        self.world = World(self.columns)
        self.columns.rows()
        gc.collect()
        # As the hub does once it has read its store.
        gc.freeze()
        self.size = size
        self.process_bytes = (resident_bytes() - before) / size
        self._new = itertools.count(1)

    def figures(self) -> Figures:
        """Measure everything."""
        place(self.world, workload("first"), (), keep=False)
        # Before anything else asks of fields.
        unasked = [self.cold(constraints) for constraints in UNASKED]
        hostnames = self.cold(HOSTNAMES)
        nowhere, some, new = self._explanations()
        return Figures(
            nodes=self.size,
            cold=middle([self.cold(UNASKED[at % len(UNASKED)]) for at in range(4 * RUNS)]),
            cold_unasked=middle(unasked),
            cold_unasked_worst=max(unasked, key=lambda time: time.wall),
            cold_hostnames=hostnames,
            warm=self.warm(),
            warm_calls=self.warm_calls(),
            spread=self.spread(),
            explain_nowhere=nowhere,
            explain_some=some,
            explain_new=new,
            change=self.change(_changes(self.sample)),
            unplugged=self.change(_unplugged(self.sample)),
            column_bytes=self.columns.bytes_per_row() * self.columns.size / self.size,
            process_bytes=self.process_bytes,
            heartbeats_per_s=self.heartbeats(),
        )

    def cold(self, constraints: Sequence[str]) -> Time:
        """Return the time of one replica of a new shape."""
        number = next(self._new)
        wanted = Resources(cpu_milli=50 + number, memory_bytes=32 * MIB + number)
        one = workload("cold", expressions=constraints, resources=wanted)
        return once(lambda: place(self.world, one, (), keep=False))

    def warm(self) -> Time:
        """Return the time of a placement of a known shape, 1,000 replicas a call."""
        found = []
        for at, resources in enumerate(SHAPES):
            one = workload(f"warm-{at}", replicas=1_000, resources=resources)
            place(self.world, one, (), keep=False)
            again = functools.partial(place, self.world, one, (), keep=False)
            found.append(once(again).per(1_000))
        return middle(found)

    def warm_calls(self) -> Time:
        """Return the time of a call for a workload of one replica that is reserved then."""
        ones = [workload(f"each-{at}", resources=SHAPES[at % 10]) for at in range(2_000)]

        def each() -> None:
            with self.columns.trial():
                for one in ones:
                    decision = place(self.world, one, (), keep=False)
                    reserve_decision(self.columns, (), decision)

        return often(each).per(len(ones))

    def spread(self) -> Time:
        """Return the time of 1,000 replicas that keep apart, evenly over zones."""
        apart = Placement(
            affinity=(Affinity(workload="apart", anti=True),),
            spread=(Spread(topology="zone", max_skew=1),),
        )
        one = workload("apart", replicas=min(1_000, self.size // 2), placement=apart)
        return often(lambda: place(self.world, one, (), keep=False))

    def _explanations(self) -> tuple[Time, Time, Time]:
        """Return the times where no node takes it, where some do, and of a new shape."""
        taken = Resources(ports=("tcp/9100",))
        daemon = workload("daemon", mode="global", resources=taken, tolerations=EVERYWHERE)
        reserve_decision(self.columns, (), place(self.world, daemon, (), keep=False))
        tall = Resources(memory_bytes=5_000 * GIB, ports=("tcp/9100",))
        nowhere = workload("nowhere", expressions=USUAL[:6], resources=tall)
        fits = Resources(memory_bytes=GIB, ports=("tcp/9200",))
        some = workload("some", expressions=USUAL[:6], resources=fits)

        def new() -> object:
            resources = Resources(memory_bytes=5_000 * GIB + next(self._new), ports=("tcp/9100",))
            return explain(self.world, dataclasses.replace(nowhere, resources=resources), ())

        return (
            often(lambda: explain(self.world, nowhere, ())),
            often(lambda: explain(self.world, some, ())),
            often(new),
        )

    def change(self, changes: Sequence[tuple[Node, Node]]) -> Time:
        """Return the time that columns take to take a change over, or to take it back."""
        put = self.columns.put

        def all_of_them() -> None:
            for after, before in changes:
                put(after)
                put(before)

        return often(all_of_them).per(2 * len(changes))

    def heartbeats(self) -> float:
        """Return heartbeats taken a second, the messages being decoded already."""
        taken = []
        for seq in range(1, RUNS + 1):
            beats = [(node.id, _heartbeat(node, seq)) for node in self.sample]
            heartbeat = self.columns.heartbeat
            began = time.perf_counter()
            for node_id, beat in beats:
                heartbeat(node_id, beat, began)
            taken.append(time.perf_counter() - began)
        return len(self.sample) / statistics.median(taken)


def _heartbeat(node: Node, seq: int) -> Heartbeat:
    return Heartbeat(incarnation=node.incarnation, boot=1, seq=seq, capability="00", generation=1)


def _changes(sample: Sequence[Node]) -> list[tuple[Node, Node]]:
    """Return what changes without the hardware, in turn: liveness, a taint, a label."""
    found = []
    for at, node in enumerate(sample):
        after = (
            dataclasses.replace(node, liveness=Liveness.LOST),
            dataclasses.replace(node, taints=(Taint(key="bench", effect="NoExecute"),)),
            dataclasses.replace(node, labels={**node.labels, "stage": "bench"}),
        )[at % 3]
        found.append((after, node))
    return found


def _unplugged(sample: Sequence[Node]) -> list[tuple[Node, Node]]:
    """Return nodes without their last USB device or PCI function, and as they are; all decoded."""
    found = []
    for node in sample:
        capability = node.capability
        if capability is None:
            continue
        hardware = capability.hardware
        less = dataclasses.replace(
            hardware,
            usb=hardware.usb[:-1],
            cameras=hardware.cameras[:-1],
            serial_ports=hardware.serial_ports[:-1],
        )
        after = dataclasses.replace(capability, revision="11ff11ff11ff11ff", hardware=less)
        found.append(
            (
                dataclasses.replace(node, capability=_decoded(after)),
                dataclasses.replace(node, capability=_decoded(capability)),
            )
        )
    return found


def _decoded(capability: Capability) -> Capability:
    """Return a capability as it is read from a message: no record is shared with another."""
    plain_labels = dataclasses.replace(capability.hardware, labels=dict(capability.hardware.labels))
    message = dataclasses.replace(capability, hardware=plain_labels)
    return codec.decode(Capability, codec.encode(message))


# --- timing -------------------------------------------------------------------------------


def once(work: Callable[[], object]) -> Time:
    """Return the time of one run."""
    worked, began = time.process_time(), time.perf_counter()
    work()
    return Time(time.perf_counter() - began, time.process_time() - worked)


def often(work: Callable[[], object]) -> Time:
    """Return the time of the middle one of some runs."""
    return middle([once(work) for _ in range(RUNS)])


def middle(times: Sequence[Time]) -> Time:
    """Return the medians."""
    return Time(
        statistics.median(one.wall for one in times),
        statistics.median(one.processor for one in times),
    )


def resident_bytes() -> int:
    """Return the memory that this process has now."""
    pages = pathlib.Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


# --- the table ----------------------------------------------------------------------------


def rows_of(found: Figures) -> Iterator[Row]:
    """Give the rows of one fleet, with their budgets."""
    of = f"{found.nodes:,} nodes"
    cold = f"cold request, new shape, eight constraints, {of}"
    worst = f"slowest of {len(UNASKED)}: {found.cold_unasked_worst.wall * 1000:.1f} ms"
    yield _ms(cold, found.cold, 10)
    yield _ms(f"{cold}, fields never asked before", found.cold_unasked, 10, worst)
    pattern = f"cold request, new shape, a pattern over the hostnames of {of}"
    yield _ms(pattern, found.cold_hostnames)
    yield _rate(f"warm placements, 1,000 replicas a call, {of}", found.warm, 10_000)
    yield _rate(f"warm placements, one call a workload, {of}", found.warm_calls)
    yield _ms(f"1,000 replicas with anti-affinity and spread, {of}", found.spread, 50)
    yield _ms(f"explain what fits nowhere, {of}", found.explain_nowhere, 20)
    yield _ms(f"explain what fits somewhere, {of}", found.explain_some, 20)
    yield _ms(f"explain a new shape, {of}", found.explain_new)
    yield _us(f"a node's change, {of}: liveness, taint or label", found.change)
    yield _us(f"a node's change, {of}: a device unplugged", found.unplugged)
    yield at_most(f"columns, for each of {of}", found.column_bytes, 400, "bytes")
    yield plain(f"process, for each of {of}", found.process_bytes, "bytes")
    yield plain("heartbeats into columns", found.heartbeats_per_s, "/s")


def _ms(what: str, time: Time, budget: float | None = None, more: str = "") -> Row:
    note = f"{time.processor * 1000:.3g} ms of processor time{f', {more}' if more else ''}"
    if budget is None:
        return plain(what, time.wall * 1000, "ms", note=note)
    return at_most(what, time.wall * 1000, budget, "ms", note=note)


def _us(what: str, time: Time) -> Row:
    note = f"{time.processor * 1e6:.3g} µs of processor time"
    return at_most(what, time.wall * 1e6, 50, "µs", note=note)


def _rate(what: str, time: Time, budget: float | None = None) -> Row:
    note = f"{1 / time.processor:,.0f} /s of processor time"
    if budget is None:
        return plain(what, 1 / time.wall, "/s", note=note)
    return at_least(what, 1 / time.wall, budget, "/s", note=note)


def figures_of(size: int) -> Figures:
    """Make a fleet and measure on it."""
    say(f"placement on {size:,} boxes")
    found = Measured(size).figures()
    gc.unfreeze()
    gc.collect()
    return found


def measure() -> list[Row]:
    """Measure on a fleet of 100,000 nodes."""
    return list(rows_of(figures_of(SIZE)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 1 when a budget is not met."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.placement",
        description="How long placement takes on a fleet of realistic boxes.",
    )
    parser.add_argument("--nodes", type=int, default=SIZE, metavar="N")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    options = parser.parse_args(arguments)
    if options.nodes < SAMPLE:
        parser.error(f"--nodes must be at least {SAMPLE}")
    found = figures_of(options.nodes)
    rows = list(rows_of(found))
    if options.output == "json":
        print(json.dumps(dataclasses.asdict(found), indent=2))
    else:
        for row in rows:
            missed = "  MISSED" if row.met is False else ""
            print(f"{row.what:88} {row.figure}  {row.budget}{missed}")
    return int(any(row.met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())

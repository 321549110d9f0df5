"""How much of a cluster's GPUs is allocated: the experiment of "Beware of Fragmentation" (ATC'23).

usage: python -m benchmarks.openb --data DIR [--pods NAME]... [--seeds N] [--policy NAME]...
       [-o json]

DIR holds the nodes and pods of Alibaba's trace of 2023: openb_node_list_gpu_node.csv and
openb_pod_list_NAME.csv, plain or with .xz, and perhaps published.csv. Every pod is a workload of
one replica and goes through the hub's engine; each GPU is a device, a pod's `gpu_milli` a share of
one, its `gpu_spec` an expression over the device's model. The pods come as the paper has them: by
name, shuffled by the seed, then more drawn with replacement, until 130 % of the cluster's GPUs are
asked for. None goes. A pod that fits nowhere is dropped.

Policies: `skerry` is the engine's strategy `pack`, with the demand that the pod list is; `bestfit`
and `random` place on whichever feasible node (by the engine's own constraints) they choose.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import lzma
import pathlib
import random
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np

if __package__ in (None, ""):  # run as a file
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from benchmarks.row import BenchError, say
from benchmarks.telling import parser_of, tell
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.facts import Resource
from skerry_hub.model import Liveness, Node, Resources, Workload
from skerry_hub.placement.assigning import assign
from skerry_hub.placement.board import NOWHERE, board_of
from skerry_hub.placement.demand import NO_DEMAND, Demand, demand_of
from skerry_hub.placement.device_choice import NO_COSTS
from skerry_hub.placement.engine import place, reserve_decision
from skerry_hub.placement.world import World
from skerry_hub.terms import DeviceRequest, Placement
from skerry_wire.capability import Capability
from skerry_wire.hardware import (
    Accelerator,
    Cpu,
    Filesystem,
    Hardware,
    Memory,
    RuntimeInfo,
    System,
)
from skerry_wire.workload import Container

NODES = "openb_node_list_gpu_node.csv"
PODS = "openb_pod_list_"
PUBLISHED = "published.csv"
MAX_BYTES = 64 * 2**20
MIB = 2**20
INCARNATION = "0123456789abcdef"
CONTAINERS = (Container(name="pod", image="registry.example/openb/pod:1"),)
LOADS = (100, 130)
_MEASURED = tuple(f"alloc@{load}_{what}" for load in LOADS for what in ("mean", "sd"))
PUBLISHED_FIELDS = ("workload", "policy", "n", *_MEASURED)
POLICIES = ("skerry", "bestfit", "random")
FIRST_SEED = 42
LARGEST_CPU_MILLI = 128_000
LARGEST_GPU_MILLI = 8_000
"""What best fit measures by: the largest node of the trace."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pod:
    """What one pod asks for."""

    resources: Resources
    gpu_milli: int
    """Of all its GPUs together."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The allocation of one policy on one pod list in percent: means, and deviations over seeds."""

    trace: str
    policy: str
    allocation_100: float
    allocation_130: float
    deviation_100: float | None
    deviation_130: float | None
    seeds: int
    source: str
    """`measured` here, or `published`."""


# --- the data -----------------------------------------------------------------------------


NODE_FIELDS = ("sn", "cpu_milli", "memory_mib", "gpu", "model")
POD_FIELDS = ("name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli")
"""Some lists have no `gpu_spec`: every pod of them takes any model."""


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One line of a file of the trace; `where` is the file and its number."""

    where: str
    fields: dict[str, str]

    def whole(self, name: str) -> int:
        """Return a whole number from 0 on. Raises BenchError."""
        text = self.fields[name] or ""
        if not (text.isascii() and text.isdecimal() and len(text) <= 15):
            raise BenchError(f"{self.where}: {name} is {text[:40]!r}, not a whole number")
        return int(text)


def rows_of(folder: pathlib.Path, name: str, fields: Sequence[str]) -> list[Line]:
    """Return the lines of a file of the trace, which has these fields. Raises BenchError."""
    for path in (folder / name, folder / f"{name}.xz"):
        if path.is_file():
            return _lines(path, fields)
    raise BenchError(f"neither {name} nor {name}.xz is in {folder}")


def _lines(path: pathlib.Path, fields: Sequence[str]) -> list[Line]:
    try:
        with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise BenchError(f"{path} is larger than {MAX_BYTES} bytes")
        reader = csv.DictReader(io.StringIO(data.decode()))
        missing = [one for one in fields if one not in (reader.fieldnames or ())]
        if missing:
            raise BenchError(f"{path} has no column {', '.join(missing)}")
        return [Line(f"{path}:{reader.line_num}", row) for row in reader]
    except (csv.Error, lzma.LZMAError, EOFError, UnicodeDecodeError) as error:
        raise BenchError(f"{path} cannot be read: {error}") from None


def node_of(line: Line) -> Node:
    """Return a node of the trace as a hub knows it. Raises BenchError."""
    row = line.fields
    gpus = tuple(
        Accelerator(
            kind="gpu",
            vendor="NVIDIA",
            model=row["model"],
            bus="pci",
            address=f"0000:{index:02x}:00.0",
            usable=True,
        )
        for index in range(line.whole("gpu"))
    )
    hardware = Hardware(
        system=System(arch="x86_64", hostname=row["sn"]),
        cpu=Cpu(logical_count=line.whole("cpu_milli") // 1000),
        memory=Memory(total_bytes=line.whole("memory_mib") * MIB),
        filesystems=(Filesystem(mount="/", device="/dev/a", type="ext4", size_bytes=2**40),),
        accelerators=gpus,
        runtimes=(RuntimeInfo(name="podman", usable=True),),
    )
    capability = Capability(
        incarnation=INCARNATION, boot=1, seq=1, revision="00ff00ff", hardware=hardware
    )
    return Node(
        id=row["sn"],
        incarnation=INCARNATION,
        registered_at=0.0,
        capability=capability,
        liveness=Liveness.ONLINE,
    )


def pod_of(line: Line) -> Pod:
    """Return what a pod of the trace asks for. Raises BenchError."""
    count, milli = line.whole("num_gpu"), line.whole("gpu_milli")
    if milli > 1000 or (count > 1 and milli not in (0, 1000)):
        raise BenchError(f"{line.where}: {count} GPUs of {milli} thousandths cannot be asked for")
    devices: tuple[DeviceRequest, ...] = ()
    if count and milli:
        models = [model for model in (line.fields.get("gpu_spec") or "").split("|") if model]
        only = (f"model in [{', '.join(models)}]",) if models else ()
        devices = (DeviceRequest(kind="gpu", count=count, share_milli=milli, expressions=only),)
    resources = Resources(
        cpu_milli=line.whole("cpu_milli"),
        memory_bytes=line.whole("memory_mib") * MIB,
        devices=devices,
    )
    return Pod(resources, count * milli if devices else 0)


def arrivals(pods: Sequence[Pod], seed: int, most: int) -> Iterator[Pod]:
    """Give the pods in the order of one seed, until so many GPU thousandths are asked for."""
    chance = random.Random(seed)
    shuffled = list(pods)
    chance.shuffle(shuffled)
    drawn = (chance.choice(pods) for _ in itertools.count())
    asked = 0
    for pod in itertools.chain(shuffled, drawn):
        if asked + pod.gpu_milli > most:
            return
        asked += pod.gpu_milli
        yield pod


# --- the policies -------------------------------------------------------------------------


def pack(world: World, workload: Workload, _chance: random.Random) -> bool:
    """Place as the hub does."""
    decision = place(world, workload, (), keep=False)
    reserve_decision(world.columns, (), decision)
    return not decision.unplaced


def best_fit(world: World, workload: Workload, _chance: random.Random) -> bool:
    """Place where least of processors and GPUs is left, in whole percents of the largest node.

    As the paper's simulator has it: memory does not count, and of equal nodes the first is taken.
    """
    columns = world.columns
    rows = _feasible(world, workload)
    if not len(rows):
        return False
    wanted = workload.resources
    cpu = (columns.free(Resource.CPU, rows) - wanted.cpu_milli) / LARGEST_CPU_MILLI
    states = columns.states("gpu")
    free = np.array([sum(free) for _, free in states.records])
    milli = sum(one.count * one.share_milli for one in wanted.devices)
    gpu = (free.take(states.numbers.take(rows)) - milli) / LARGEST_GPU_MILLI
    score = ((1.0 - (cpu * 0.5 + gpu * 0.5)) * 100).astype(np.int64)
    return _put(world, workload, int(rows[int(np.argmax(score))]))


def at_random(world: World, workload: Workload, chance: random.Random) -> bool:
    """Place on any feasible node, and a share on any GPU there that has it."""
    rows = _feasible(world, workload)
    if not len(rows):
        return False
    row = int(rows[chance.randrange(len(rows))])
    devices, _ = world.columns.state("gpu", row)
    return _put(world, workload, row, [chance.randrange(2**30) for _ in devices])


def _feasible(world: World, workload: Workload) -> np.ndarray:
    board = board_of(world, workload)
    return np.sort(board.layout.rows[board.keys != NOWHERE])


def _put(world: World, workload: Workload, row: int, costs: Sequence[int] = ()) -> bool:
    name = f"{workload.name}-0"
    prefer = {"gpu": costs} if costs else NO_COSTS
    revision = workload.revision
    assignment = assign(world.columns, workload, revision, name, row, costs=prefer)
    if assignment is None:
        raise BenchError("a node that passes does not take it")
    world.columns.reserve(assignment)
    return True


RUNS: dict[str, Callable[[World, Workload, random.Random], bool]] = {
    "skerry": pack,
    "bestfit": best_fit,
    "random": at_random,
}


# --- the experiment -----------------------------------------------------------------------


def run(nodes: Sequence[Node], pods: Sequence[Pod], policy: str, seed: int) -> dict[int, float]:
    """Return the allocation in percent at each arrived load."""
    columns = Columns()
    for node in nodes:
        columns.put(node)
    demand: Demand = demand_of((pod.resources, 1) for pod in pods)
    packs = policy == "skerry"
    world = World(columns, demand=demand if packs else NO_DEMAND)
    placement = Placement(strategy="pack" if packs else "spread")
    chance = random.Random(seed)
    there = 1000 * sum(
        len(node.capability.hardware.accelerators) for node in nodes if node.capability
    )
    asked = allocated = 0
    found: dict[int, float] = {}
    for number, pod in enumerate(arrivals(pods, seed, there * 13 // 10)):
        workload = Workload(
            name=f"p{number}",
            project="openb",
            containers=CONTAINERS,
            resources=pod.resources,
            placement=placement,
        )
        asked += pod.gpu_milli
        if RUNS[policy](world, workload, chance):
            allocated += pod.gpu_milli
        if asked >= there and 100 not in found:
            found[100] = 100 * allocated / there
    found[130] = 100 * allocated / there
    _check(columns)
    return found


def _check(columns: Columns) -> None:
    """Raise BenchError where anything is given out twice."""
    rows = columns.rows()
    for resource in Resource:
        if (columns.free(resource, rows) < 0).any():
            raise BenchError(f"{resource.name} is overcommitted")
    for facts in columns.each(rows):
        taken: dict[str, int] = {}
        for one in columns.assigned(facts.id):
            for hold in one.held:
                taken[hold.device] = taken.get(hold.device, 0) + hold.milli
        if any(milli > 1000 for milli in taken.values()):
            raise BenchError(f"a GPU of {facts.id} is overcommitted")


def measure(folder: pathlib.Path, trace: str, policy: str, seeds: int) -> Result:
    """Return the allocation of one policy on one pod list."""
    lines = rows_of(folder, NODES, NODE_FIELDS)
    nodes = [node_of(line) for line in lines if line.whole("gpu")]
    listed = rows_of(folder, f"{PODS}{trace}.csv", POD_FIELDS)
    pods = [pod_of(line) for line in sorted(listed, key=lambda line: line.fields["name"])]
    if not nodes or not any(pod.gpu_milli for pod in pods):
        # Otherwise no load is ever reached.
        raise BenchError(f"{trace}: no node has a GPU, or no pod asks for one")
    runs = []
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        say(f"{trace}, {policy}, seed {seed}")
        runs.append(run(nodes, pods, policy, seed))
    at = {load: [one.get(load, 0.0) for one in runs] for load in LOADS}
    return Result(
        trace=trace,
        policy=policy,
        allocation_100=round(statistics.fmean(at[100]), 3),
        allocation_130=round(statistics.fmean(at[130]), 3),
        deviation_100=round(statistics.stdev(at[100]), 3) if seeds > 1 else None,
        deviation_130=round(statistics.stdev(at[130]), 3) if seeds > 1 else None,
        seeds=seeds,
        source="measured",
    )


def published(folder: pathlib.Path, traces: Sequence[str]) -> list[Result]:
    """Return what others published on these lists, where the folder says it."""
    if not any((folder / name).is_file() for name in (PUBLISHED, f"{PUBLISHED}.xz")):
        return []
    found = []
    for line in rows_of(folder, PUBLISHED, PUBLISHED_FIELDS):
        row = line.fields
        trace = row["workload"].removeprefix(PODS)
        if trace not in traces:
            continue
        try:
            means = [float(row[f"alloc@{load}_mean"]) for load in LOADS]
            deviations = [float(row[f"alloc@{load}_sd"]) for load in LOADS]
        except ValueError as error:
            raise BenchError(f"{line.where}: {error}") from None
        found.append(
            Result(
                trace=trace,
                policy=row["policy"],
                allocation_100=means[0],
                allocation_130=means[1],
                deviation_100=deviations[0],
                deviation_130=deviations[1],
                seeds=line.whole("n"),
                source="published",
            )
        )
    return found


def table(results: Sequence[Result]) -> Iterator[str]:
    """Give the lines of a table."""
    yield f"{'trace':14} {'policy':18} {'at 100 %':>16} {'at 130 %':>16} {'seeds':>5}  source"
    for one in sorted(results, key=lambda one: (one.trace, -one.allocation_130)):
        first = _figure(one.allocation_100, one.deviation_100)
        last = _figure(one.allocation_130, one.deviation_130)
        yield f"{one.trace:14} {one.policy:18} {first:>16} {last:>16} {one.seeds:>5}  {one.source}"


def _figure(mean: float, deviation: float | None) -> str:
    return f"{mean:.2f}" if deviation is None else f"{mean:.2f} ± {deviation:.2f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = parser_of("benchmarks/openb.py", __doc__)
    parser.add_argument("--pods", action="append", metavar="NAME", help="default: default")
    parser.add_argument("--seeds", type=int, default=10, metavar="N")
    parser.add_argument("--policy", action="append", choices=POLICIES, help="default: all")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error("--seeds must be at least 1")
    traces = options.pods or ["default"]
    try:
        results = published(options.data, traces)
        for trace in traces:
            for policy in options.policy or POLICIES:
                results.append(measure(options.data, trace, policy, options.seeds))
    except (BenchError, OSError) as error:
        print(f"openb: {error}", file=sys.stderr)
        return 1
    tell(results, table(results), options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())

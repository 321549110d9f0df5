"""How many users an edge serves, and at which price: online edge user allocation, a day a file.

usage: python -m benchmarks.eua --data DIR [--baselines] [--wanted] [-o json]

DIR holds days as eua-*.jsonl, plain or with .xz: first the servers with three capacities and a
price a minute, then requests that each name the servers in their reach. A server is a node, its
capacities are processors, memory and storage, and its price is one for each hour in which it runs
anything; a request is a workload of one replica, its servers a constraint, and it goes through the
hub's engine when it comes. One step is a minute: what ends goes, what comes is placed one after the
other or is dropped where it fits nowhere, and the servers that have a request cost their price.
Nothing moves, and nobody looks ahead: how long a request stays is learned when it has ended.

The engine packs (strategy `pack`) and wants it cheap (weight 100, the largest). Beside the price it
weighs how contended a server is by what was asked for that day so far; with --wanted, as in a hub,
which knows no such stream, by the requests that are there. These weights, and the engine's own,
were set before and are the same for all days.
"""

from __future__ import annotations

import dataclasses
import json
import lzma
import pathlib
import random
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

if __package__ in (None, ""):  # run as a file
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from benchmarks.row import BenchError, say
from benchmarks.telling import parser_of, tell
from skerry_hub.documents import Prices
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.facts import Resource
from skerry_hub.model import Assignment, Liveness, Node, Resources, Workload
from skerry_hub.placement.assigning import assign
from skerry_hub.placement.board import NOWHERE, board_of
from skerry_hub.placement.contention import Contention
from skerry_hub.placement.engine import place
from skerry_hub.placement.reading import MAX_VALUES
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.world import World
from skerry_hub.terms import Cost, Placement
from skerry_wire.capability import Capability
from skerry_wire.hardware import Cpu, Filesystem, Hardware, Memory, RuntimeInfo, System
from skerry_wire.workload import Container

MAX_BYTES = 256 * 2**20
LAST_MINUTE = 1440
MINUTE_S = 60.0
MIB = 2**20
INCARNATION = "0123456789abcdef"
CONTAINERS = (Container(name="user", image="registry.example/eua/user:1"),)
CHEAP = Placement(strategy="pack", cost=Cost(weight=100))
SEED = 42


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One user: when it comes, how long it stays, what it needs, and which servers reach it."""

    minute: int
    hold_minutes: int
    demand: tuple[int, int, int]
    servers: tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Day:
    """The servers and requests of one day."""

    name: str
    capacities: tuple[tuple[int, int, int], ...]
    prices: tuple[float, ...]
    requests: tuple[Request, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one policy made of one day. `overcommitted` counts servers with more than they have."""

    day: str
    policy: str
    requests: int
    allocated_percent: float
    cost: float
    overcommitted: int


# --- the data -----------------------------------------------------------------------------


def days_of(folder: pathlib.Path) -> list[Day]:
    """Return every day of a folder, the shortest first. Raises BenchError."""
    paths = sorted((*folder.glob("eua-*.jsonl"), *folder.glob("eua-*.jsonl.xz")))
    if not paths:
        raise BenchError(f"no eua-*.jsonl or eua-*.jsonl.xz is in {folder}")
    return sorted(map(day_of, paths), key=lambda day: (len(day.requests), day.name))


def day_of(path: pathlib.Path) -> Day:
    """Return one day. Raises BenchError."""
    try:
        with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (lzma.LZMAError, EOFError) as error:
        raise BenchError(f"{path} cannot be read: {error}") from None
    if len(data) > MAX_BYTES:
        raise BenchError(f"{path} is larger than {MAX_BYTES} bytes")
    lines = [
        _Row(f"{path}:{number}", line) for number, line in enumerate(data.splitlines(), 1) if line
    ]
    if not lines or lines[0].kind != "servers":
        raise BenchError(f"{path} does not begin with its servers")
    first, *rest = lines
    capacities = [first.three(one) for one in first.items("capacity")]
    prices = [first.number(one) for one in first.items("price_per_minute")]
    if not capacities or len(capacities) != len(prices):
        raise BenchError(f"{first.where}: {len(capacities)} servers with {len(prices)} prices")
    if not rest:
        raise BenchError(f"{path} has no requests")
    coming = sorted(rest, key=lambda row: (row.whole("minute"), row.whole("index")))
    return Day(
        name=path.name.removesuffix(".xz").removesuffix(".jsonl"),
        capacities=tuple(capacities),
        prices=tuple(prices),
        requests=tuple(_request(row, len(prices)) for row in coming),
    )


class _Row:
    """One line of a day. What is wrong with it is raised as BenchError, with its number."""

    def __init__(self, where: str, line: bytes) -> None:
        self.where = where
        try:
            self._found = json.loads(line)
        except ValueError as error:
            raise BenchError(f"{where}: {error}") from None
        if not isinstance(self._found, dict):
            raise BenchError(f"{where}: not an object")
        self.kind = self._found.get("kind")

    def whole(self, name: str) -> int:
        return self._count(name, self._found.get(name))

    def items(self, name: str) -> list[Any]:
        found = self._found.get(name)
        if not isinstance(found, list):
            raise BenchError(f"{self.where}: {name} is not a list")
        return found

    def three(self, found: Any) -> tuple[int, int, int]:
        if not isinstance(found, list) or len(found) != 3:
            raise BenchError(f"{self.where}: {str(found)[:40]} is not three amounts")
        cpus, memory, storage = (self._count("an amount", one) for one in found)
        return cpus, memory, storage

    def number(self, found: Any) -> float:
        if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < 1e12:
            raise BenchError(f"{self.where}: {str(found)[:40]} is not a price")
        return float(found)

    def _count(self, name: str, found: Any) -> int:
        if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < 2**31:
            raise BenchError(f"{self.where}: {name} is {str(found)[:40]}, not a whole number")
        return found


def _request(row: _Row, servers: int) -> Request:
    found = Request(
        minute=row.whole("minute"),
        hold_minutes=row.whole("hold_minutes"),
        demand=row.three(row.items("demand")),
        servers=tuple(row.items("servers")),
    )
    for server in found.servers:
        if isinstance(server, bool) or not isinstance(server, int) or not 0 <= server < servers:
            raise BenchError(f"{row.where}: there is no server {str(server)[:40]}")
    return found


def node_id(server: int) -> str:
    """Return a server's id as a node; ids come in the servers' order."""
    return f"s{server:04}"


def node_of(server: int, capacity: tuple[int, int, int]) -> Node:
    """Return a server as a hub knows it."""
    cpus, memory, storage = capacity
    root = Filesystem(mount="/", device="/dev/a", type="ext4", size_bytes=storage * MIB)
    hardware = Hardware(
        system=System(arch="x86_64", hostname=node_id(server)),
        cpu=Cpu(logical_count=cpus),
        memory=Memory(total_bytes=memory * MIB),
        filesystems=(root,),
        runtimes=(RuntimeInfo(name="podman", usable=True),),
    )
    capability = Capability(
        incarnation=INCARNATION, boot=1, seq=1, revision="00ff00ff", hardware=hardware
    )
    return Node(
        id=node_id(server),
        incarnation=INCARNATION,
        registered_at=0.0,
        capability=capability,
        liveness=Liveness.ONLINE,
    )


def workload_of(number: int, request: Request) -> Workload:
    """Return a request as a workload."""
    cpus, memory, storage = request.demand
    return Workload(
        name=f"u{number}",
        project="eua",
        containers=CONTAINERS,
        resources=Resources(
            cpu_milli=cpus * 1000, memory_bytes=memory * MIB, storage_bytes=storage * MIB
        ),
        expressions=(_one_of(request.servers),),
        placement=CHEAP,
    )


def _one_of(servers: Sequence[int]) -> str:
    """Return the constraint of these servers; one list of an expression holds so many at most."""
    lists = [
        f"node.id in [{', '.join(map(node_id, servers[at : at + MAX_VALUES]))}]"
        for at in range(0, len(servers), MAX_VALUES)
    ]
    return f"any({', '.join(lists)})" if lists else "node.id not exists"


# --- the policies -------------------------------------------------------------------------

Policy = Callable[[World, Workload, random.Random], Assignment | None]


def engine(world: World, workload: Workload, _chance: random.Random) -> Assignment | None:
    """Place as the hub does."""
    decision = place(world, workload, (), keep=False)
    return decision.assignments[0] if decision.assignments else None


def at_random(world: World, workload: Workload, chance: random.Random) -> Assignment | None:
    """Place on any server that has room."""
    rows = _feasible(world, workload)
    return _on(world, workload, rows[chance.randrange(len(rows))]) if len(rows) else None


def least_loaded(world: World, workload: Workload, _chance: random.Random) -> Assignment | None:
    """Place on the server with room that has the fewest requests."""
    rows = _feasible(world, workload)
    if not len(rows):
        return None
    return _on(world, workload, rows[int(np.argmin(world.columns.instances(rows)))])


def _feasible(world: World, workload: Workload) -> Any:
    board = board_of(world, workload)
    return np.sort(board.layout.rows[board.keys != NOWHERE])


def _on(world: World, workload: Workload, row: int) -> Assignment | None:
    return assign(world.columns, workload, workload.revision, f"{workload.name}-0", int(row))


BASELINES: dict[str, Policy] = {"least loaded": least_loaded, "random": at_random}


# --- the experiment -----------------------------------------------------------------------


class Edge:
    """One day as it goes."""

    def __init__(self, day: Day, policy: Policy, *, by_wanted: bool = False) -> None:
        self.day, self._policy, self._by_wanted = day, policy, by_wanted
        self._wanted: dict[str, Workload] = {}
        self.columns = Columns()
        for server, capacity in enumerate(day.capacities):
            self.columns.put(node_of(server, capacity))
        prices = [
            Prices(name=node_id(at), nodes=(f"node.id == {node_id(at)}",), node_hour=price * 60)
            for at, price in enumerate(day.prices)
        ]
        self._rules = rules_of(prices, 1)
        self._contention = Contention(self.columns)
        self._chance = random.Random(SEED)
        self._ends: dict[int, list[tuple[Assignment, int]]] = {}
        self.allocated = self.overcommitted = 0
        self.cost = 0.0

    def run(self) -> None:
        """Let the day go by."""
        coming = list(enumerate(self.day.requests))
        for minute in range(LAST_MINUTE + 1):
            for assignment, held in self._ends.pop(minute, ()):
                self.columns.release(assignment)
                self._wanted.pop(assignment.workload, None)
                self._contention.ended(held * MINUTE_S)
            while coming and coming[0][1].minute <= minute:
                number, request = coming.pop(0)
                self._take(number, request, minute)
            self._count()

    def _take(self, number: int, request: Request, minute: int) -> None:
        workload = workload_of(number, request)
        now = minute * MINUTE_S
        placed = self._policy(self._world(workload, now), workload, self._chance)
        self._contention.observe(workload, list(map(node_id, request.servers)), now)
        if placed is None:
            return
        self.columns.reserve(placed)
        self._wanted[workload.name] = workload
        self.allocated += 1
        ends = self._ends.setdefault(minute + request.hold_minutes, [])
        ends.append((placed, request.hold_minutes))

    def _world(self, workload: Workload, now: float) -> World:
        """Return what is decided from: with the stream so far, or, as in a hub, what is wanted."""
        if self._by_wanted:
            wanted = {**self._wanted, workload.name: workload}
            return World(self.columns, workloads=wanted, rules=self._rules, now=now)
        return World(self.columns, rules=self._rules, contention=self._contention, now=now)

    def _count(self) -> None:
        rows = self.columns.rows()
        short = np.zeros(len(rows), dtype=np.bool_)
        for resource in Resource:
            short |= self.columns.free(resource, rows) < 0
        self.overcommitted += int(np.count_nonzero(short))
        busy = self.columns.instances(rows) > 0
        self.cost += float(np.array(self.day.prices)[busy].sum())


def measure(day: Day, name: str, policy: Policy, *, by_wanted: bool = False) -> Result:
    """Return what a policy makes of a day; `by_wanted`: as a hub, which knows no stream."""
    say(f"{day.name}, {name}")
    edge = Edge(day, policy, by_wanted=by_wanted)
    edge.run()
    return Result(
        day=day.name,
        policy=name,
        requests=len(day.requests),
        allocated_percent=round(100 * edge.allocated / len(day.requests), 4),
        cost=round(edge.cost, 2),
        overcommitted=edge.overcommitted,
    )


def table(results: Sequence[Result]) -> Iterator[str]:
    """Give the lines of a table, with the means of each policy."""
    yield f"{'day':14} {'policy':14} {'requests':>8} {'allocated':>10} {'cost':>12} {'over':>5}"
    for one in results:
        share = f"{one.allocated_percent:.2f} %"
        yield (
            f"{one.day:14} {one.policy:14} {one.requests:>8} {share:>10} {one.cost:>12,.0f} "
            f"{one.overcommitted:>5}"
        )
    for policy in dict.fromkeys(one.policy for one in results):
        mine = [one for one in results if one.policy == policy]
        share = f"{statistics.fmean(one.allocated_percent for one in mine):.2f} %"
        cost = statistics.fmean(one.cost for one in mine)
        yield f"{'mean':14} {policy:14} {'':>8} {share:>10} {cost:>12,.0f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = parser_of("benchmarks/eua.py", __doc__)
    parser.add_argument("--baselines", action="store_true", help="simpler policies beside ours")
    parser.add_argument(
        "--wanted", action="store_true", help="contention by the requests that are there"
    )
    options = parser.parse_args(arguments)
    policies: dict[str, Policy] = {"skerry": engine, **(BASELINES if options.baselines else {})}
    try:
        results = [
            measure(day, name, policy, by_wanted=options.wanted)
            for day in days_of(options.data)
            for name, policy in policies.items()
        ]
    except (BenchError, OSError) as error:
        print(f"eua: {error}", file=sys.stderr)
        return 1
    tell(results, table(results), options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())

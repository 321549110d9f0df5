"""What a hub with this fleet would do, without a hub: the same engine, on records of a file. Pure.

Nothing is sent or stored, and nothing is asked of nodes. Orders are not made, so that one which
would not fit a message is not noticed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from skerry_hub import planning
from skerry_hub.deciding import explained
from skerry_hub.fleet.columns import totals_of
from skerry_hub.latency import NOWHERE, Network
from skerry_hub.model import Explanation, Workload
from skerry_hub.naming import find_node, find_workload
from skerry_hub.placement.explain import SHOWN, STANDINGS
from skerry_hub.planning import Wish
from skerry_hub.snapshot import Snapshot, columns_of
from skerry_hub.snapshot_reading import Fleet
from skerry_hub.state import Draft, Known
from skerry_hub.views import PlanView
from skerry_hub.work import Work


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NodeTotals:
    """One node as it would be: what it has (null: unknown), and what is reserved of it."""

    node: str
    hostname: str
    liveness: str
    instances: int
    cpu_milli: int | None
    cpu_reserved_milli: int
    memory_bytes: int | None
    memory_reserved_bytes: int
    storage_bytes: int | None
    storage_reserved_bytes: int
    accelerators: int
    """Those that can be used."""
    accelerators_reserved: int
    """Those that are held, wholly or in part; other devices are no part of it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FleetView:
    """What a file held; `inputs` is the digest of it, `told` the one that its hub had.

    `edited` counts the nodes whose hardware is not what its revision says.
    """

    nodes: int
    workloads: int
    assignments: int
    documents: int
    at: float
    inputs: str
    told: str | None
    edited: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What would be done, and what the fleet would be then."""

    fleet: FleetView
    plan: PlanView
    nodes: tuple[NodeTotals, ...]
    """By hostname."""
    explanation: Explanation | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The workload that is to be explained, as it would be; `node` is an id or a hostname."""

    workload: str
    node: str | None = None
    most: int = SHOWN


def simulate(fleet: Fleet, wish: Wish, now: float, question: Question | None = None) -> Simulation:
    """Return what would come of a wish. Raises RefusedError as a hub would.

    `now` counts where the file does not say of when it is.
    """
    snapshot = fleet.snapshot
    known = snapshot.known()
    at = now if snapshot.at is None else snapshot.at
    inputs = known.inputs.digest
    work = Work(
        Draft(known),
        columns_of(known),
        at,
        _network(snapshot, wish.workloads),
        snapshot.strategy,
    )
    with work.columns.trial():
        plan = planning.decide(work, wish)
    plan = planning.scored(work, wish, plan)
    _carry_out(work, known)
    return Simulation(
        fleet=FleetView(
            nodes=len(known.nodes),
            workloads=len(known.workloads),
            assignments=len(known.assignments),
            documents=len(known.documents),
            at=at,
            inputs=inputs,
            told=snapshot.inputs,
            edited=fleet.edited,
        ),
        plan=plan,
        nodes=tuple(sorted(_totals(work), key=lambda one: (one.hostname, one.node))),
        explanation=None if question is None else _explained(work, question),
    )


def _carry_out(work: Work, known: Known) -> None:
    """Let the columns be as the draft has it; to be scored, they had to be as before."""
    for key, after in work.draft.assignments.changes.items():
        before = known.assignments.get(key)
        if before is not None:
            work.columns.release(before)
        if after is not None:
            work.columns.reserve(after)


def _network(snapshot: Snapshot, workloads: Iterable[Workload]) -> Network:
    """Return the network, where somebody asks for round-trip times: to fit it takes long."""
    if not snapshot.round_trip_ms:
        return NOWHERE
    every = (*workloads, *(kept.workload for kept in snapshot.workloads))
    if not any(one.placement.latency for one in every):
        return NOWHERE
    return Network.of(snapshot.round_trip_ms)


def _explained(work: Work, question: Question) -> Explanation:
    kept = find_workload(work.draft, question.workload)
    node = None if question.node is None else find_node(work.draft, question.node).id
    return explained(work, kept.workload, node=node, most=question.most, standings=STANDINGS)


def _totals(work: Work) -> Iterator[NodeTotals]:
    for node in work.draft.nodes.values():
        held = work.draft.on_node(node.id)
        has, reserved = work.columns.capacity(node.id), totals_of(held)
        yield NodeTotals(
            node=node.id,
            hostname=node.hostname,
            liveness=str(node.liveness),
            instances=len(held),
            cpu_milli=has.cpu_milli,
            cpu_reserved_milli=reserved.cpu_milli or 0,
            memory_bytes=has.memory_bytes,
            memory_reserved_bytes=reserved.memory_bytes or 0,
            storage_bytes=has.storage_bytes,
            storage_reserved_bytes=reserved.storage_bytes or 0,
            accelerators=has.accelerators,
            accelerators_reserved=reserved.accelerators,
        )

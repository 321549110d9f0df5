"""Everything that placement decides from, at one moment, as one JSON document. Pure.

It is written piece by piece, so that a large fleet's never lies in memory as a whole; what is read
again is `snapshot_reading`'s. What a node reports of its instances, and events, are no part of it.

    {"snapshot": 1, "version": "0.1.0", "at": 1790000000.0, "strategy": "spread",
     "nodes": [...], "workloads": [...], "assignments": [...], "documents": [...],
     "round_trips": [{"node": "box-1", "ms": {"endpoint/erp": 12.5}}],
     "inputs": "<digest>"}
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from skerry_hub.documents import KeptDocument, kind_of
from skerry_hub.fleet.columns import Columns
from skerry_hub.latency import NOWHERE, Network, target_of
from skerry_hub.model import Assignment, Node
from skerry_hub.state import Draft, Kept, Known
from skerry_hub.work import Strategy, Work
from skerry_wire import __version__, codec
from skerry_wire.plain_data import for_json

FORMAT = 1
PIECE = 64
"""Records in one piece."""
ASKED_AT_ONCE = 1024
"""Nodes whose round-trip times are looked up together, which takes a look at every name."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The records of one moment; `round_trip_ms` is what nodes measured, by node and target."""

    at: float | None = None
    """By the hub's clock, in s since 1970; None where nobody says."""
    nodes: tuple[Node, ...] = ()
    workloads: tuple[Kept, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    documents: tuple[KeptDocument, ...] = ()
    network: Network = NOWHERE
    """Of a hub."""
    round_trip_ms: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    """Of a file."""
    strategy: Strategy = "spread"
    """The hub's, for workloads that name none."""
    inputs: str | None = None
    """The digest that the hub had; None where nobody says."""
    sections: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """The digests of its parts; no part of a file."""

    def known(self) -> Known:
        """Return the records as a hub has them."""
        return Known(self.nodes, self.workloads, self.assignments, documents=self.documents)


def snapshot_of(known: Known, work: Work) -> Snapshot:
    """Return everything at this moment; the records themselves never change."""
    return Snapshot(
        at=work.now,
        nodes=tuple(known.nodes.values()),
        workloads=tuple(known.workloads.values()),
        assignments=tuple(known.assignments.values()),
        documents=tuple(known.documents.values()),
        network=work.network,
        strategy=work.strategy,
        inputs=known.inputs.digest,
        sections=known.inputs.sections,
    )


def work_of(snapshot: Snapshot) -> Work:
    """Return a hub's snapshot to decide on, apart from the hub: what is changed there is lost.

    It takes as long as the fleet is large; the snapshot itself takes no time.
    """
    known = snapshot.known()
    at = snapshot.at or 0.0
    return Work(Draft(known), columns_of(known), at, snapshot.network, snapshot.strategy)


def columns_of(known: Known) -> Columns:
    """Return the columns of records."""
    columns = Columns()
    for node in known.nodes.values():
        columns.put(node)
    for assignment in known.assignments.values():
        columns.reserve(assignment)
    return columns


def pieces(snapshot: Snapshot) -> Iterator[bytes]:
    """Yield the JSON of a snapshot, a record a line."""
    head = {
        "snapshot": FORMAT,
        "version": __version__,
        "at": snapshot.at,
        "strategy": snapshot.strategy,
    }
    yield orjson.dumps(head)[:-1]
    yield from _list("nodes", map(node_plain, snapshot.nodes))
    yield from _list("workloads", map(codec.to_plain, snapshot.workloads))
    yield from _list("assignments", map(codec.to_plain, snapshot.assignments))
    yield from _list("documents", map(document_plain, snapshot.documents))
    yield from _list("round_trips", _round_trips(snapshot))
    yield b',\n"inputs":' + orjson.dumps(snapshot.inputs) + b"}\n"


def _list(name: str, entries: Iterable[Any]) -> Iterator[bytes]:
    yield b',\n"' + name.encode() + b'":['
    every = iter(entries)
    first = True
    while some := list(itertools.islice(every, PIECE)):
        yield (b"\n" if first else b",\n") + b",\n".join(map(_json, some))
        first = False
    yield b"]" if first else b"\n]"


def _json(entry: Any) -> bytes:
    return orjson.dumps(entry, default=for_json)


def node_plain(node: Node) -> Any:
    """Return what of a node placement decides from."""
    capability = node.capability
    if capability is not None:
        capability = dataclasses.replace(capability, boot=1, seq=1)
    bare = dataclasses.replace(
        node,
        capability=capability,
        presence=None,
        report=None,
        retired=(),
        sequences={},
        generation=0,
        digest=None,
        last_seen=0.0,
        sealing_key=None,
    )
    return codec.to_plain(bare)


def document_plain(kept: KeptDocument) -> Any:
    """Return a document with its kind, as the API shows it."""
    return {
        "kind": kind_of(kept.document),
        "name": kept.document.name,
        "version": kept.version,
        "created_at": kept.created_at,
        "updated_at": kept.updated_at,
        "content": codec.to_plain(kept.document),
    }


def _round_trips(snapshot: Snapshot) -> Iterator[Any]:
    ids = [node.id for node in snapshot.nodes]
    for start in range(0, len(ids) if len(snapshot.network) else 0, ASKED_AT_ONCE):
        some = ids[start : start + ASKED_AT_ONCE]
        for node, told in zip(some, snapshot.network.measured(some), strict=True):
            if told:
                ms = {target_of(place): round(one.ms, 3) for place, one in told.items()}
                yield {"node": node, "ms": ms}
    for node, by_target in snapshot.round_trip_ms.items():
        yield {"node": node, "ms": dict(by_target)}

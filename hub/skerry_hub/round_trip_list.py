"""The round-trip times of nodes as they are shown. Pure.

`to_targets` is one node's to all that it has to do with, `measured` what each of many nodes
measured itself, `to_place` that of many nodes to one place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from skerry_hub.access.scope import Scope
from skerry_hub.documents import Endpoint, of_kind
from skerry_hub.latency import NODE, Network, endpoint, target_of
from skerry_hub.model import Node
from skerry_hub.state import Known
from skerry_hub.views import RoundTripView


def to_targets(known: Known, network: Network, node: Node) -> tuple[RoundTripView, ...]:
    """Return the times of a node to what it measured and to every endpoint, by target."""
    (own,) = network.measured((node.id,))
    endpoints = of_kind(list(known.documents.values()), Endpoint)
    places = sorted({*own, *(endpoint(one.name) for one in endpoints)})
    ms, errors = network.few(node.id, places)
    return tuple(
        _view(node, place, time, error, measured=place in own)
        for place, time, error in zip(places, ms.tolist(), errors.tolist(), strict=True)
        if not np.isnan(time)
    )


def measured(network: Network, nodes: Sequence[Node]) -> Iterator[RoundTripView]:
    """Yield what nodes measured themselves, node by node."""
    for node, own in zip(nodes, network.measured([node.id for node in nodes]), strict=True):
        for place, told in sorted(own.items()):
            yield _view(node, place, told.ms, told.deviation_ms, measured=True)


def to_place(network: Network, nodes: Sequence[Node], place: str) -> Iterator[RoundTripView]:
    """Yield the times of nodes to one place where they are known, without that of it to itself."""
    ids = [node.id for node in nodes]
    ms, errors = network.few(place, ids)
    every = zip(nodes, ms.tolist(), errors.tolist(), network.measured(ids), strict=True)
    for node, time, error, own in every:
        if not np.isnan(time) and node.id != place:
            yield _view(node, place, time, error, measured=place in own)


def narrowed(
    scope: Scope, known: Known, found: Iterable[RoundTripView]
) -> tuple[RoundTripView, ...]:
    """Return the times that name no node outside a scope."""
    return tuple(one for one in found if not scope or _is_within(scope, known, one.target))


def _is_within(scope: Scope, known: Known, target: str) -> bool:
    return not target.startswith(NODE) or scope.has_node(known.nodes.get(target.removeprefix(NODE)))


def _view(node: Node, place: str, ms: float, error_ms: float, *, measured: bool) -> RoundTripView:
    return RoundTripView(
        node=node.id,
        hostname=node.hostname,
        target=target_of(place),
        ms=round(ms, 3),
        error_ms=round(error_ms, 3),
        measured=measured,
    )

"""How near a node is to a place: within so many milliseconds, or the nearer the better. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from skerry_hub.fleet.arrays import Counts, Mask, Rows, Shares
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.fields import LABEL, field
from skerry_hub.latency import Network, endpoint
from skerry_hub.latency import Rows as NetworkRows
from skerry_hub.model import Workload
from skerry_hub.placement.points import SCALE
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.world import World
from skerry_hub.terms import Latency

USUAL_MS = 50.0
"""At this distance a wish for nearness without a limit is half fulfilled."""
_IN_NETWORK = ("in network",)


class Distance:
    """The round-trip time of each node to one place, worked out once for all nodes.

    `origins` are the ids of the nodes that the place is, the nearest of which counts; None where
    it is an endpoint. `is_declared`: the hub has a document of that endpoint.
    """

    def __init__(
        self,
        network: Network,
        term: Latency,
        origins: tuple[str, ...] | None,
        *,
        is_declared: bool = False,
    ) -> None:
        self._network, self._term, self._origins = network, term, origins
        self._is_declared = is_declared
        self._ms: Shares = np.zeros(0)
        self._errors: Shares = np.zeros(0)
        self._comings = -1

    def of(self, columns: Columns, rows: Rows) -> tuple[Shares, Shares]:
        """Return times and their errors, NaN where nothing is known."""
        if self._comings != columns.comings:
            self._comings = columns.comings
            nodes = _in_network(self._network, columns)
            if self._origins is None:
                ms, errors = self._network.to_endpoint(self._term.name, nodes)
            else:
                ms, errors = self._network.nearest(self._origins, nodes)
            self._ms = np.full(columns.size, np.nan)
            self._errors = np.full(columns.size, np.nan)
            self._ms[columns.rows()], self._errors[columns.rows()] = ms, errors
            # A node is at itself, whether anybody measured anything or not.
            here = [row for one in self._origins or () if (row := columns.row(one)) is not None]
            self._ms[here] = self._errors[here] = 0.0
        return self._ms.take(rows), self._errors.take(rows)

    @property
    def is_nowhere(self) -> bool:
        """Say whether there is no such place: no node has the name, nobody knows the endpoint.

        That a workload has no instance yet is another thing.
        """
        if self._origins is None:
            return not self._is_declared and endpoint(self._term.name) not in self._network
        return not self._origins and self._term.to != "workload"

    def is_measured(self, columns: Columns, row: int) -> bool:
        """Say whether somebody measured the time of a node; all others are estimated."""
        node = columns.facts(row).id
        if self._origins is None:
            return self._network.is_measured(node, endpoint(self._term.name))
        nearest = self._network.nearest_one(self._origins, node)
        return nearest is not None and self._network.is_measured(node, nearest)


def _in_network(network: Network, columns: Columns) -> NetworkRows:
    """Return what stands for the nodes in a network, by their ids; kept while no name changes."""
    state = network.naming, columns.comings
    kept = columns.boards.get(_IN_NETWORK)
    if kept is None or kept[0] != state:
        kept = columns.boards[_IN_NETWORK] = state, network.rows(columns.ids())
    found: NetworkRows = kept[1]
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class Within:
    """Within so many milliseconds; a node whose distance nobody knows is not."""

    is_used_up: ClassVar[bool] = False
    binds: ClassVar[bool] = False
    gives_way: ClassVar[bool] = True
    term: Latency
    distance: Distance
    max_ms: float

    @property
    def name(self) -> str:
        """Return what people call it."""
        return str(self.term)

    @property
    def place(self) -> str:
        """Return the place: `site:hub`."""
        return f"{self.term.to}:{self.term.name}"

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        ms, _ = self.distance.of(columns, rows)
        passes: Mask = ms <= self.max_ms
        return passes

    def lack(self, columns: Columns, rows: Rows) -> Shares:
        """Return which part of the time is too much, 0 (within) to 1 (nobody knows)."""
        ms, _ = self.distance.of(columns, rows)
        over = np.nan_to_num(self._over(ms), nan=1.0, posinf=1.0)
        return np.clip(over, 0.0, 1.0)

    def _over(self, ms: Shares) -> Shares:
        return (ms - self.max_ms) / np.maximum(ms, 1e-3)

    def ms_of(self, columns: Columns, row: int) -> float | None:
        """Return the time of one row; None where nobody knows it."""
        ms, _ = self.distance.of(columns, np.array([row]))
        return float(ms[0]) if np.isfinite(ms[0]) else None

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give the time, and how sure it is."""
        ms, errors = (float(one[0]) for one in self.distance.of(columns, np.array([row])))
        if ms <= self.max_ms:
            return
        if np.isnan(ms):
            text = f"the round-trip time to {self.place} is not known"
            if self.distance.is_nowhere:
                text = (
                    f"there is no {self.term.to} {self.term.name}, so the time to it is not known"
                )
            yield Refusal(text, is_unknown=True)
            return
        known = "measured" if self.distance.is_measured(columns, row) else "estimated"
        sure = f" ({known} ± {errors:.3g})" if errors > 0 else ""
        took, most = f"{_over(ms, self.max_ms)} ms", f"{self.max_ms:g} ms"
        yield Refusal(
            f"round trip to {self.place} {took}{sure} > {most}",
            round(ms - self.max_ms, 3),
            share=float(self.lack(columns, np.array([row]))[0]),
            in_brief=f"round trip to {self.place} {took} > {most}",
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Near:
    """The nearer the better; where nobody knows the distance, as if it were endless."""

    is_used_up: ClassVar[bool] = False
    term: Latency
    distance: Distance
    weight: int

    @property
    def name(self) -> str:
        """Return what people call it."""
        return str(self.term)

    def of(self, columns: Columns, rows: Rows) -> Counts:
        """Return the points of rows."""
        ms, _ = self.distance.of(columns, rows)
        # In whole microseconds: what follows is the same on every machine.
        us = np.nan_to_num(ms * 1000, nan=-1.0, posinf=1e12).astype(np.int64)
        half = max(1, round((self.term.max_ms or USUAL_MS) * 1000))
        found: Counts = SCALE * half // (half + np.maximum(us, 0))
        return np.where(us < 0, 0, found)


def _over(ms: float, limit_ms: float) -> str:
    """Return a time in as many digits as it takes to be seen to be over a limit."""
    texts = (f"{ms:.{digits}g}" for digits in range(3, 17))
    return next((text for text in texts if float(text) > limit_ms), f"{ms}")


def within_of(world: World, workload: Workload) -> list[Within]:
    """Return the limits on a workload's distances."""
    return [
        Within(term, distance_of(world, workload, term), term.max_ms)
        for term in workload.placement.latency
        if term.max_ms is not None
    ]


def near_of(world: World, workload: Workload) -> list[Near]:
    """Return a workload's wishes for nearness."""
    return [
        Near(term, distance_of(world, workload, term), term.weight)
        for term in workload.placement.latency
        if term.weight
    ]


def distance_of(world: World, workload: Workload, term: Latency) -> Distance:
    """Return the distances to the place that a term names."""
    if term.to == "endpoint":
        return Distance(world.network, term, None, is_declared=term.name in world.rules.endpoints)
    return Distance(world.network, term, tuple(sorted(origins_of(world, workload, term))))


def origins_of(world: World, workload: Workload, term: Latency) -> set[str]:
    """Return the ids of the nodes that the place of a term is, unless it is an endpoint."""
    columns = world.columns
    if term.to == "workload":
        if term.name == workload.name:
            return set()
        return {one.node for one in columns.instances_of(term.name).values()}
    rows = columns.rows()
    if term.to == "site":
        told = columns.told(field(f"{LABEL}site"))
    else:
        if term.name in columns:
            return {term.name}
        told = columns.told(field("node.hostname"))
    return {facts.id for facts in columns.each(rows[told.one_of((term.name,), rows)])}

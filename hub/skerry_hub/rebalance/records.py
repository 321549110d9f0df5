"""What a rebalance is asked, and what it answers. Declared like wire messages; all frozen."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Literal

from skerry_hub.views import Basis
from skerry_wire.schema import Items, Range
from skerry_wire.types import Count, InstanceId, Line, Name, NodeId, Revision, Short

Objective = Literal["balance", "pack", "cost"]
Ended = Literal["optimal", "within gap", "limit", "left out"]
MAX_WAVE = 100
"""Most instances that move at the same time: the hub checks and makes them in one go."""
MAX_MOVES = 10_000
"""Most moves of a plan; for more, plan again."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RebalanceRequest:
    """What a plan is for.

    `balance`: nodes evenly used; `pack`: fewest nodes in use; `cost`: least money an hour. Without
    an objective it is what the hub's strategy asks for. A move pays where it gains more than
    `move_cost_percent` says: see docs/rebalance.md. `wave` is how many may move at once.
    """

    objective: Objective | None = None
    move_cost_percent: Annotated[float, Range(0, 1_000)] = 10.0
    time_limit_s: Annotated[float, Range(0.1, 300)] = 10.0
    max_moves: Annotated[int, Range(0, MAX_MOVES)] | None = None
    wave: Annotated[int, Range(1, MAX_WAVE)] = 10


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """An instance goes from a node to a node; it is of this revision.

    `gain` is by how much it makes the objective better, in its unit, after the moves before it:
    0 or less where it gains only with others: each such one is of a chain of moves that gains as a
    whole.
    """

    instance: InstanceId
    workload: Name
    revision: Revision
    source: NodeId
    target: NodeId
    gain: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """Moves that are done at the same time, and what they gain together."""

    moves: Annotated[tuple[Move, ...], Items(MAX_WAVE)]
    gain: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RebalanceView:
    """A plan, and how far from the best it may be. The objective is the better the smaller.

    `before` and `after` are the objective, `moves_cost` what the moves count for. No placement
    has an objective, with the cost of its moves, below `bound`; `gap` is what `after` and
    `moves_cost` are above it, `gap_percent` that in percent of them.
    """

    objective: Objective
    unit: Short
    waves: tuple[Wave, ...] = ()
    before: float = 0.0
    after: float = 0.0
    moves_cost: float = 0.0
    bound: float = 0.0
    gap: float = 0.0
    gap_percent: float = 0.0
    ended: Ended = "optimal"
    """Why nothing better was found. `limit`: the search ended at its time, or at what of the fleet
    it looked at; `left out`: it found better moves, which `left_out` counts."""
    seconds: float = 0.0
    instances: Count = 0
    """Those that may move."""
    nodes: Count = 0
    """Those that could give or take."""
    nodes_left_out: Count = 0
    """Those of them that the search did not look at; the bound counts them."""
    moves_left_out: Count = 0
    """Moves that were found and would make it better yet, but are not in the waves."""
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """How many of them, by why: more than were asked for (`max moves`), only possible by ending an
    instance before it starts elsewhere (`stop`), or not allowed by the engine (`refused`)."""
    refused: tuple[Line, ...] = ()
    """Why the engine does not allow some moves, by what is not modelled. The first reasons."""
    pinned: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """How many instances stay, by why."""
    nodes_used_before: Count = 0
    nodes_used_after: Count = 0
    fullest_before_percent: float = 0.0
    """The largest share of a node's processors or memory that is reserved."""
    fullest_after_percent: float = 0.0
    basis: Basis | None = None
    """What it was made from, and its moves, for who wants to make them later."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """A plan that was made before: what was asked for, its waves and its basis."""

    objective: Objective
    move_cost_percent: Annotated[float, Range(0, 1_000)]
    waves: Annotated[tuple[Wave, ...], Items(MAX_MOVES)]
    basis: Basis


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """A plan that still holds: the first `waves_done` of its waves were made before.

    `gain` is what the others make the objective better by as the fleet is now, `planned_gain` what
    they did as it was.
    """

    waves_done: Count = 0
    gain: float = 0.0
    planned_gain: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MovesRequest:
    """Moves of one wave: done together, or none. `objective` is for the events."""

    moves: Annotated[tuple[Move, ...], Items(MAX_WAVE)]
    note: Line = ""

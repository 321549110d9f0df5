"""What is shown of rollouts and of workloads' histories: the JSON of the API and of view topics."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from skerry_hub.lifecycle import Strategy
from skerry_hub.model import Workload
from skerry_hub.rollout.records import Cause, RolledBack, RolloutState
from skerry_wire.schema import Sparse

State = Literal["waiting", "updating", "held", "behind", "failed"]
"""How far an instance is that an update is not done with."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WaveView:
    """Instances that are updated before the next ones are: those on nodes with a label's value."""

    value: str
    """Empty: nodes without the label, or no label is asked for."""
    instances: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPlan:
    """How instances that are there already come to a workload's new content.

    `at_once` is the most of them that are unavailable at a time. The waves follow one another.
    """

    workload: str
    strategy: Strategy
    instances: int
    at_once: int
    canary: int = 0
    """So many first."""
    canary_pauses: bool = False
    wave_by: str = ""
    waves: tuple[WaveView, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InstanceUpdateView:
    """An instance that an update is not done with, and why."""

    instance: str
    node: str
    hostname: str
    state: State
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RolloutView:
    """How far the instances of a workload have come to its newest content.

    Of `total`, the rest besides `done` is `updating` (their nodes are at it), `waiting`, `held`
    (their boxes hold it back), `behind` (their nodes take nothing now; they follow), or `failed`.
    Of a workload's first revision, those without a node are in `total`, too.
    `reason` says why it is paused or has failed, or what it is at. `undone_to`: the revision that
    an undo goes back to.
    """

    workload: str
    number: int
    """Of the revision in the workload's history."""
    revision: str
    cause: Cause
    strategy: Strategy
    state: RolloutState
    reason: str = ""
    total: int = 0
    done: int = 0
    updating: int = 0
    waiting: int = 0
    held: int = 0
    behind: int = 0
    failed: int = 0
    unplaced: Annotated[int, Sparse()] = 0
    """How many found no node, beside those."""
    at_once: int = 0
    wave: str = ""
    """The label's value of the wave that it is at, of `wave_by`."""
    undone_to: int = 0
    started_at: float = 0.0
    ended_at: float | None = None
    rolls_back: Annotated[bool, Sparse()] = False
    """Whether it is paused only until the hub rolls it back by itself."""
    rolled_back: Annotated[RolledBack, Sparse()] | None = None
    """Of an automatic rollback: the revision that failed, why, and what it went back to."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RolloutDetail:
    """A rollout with the first of the instances that it is not done with, failed ones first."""

    rollout: RolloutView
    instances: tuple[InstanceUpdateView, ...] = ()
    more: int = 0
    """How many others there are."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RevisionView:
    """One revision in a workload's history. `back_to`: whose content it has again; 0: no other's.

    `changes` say what it says otherwise than the one before it that is kept.
    """

    number: int
    revision: str
    at: float
    cause: Cause
    who: str = ""
    back_to: int = 0
    images: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    instances: int = 0
    """How many have it now, by their orders."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RevisionDetail:
    """One revision with its whole content, and what an undo to it would change."""

    revision: RevisionView
    content: Workload
    undo_changes: tuple[str, ...] = ()

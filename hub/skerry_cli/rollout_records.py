"""Rollouts and histories as the hub tells them, as far as the command line reads them."""

from __future__ import annotations

from typing import Annotated

from skerry_cli.at_node import AtNode
from skerry_wire.frozen import frozen
from skerry_wire.schema import Items, Text

_Words = Annotated[str, Text(64 * 1024)]
_MANY = Items(10_000_000)


@frozen(kw_only=True)
class Wave:
    """Instances that are updated before the next ones are."""

    value: _Words
    instances: int


@frozen(kw_only=True)
class RolloutPlan:
    """How instances that are there already come to a workload's new content."""

    workload: _Words
    strategy: _Words
    instances: int
    at_once: int
    canary: int = 0
    canary_pauses: bool = False
    wave_by: _Words = ""
    waves: Annotated[tuple[Wave, ...], _MANY] = ()


@frozen(kw_only=True)
class WantedRevision:
    """The number of the revision that a workload is wanted at."""

    workload: _Words
    number: int


@frozen(kw_only=True)
class RolledBack:
    """The revision that failed, why, and the one whose content came back."""

    number: int
    to: int
    reason: _Words = ""


@frozen(kw_only=True)
class Rollout:
    """How far the instances of a workload have come to its newest content."""

    workload: _Words
    number: int
    cause: _Words
    strategy: _Words
    state: _Words
    reason: _Words = ""
    total: int = 0
    done: int = 0
    updating: int = 0
    waiting: int = 0
    held: int = 0
    behind: int = 0
    failed: int = 0
    unplaced: int = 0
    wave: _Words = ""
    undone_to: int = 0
    started_at: float = 0.0
    rolls_back: bool = False
    rolled_back: RolledBack | None = None


@frozen(kw_only=True)
class InstanceUpdate(AtNode):
    """An instance that an update is not done with."""

    instance: _Words
    node: _Words
    hostname: _Words
    state: _Words
    reason: _Words = ""


@frozen(kw_only=True)
class RolloutDetail:
    """A rollout with the first of the instances that it is not done with."""

    rollout: Rollout
    instances: Annotated[tuple[InstanceUpdate, ...], _MANY] = ()
    more: int = 0


@frozen(kw_only=True)
class Revision:
    """One revision in a workload's history."""

    number: int
    revision: _Words
    at: float
    cause: _Words
    back_to: int = 0
    images: Annotated[tuple[_Words, ...], _MANY] = ()
    changes: Annotated[tuple[_Words, ...], _MANY] = ()
    instances: int = 0


@frozen(kw_only=True)
class RevisionDetail:
    """One revision, without its content, and what an undo to it would change."""

    revision: Revision
    undo_changes: Annotated[tuple[_Words, ...], _MANY] = ()

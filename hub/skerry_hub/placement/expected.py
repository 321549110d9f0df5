"""Who else depends on which nodes, by the workloads that are wanted. Pure.

Nothing tells a hub when the next instance comes. But of what stays for a time, as many come while
one is there as are there (Little's law); so the workloads that are wanted say what is expected to
be asked for again, each as often as it has replicas, and once more for each replica that is missing
now. It is all derived from a World, which a replay has too: weights are whole numbers, so that it
does not count in which order anything came.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np

from skerry_hub.fleet.arrays import Counts, Mask, Rows, Shares
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.facts import Resource
from skerry_hub.model import Workload
from skerry_hub.placement.constraints import Requirement, all_pass, lasting_requirements_of
from skerry_hub.placement.contention import (
    MOST_NODES,
    amounts_of,
    excess_of,
    flattened,
    likely_of,
    room_of,
)
from skerry_hub.placement.node_policy import has_told_policies
from skerry_hub.placement.runtime_limits import has_told_runtimes
from skerry_hub.placement.world import World

MOST_WORKLOADS = 256
"""Workloads whose places are looked up, those with most replicas; fewer in a large fleet."""
LEAST_WORKLOADS = 64
MOST_ANSWERS = 2**23
"""So many answers, of workloads times nodes, are kept: a byte each."""
ONE = 2**30
"""Weights are told in parts of an instance: sums of whole numbers are the same in any order."""
_NONE: Mask = np.zeros(0, dtype=np.bool_)
MOST_LOGGED = 4096
"""So many changes are kept, and four for each node."""
_KEPT = ("expected",)

_Key = tuple[int, int, bool, bool]
"""Comings, the rules' version, whether a node told a policy, and whether one told its runtime: of
what all places depend on."""


@dataclasses.dataclass(slots=True)
class _Places:
    """Where one workload may be, room or not: by row, and the rows where it is few; else None."""

    workload: Workload
    needs: tuple[Requirement, ...]
    mask: Mask
    rows: Rows | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class _Classes:
    """The classes of the workloads: what may be on the same few nodes.

    `rows` are those of all classes, each once; `members` are places in it, class after class, which
    begin at `starts` and are `lengths` long; `which` is the class of each workload, by `names`.
    """

    rows: Rows
    members: Rows
    starts: Rows
    lengths: Rows
    names: tuple[str, ...]
    replicas: Counts
    which: Rows


class Expected:
    """The weight of each row, as the fleet and the workloads were when it was last followed.

    Kept with the fleet's boards. Between two looks nothing changes: a decision is made by one.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._key: _Key = (-1, -1, False, False)
        self._version: Hashable = None
        self._changed = self._told = 0
        self._wanted: list[Workload] = []
        self._places: dict[str, _Places] = {}
        self._classes = _grouped((), columns.size)
        self._typical = self._meant = np.zeros(len(Resource))
        self._weights: Counts = np.zeros(columns.size, dtype=np.int64)
        self.presses = False
        """Whether anybody depends on few nodes that are nearly full."""
        self.changed: list[int] = []
        """The rows of which the weight, or what it means, changed, in turn."""
        self.epoch = 0
        """Grows when that begins anew, which no board follows."""

    def pressure(self, workload: Workload, rows: Rows, now: float) -> Shares:  # noqa: ARG002
        """Return how many others are expected to find no place for an instance on each row."""
        found: Shares = np.zeros(len(rows))
        weights = self._weights.take(rows)
        at = np.flatnonzero(weights)
        if len(at):
            excess = excess_of(self._columns, workload, rows.take(at), self._typical)
            found[at] = weights.take(at) / ONE * excess
        return found

    # --- following ----------------------------------------------------------------------------

    def follow(self, world: World) -> None:
        """Take in what changed of the fleet and the workloads."""
        columns = self._columns
        told = has_told_policies(columns), has_told_runtimes(columns)
        key = columns.comings, world.rules.version, *told
        version = world.workloads_version
        is_same = version is not None and version == self._version and key == self._key
        if is_same and len(columns.changed) == self._changed:
            return
        self._version, self._changed = version, len(columns.changed)
        if not is_same:
            self._choose(world)
        if self._look(world, key, is_same=is_same) or not is_same:
            self._regroup()
        self._weigh()

    def _choose(self, world: World) -> None:
        """Choose the workloads whose places count, and see what an instance takes in the mean."""
        wanted = [one for one in world.workloads.values() if one.mode != "global" and one.replicas]
        typical = _typical(wanted)
        if not np.array_equal(typical, self._typical):
            self._typical = typical
        if len(self._columns) > MOST_NODES:
            wanted = [one for one in wanted if _is_choosy(world, one)]
        most = MOST_ANSWERS // max(1, len(self._columns))
        wanted.sort(key=lambda one: (-one.replicas, one.name))
        self._wanted = wanted[: max(LEAST_WORKLOADS, min(MOST_WORKLOADS, most))]

    def _look(self, world: World, key: _Key, *, is_same: bool) -> bool:
        """Bring up to date where workloads may be; say whether that changed."""
        columns = self._columns
        if key[1:] != self._key[1:]:
            self._places.clear()
        elif is_same and len(columns.told_anew) == self._told:
            return False
        present: Mask | None = None
        if key[0] != self._key[0]:
            present = np.zeros(columns.size, dtype=np.bool_)
            present[columns.rows()] = True
        self._key = key
        rows = np.fromiter(dict.fromkeys(columns.told_anew[self._told :]), np.intp)
        self._told = len(columns.told_anew)
        kept, self._places = self._places, {}
        moved = False
        for workload in self._wanted:
            places = kept.get(workload.name)
            if places is None or places.workload is not workload:
                places, moved = self._first(world, workload), True
            else:
                moved |= self._again(places, rows, present)
            self._places[workload.name] = places
        return moved

    def _first(self, world: World, workload: Workload) -> _Places:
        needs = lasting_requirements_of(world, workload)
        mask: Mask = np.zeros(self._columns.size, dtype=np.bool_)
        rows = np.sort(self._columns.rows())
        mask[rows] = all_pass(needs, self._columns, rows)
        return _Places(workload, needs, mask, _few(mask))

    def _again(self, places: _Places, rows: Rows, present: Mask | None) -> bool:
        """Ask of some rows anew, and leave out those that have no node any more, if that changed.

        Say whether an answer is another one.
        """
        mask = places.mask
        if present is not None:
            mask = np.zeros_like(present)
            mask[: len(places.mask)] = places.mask
            rows = rows[present.take(rows)]
        passes = all_pass(places.needs, self._columns, rows) if len(rows) else _NONE
        moved = not np.array_equal(passes, mask.take(rows))
        mask[rows] = passes
        if present is not None:
            mask &= present
            moved = moved or np.count_nonzero(mask) != np.count_nonzero(places.mask)
        places.mask = mask
        if moved:
            places.rows = _few(mask)
        return moved

    def _regroup(self) -> None:
        """Put the workloads into classes anew; who is in none any more has no weight."""
        columns = self._columns
        found = _grouped([self._places[one.name] for one in self._wanted], columns.size)
        weights: Counts = np.zeros(columns.size, dtype=np.int64)
        weights[: len(self._weights)] = self._weights
        out: Mask = weights > 0
        out[found.rows] = False
        weights[out] = 0
        self._log(np.flatnonzero(out))
        self._classes, self._weights = found, weights

    def _weigh(self) -> None:
        """Work out for each row how many instances, in parts of ONE, are to find no place soon."""
        classes = self._classes
        if not len(classes.rows):
            self.presses = False
            return
        there = np.array(self._columns.instance_counts(classes.names), dtype=np.int64)
        each = classes.replicas + np.maximum(classes.replicas - there, 0)
        counts: Counts = np.zeros(len(classes.starts), dtype=np.int64)
        np.add.at(counts, classes.which, each)
        room = room_of(self._columns, classes.rows, self._typical)
        likely = (likely_of(room, classes.members, classes.starts) * ONE).astype(np.int64)
        weights: Counts = np.zeros(len(classes.rows), dtype=np.int64)
        np.add.at(weights, classes.members, np.repeat(likely * counts, classes.lengths))
        before = self._weights.take(classes.rows)
        if self._meant is not self._typical:
            # What a weight means is another thing now.
            self._meant, before = self._typical, np.full_like(before, -1)
        self._weights[classes.rows] = weights
        self.presses = bool(weights.any())
        self._log(classes.rows[weights != before])

    def _log(self, rows: Rows) -> None:
        if len(self.changed) + len(rows) > 4 * self._columns.size + MOST_LOGGED:
            self.changed, self.epoch = [], self.epoch + 1
        else:
            self.changed += rows.tolist()


def _grouped(all_places: Sequence[_Places], size: int) -> _Classes:
    """Return the classes of workloads, of which each has its places; `size` rows there are."""
    number_of: dict[bytes, int] = {}
    classes: list[Rows] = []
    which: list[int] = []
    workloads: list[Workload] = []
    for places in all_places:
        if places.rows is None or not len(places.rows):
            continue
        number = number_of.setdefault(places.rows.tobytes(), len(classes))
        if number == len(classes):
            classes.append(places.rows)
        which.append(number)
        workloads.append(places.workload)
    members, starts, lengths = flattened(classes)
    among = np.zeros(size, dtype=np.bool_)
    among[members] = True
    rows = np.flatnonzero(among)
    at = np.zeros(size, dtype=np.intp)
    at[rows] = np.arange(len(rows))
    return _Classes(
        rows=rows,
        members=at.take(members),
        starts=starts,
        lengths=lengths,
        names=tuple(one.name for one in workloads),
        replicas=np.array([one.replicas for one in workloads], dtype=np.int64),
        which=np.array(which, dtype=np.intp),
    )


def _few(mask: Mask) -> Rows | None:
    """Return the rows of a class; None where they are so many that it is in nobody's way."""
    return np.flatnonzero(mask) if np.count_nonzero(mask) <= MOST_NODES else None


def _is_choosy(world: World, workload: Workload) -> bool:
    """Say whether a workload asks something of its place that a large fleet may have few of."""
    return bool(workload.constraints or workload.expressions or world.rules.policies)


def _typical(wanted: Sequence[Workload]) -> Shares:
    """Return what an instance takes in the mean, by Resource."""
    count = sum(one.replicas for one in wanted)
    total = [0] * len(Resource)
    for one in wanted:
        for resource, amount in enumerate(amounts_of(one)):
            total[resource] += amount * one.replicas
    return np.array([amount / max(1, count) for amount in total])


def expected_of(world: World) -> Expected | None:
    """Return who is expected by the workloads that are wanted; None where nobody is pressed."""
    if not world.workloads:
        return None
    columns = world.columns
    kept = columns.boards.get(_KEPT)
    expected = kept if isinstance(kept, Expected) else Expected(columns)
    columns.boards[_KEPT] = expected
    expected.follow(world)
    return expected if expected.presses else None

"""One shape's board: which nodes pass, and how good each is, kept as the fleet changes. Pure.

A **shape** is what a workload asks of a node, whatever its name. The board of a shape is worked out
once for all nodes, and then only for those that changed; the next workload of that shape finds it.
A node's **key** is its points and its rank in one number, so that the largest is the best node,
and of equal ones that with the smallest id.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skerry_hub.fleet.arrays import Counts, Mask, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.model import Workload
from skerry_hub.placement.constraints import all_pass, requirements_of
from skerry_hub.placement.contention import Uncontended
from skerry_hub.placement.layout import Layout
from skerry_hub.placement.points import Points
from skerry_hub.placement.scores import own_spread_of, points_of
from skerry_hub.placement.shape import shape_of
from skerry_hub.placement.topology import topologies_of
from skerry_hub.placement.world import World

RANK_BITS = 22
"""So many nodes at most can be told apart: four million."""
RANKS = (1 << RANK_BITS) - 1
NOWHERE = -1
"""The key of a node that refuses."""

MOST_KEPT = 16_000_000
"""Most keys of all boards that are kept, 17 bytes each with what they are made of.

That is 160 boards of 100,000 nodes. Who asks in turn for more shapes than are kept finds none.
"""


class Board:
    """A shape's keys, by position in a layout."""

    def __init__(self, world: World, workload: Workload, layout: Layout) -> None:
        self.columns: Columns = world.columns
        self.layout = layout
        self.requirements = requirements_of(world, workload)
        self.points = points_of(world, workload)
        spread = own_spread_of(world, workload)
        self._none_there = spread.weight * spread.of(0)
        self._once = tuple(need for need in self.requirements if not need.is_used_up)
        self._each = tuple(need for need in self.requirements if need.is_used_up)
        self._points_once = tuple(one for one in self.points if not one.is_used_up)
        self._points_each = tuple(one for one in self.points if one.is_used_up)
        self._passes: Mask = np.zeros(0, dtype=np.bool_)
        self._base: Counts = np.zeros(0, dtype=np.int64)
        self._epoch = self._comings = self._changed = self._told = -1
        self._shifted = [one.shifted for one in self.points if isinstance(one, Uncontended)]
        """Rows of which a score changed by what happened on others, in turn."""
        self._shifts = [0 for _ in self._shifted]
        self.keys: Counts = np.zeros(0, dtype=np.int64)
        self.best: Counts = self.keys
        self._make()

    def _make(self) -> None:
        columns = self.columns
        self._epoch, self._comings = columns.epoch, columns.comings
        self._changed, self._told = len(columns.changed), len(columns.told_anew)
        self._shifts = list(map(len, self._shifted))
        # Columns are read in the order in which they lie in memory: that is several times faster.
        stored, places = self.layout.stored, self.layout.places
        passes, base = self._look_once(stored)
        keys = self._keys(stored, passes, base)
        self._passes, self._base = passes.take(places), base.take(places)
        self.keys = keys.take(places)
        self.best = self.layout.firsts(self.keys)

    def _look_once(self, rows: Rows) -> tuple[Mask, Counts]:
        """Return what no instance changes: whether rows pass, and the points of those that do."""
        passes = all_pass(self._once, self.columns, rows)
        at = np.flatnonzero(passes)
        base: Counts = np.zeros(len(rows), dtype=np.int64)
        base[at] = total(self._points_once, self.columns, rows.take(at))
        return passes, base

    def _keys(self, rows: Rows, passes: Mask, base: Counts) -> Counts:
        at = np.flatnonzero(passes)
        at = at[all_pass(self._each, self.columns, rows.take(at))]
        left = rows.take(at)
        points = base.take(at) + total(self._points_each, self.columns, left)
        keys: Counts = np.full(len(rows), NOWHERE, dtype=np.int64)
        keys[at] = self._key(points, self.layout.rank.take(left))
        return keys

    def _key(self, points: Counts, rank: Counts) -> Counts:
        return ((points + self._none_there) << RANK_BITS) + (RANKS - rank)

    @property
    def passes_once(self) -> Mask:
        """Say, by position, which nodes pass all that no instance uses up."""
        return self._passes

    def key_of(self, row: int) -> int:
        """Return a node's key as the fleet is now."""
        at = int(self.layout.position[row])
        if not self._passes[at]:
            return NOWHERE
        columns, rows = self.columns, np.array([row], dtype=np.intp)
        for need in self._each:
            if not need.mask(columns, rows)[0]:
                return NOWHERE
        points = self._base[at : at + 1] + total(self._points_each, columns, rows)
        return int(self._key(points, self.layout.rank.take(rows))[0])

    def follow(self) -> None:
        """Take in what changed since; the layout must hold still."""
        columns = self.columns
        if columns.epoch != self._epoch or columns.comings != self._comings:
            self._make()
            return
        shifts = list(map(len, self._shifted))
        if len(columns.changed) == self._changed and shifts == self._shifts:
            return
        rows = self._changed_rows()
        told = _rows(columns.told_anew, self._told)
        if 2 * len(rows) > len(self.keys) + 64:
            self._make()
            return
        self._changed, self._told = len(columns.changed), len(columns.told_anew)
        self._shifts = shifts
        if len(told):
            at = self.layout.position.take(told)
            self._passes[at], self._base[at] = self._look_once(told)
        at = self.layout.position.take(rows)
        self.keys[at] = self._keys(rows, self._passes.take(at), self._base.take(at))
        for block in set(self.layout.block_of.take(at).tolist()):
            start, end = self.layout.starts[block], self.layout.ends[block]
            self.best[block] = self.keys[start:end].max()

    def _changed_rows(self) -> Rows:
        logs = [self.columns.changed, *self._shifted]
        rows: dict[int, None] = {}
        for log, since in zip(logs, [self._changed, *self._shifts], strict=True):
            rows.update(dict.fromkeys(log[since:]))
        return np.fromiter(rows, np.intp)


def _rows(log: Sequence[int], since: int) -> Rows:
    return np.fromiter(dict.fromkeys(log[since:]), np.intp)


def total(points: Sequence[Points], columns: Columns, rows: Rows) -> Counts:
    """Return the weighted sum of these points."""
    found: Counts = np.zeros(len(rows), dtype=np.int64)
    for one in points:
        found += one.weight * one.of(columns, rows)
    return found


def board_of(world: World, workload: Workload) -> Board:
    """Return the board of a workload's shape, as the fleet is now."""
    columns = world.columns
    shape = shape_of(world, workload)
    kept = columns.boards.get(shape) if shape is not None else None
    if isinstance(kept, Board) and kept.layout.holds():
        kept.follow()
        return kept
    board = Board(world, workload, layout_of(columns, topologies_of(world, workload)))
    if shape is not None:
        columns.boards.pop(shape, None)
        columns.boards[shape] = board
        _forget_oldest(columns)
    return board


def layout_of(columns: Columns, topologies: tuple[str, ...]) -> Layout:
    """Return the order of the nodes for some topologies, as it is now."""
    key = ("layout", topologies)
    layout = columns.boards.get(key)
    if not isinstance(layout, Layout) or not layout.holds():
        layout = columns.boards[key] = Layout(columns, topologies)
    return layout


def _forget_oldest(columns: Columns) -> None:
    boards = [key for key, one in columns.boards.items() if isinstance(one, Board)]
    most = max(8, MOST_KEPT // max(1, columns.size))
    for key in boards[: max(0, len(boards) - most)]:
        del columns.boards[key]

"""The nodes in the order in which boards keep them: by the domains they are in, then by id. Pure.

A **cell** is the nodes that are in the same domain of every topology that was asked for; each cell
is cut into blocks, so that the best of many nodes is found by looking at one number a block.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from skerry_hub.fleet.arrays import Counts, Numbers, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.fields import LABEL, field
from skerry_hub.terms import NODE

BLOCK = 256


@dataclasses.dataclass(frozen=True, slots=True)
class Domains:
    """The domains of one topology. The number after the last one is that of nodes in none."""

    topology: str
    names: Sequence[str]
    of_row: Numbers
    of_cell: Numbers
    """Of each cell; of the topology `node` nothing, since each node is its own."""

    def __len__(self) -> int:
        return len(self.names)


class Layout:
    """An order of all nodes, for some topologies.

    `rows` are the rows by position, `rank` and `position` are by row; nodes rank by their ids.
    `stored` are the same rows as columns hold them, `places` where in it each position's row is.
    `starts` are the positions at which blocks begin.
    """

    def __init__(self, columns: Columns, topologies: tuple[str, ...]) -> None:
        self._columns = columns
        self._comings, self._epoch = columns.comings, columns.epoch
        self._followed = len(columns.told_anew)
        by_id = columns.rows()
        self._labels = [field(LABEL + name) for name in topologies if name != NODE]
        codes = [columns.told(label).codes(by_id) for label in self._labels]
        cell_of, cells = _cells(codes, len(by_id))
        order = np.argsort(cell_of, kind="stable") if codes else np.arange(len(by_id))
        self.rows: Rows = by_id[order]
        self.rank: Numbers = np.full(columns.size, -1, dtype=np.intp)
        self.rank[by_id] = np.arange(len(by_id))
        self.stored: Rows = np.sort(self.rows)
        self.places: Numbers = np.searchsorted(self.stored, self.rows)
        self.position: Numbers = np.full(columns.size, -1, dtype=np.intp)
        self.position[self.rows] = np.arange(len(by_id))
        sizes = np.bincount(cell_of, minlength=cells)
        self.starts, self.cell_of_block = _blocks(sizes)
        lengths = np.diff(self.starts, append=len(by_id))
        self.block_of: Numbers = np.repeat(np.arange(len(self.starts)), lengths)
        self.ends: Numbers = self.starts + lengths
        first = np.cumsum(sizes) - sizes
        self.domains = {
            label.path.removeprefix(LABEL): self._of_label(index, self.rows[first])
            for index, label in enumerate(self._labels)
        }
        if NODE in topologies:
            names = _Ids(columns, by_id)
            self.domains[NODE] = Domains(NODE, names, self.rank, self.rank[:0])

    def _of_label(self, index: int, firsts: Rows) -> Domains:
        """Return the domains of a label; `firsts` is one row of each cell."""
        label = self._labels[index]
        told = self._columns.told(label)
        codes = told.codes(self.rows)
        used = np.unique(codes)
        used = used[used != 0]
        # By name, so that they come in the same order whatever came first.
        used = np.array(sorted(used.tolist(), key=lambda code: str(told.values[code])), np.intp)
        number = np.full(len(told.values), len(used), dtype=np.intp)
        number[used] = np.arange(len(used))
        of_row = np.full(self._columns.size, len(used), dtype=np.intp)
        of_row[self.rows] = number[codes]
        names = tuple(str(told.values[code][0]) for code in used.tolist())
        return Domains(label.path.removeprefix(LABEL), names, of_row, of_row[firsts])

    def holds(self) -> bool:
        """Say whether it is still the order of the nodes."""
        columns = self._columns
        if columns.comings != self._comings or columns.epoch != self._epoch:
            return False
        if len(columns.told_anew) == self._followed:
            return True
        rows = np.array(columns.told_anew[self._followed :], dtype=np.intp)
        for label in self._labels:
            domains = self.domains[label.path.removeprefix(LABEL)]
            told = columns.told(label)
            names = [told.values[code] for code in told.codes(rows).tolist()]
            had = domains.of_row[rows].tolist()
            for name, number in zip(names, had, strict=True):
                known = domains.names[number] if number < len(domains) else None
                if known != (str(name[0]) if name else None):
                    return False
        # Only now: who asks once more must get the same answer.
        self._followed = len(columns.told_anew)
        return True

    def firsts(self, keys: Counts) -> Counts:
        """Return the largest key of each block."""
        if not len(keys):
            return keys
        found: Counts = np.maximum.reduceat(keys, self.starts)
        return found


class _Ids(Sequence[str]):
    """The ids of nodes by rank, read when somebody asks."""

    def __init__(self, columns: Columns, rows: Rows) -> None:
        self._columns, self._rows = columns, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, rank: int) -> str: ...

    @overload
    def __getitem__(self, rank: slice) -> Sequence[str]: ...

    def __getitem__(self, rank: int | slice) -> str | Sequence[str]:
        if isinstance(rank, slice):
            return _Ids(self._columns, self._rows[rank])
        return self._columns.facts(int(self._rows[rank])).id


def _cells(codes: list[npt.NDArray[np.int32]], count: int) -> tuple[Numbers, int]:
    """Return each node's cell, and how many there are."""
    if not codes:
        return np.zeros(count, dtype=np.intp), min(count, 1)
    joined = codes[0].astype(np.int64)
    for more in codes[1:]:
        joined = np.unique(joined, return_inverse=True)[1] * (int(more.max(initial=0)) + 1) + more
    found, which = np.unique(joined, return_inverse=True)
    return which, len(found)


def _blocks(sizes: Numbers) -> tuple[Numbers, Numbers]:
    """Return where blocks begin, and each one's cell, for cells of these sizes."""
    counts = -(-sizes // BLOCK)
    cell_of = np.repeat(np.arange(len(sizes)), counts)
    within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    first = np.cumsum(sizes) - sizes
    return first[cell_of] + within * BLOCK, cell_of

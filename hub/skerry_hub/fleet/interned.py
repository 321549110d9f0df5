"""A column of records of which many rows have the same: each once, and a number a row. Pure.

Boxes of one make have the same processors, buses and memory; so a fleet has far fewer different
records than nodes, and a question is asked once for each record instead of once for each node.
"""

from __future__ import annotations

import array
import bisect
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from skerry_hub.fleet.arrays import Rows

Numbers = npt.NDArray[np.int32]


class Interned:
    """The records of one column. Number 0 is the empty one, which every new row has.

    `epoch` changes when the numbers were given anew, so that what was worked out of them is too.
    """

    def __init__(self, size: int, empty: Any) -> None:
        self._are_mappings = isinstance(empty, Mapping)
        self._number_of: dict[Hashable, int] = {self._key(empty): 0}
        self.records: list[Any] = [empty]
        self.numbers: Numbers = np.zeros(size, dtype=np.int32)
        self.epoch = 0

    def put(self, row: int, record: Any) -> bool:
        """Give a row a record; say whether it had another one."""
        key = self._key(record)
        number = self._number_of.get(key)
        if number is None:
            number = self._number_of[key] = len(self.records)
            self.records.append(record)
            self._came(number, record)
        if self.numbers[row] == number:
            return False
        self.numbers[row] = number
        return True

    def of(self, row: int) -> Any:
        """Return a row's record."""
        return self.records[self.numbers[row]]

    def find(self, record: Any) -> int | None:
        """Return the number of a record, None where no row ever had it."""
        return self._number_of.get(self._key(record))

    def double(self) -> None:
        """Make room for as many rows again."""
        self.numbers = np.concatenate([self.numbers, np.zeros_like(self.numbers)])

    def sweep(self, rows: Rows) -> None:
        """Forget the records that none of these rows has any more, where they have added up."""
        if len(self.records) <= 2 * len(rows) + 64:
            return
        records, old = self.records, self.numbers
        used = np.unique(old[rows])
        used = used[used != 0]
        self.records = [records[0], *(records[number] for number in used.tolist())]
        self._number_of = {self._key(record): number for number, record in enumerate(self.records)}
        renumbered = np.zeros(len(records), dtype=np.int32)
        renumbered[used] = np.arange(1, len(used) + 1, dtype=np.int32)
        self.numbers = renumbered[old]
        self.epoch += 1

    def _key(self, record: Any) -> Hashable:
        return frozenset(record.items()) if self._are_mappings else record

    def _came(self, number: int, record: Any) -> None:
        """Note a record that no row had before."""


class Labels(Interned):
    """A column of labels, which knows of each key the records that have it, and their values.

    Nearly every box has labels that no other has all of, so that a question to each record would
    be one to each node; here it is one to each value.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size, {})
        self._values: list[str] = []
        self._value_of: dict[str, int] = {}
        self._having: dict[str, tuple[array.array[int], array.array[int]]] = {}
        """By key: numbers of records, in order, and of each the number of its value."""

    def _came(self, number: int, record: Mapping[str, str]) -> None:
        for key, text in record.items():
            value = self._value_of.setdefault(text, len(self._values))
            if value == len(self._values):
                self._values.append(text)
            having = self._having.get(key)
            if having is None:
                having = self._having[key] = array.array("i"), array.array("i")
            having[0].append(number)
            having[1].append(value)

    def having(self, key: str, start: int) -> tuple[Numbers, Numbers, list[str]]:
        """Return the records from `start` on that have a label, and its values.

        Each value once, in the order in which they came; of each record the place of its value.
        """
        having = self._having.get(key)
        if having is None:
            return np.zeros(0, np.int32), np.zeros(0, np.int32), []
        first = bisect.bisect_left(having[0], start)
        records = np.array(having[0][first:], np.int32)
        values = np.array(having[1][first:], np.int32)
        # Values are few and small numbers: to count them is faster than to sort.
        used = np.flatnonzero(np.bincount(values, minlength=len(self._values)))
        place = np.zeros(len(self._values), dtype=np.int32)
        place[used] = np.arange(len(used), dtype=np.int32)
        return records, place.take(values), [self._values[value] for value in used.tolist()]

    def sweep(self, rows: Rows) -> None:
        """Forget the records that none of these rows has any more, where they have added up."""
        epoch = self.epoch
        super().sweep(rows)
        if self.epoch == epoch:
            return
        self._values, self._value_of, self._having = [], {}, {}
        for number, record in enumerate(self.records):
            self._came(number, record)

"""A column of records of which many rows have the same: each once, and a number a row. Pure.

Boxes of one make have the same processors, buses and memory; so a fleet has far fewer different
records than nodes, and a question is asked once for each record instead of once for each node.
"""

from __future__ import annotations

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
        self._number_of: dict[Hashable, int] = {_key(empty): 0}
        self.records: list[Any] = [empty]
        self.numbers: Numbers = np.zeros(size, dtype=np.int32)
        self.epoch = 0

    def put(self, row: int, record: Any) -> bool:
        """Give a row a record; say whether it had another one."""
        key = _key(record)
        number = self._number_of.get(key)
        if number is None:
            number = self._number_of[key] = len(self.records)
            self.records.append(record)
        if self.numbers[row] == number:
            return False
        self.numbers[row] = number
        return True

    def of(self, row: int) -> Any:
        """Return a row's record."""
        return self.records[self.numbers[row]]

    def find(self, record: Any) -> int | None:
        """Return the number of a record, None where no row ever had it."""
        return self._number_of.get(_key(record))

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
        self._number_of = {_key(record): number for number, record in enumerate(self.records)}
        renumbered = np.zeros(len(records), dtype=np.int32)
        renumbered[used] = np.arange(1, len(used) + 1, dtype=np.int32)
        self.numbers = renumbered[old]
        self.epoch += 1


def _key(record: Any) -> Hashable:
    return frozenset(record.items()) if isinstance(record, Mapping) else record

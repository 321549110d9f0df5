"""What nodes tell of fields that somebody asked for: each set of values once, a number a row.

A test of a field is then made of a few values instead of every node. A part of `Columns`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from skerry_hub.fleet.facts import Facts
from skerry_hub.fleet.fields import Field, Single

Numbers = npt.NDArray[np.int32]
Values = tuple[Single, ...]


class Told:
    """One field: its sets of values, and the number of each row's. Number 0 is no value."""

    def __init__(self, field: Field, size: int) -> None:
        self._field = field
        self._number_of: dict[Values, int] = {(): 0}
        self.numbers: Numbers = np.zeros(size, dtype=np.int32)

    @property
    def values(self) -> Sequence[Values]:
        """Return the sets of values, by their numbers."""
        return list(self._number_of)

    def __len__(self) -> int:
        return len(self._number_of)

    def put(self, row: int, facts: Facts) -> None:
        """Take over what a node tells now."""
        values = self._field.values(facts)
        self.numbers[row] = self._number_of.setdefault(values, len(self._number_of))

    def put_all(self, rows: Iterable[int], everyone: Iterable[Facts]) -> None:
        """Take over what these nodes tell."""
        numbers, values_of = self._number_of, self._field.values
        found = [numbers.setdefault(values_of(facts), len(numbers)) for facts in everyone]
        self.numbers[np.fromiter(rows, np.intp)] = found

    def double(self) -> None:
        """Make room for as many rows again."""
        self.numbers = np.concatenate([self.numbers, np.zeros_like(self.numbers)])

    def copy(self) -> Told:
        """Return the same, which changes on its own."""
        other = Told(self._field, 0)
        other._number_of = dict(self._number_of)
        other.numbers = self.numbers.copy()
        return other

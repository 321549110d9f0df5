"""What nodes tell of the fields that constraints name, worked out of interned records. Pure.

A field has codes: one for each different set of its values, 0 for none. A test of the field is
answered once for each code; over all rows it is then two looks into an array.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from skerry_hub.fleet.arrays import Mask, Rows
from skerry_hub.fleet.fields import Field, Single
from skerry_hub.fleet.interned import Interned, Labels, Numbers

Values = tuple[Single, ...]
Source = tuple[Interned, Callable[[Any], Values] | str]
"""A column of records, and what the field is in one of them; of labels the key.

The first that has it counts.
"""

MAX_TRUTHS = 64
"""Most tests of a field whose answers are kept."""


class Told:
    """One field over all rows."""

    def __init__(self, field: Field, sources: Sequence[Source]) -> None:
        self.field = field
        self._sources = sources
        self._reset()

    def _reset(self) -> None:
        self._code_of: dict[Values, int] = {(): 0}
        self.values: list[Values] = [()]
        """The sets of values, by code."""
        self._codes = [np.zeros(0, dtype=np.int32) for _ in self._sources]
        self._epochs = [column.epoch for column, _ in self._sources]
        self._truths: dict[Any, Mask] = {}

    def codes(self, rows: Rows) -> Numbers:
        """Return each row's code."""
        self._follow()
        found: Numbers | None = None
        for (column, _), codes in zip(self._sources, self._codes, strict=True):
            here = codes.take(column.numbers.take(rows))
            found = here if found is None else np.where(found == 0, here, found)
        if found is None:
            raise AssertionError("a field has a source")
        return found

    def holding(self, test: Any, holds: Callable[[Values], bool], rows: Rows) -> Mask:
        """Say on which rows a test holds; equal tests are the same question."""
        codes = self.codes(rows)
        truth = self._truths.get(test)
        if truth is None or len(truth) < len(self.values):
            known = [] if truth is None else truth.tolist()
            known += [holds(values) for values in self.values[len(known) :]]
            truth = np.array(known, dtype=np.bool_)
            if len(self._truths) >= MAX_TRUTHS and test not in self._truths:
                del self._truths[next(iter(self._truths))]
            self._truths[test] = truth
        return truth.take(codes)

    def one_of(self, wanted: Sequence[Single], rows: Rows) -> Mask:
        """Say on which rows one of the field's values is one of these."""
        codes = self.codes(rows)
        if self.field.many:
            among = frozenset(wanted)
            truth = np.fromiter((not among.isdisjoint(one) for one in self.values), np.bool_)
            return truth.take(codes)
        found = [code for one in wanted if (code := self._code_of.get((one,))) is not None]
        if len(found) == 1:
            only: Mask = codes == found[0]
            return only
        found_in: Mask = np.isin(codes, found)
        return found_in

    def _follow(self) -> None:
        """Take in the records that came since."""
        if any(
            column.epoch != epoch
            for (column, _), epoch in zip(self._sources, self._epochs, strict=True)
        ):
            self._reset()
        for index, source in enumerate(self._sources):
            codes = self._codes[index]
            if len(codes) < len(source[0].records):
                self._codes[index] = np.concatenate([codes, self._new(source, len(codes))])

    def _new(self, source: Source, start: int) -> Numbers:
        """Return the codes of a source's records from `start` on."""
        column, what = source
        if isinstance(what, str):
            if not isinstance(column, Labels):
                raise AssertionError("only labels are looked up by their key")
            return column.codes(what, start, self._code)
        return np.array([self._code(what(one)) for one in column.records[start:]], dtype=np.int32)

    def _code(self, values: Values) -> int:
        code = self._code_of.setdefault(values, len(self.values))
        if code == len(self.values):
            self.values.append(values)
        return code

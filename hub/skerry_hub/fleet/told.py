"""What nodes tell of the fields that constraints name, worked out of interned records. Pure.

A field has codes: one for each different set of its values, 0 for none. A test of the field is
answered once for each code; over all rows it is then two looks into an array.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from skerry_hub.fleet.arrays import Mask, Rows
from skerry_hub.fleet.fields import Field, Single
from skerry_hub.fleet.interned import Interned, Labels, Numbers

Values = tuple[Single, ...]
Source = tuple[Interned, Callable[[Any], Values] | str | None]
"""A column of records, and what the field is in one of them; of labels the key.

The first that has it counts. None: the record itself is the field's only value.
"""

MAX_TRUTHS = 64
"""Most tests of a field whose answers are kept."""


class Told:
    """One field over all rows."""

    def __init__(self, field: Field, sources: Sequence[Source]) -> None:
        self.field = field
        self._sources = sources
        self._plain = sources[0][0] if len(sources) == 1 and sources[0][1] is None else None
        """The column whose numbers are the codes: ids and names, of which each box has its own."""
        self._reset()

    def _reset(self) -> None:
        self._code_of: dict[Values, int] = {(): 0}
        self._values: list[Values] = [()]
        self._codes = [np.zeros(0, dtype=np.int32) for _ in self._sources]
        self._telling: list[int] = []
        """The sources of which at least one record has the field: often one of several."""
        self._epochs = [column.epoch for column, _ in self._sources]
        self._truths: dict[Any, Mask] = {}

    @property
    def values(self) -> list[Values]:
        """The sets of values, by code. Not to be changed."""
        if self._plain is not None:
            self._follow()
            more = self._plain.records[len(self._values) : len(self._codes[0])]
            self._values += [(one,) for one in more]
        return self._values

    def codes(self, rows: Rows) -> Numbers:
        """Return each row's code."""
        self._follow()
        found: Numbers | None = None
        for index in self._telling:
            numbers = self._sources[index][0].numbers
            here = self._codes[index].take(numbers.take(rows))
            found = here if found is None else np.where(found == 0, here, found)
        return np.zeros(len(rows), dtype=np.int32) if found is None else found

    def holding(self, test: Any, holds: Callable[[Values], bool], rows: Rows) -> Mask:
        """Say on which rows a test holds; equal tests are the same question."""

        def hold(first: int) -> Iterable[bool]:
            return map(holds, itertools.islice(self.values, first, None))

        return self._over(self._truth(test, hold), rows)

    def holding_of_one(
        self, test: Any, hold: Callable[[Sequence[Single]], Mask], rows: Rows
    ) -> Mask:
        """Say on which rows a test of a single value holds for one of them.

        It is asked of many values at once.
        """

        def hold_each(first: int) -> Iterable[bool]:
            if self._plain is not None:
                found = hold(self._plain.records[max(first, 1) : len(self._codes[0])])
                return found if first else np.concatenate([[False], found])
            several = self.values[first:]
            found = np.zeros(len(several), dtype=np.bool_)
            owners = np.repeat(np.arange(len(several)), list(map(len, several)))
            found[owners[hold([one for values in several for one in values])]] = True
            return found

        return self._over(self._truth(test, hold_each), rows)

    def _truth(self, test: Any, hold: Callable[[int], Iterable[bool]]) -> Mask:
        """Return of each code whether a test holds; `hold` says it from a code on."""
        self._follow()
        truth = self._truths.get(test)
        known, count = 0 if truth is None else len(truth), self._count
        if truth is None or known < count:
            more: Mask = np.fromiter(hold(known), np.bool_, count - known)
            truth = more if truth is None else np.concatenate([truth, more])
            if len(self._truths) >= MAX_TRUTHS and test not in self._truths:
                del self._truths[next(iter(self._truths))]
            self._truths[test] = truth
        return truth

    @property
    def _count(self) -> int:
        """How many codes there are."""
        return len(self._values) if self._plain is None else len(self._codes[0])

    def one_of(self, wanted: Sequence[Single], rows: Rows) -> Mask:
        """Say on which rows one of the field's values is one of these."""
        self._follow()
        if self.field.many:
            among = frozenset(wanted)
            truth = np.fromiter((not among.isdisjoint(one) for one in self.values), np.bool_)
        else:
            truth = np.zeros(self._count, dtype=np.bool_)
            truth[[code for one in wanted if (code := self._code(one))]] = True
        return self._over(truth, rows)

    def any_of(self, rows: Rows) -> Mask:
        """Say on which rows the field has a value."""
        self._follow()
        truth = np.ones(self._count, dtype=np.bool_)
        truth[0] = False
        return self._over(truth, rows)

    def _code(self, value: Single) -> int | None:
        """Return the code of a single value, None where no node ever told it."""
        if self._plain is not None:
            return self._plain.find(value)
        return self._code_of.get((value,))

    def _over(self, truth: Mask, rows: Rows) -> Mask:
        """Say on which rows the code is one for which something is true."""
        if len(self._telling) != 1:
            return truth.take(self.codes(rows))
        # Over the records first: there are far fewer of them than rows.
        (index,) = self._telling
        by_record = truth.take(self._codes[index])
        return by_record.take(self._sources[index][0].numbers.take(rows))

    def _follow(self) -> None:
        """Take in the records that came since."""
        if any(
            column.epoch != epoch
            for (column, _), epoch in zip(self._sources, self._epochs, strict=True)
        ):
            self._reset()
        for index, source in enumerate(self._sources):
            codes = self._codes[index]
            if len(codes) == len(source[0].records):
                continue
            new = self._new(source, len(codes))
            self._codes[index] = np.concatenate([codes, new])
            if index not in self._telling and new.any():
                self._telling = sorted([*self._telling, index])

    def _new(self, source: Source, start: int) -> Numbers:
        """Return the codes of a source's records from `start` on."""
        column, what = source
        if self._plain is not None:
            return np.arange(start, len(column.records), dtype=np.int32)
        if what is None:
            return self._coded([() if one is None else (one,) for one in column.records[start:]])
        if not isinstance(what, str):
            return self._coded([what(one) for one in column.records[start:]])
        if not isinstance(column, Labels):
            raise AssertionError("only labels are looked up by their key")
        found: Numbers = np.zeros(len(column.records) - start, dtype=np.int32)
        having, which, texts = column.having(what, start)
        found[having - start] = self._coded([(text,) for text in texts]).take(which)
        return found

    def _coded(self, several: Sequence[Values]) -> Numbers:
        """Return the codes of sets of values."""
        code_of, known = self._code_of, self._values
        new = [values for values in dict.fromkeys(several) if values not in code_of]
        code_of.update(zip(new, itertools.count(len(known)), strict=False))
        known += new
        return np.fromiter(map(code_of.__getitem__, several), np.int32, len(several))

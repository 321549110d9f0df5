"""Expressions of a workload over a node's fields and labels, as constraints. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np

from skerry_hub.fleet.arrays import Mask, Rows, Shares
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.fields import Single
from skerry_hub.model import Workload
from skerry_hub.placement.expression import Comparison, Expression
from skerry_hub.placement.operators import ORDERING
from skerry_hub.placement.reading import ExpressionError, expression
from skerry_hub.placement.refusal import Refusal

MAX_NAME = 128
LEAST = 1e-9
"""What is missing of a number that does not pass is more than nothing."""


@dataclasses.dataclass(frozen=True, slots=True)
class Expressed:
    """One expression; an instance that is there leaves when its node no longer fulfils it."""

    is_used_up: ClassVar[bool] = False
    binds: ClassVar[bool] = True
    gives_way: ClassVar[bool] = True
    name: str
    expression: Expression

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        return self.expression.over(columns, rows)

    def lack(self, columns: Columns, rows: Rows) -> Shares:
        """Return how far rows are from passing: of a number, what part of it is missing."""
        test = self.expression
        if not isinstance(test, Comparison) or test.operator not in ORDERING:
            return (~self.mask(columns, rows)).astype(np.float64)
        told = columns.told(test.field)
        codes = told.codes(rows)
        lacks = [0.0 if test.takes(values) else _share(test, values) for values in told.values]
        return np.array(lacks).take(codes)

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give what the node has instead."""
        yield from self.expression.refusals(columns.facts(row))


@dataclasses.dataclass(frozen=True, slots=True)
class Unreadable:
    """An expression that another version of the hub stored: nothing new is placed on a guess."""

    is_used_up: ClassVar[bool] = False
    binds: ClassVar[bool] = False
    gives_way: ClassVar[bool] = False
    name: str
    why: str

    def mask(self, columns: Columns, rows: Rows) -> Mask:  # noqa: ARG002 - as every constraint
        """Say that none passes."""
        return np.zeros(len(rows), dtype=np.bool_)

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:  # noqa: ARG002
        """Give why it cannot be read."""
        yield Refusal(f"this hub cannot read the expression: {self.why}")


def _share(test: Comparison, values: Sequence[Single]) -> float:
    """Return what part is missing of a number that is too small or too large, never nothing."""
    return max(LEAST, test.refusal(values).share) if values else 1.0


def expressed_of(workload: Workload) -> list[Expressed | Unreadable]:
    """Return what a workload's expressions require."""
    return [_expressed(text) for text in workload.expressions]


def _expressed(text: str) -> Expressed | Unreadable:
    name = text if len(text) <= MAX_NAME else f"{text[: MAX_NAME - 1]}…"
    try:
        return Expressed(name, expression(text))
    except ExpressionError as error:
        return Unreadable(name, str(error))

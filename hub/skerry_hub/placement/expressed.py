"""Expressions of a workload over a node's fields and labels, as constraints. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from skerry_hub.fleet.arrays import Mask, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.model import Workload
from skerry_hub.placement.expression import Expression
from skerry_hub.placement.reading import ExpressionError, expression
from skerry_hub.placement.refusal import Refusal

MAX_NAME = 128


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


def expressed_of(workload: Workload) -> list[Expressed | Unreadable]:
    """Return what a workload's expressions require."""
    return [_expressed(text) for text in workload.expressions]


def _expressed(text: str) -> Expressed | Unreadable:
    name = text if len(text) <= MAX_NAME else f"{text[: MAX_NAME - 1]}…"
    try:
        return Expressed(name, expression(text))
    except ExpressionError as error:
        return Unreadable(name, str(error))

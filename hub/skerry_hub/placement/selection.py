"""The nodes that a document is about: a list of expressions, all of which hold. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skerry_hub.fleet.arrays import Mask, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.placement.reading import ExpressionError, expression


def chosen(columns: Columns, texts: Sequence[str], rows: Rows) -> Mask:
    """Say which rows are meant; no expressions mean every one, an unreadable one means none."""
    passes = np.ones(len(rows), dtype=np.bool_)
    for text in texts:
        try:
            passes &= expression(text).over(columns, rows)
        except ExpressionError:
            return np.zeros(len(rows), dtype=np.bool_)
    return passes


def is_chosen(columns: Columns, texts: Sequence[str], row: int) -> bool:
    """Say whether one row is meant."""
    try:
        return all(expression(text).holds(columns.facts(row)) for text in texts)
    except ExpressionError:
        return False

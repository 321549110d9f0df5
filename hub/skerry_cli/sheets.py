"""Parts of a description that several kinds of things have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skerry_cli.kind import Kind
from skerry_cli.screen import Cell, Screen


def tell_list(screen: Screen, title: str, kind: Kind, records: Sequence[Any], now: float) -> None:
    """Write the records as a section with a table; nothing where there are none."""
    if not records:
        return
    screen.section(title)
    columns = kind.shown(wide=False)
    rows: list[Sequence[Cell]] = [[column.title for column in columns]]
    rows += [[column.cell(record, now) for column in columns] for record in records]
    screen.table(rows, indent="  ")


def tell_lines(screen: Screen, title: str, lines: Sequence[Cell]) -> None:
    """Write the lines as a section; nothing where there are none."""
    if not lines:
        return
    screen.section(title)
    for line in lines:
        screen.line("  ", line)

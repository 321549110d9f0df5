"""The door to the terminal: data on stdout, messages on stderr, colour where it is wanted.

Everything that it writes has its control characters made visible, whoever said it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TextIO

import click

from skerry_cli.clean import clean, clean_json, width
from skerry_cli.failures import Exit
from skerry_wire.frozen import frozen

Colour = Literal["green", "yellow", "red", "cyan", "bold", "dim"]
_CODES: Mapping[Colour, str] = {
    "green": "32",
    "yellow": "33",
    "red": "31",
    "cyan": "36",
    "bold": "1",
    "dim": "2",
}
GAP = "   "
WRITE_MOST = 16 * 1024


@frozen()
class Styled:
    """A text with a colour, for terminals that show one."""

    text: str
    colour: Colour | None = None


Cell = str | Styled


def plain(cell: Cell) -> str:
    """Return a cell's text without its colour."""
    return cell if isinstance(cell, str) else cell.text


def colour_wanted(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Say whether a stream shall have colours: a terminal that can, and nobody objects."""
    if environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return stream.isatty()


class Screen:
    """Writes cells, tables and documents. A reader that went away ends the program silently."""

    def __init__(self) -> None:
        self._out, self._err = sys.stdout, sys.stderr
        self._colour_out = colour_wanted(self._out, os.environ)
        self._colour_err = colour_wanted(self._err, os.environ)

    @property
    def interactive(self) -> bool:
        """Say whether a person sees the data."""
        return self._out.isatty()

    @property
    def shows_progress(self) -> bool:
        """Say whether a person sees the messages, on a terminal that can move its cursor."""
        return self._err.isatty() and os.environ.get("TERM") != "dumb"

    def line(self, *cells: Cell) -> None:
        """Write one line of data."""
        self._write(self._out, "".join(_painted(cell, self._colour_out) for cell in cells))

    def note(self, *cells: Cell) -> None:
        """Write one line of message."""
        self._write(self._err, "".join(_painted(cell, self._colour_err) for cell in cells))

    def table(self, rows: Sequence[Sequence[Cell]], indent: str = "") -> None:
        """Write rows in aligned columns, the first as a heading."""
        widths = widths_of(rows)
        self.heading(rows[0], widths, indent)
        for row in rows[1:]:
            self.row(row, widths, indent)

    def heading(self, row: Sequence[Cell], widths: Sequence[int], indent: str = "") -> None:
        """Write the first row of a table."""
        self.row([Styled(plain(cell), "bold") for cell in row], widths, indent)

    def row(self, row: Sequence[Cell], widths: Sequence[int], indent: str = "") -> None:
        """Write one row of a table whose widths are known."""
        parts: list[Cell] = [indent]
        for number, cell in enumerate(row):
            parts.append(cell)
            if number < len(row) - 1:
                parts.append(" " * max(0, widths[number] - width(clean(plain(cell)))) + GAP)
        self.line(*parts)

    def facts(self, facts: Sequence[tuple[str, Cell | None]], indent: str = "") -> None:
        """Write `Name:  value` lines, their values aligned, but for those whose value is None."""
        present = [(name, cell) for name, cell in facts if cell is not None]
        longest = max((len(name) for name, _ in present), default=0)
        for name, cell in present:
            self.line(indent, Styled(f"{name}:", "bold"), " " * (longest - len(name) + 2), cell)

    def section(self, title: str) -> None:
        """Write the heading of a section."""
        self.line()
        self.line(Styled(title, "bold"))

    def document(self, content: Any, form: str, *, stream: bool = False) -> None:
        """Write plain data as `json` or `yaml`; as one of many documents where `stream` says so."""
        if form == "yaml":
            import yaml  # noqa: PLC0415 - takes 20 ms

            text = yaml.safe_dump(content, sort_keys=False)
            self._write(self._out, ("---\n" if stream else "") + text.rstrip("\n"))
            return
        indent = None if stream else 2
        text = json.dumps(content, ensure_ascii=False, indent=indent, allow_nan=False)
        self._write(self._out, clean_json(text))

    def _write(self, stream: TextIO, text: str) -> None:
        text += "\n"
        try:
            # An unbuffered stream would not tell that only a part of one large text was taken.
            for at in range(0, len(text), WRITE_MOST):
                stream.write(text[at : at + WRITE_MOST])
            stream.flush()
        except BrokenPipeError:
            # What is still in the buffer must not be tried again when the interpreter ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            raise click.exceptions.Exit(Exit.PIPE_CLOSED) from None


def widths_of(rows: Iterable[Sequence[Cell]]) -> list[int]:
    """Return the width of each column of a table."""
    columns = zip(*rows, strict=True)
    return [max(width(clean(plain(cell))) for cell in column) for column in columns]


def _painted(cell: Cell, colour: bool) -> str:
    text = clean(plain(cell))
    if not colour or isinstance(cell, str) or cell.colour is None or not text:
        return text
    return f"\x1b[{_CODES[cell.colour]}m{text}\x1b[0m"

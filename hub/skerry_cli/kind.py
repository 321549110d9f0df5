"""What a kind of thing is that the hub lists: how it is called, asked for and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from skerry_cli.screen import Cell
from skerry_wire.frozen import frozen


@frozen()
class Column:
    """One column. `passing` ones change all the time: a watch prints no row for them alone."""

    title: str
    cell: Callable[[Any, float], Cell]
    """(record, the hub's time in s since 1970) -> what is shown."""
    wide: bool = False
    passing: bool = False


@frozen(kw_only=True)
class Kind:
    """One kind of thing that the hub lists."""

    name: str
    short: str
    record: type
    columns: tuple[Column, ...]
    many: str = ""
    """The name of several, where it is not the name with an s."""
    document: str = ""
    """What the hub calls documents of this kind; empty for what is no document."""
    inside: str | None = None
    """The key of the thing itself in the answer to its own address; None: it is not asked there."""
    identity: Callable[[Any], str] = lambda record: record.id
    names: Callable[[Any], tuple[str, ...]] = lambda record: (record.id,)
    """Everything that an operator may call it."""

    @property
    def plural(self) -> str:
        """Return the name of several."""
        return self.many or f"{self.name}s"

    @property
    def listed(self) -> tuple[str, ...]:
        """Return the words of its list's path in the API."""
        return ("documents",) if self.document else (self.plural,)

    @property
    def query(self) -> Mapping[str, str]:
        """Return what its list is asked with, whatever else is."""
        return {"kind": self.document} if self.document else {}

    def where(self, name: str) -> tuple[str, ...]:
        """Return the words of the path of one of them."""
        return ("documents", self.document, name) if self.document else (self.plural, name)

    def shown(self, wide: bool) -> tuple[Column, ...]:
        """Return the columns of a list."""
        return tuple(column for column in self.columns if wide or not column.wide)

"""What a probe answers. Absent, failed and found are three different things."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from skerry_agent.host import Host
from skerry_wire.frozen import frozen

R = TypeVar("R")
V = TypeVar("V")


@frozen()
class Found(Generic[V]):
    """The box has this, as far as it tells; `reason` says what may be missing."""

    value: V
    reason: str | None = None


@frozen()
class Absent:
    """The box does not have this; `reason` says how that is known."""

    reason: str


@frozen()
class Failed:
    """Whether the box has this could not be found out."""

    reason: str


@frozen()
class Probe(Generic[R, V]):
    """One row of the table: how a class of hardware is read and understood.

    `read` only collects texts, `parse` is pure. `fields` are those of `Hardware` that the value
    fills: of one field it is the value itself, of several a tuple of their values.
    """

    name: str
    fields: tuple[str, ...]
    read: Callable[[Host], R]
    parse: Callable[[R], Found[V] | Absent | Failed]

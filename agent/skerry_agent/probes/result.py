"""What a probe answers. Absent, failed and found are three different things."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Generic, TypeVar

from skerry_agent.host import Host
from skerry_wire.hardware import Hardware

R = TypeVar("R")
V = TypeVar("V")


@dataclasses.dataclass(frozen=True, slots=True)
class Found(Generic[V]):
    """The box has this, as far as it tells."""

    value: V


@dataclasses.dataclass(frozen=True, slots=True)
class Absent:
    """The box does not have this; `reason` says how that is known."""

    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Failed:
    """Whether the box has this could not be found out."""

    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Probe(Generic[R, V]):
    """One row of the table: how a class of hardware is read, understood and recorded.

    `read` only collects texts, `parse` is pure, `record` puts the value into the whole and `keep`
    copies it from an earlier whole.
    """

    name: str
    read: Callable[[Host], R]
    parse: Callable[[R], Found[V] | Absent | Failed]
    record: Callable[[Hardware, V], Hardware]
    keep: Callable[[Hardware, Hardware], Hardware]

"""The hardware of all rows, part by part, each different part once. Pure.

Where labels come from has three columns: what the box derives from its hardware, which boxes of
one make share; what its administrator gave it; what operators gave it at the hub. The last counts.
The label of its own name stands apart, since no two boxes share it.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any

from skerry_hub.fleet.facts import Facts, arch_names
from skerry_hub.fleet.fields import ARCH, Field, Kind, Single
from skerry_hub.fleet.interned import Interned, Labels
from skerry_hub.fleet.told import Source
from skerry_wire.hardware import Hardware, System
from skerry_wire.labels import DERIVED

NO_HARDWARE = Hardware()
PARTS = tuple(
    part.name for part in dataclasses.fields(Hardware) if part.name not in ("labels", "probes")
)
"""The parts of the hardware that are interned as they are."""
HOST_LABEL = "kubernetes.io/hostname"

Values = tuple[Single, ...]


class Sections:
    """One column for each part of the hardware, and for what is not hardware."""

    def __init__(self, size: int) -> None:
        self.hardware: dict[str, Interned] = {
            name: Interned(size, getattr(NO_HARDWARE, name)) for name in PARTS
        }
        self._probes = Interned(size, {})
        self._hostnames = Interned(size, None)
        self._ids = Interned(size, None)
        self._own_hostnames = Interned(size, None)
        self._known = Interned(size, False)
        self._labels = tuple(Labels(size) for _ in range(3))
        self._host_labels = Interned(size, None)

    def columns(self) -> Iterator[Interned]:
        """Give every column."""
        yield from self.hardware.values()
        yield from (self._probes, self._hostnames, self._own_hostnames, self._ids, self._known)
        yield from self._labels
        yield self._host_labels

    def double(self) -> None:
        """Make room for as many rows again."""
        for column in self.columns():
            column.double()

    def put(self, row: int, facts: Facts, before: Facts | None) -> None:
        """Take over what a node tells; `before` is what this row had, None for nothing."""
        self._labels[0].put(row, facts.hub_labels)
        if before is not None and before.hardware is facts.hardware:
            return
        hardware = facts.hardware or NO_HARDWARE
        old = before.hardware if before is not None and before.hardware else None
        for name, column in self.hardware.items():
            part = getattr(hardware, name)
            # To compare is cheaper than to find, and most of a new message is as it was.
            if old is None or part != getattr(old, name):
                # Each box has its own name, and would have a record of its own for it.
                shared = _nameless(part) if name == "system" else part
                column.put(row, shared)
        if old is None or hardware.labels != old.labels:
            given, found = _by_origin(hardware.labels)
            self._host_labels.put(row, found.pop(HOST_LABEL, None))
            self._labels[1].put(row, given)
            self._labels[2].put(row, found)
        if old is None or hardware.probes != old.probes:
            self._probes.put(row, hardware.probes)
        self._ids.put(row, facts.id)
        self._hostnames.put(row, facts.hostname)
        self._own_hostnames.put(row, hardware.system.hostname)
        self._known.put(row, facts.is_known)

    def sources(self, field: Field) -> tuple[Source, ...]:
        """Return the columns that say what a field is, and how."""
        if field.kind is Kind.LABEL:
            key = field.path.removeprefix("node.labels.")
            labels = tuple((column, key) for column in self._labels)
            return (*labels, (self._host_labels, None)) if key == HOST_LABEL else labels
        if field.path == ARCH:
            return ((self.hardware["system"], _architecture),)
        if field.path == "node.hardware.system.hostname":
            return ((self._own_hostnames, None),)
        if field.steps:
            part, *rest = field.steps
            column = self._probes if part == "probes" else self.hardware[part]
            return ((column, functools.partial(_inside, tuple(rest))),)
        if field.path == "node.id":
            return ((self._ids, None),)
        if field.path == "node.hostname":
            return ((self._hostnames, None),)
        return ((self._known, _system),)


@functools.lru_cache(maxsize=4096)
def _nameless(system: System) -> System:
    return dataclasses.replace(system, hostname=None)


def _by_origin(labels: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the labels that people gave a box, and those that it derived."""
    given: dict[str, str] = {}
    found: dict[str, str] = {}
    for key, value in labels.items():
        (found if key.rpartition("/")[0] in DERIVED else given)[key] = value
    return given, found


def _architecture(system: System) -> Values:
    return () if system.arch is None else arch_names(system.arch)


def _system(known: bool) -> Values:
    # There is no agent for another one.
    return ("linux",) if known else ()


def _inside(steps: tuple[str, ...], part: Any) -> Values:
    """Return the values at a path within one part, or within each of several; of None, none."""
    if part is None:
        return ()
    found: list[Any] = list(part) if isinstance(part, tuple) else [part]
    for step in steps:
        deeper: list[Any] = []
        for one in found:
            value = one.get(step) if isinstance(one, Mapping) else getattr(one, step)
            if isinstance(value, tuple):
                deeper.extend(value)
            elif value is not None:
                deeper.append(value)
        found = deeper
    return tuple(found)

"""What a draft would change of some records, read through to what they are. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from skerry_hub.inputs import Section
from skerry_hub.model import Assignment

K = TypeVar("K")
V = TypeVar("V")


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One change of one record in a draft, in its turn; None where there is no record."""

    section: Section
    key: Any
    before: Any
    after: Any


class Overlay(Generic[K, V]):
    """A mapping with changes that are not yet in it; None is a removal.

    With `steps` each change is added there, as one of the section.
    """

    def __init__(
        self, base: Mapping[K, V], steps: list[Step] | None = None, section: Section = "nodes"
    ) -> None:
        self._base = base
        self._steps, self._section = steps, section
        self.changes: dict[K, V | None] = {}
        self.version = 0
        """Grows with each change."""

    def get(self, key: K) -> V | None:
        """Return what stands under a key after the changes."""
        return self.changes[key] if key in self.changes else self._base.get(key)

    def put(self, key: K, value: V) -> None:
        """Add or replace."""
        self._set(key, value)

    def remove(self, key: K) -> None:
        """Take away."""
        self._set(key, None)

    def _set(self, key: K, value: V | None) -> None:
        if self._steps is not None:
            self._steps.append(Step(self._section, key, self.get(key), value))
        self.changes[key] = value
        self.version += 1

    def merged(self) -> dict[K, V]:
        """Return all as one mapping: the base's own where nothing changes."""
        if not self.changes and isinstance(self._base, dict):
            return self._base
        changed = {key: value for key, value in self.changes.items() if value is not None}
        kept = {key: value for key, value in self._base.items() if key not in self.changes}
        return {**kept, **changed}

    def values(self) -> Iterator[V]:
        """Yield every value after the changes."""
        for key, value in self._base.items():
            if key not in self.changes:
                yield value
        yield from (value for value in self.changes.values() if value is not None)


class Assigned(Overlay[str, Assignment]):
    """Changed assignments, found by their node and by their workload."""

    def __init__(self, base: Mapping[str, Assignment], steps: list[Step] | None = None) -> None:
        super().__init__(base, steps, "assignments")
        self.by_node: dict[str, dict[str, Assignment]] = {}
        self.by_workload: dict[str, dict[str, Assignment]] = {}

    def put(self, key: str, value: Assignment) -> None:
        """Add or replace."""
        self._unlist(key)
        self.by_node.setdefault(value.node, {})[key] = value
        self.by_workload.setdefault(value.workload, {})[key] = value
        super().put(key, value)

    def remove(self, key: str) -> None:
        """Take away."""
        self._unlist(key)
        super().remove(key)

    def _unlist(self, key: str) -> None:
        before = self.changes.get(key)
        if before is not None:
            drop(self.by_node, before.node, key)
            drop(self.by_workload, before.workload, key)


def merge(into: dict[K, V], changes: Mapping[K, V | None]) -> None:
    """Carry changes into what they are changes of."""
    for key, value in changes.items():
        if value is None:
            into.pop(key, None)
        else:
            into[key] = value


def drop(index: dict[str, dict[str, V]], name: str, key: str) -> None:
    """Take a record out of an index by name."""
    held = index.get(name)
    if held is not None:
        held.pop(key, None)
        if not held:
            del index[name]

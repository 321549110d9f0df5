"""What is reserved, by node and in columns: the part of `Columns` that placement changes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from skerry_hub.fleet.arrays import Counts
from skerry_hub.fleet.facts import AMOUNT_LIMIT, Resource
from skerry_hub.fleet.ports import TakenPorts
from skerry_hub.model import Assignment

Where = tuple[str, str]
"""An instance and its node: while it moves, it is reserved on two."""
_NONE: Mapping[Where, Assignment] = {}


class Reserved:
    """The assignments of each node. Those of a node without a row count once it has one."""

    def __init__(self, rows: int) -> None:
        self._held: dict[str, tuple[Assignment, ...]] = {}
        self._of: dict[str, dict[Where, Assignment]] = {}
        self._holding: dict[str, int] = {}
        self.amounts: Counts = np.zeros((len(Resource), rows), dtype=np.int64)
        """By Resource, then row."""
        self.instances: Counts = np.zeros(rows, dtype=np.int64)
        self.ports = TakenPorts()

    def double(self) -> None:
        """Make room for twice as many rows."""
        self.amounts = np.concatenate([self.amounts, np.zeros_like(self.amounts)], axis=1)
        self.instances = np.concatenate([self.instances, np.zeros_like(self.instances)])

    def of(self, node_id: str) -> tuple[Assignment, ...]:
        """Return what a node has been given."""
        return self._held.get(node_id, ())

    def of_workload(self, name: str) -> Mapping[Where, Assignment]:
        """Return what a workload has, by instance and node. Not to be changed."""
        return self._of.get(name, _NONE)

    def counts_of(self, names: Iterable[str]) -> list[int]:
        """Return how many instances each of some workloads has, one that moves twice."""
        return [len(self._of.get(name, _NONE)) for name in names]

    def holding(self) -> list[str]:
        """Return the nodes of which devices are held."""
        return list(self._holding)

    def add(self, row: int | None, assignment: Assignment) -> None:
        """Note an assignment; its node's row is None while there is none."""
        self._held[assignment.node] = (*self.of(assignment.node), assignment)
        self._of.setdefault(assignment.workload, {})[_where(assignment)] = assignment
        if assignment.held:
            self._holding[assignment.node] = self._holding.get(assignment.node, 0) + 1
        if row is not None:
            self.count(row, assignment)

    def drop(self, row: int | None, assignment: Assignment) -> Assignment | None:
        """Forget what the same instance has on the same node, and return it."""
        held = self.of(assignment.node)
        before = next((other for other in held if other.id == assignment.id), None)
        if before is None:
            return None
        left = tuple(other for other in held if other.id != assignment.id)
        if left:
            self._held[assignment.node] = left
        else:
            del self._held[assignment.node]
        self._forget(before)
        if row is not None:
            self.uncount(row, before)
        return before

    def _forget(self, before: Assignment) -> None:
        of = self._of[before.workload]
        del of[_where(before)]
        if not of:
            del self._of[before.workload]
        if before.held:
            left = self._holding[before.node] - 1
            if left:
                self._holding[before.node] = left
            else:
                del self._holding[before.node]

    def count(self, row: int, assignment: Assignment) -> None:
        """Count in the columns what is held already."""
        self.instances[row] += 1
        self.amounts[:, row] += _amounts_of(assignment)
        self.ports.take(row, assignment.resources.ports, assignment.id)

    def uncount(self, row: int, assignment: Assignment) -> None:
        """Count in the columns that it is held no more."""
        self.instances[row] -= 1
        self.amounts[:, row] -= _amounts_of(assignment)
        self.ports.give_back(row, assignment.resources.ports, assignment.id)


def _where(assignment: Assignment) -> Where:
    return assignment.id, assignment.node


def _amounts_of(assignment: Assignment) -> tuple[int, int, int]:
    """Return what an instance takes of each Resource."""
    wanted = assignment.resources
    return (
        min(wanted.cpu_milli, AMOUNT_LIMIT),
        min(wanted.memory_bytes, AMOUNT_LIMIT),
        min(wanted.storage_bytes, AMOUNT_LIMIT),
    )

"""What is reserved, by node and in columns: the part of `Columns` that placement changes. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from skerry_hub.fleet.facts import AMOUNT_LIMIT, Resource
from skerry_hub.fleet.ports import TakenPorts
from skerry_hub.model import Assignment

Counts = npt.NDArray[np.int64]


class Reserved:
    """The assignments of each node. Those of a node without a row count once it has one."""

    def __init__(self, rows: int) -> None:
        self._held: dict[str, tuple[Assignment, ...]] = {}
        self.amounts: Counts = np.zeros((len(Resource), rows), dtype=np.int64)
        """By Resource, then row."""
        self.instances: Counts = np.zeros(rows, dtype=np.int64)
        self.ports = TakenPorts()

    def copy(self) -> Reserved:
        """Return another that changes on its own."""
        other = Reserved(0)
        other._held = self._held.copy()
        other.amounts = self.amounts.copy()
        other.instances = self.instances.copy()
        other.ports = self.ports.copy()
        return other

    def double(self) -> None:
        """Make room for twice as many rows."""
        self.amounts = np.concatenate([self.amounts, np.zeros_like(self.amounts)], axis=1)
        self.instances = np.concatenate([self.instances, np.zeros_like(self.instances)])

    def of(self, node_id: str) -> tuple[Assignment, ...]:
        """Return what a node has been given."""
        return self._held.get(node_id, ())

    def add(self, row: int | None, assignment: Assignment) -> None:
        """Note an assignment; its node's row is None while there is none."""
        self._held[assignment.node] = (*self.of(assignment.node), assignment)
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
        if row is not None:
            self.instances[row] -= 1
            self.amounts[:, row] -= _amounts_of(before)
            self.ports.give_back(row, before.resources.ports, before.id)
        return before

    def count(self, row: int, assignment: Assignment) -> None:
        """Count in the columns what is held already."""
        self.instances[row] += 1
        self.amounts[:, row] += _amounts_of(assignment)
        self.ports.take(row, assignment.resources.ports, assignment.id)


def _amounts_of(assignment: Assignment) -> tuple[int, int, int]:
    """Return what an instance takes of each Resource."""
    wanted = assignment.resources
    return (
        min(wanted.cpu_milli, AMOUNT_LIMIT),
        min(wanted.memory_bytes, AMOUNT_LIMIT),
        min(wanted.storage_bytes, AMOUNT_LIMIT),
    )

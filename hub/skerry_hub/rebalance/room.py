"""What each node has for instances that may move, and what these take of it. Pure.

Dimensions: the amounts, the number of instances, then devices (`device_room`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from skerry_hub.balance.problem import Ints
from skerry_hub.fleet.arrays import Counts, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.facts import AMOUNT_LIMIT, Resource
from skerry_hub.model import Workload
from skerry_hub.rebalance.device_room import DeviceRoom

NUMBER = len(Resource)
"""The dimension of the number of instances."""
ANY_NUMBER = 2**31
LEAST_NUMBER = 8
"""Fewer instances than this are not all of a node, however few there are elsewhere."""


class Room:
    """The dimensions of a problem. One instance counts `each` in the dimension NUMBER.

    `workloads` are those that may move, `moving` the ids of their instances that do.
    """

    def __init__(
        self,
        columns: Columns,
        rows: Rows,
        workloads: Sequence[Workload] = (),
        moving: Collection[str] = (),
        each: int = 1,
    ) -> None:
        self.columns, self.rows, self.each = columns, rows, each
        self.instances: Counts = columns.instances(rows).astype(np.int64)
        self._devices = DeviceRoom(workloads)
        self._moving = moving
        self._demands: dict[str, Ints] = {}

    @property
    def dimensions(self) -> int:
        """Return how many there are."""
        return NUMBER + 1 + len(self._devices)

    def demand(self, workload: Workload) -> Ints:
        """Return what an instance of a workload takes; the same array for the same workload."""
        found = self._demands.get(workload.name)
        if found is None:
            wanted = workload.resources
            amounts = (wanted.cpu_milli, wanted.memory_bytes, wanted.storage_bytes)
            capped = (min(amount, AMOUNT_LIMIT) for amount in amounts)
            given = [*capped, self.each, *self._devices.demand(wanted.devices)]
            found = self._demands[workload.name] = np.array(given, np.int64)
        return found

    def totals(self) -> Ints:
        """Return the amounts of each node, [B, 3]; 0 where one is not known."""
        found = [self.columns.total(resource, self.rows) for resource in Resource]
        return np.stack(found, axis=1).astype(np.int64)

    def free(self) -> Ints:
        """Return what is left of the amounts, [B, 3]; below 0 where more is reserved than is."""
        found = [self.columns.free(resource, self.rows) for resource in Resource]
        return np.stack(found, axis=1).astype(np.int64)

    def capacity(self, taken: Ints, most_instances: int = ANY_NUMBER) -> Ints:
        """Return what nodes have for what may move, [B, R], of which it has `taken` now."""
        number = (most_instances - self.instances) * self.each
        given = np.concatenate([self.free(), number[:, None]], axis=1)
        given = given + taken[:, : NUMBER + 1]
        devices = self._devices.capacity(self.columns, self.rows, self._moving)
        found: Ints = np.maximum(np.concatenate([given, devices], axis=1), 0)
        return found

    def most_instances(self) -> int:
        """Return how many instances count as all of a node: twice the mean, or the most there is.

        So workloads that reserve nothing are spread, too. It is a multiple of `each`, or a half of
        it: then a few instances are not rounded.
        """
        mean = -(-int(self.instances.sum()) // max(1, len(self.instances)))
        most = max(int(self.instances.max(initial=0)), 2 * mean)
        return LEAST_NUMBER if most <= LEAST_NUMBER else -(-most // self.each) * self.each

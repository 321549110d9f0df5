"""What each node has for instances that may move, and what these take of it. Pure.

Dimensions: the amounts, the number of instances, then the kinds of devices, counted whole.
"""

from __future__ import annotations

import collections
from collections.abc import Sequence

import numpy as np

from skerry_hub.balance.problem import Ints
from skerry_hub.fleet.arrays import Counts, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.facts import AMOUNT_LIMIT, Resource
from skerry_hub.model import Workload
from skerry_hub.rebalance.movable import WHOLE

NUMBER = len(Resource)
"""The dimension of the number of instances."""
ANY_NUMBER = 2**31
LEAST_NUMBER = 8
"""Fewer instances than this are not all of a node, however few there are elsewhere."""


class Room:
    """The dimensions of a problem. One instance counts `each` in the dimension NUMBER."""

    def __init__(self, columns: Columns, rows: Rows, kinds: Sequence[str], each: int = 1) -> None:
        self.columns, self.rows, self.kinds, self.each = columns, rows, tuple(kinds), each
        self.instances: Counts = columns.instances(rows).astype(np.int64)
        self._demands: dict[str, Ints] = {}

    def demand(self, workload: Workload) -> Ints:
        """Return what an instance of a workload takes; the same array for the same workload."""
        found = self._demands.get(workload.name)
        if found is None:
            wanted = workload.resources
            devices: collections.Counter[str] = collections.Counter()
            for request in wanted.devices:
                devices[request.kind] += request.count
            amounts = (wanted.cpu_milli, wanted.memory_bytes, wanted.storage_bytes)
            capped = (min(amount, AMOUNT_LIMIT) for amount in amounts)
            given = [*capped, self.each, *(devices[kind] for kind in self.kinds)]
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
        devices = [[_whole(self.columns, kind, row) for kind in self.kinds] for row in self.rows]
        free = (
            self.free(),
            number[:, None],
            np.array(devices, np.int64).reshape(len(number), len(self.kinds)),
        )
        found: Ints = np.maximum(np.concatenate(free, axis=1) + taken, 0)
        return found

    def most_instances(self) -> int:
        """Return how many instances count as all of a node: twice the mean, or the most there is.

        So workloads that reserve nothing are spread, too. It is a multiple of `each`, or a half of
        it: then a few instances are not rounded.
        """
        mean = -(-int(self.instances.sum()) // max(1, len(self.instances)))
        most = max(int(self.instances.max(initial=0)), 2 * mean)
        return LEAST_NUMBER if most <= LEAST_NUMBER else -(-most // self.each) * self.each


def _whole(columns: Columns, kind: str, row: int) -> int:
    """Return how many devices of a kind nobody has anything of."""
    _, free = columns.state(kind, row)
    return sum(left == WHOLE for left in free)

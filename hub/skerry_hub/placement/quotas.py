"""What all workloads of a policy may have together, and what is left of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from skerry_hub.documents import Policy, Quota
from skerry_hub.fleet.arrays import Counts, Mask, Rows
from skerry_hub.fleet.facts import Resource
from skerry_hub.model import Assignment, Resources, Workload
from skerry_hub.placement.amounts import FIELDS, down, up
from skerry_hub.placement.cost import MICRO, Costs, money
from skerry_hub.placement.governance import policies_of
from skerry_hub.placement.world import World
from skerry_hub.policies import is_about


class Budget:
    """What a policy's quota leaves for instances of one workload, while they are placed."""

    def __init__(self, world: World, workload: Workload, policy: Policy) -> None:
        self.name = f"quota of policy {policy.name}"
        self.policy = policy.name
        self._quota: Quota = policy.quota
        self._world, self._workload = world, workload
        self._used = dict.fromkeys(FIELDS.values(), 0)
        self._instances = 0
        self._devices: dict[str, int] = {}
        """Thousandths, by kind."""
        self._costs = Costs(world, workload) if self._quota.cost_per_hour is not None else None
        self._spent = 0
        self._on: dict[int, int] = {}
        """How many of the policy's instances are on each row."""
        for other in sorted(_names(world, policy) | {workload.name}):
            self._count_workload(other)
        self._spent += sum(self._alone(row) for row in self._on)

    def _count_workload(self, name: str) -> None:
        columns = self._world.columns
        there = list(columns.instances_of(name).values())
        for one in there:
            self._count(one.resources, one)
        if self._costs is None or not there:
            return
        about = self._world.workloads.get(name, self._workload)
        costs = Costs(self._world, about)
        rows = [row for one in there if (row := columns.row(one.node)) is not None]
        self._spent += int(costs.of(columns, np.array(rows, dtype=np.intp)).sum())
        for row in rows:
            self._on[row] = self._on.get(row, 0) + 1

    def _alone(self, row: int) -> int:
        """Return the price of a node on which nothing but the policy's instances runs."""
        rows, columns = np.array([row], dtype=np.intp), self._world.columns
        if self._costs is None or columns.instances(rows)[0] != self._on[row]:
            return 0
        return int(self._costs.opening(columns, rows)[0])

    def _count(self, wanted: Resources, one: Assignment | None) -> None:
        self._instances += 1
        for name in self._used:
            self._used[name] += getattr(wanted, name)
        if one is None:
            for request in wanted.devices:
                milli = request.count * request.share_milli
                self._devices[request.kind] = self._devices.get(request.kind, 0) + milli
            return
        for hold in one.held:
            kind = hold.device.partition("/")[0]
            self._devices[kind] = self._devices.get(kind, 0) + hold.milli

    def add(self, row: int) -> None:
        """Count one more instance of the workload; `row` has it already."""
        self._count(self._workload.resources, None)
        if self._costs is not None:
            self._on[row] = self._on.get(row, 0) + 1
            self._spent += int(self._costs.of(self._world.columns, np.array([row]))[0])
            # The first one on a node brings its price; further ones find it paid.
            self._spent += self._alone(row) if self._on[row] == 1 else 0

    def short(self) -> Iterator[str]:
        """Give what is not left for one more instance, wherever it would be.

        What is used up, or more than that, is nothing to who asks for none of it.
        """
        for resource, left in self.short_amounts.items():
            one = getattr(self._workload.resources, FIELDS[resource])
            yield f"{resource.name.lower()} {down(resource, left)} left < {up(resource, one)}"
        yield from self.short_of_others()

    @property
    def short_amounts(self) -> Mapping[Resource, int]:
        """What is left of the amounts of which one more instance wants more, wherever it is."""
        found = {}
        for resource, name in FIELDS.items():
            most, one = getattr(self._quota, name), getattr(self._workload.resources, name)
            if most is not None and one and self._used[name] + one > most:
                found[resource] = max(0, most - self._used[name])
        return found

    def short_of_others(self) -> Iterator[str]:
        """Give what else than amounts is not left, wherever one more instance would be."""
        quota, wanted = self._quota, self._workload.resources
        if quota.instances is not None and self._instances >= quota.instances:
            yield f"{self._instances} of {quota.instances} instances are used"
        for kind, count in sorted(quota.devices.items()):
            more = sum(r.count * r.share_milli for r in wanted.devices if r.kind == kind)
            rest = count * 1000 - self._devices.get(kind, 0)
            if more and more > rest:
                yield f"{kind} {max(0, rest) / 1000:g} left < {more / 1000:g}"

    def raised(self, row: int) -> str:
        """Return what of the quota would have to be how much for one more instance on a row.

        Of amounts nothing: less of them may be asked for. Empty where nothing else is short.
        """
        quota, wanted = self._quota, self._workload.resources
        parts = []
        if quota.instances is not None and self._instances >= quota.instances:
            parts.append(f"from {quota.instances} to {self._instances + 1} instances")
        for kind, count in sorted(quota.devices.items()):
            more = sum(r.count * r.share_milli for r in wanted.devices if r.kind == kind)
            used = self._devices.get(kind, 0)
            if more and used + more > count * 1000:
                parts.append(f"from {count} to {-(-(used + more) // 1000)} {kind}")
        if not self.affordable(np.array([row], dtype=np.intp))[0]:
            cost = int(self._cost(np.array([row], dtype=np.intp))[0])
            most = round((quota.cost_per_hour or 0) * MICRO)
            parts.append(f"from {money(most)} to {money(self._spent + cost)} an hour")
        return f"raise the quota of policy {self.policy} {' and '.join(parts)}" if parts else ""

    def no_dearer(self, row: int, rows: Rows) -> Mask:
        """Say which rows have what is left once the quota is so raised that a row has."""
        if self._costs is None:
            return np.ones(len(rows), dtype=np.bool_)
        passes: Mask = self._cost(rows) <= self._cost(np.array([row], dtype=np.intp))[0]
        return passes | self.affordable(rows)

    def _cost(self, rows: Rows) -> Counts:
        if self._costs is None:
            return np.zeros(len(rows), dtype=np.int64)
        return self._costs.of(self._world.columns, rows)

    @property
    def depends_on_node(self) -> bool:
        """Say whether one more instance is more on one node than on another."""
        return self._costs is not None

    def affordable(self, rows: Rows) -> Mask:
        """Say on which rows one more instance costs no more than is left."""
        if self._costs is None or self._quota.cost_per_hour is None:
            return np.ones(len(rows), dtype=np.bool_)
        passes: Mask = self._costs.of(self._world.columns, rows) <= self._left(self._quota)
        return passes

    def _left(self, quota: Quota) -> int:
        """Return what may still be spent; nothing where a quota has shrunk below what is."""
        return max(0, round((quota.cost_per_hour or 0) * MICRO) - self._spent)

    def reasons(self, row: int) -> Iterator[str]:
        """Give what is against one more instance on a node."""
        yield from self.short()
        rows = np.array([row], dtype=np.intp)
        if self._costs is not None and not self.affordable(rows)[0]:
            cost = int(self._costs.of(self._world.columns, rows)[0])
            yield f"{money(self._left(self._quota))} an hour left < {money(cost)}"


def _names(world: World, policy: Policy) -> set[str]:
    return {one.name for one in world.workloads.values() if is_about(policy, one)}


def budgets_of(world: World, workload: Workload) -> list[Budget]:
    """Return the quotas that count for a workload."""
    return [
        Budget(world, workload, policy)
        for policy in policies_of(world, workload)
        if policy.quota != Quota()
    ]

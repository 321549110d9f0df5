"""What the containers on each node may use together, by their own limits: added up once. Pure.

A box's policy may say how much that is at most. The sums follow the columns row by row; they are
kept only of nodes whose policy says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skerry_hub.fleet.arrays import Counts, Mask, Rows
from skerry_hub.placement.policy_field import POLICY, Values, has_limits, policy_in
from skerry_hub.placement.world import World
from skerry_wire.workload import Container

KINDS = ("cpu_milli", "memory_bytes")
"""The limits of a policy, in the order of all arrays here."""
UNLIMITED = 2**62
_KEPT = ("running limits",)
_LIMITED = ("running limits", "limited")

Sums = tuple[int, int, int, int]
"""Of KINDS the sum of the limits, then of each how many containers have none."""


class RunningLimits:
    """The sums of all rows. `epoch` grows when a workload that runs got other limits."""

    def __init__(self, world: World) -> None:
        columns = self._columns = world.columns
        self._version = world.workloads_version
        self._workloads = world.workloads
        self._known: dict[str, tuple[tuple[Container, ...], Sums]] = {}
        self._sums: Counts = np.zeros((4, columns.size), dtype=np.int64)
        self._changed = len(columns.changed)
        self._limits = _Limits(())
        self.epoch = 0
        self._add_up(np.sort(columns.rows()))

    def follow(self, world: World) -> None:
        """Take in what changed of the workloads; of the columns it is taken in when asked for."""
        version = world.workloads_version
        self._workloads = world.workloads
        if version is not None and version == self._version:
            return
        self._version = version
        changed = [name for name, (before, _) in self._known.items() if self._of(name) != before]
        for name in changed:
            del self._known[name]
        if changed:
            self.epoch += 1
            self._add_up(self._rows_of(changed))

    def _of(self, name: str) -> tuple[Container, ...]:
        found = self._workloads.get(name)
        return () if found is None else found.containers

    def _rows_of(self, names: Sequence[str]) -> Rows:
        columns = self._columns
        nodes = {one.node for name in names for one in columns.instances_of(name).values()}
        return np.array(
            sorted(row for node in nodes if (row := columns.row(node)) is not None), int
        )

    def _catch_up(self) -> None:
        columns = self._columns
        if len(columns.changed) != self._changed:
            rows = np.fromiter(dict.fromkeys(columns.changed[self._changed :]), np.intp)
            self._changed = len(columns.changed)
            self._add_up(rows)

    def _add_up(self, rows: Rows) -> None:
        """Add up anew what runs on some rows."""
        columns = self._columns
        if self._sums.shape[1] < columns.size:
            more = columns.size - self._sums.shape[1]
            self._sums = np.pad(self._sums, ((0, 0), (0, more)))
        limited = columns.told(POLICY).holding(_LIMITED, has_limits, rows)
        self._sums[:, rows] = 0
        for row in rows[limited & (columns.instances(rows) > 0)].tolist():
            found = [self._sums_of(one.workload) for one in columns.assigned_on(row)]
            self._sums[:, row] = [min(sum(one), UNLIMITED) for one in zip(*found, strict=True)]

    def _sums_of(self, name: str) -> Sums:
        known = self._known.get(name)
        if known is None:
            containers = self._of(name)
            known = self._known[name] = containers, sums_of(containers)
        return known[1]

    def allowed(self, own: Sums, rows: Rows) -> Mask:
        """Say where the policy's limits leave enough for what runs there and so much more."""
        self._catch_up()
        told = self._columns.told(POLICY)
        codes = told.codes(rows)
        if self._limits.values is not told.values or self._limits.seen != len(told.values):
            self._limits = _Limits(told.values)
        passing: Mask = np.ones(len(rows), dtype=np.bool_)
        for kind, (most, limited) in enumerate(self._limits.of):
            within = self._sums[kind].take(rows) <= most.take(codes) - min(own[kind], UNLIMITED)
            all_limited = self._sums[kind + 2].take(rows) + own[kind + 2] == 0
            passing &= ~limited.take(codes) | (within & all_limited)
        return passing


class _Limits:
    """The limits of policies: of each of KINDS by the policy's code, and whether there is one."""

    def __init__(self, values: Sequence[Values]) -> None:
        self.values, self.seen = values, len(values)
        self.of: list[tuple[Counts, Mask]] = []
        for name in KINDS:
            policies = map(policy_in, values)
            found = [None if one is None else getattr(one, name) for one in policies]
            most = np.array([0 if one is None else one for one in found], dtype=np.int64)
            self.of.append((most, np.array([one is not None for one in found], dtype=np.bool_)))


def sums_of(containers: Sequence[Container]) -> Sums:
    """Return the sums of some containers."""
    cpu = [one.cpu_limit_milli for one in containers]
    memory = [one.memory_limit_bytes for one in containers]
    return (
        sum(one or 0 for one in cpu),
        sum(one or 0 for one in memory),
        cpu.count(None),
        memory.count(None),
    )


def running_limits_of(world: World) -> RunningLimits:
    """Return the sums of a fleet, as its workloads are now."""
    columns = world.columns
    kept = columns.boards.get(_KEPT)
    if not isinstance(kept, RunningLimits):
        kept = columns.boards[_KEPT] = RunningLimits(world)
    kept.follow(world)
    return kept

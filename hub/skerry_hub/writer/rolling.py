"""Which rollouts are due to a step: something was told of them, or a time has come. One thread.

A step looks at the instances of one workload; those whose nodes say nothing cost nothing.
"""

from __future__ import annotations

import time
from collections.abc import Container, Iterable

from skerry_hub import metrics
from skerry_hub.rollout.advancing import Told, advance
from skerry_hub.state import Draft, Known
from skerry_hub.work import Work

GAP_S = 0.1
"""The least time between two steps of a workload that nothing was told of."""
QUICK_S = 0.003
PART = 10.0
"""Steps that are not that quick take no more than one in so many parts of the writer's time."""


class Rolling:
    """Who is due, and what was told of at the last steps."""

    def __init__(self) -> None:
        self.told: set[str] = set()
        """Workloads that are due because something was told of their nodes."""
        self._due: dict[str, float] = {}
        self._rest: dict[str, float] = {}
        """Until when a workload with many instances is left alone, by the monotonic clock."""

    def all(self, known: Known) -> None:
        """Have every rollout looked at: the hub has just begun to listen."""
        updates = known.updates
        self.told.update(filter(updates.goes_on, {*updates.by_workload, *updates.rollouts}))

    def nodes(self, known: Known, nodes: Iterable[str]) -> None:
        """Note that something was told of nodes."""
        rolling = known.updates.by_workload
        if not rolling:
            return
        for node in nodes:
            self.told.update(
                one.workload
                for one in known.by_node.get(node, {}).values()
                if one.workload in rolling
            )

    def committed(self, known: Known, draft: Draft) -> None:
        """Note what a transaction changed, once it is known."""
        self.nodes(known, draft.nodes.changes)
        for key, after in draft.assignments.changes.items():
            member = known.updates.members.get(key)
            name = after.workload if after is not None else member and member.workload
            if name and known.updates.goes_on(name):
                self.told.add(name)
        for made in draft.made:
            self.told.update(filter(known.updates.goes_on, made.unplaced))

    def due(self, now: float) -> set[str]:
        """Return the workloads whose rollouts are due, and take them as stepped."""
        mono_s = time.monotonic()
        self._rest = {name: at for name, at in self._rest.items() if at > mono_s}
        found = self.told | {name for name, at in self._due.items() if at <= now}
        found -= self._rest.keys()
        self.told -= found
        for name in found:
            self._due.pop(name, None)
        return found

    def rest(self, name: str, took_s: float) -> None:
        """Leave a workload alone for a while whose step took so long."""
        if took_s > QUICK_S:
            self._rest[name] = time.monotonic() + PART * took_s

    def again(self, names: Iterable[str]) -> None:
        """Have these looked at again: their step did not come to pass."""
        self.told.update(names)

    def step(
        self, work: Work, names: Iterable[str], heard: Container[str], listening_since: float
    ) -> list[Told]:
        """Bring rollouts as far as they may go now, in a draft; return what to tell of."""
        told: list[Told] = []
        for name in sorted(names):
            begun = time.perf_counter()
            cache = work.draft.updates.looked(name)
            found = advance(work, name, heard, listening_since, cache)
            took_s = time.perf_counter() - begun
            metrics.ROLLOUT_STEP_SECONDS.observe(took_s)
            self.rest(name, took_s)
            told += found.told
            if found.due_at is not None:
                # By the wall clock, which may be set back: then it is due later, or told of.
                self._due[name] = max(found.due_at, time.time() + GAP_S)
        return told


def begun(draft: Draft) -> list[str]:
    """Return the workloads whose rollout a draft begins, or lets go on."""
    changes = draft.updates.rollouts.changes.items()
    return [name for name, one in changes if one is not None and one.state == "progressing"]


def of_nodes(draft: Draft, names: Iterable[str], nodes: Iterable[str]) -> set[str]:
    """Return which of these workloads have instances on these nodes."""
    wanted = set(names)
    return {one.workload for node in nodes for one in draft.on_node(node)} & wanted

"""Taints: what a node refuses workloads for that do not tolerate it, as in Kubernetes. Pure.

With `PreferNoSchedule` a node is not refused: others are preferred, which is a score.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np

from skerry_hub.fleet.arrays import Counts, Mask, Rows, Shares
from skerry_hub.fleet.columns import Columns
from skerry_hub.model import UNSCHEDULABLE, Effect, Taint, Toleration, Workload
from skerry_hub.placement.points import SCALE
from skerry_hub.placement.refusal import IN_THE_WAY, Refusal

MOST_COUNTED = 16
"""Beyond so many of them a node is as bad as it can be."""
_NO_ROWS: Rows = np.zeros(0, dtype=np.intp)


@dataclasses.dataclass(frozen=True, slots=True)
class Taints:
    """No taint that keeps what is new away, but those that are tolerated; what is there stays."""

    is_used_up: ClassVar[bool] = False
    binds: ClassVar[bool] = False
    gives_way: ClassVar[bool] = True
    effect: ClassVar[Effect] = "NoSchedule"
    tolerations: tuple[Toleration, ...]
    name: str = "taints"

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        return columns.without_taints(lambda taints: any(self.untolerated(taints)), rows)

    def lack(self, columns: Columns, rows: Rows) -> Shares:
        """Return what part is missing: the node may have all that is wanted behind its taint."""
        return np.where(self.mask(columns, rows), 0.0, IN_THE_WAY)

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give each taint that is not tolerated."""
        for taint in self.untolerated(columns.facts(row).taints):
            text = f"has the taint {taint}, which is not tolerated"
            yield Refusal(text, share=IN_THE_WAY)

    def untolerated(self, taints: Iterable[Taint]) -> Iterator[Taint]:
        """Give those of some taints for which it refuses."""
        return _untolerated(taints, self.effect, self.tolerations)


@dataclasses.dataclass(frozen=True, slots=True)
class EvictingTaints(Taints):
    """No taint, but those tolerated, for which also leaves what is there when it is applied."""

    binds: ClassVar[bool] = True
    effect: ClassVar[Effect] = "NoExecute"


@dataclasses.dataclass(frozen=True, slots=True)
class FewTaints:
    """Prefer nodes with fewer of the taints for which others are preferred.

    One such taint counts more than all the room and idle devices that another node may have, and
    less than keeping a workload's instances apart; any number less than a runtime that answers.
    """

    is_used_up: ClassVar[bool] = False
    tolerations: tuple[Toleration, ...]
    name: str = "taints"
    weight: int = 48

    def of(self, columns: Columns, rows: Rows) -> Counts:
        """Return the points of rows: a third for each such taint that is not tolerated."""
        found: Counts = np.full(len(rows), SCALE, dtype=np.int64)
        for most in range(MOST_COUNTED):
            # Asked once for each set of taints, of which a fleet has few.
            over = ~columns.without_taints(functools.partial(self._has_over, most), rows)
            if not over.any():
                break
            found[over] //= 3
        return found

    def _has_over(self, most: int, taints: tuple[Taint, ...]) -> bool:
        found = _untolerated(taints, "PreferNoSchedule", self.tolerations)
        return sum(1 for _ in found) > most


def _untolerated(
    taints: Iterable[Taint], effect: Effect, tolerations: tuple[Toleration, ...]
) -> Iterator[Taint]:
    for taint in taints:
        if taint.effect == effect and not any(one.tolerates(taint) for one in tolerations):
            yield taint


def taints_of(workload: Workload) -> list[Taints]:
    """Return what a workload requires of a node's taints."""
    tolerations = _tolerations(workload)
    return [Taints(tolerations), EvictingTaints(tolerations)]


def few_taints_of(columns: Columns, workload: Workload) -> list[FewTaints]:
    """Return what a workload wishes of a node's taints; nothing while no node has such a taint."""
    return [FewTaints(_tolerations(workload))] if are_preferences_told(columns) else []


def are_preferences_told(columns: Columns) -> bool:
    """Say whether some node has a taint for which others are preferred, or lately had one."""
    found = False

    def look(taints: tuple[Taint, ...]) -> bool:
        nonlocal found
        found = found or any(taint.effect == "PreferNoSchedule" for taint in taints)
        return found

    columns.without_taints(look, _NO_ROWS)
    return found


def _tolerations(workload: Workload) -> tuple[Toleration, ...]:
    if workload.mode != "global":
        return workload.tolerations
    # As Kubernetes' daemon sets: one on each node means on cordoned ones too.
    return (*workload.tolerations, Toleration(key=UNSCHEDULABLE, operator="Exists"))

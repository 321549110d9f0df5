"""Taints: what a node refuses workloads for that do not tolerate it, as in Kubernetes. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import ClassVar

from skerry_hub.fleet.arrays import Mask, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.model import UNSCHEDULABLE, Effect, Taint, Toleration, Workload
from skerry_hub.placement.refusal import Refusal


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
        return columns.without_taints(lambda taints: any(self._untolerated(taints)), rows)

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give each taint that is not tolerated."""
        for taint in self._untolerated(columns.facts(row).taints):
            yield Refusal(f"has the taint {taint}, which is not tolerated")

    def _untolerated(self, taints: Iterable[Taint]) -> Iterator[Taint]:
        for taint in taints:
            if taint.effect == self.effect and not any(
                toleration.tolerates(taint) for toleration in self.tolerations
            ):
                yield taint


@dataclasses.dataclass(frozen=True, slots=True)
class EvictingTaints(Taints):
    """No taint, but those tolerated, for which also leaves what is there when it is applied."""

    binds: ClassVar[bool] = True
    effect: ClassVar[Effect] = "NoExecute"


def taints_of(workload: Workload) -> list[Taints]:
    """Return what a workload requires of a node's taints."""
    tolerations = workload.tolerations
    if workload.mode == "global":
        # As Kubernetes' daemon sets: one on each node means on cordoned ones too.
        tolerations = (*tolerations, Toleration(key=UNSCHEDULABLE, operator="Exists"))
    return [Taints(tolerations), EvictingTaints(tolerations)]

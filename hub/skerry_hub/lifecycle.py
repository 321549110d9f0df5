"""How a workload's instances are updated, and what becomes of them when nobody hears of them."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from skerry_wire.lifecycle import Job
from skerry_wire.messages import InstanceStatus
from skerry_wire.schema import Range, Sparse, Text

Strategy = Literal["rolling", "canary", "blue-green", "at-once"]
OnFailure = Literal["pause", "rollback", "continue"]
SiteLoss = Literal["hold", "move"]

SOME = r"[1-9][0-9]{0,5}|[1-9][0-9]?%|100%"
"""So many, or a part of all, rounded up: `3`, `25%`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """How instances come to a new revision.

    `max_unavailable` are at work at once. An instance is done when it runs, and is healthy where
    it has a health check, for `settle_s`; when it is not within `deadline_s`, its node goes back to
    what ran before, and it counts as failed. More than `max_failed` of them stop the update, by
    `on_failure`. Nodes that are away are not waited for: they follow when they return.

    `canary`: so many first; the update pauses after them where `canary_pauses`, else goes on after
    `settle_s`. `wave_by`: one value of this label of nodes after another, such as `site`.
    """

    strategy: Strategy = "rolling"
    max_unavailable: Annotated[str, Text(8, SOME)] = "25%"
    max_failed: Annotated[int, Range(0, 100_000)] = 0
    on_failure: OnFailure = "pause"
    canary: Annotated[str, Text(8, SOME)] = "1"
    canary_pauses: bool = False
    wave_by: Annotated[str, Text(253)] = ""
    settle_s: Annotated[float, Range(0, 86400)] = 0.0
    deadline_s: Annotated[float, Range(1, 86400)] = 300.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """What is the same for all instances of a workload, beside their containers.

    `lease_s`: how long a box that hears nothing from the hub lets them run; None: for ever.
    `lost_after_s`: how long a node may be silent before its instances are replaced elsewhere
    (after their lease); None: as long as the hub's setting says. `on_site_loss`: whether that
    happens, too, when two or more nodes, all of a site, fall silent together.
    """

    job: Annotated[Job, Sparse()] | None = None
    lease_s: Annotated[float, Range(15, 7 * 86400), Sparse()] | None = None
    lost_after_s: Annotated[float, Range(5, 366 * 86400), Sparse()] | None = None
    on_site_loss: Annotated[SiteLoss, Sparse()] = "hold"
    shared_network: Annotated[bool, Sparse()] = False
    update: Annotated[Update, Sparse()] = Update()

    @property
    def runs_once(self) -> bool:
        """Say whether it is a job that runs to its end, and then no more."""
        return self.job is not None and not self.job.schedule


AS_USUAL = Lifecycle()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a job ended for good, as its node told it in this incarnation."""

    incarnation: Annotated[str, Text(32)]
    status: InstanceStatus

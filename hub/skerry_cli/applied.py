"""What comes after an apply: it is shown, and waited for."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from skerry_cli.failures import Failure
from skerry_cli.goals import TELL_WITHIN_S, Goal, wait_for
from skerry_cli.hub import Hub, path
from skerry_cli.plan import tell_shortages
from skerry_cli.plan_text import DONE, lines
from skerry_cli.records import Plan, read
from skerry_cli.rollout_records import Rollout, RolloutDetail
from skerry_cli.rollout_text import behind
from skerry_cli.screen import Screen


def show_applied(screen: Screen, answer: Any, form: str | None) -> None:
    """Write what was done; what cannot be placed is a message."""
    found = read(Plan, answer)
    if form:
        screen.document(answer, form)
    else:
        for line in lines(found, DONE):
            screen.line(*line)
    tell_shortages(screen, found)


def wait_until_runs(
    screen: Screen, hub: Hub, found: Plan, timeout_s: float, *, quiet: bool
) -> None:
    """Return when all that was placed runs. Raises Failure after the time."""
    goals = _goals(found)
    last = wait_for(screen, hub, goals, timeout_s)
    for goal, seen in () if quiet else last.items():
        screen.line(f"{goal} is {seen.state or goal.wanted}")
    hub.deadline = time.monotonic() + TELL_WITHIN_S
    for seen in last.values():
        rollout = None if seen.workload is None else seen.workload.rollout
        if rollout is not None and rollout.state == "done" and rollout.behind:
            screen.note(_behind(hub, rollout))


def _behind(hub: Hub, rollout: Rollout) -> str:
    """Return which instances were not waited for, and why, as far as the hub still tells it."""
    detail = RolloutDetail(rollout=rollout)
    with contextlib.suppress(Failure):
        detail = read(RolloutDetail, hub.get(path("workloads", rollout.workload, "rollout")))
    return behind(rollout, detail.instances)


def _goals(found: Plan) -> list[Goal]:
    """Return what can be waited for: what found no node will not run.

    Where that is so of a part, the others are updated.
    """
    unplaced = {explanation.workload for explanation in found.unplaced}
    present = {*found.created, *found.updated, *found.unchanged} - unplaced
    partly = {one.workload for one in found.rollouts if one.strategy != "at-once"} & unplaced
    partly &= {*found.updated}
    numbers = {one.workload: one.number for one in found.revisions}
    running = [
        Goal(
            *("workload", name, "running"),
            by_rollout=True,
            revision=numbers.get(name, 0),
            partly=name in partly,
        )
        for name in sorted(present | partly)
    ]
    return running + [Goal("workload", name, "deleted") for name in found.removed]

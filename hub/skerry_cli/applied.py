"""What comes after an apply: it is shown, and waited for."""

from __future__ import annotations

from typing import Any

from skerry_cli.goals import Goal, wait_for
from skerry_cli.hub import Hub
from skerry_cli.plan import tell_shortages
from skerry_cli.plan_text import DONE, lines
from skerry_cli.records import Plan, read
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


def _goals(found: Plan) -> list[Goal]:
    """Return what can be waited for: what found no node will not run."""
    unplaced = {explanation.workload for explanation in found.unplaced}
    present = sorted({*found.created, *found.updated, *found.unchanged} - unplaced)
    numbers = {one.workload: one.number for one in found.revisions}
    running = [
        Goal("workload", name, "running", by_rollout=True, revision=numbers.get(name, 0))
        for name in present
    ]
    return running + [Goal("workload", name, "deleted") for name in found.removed]

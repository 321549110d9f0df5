"""Rollouts and histories as people read them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skerry_cli import words
from skerry_cli.rollout_records import (
    InstanceUpdate,
    Revision,
    RolledBack,
    Rollout,
    RolloutDetail,
    RolloutPlan,
)
from skerry_cli.screen import Cell, Colour, Styled

COLOURS: dict[str, Colour] = {
    "done": "green",
    "paused": "red",
    "failed": "red",
    "progressing": "yellow",
}
MOST_WAVES = 8
MOST_BEHIND = 20
"""Instances that follow later and are named."""


def counts(rollout: Rollout) -> str:
    """Return how many are where: `3 of 12 done, 2 updating, 7 waiting`."""
    parts = [f"{rollout.done} of {rollout.total} done"]
    parts += [
        f"{count} {name}"
        for name, count in (
            ("updating", rollout.updating),
            ("held back", rollout.held),
            ("waiting", rollout.waiting),
            ("behind", rollout.behind),
            ("failed", rollout.failed),
            ("without a node", rollout.unplaced),
        )
        if count
    ]
    return ", ".join(parts)


def behind(rollout: Rollout, updates: Sequence[InstanceUpdate]) -> str:
    """Return which instances of a rollout follow later: `1 of 4 ...: web-1 on quay (id): why`.

    `updates`: those that it is not done with, perhaps only the first of them.
    """
    count = f"{rollout.behind} of {words.count(rollout.total, 'instance')}"
    text = f"{count} {'follows' if rollout.behind == 1 else 'follow'} later"
    later = [one for one in updates if one.state == "behind"][:MOST_BEHIND]
    if not later:
        return f"{rollout.workload}: {rollout.reason or text}"
    named = [f"{one.instance} on {one.where}: {one.reason}" for one in later]
    if rollout.behind > len(later):
        more = rollout.behind - len(later)
        named.append(f"and {more} more: skerry rollout status {rollout.workload}")
    return f"{text}: {'; '.join(named)}"


def headline(rollout: Rollout) -> Sequence[Cell]:
    """Return a rollout in one line."""
    wave = f", wave {rollout.wave}" if rollout.wave else ""
    reason = f": {rollout.reason}" if rollout.reason and rollout.state != "progressing" else ""
    if rollout.rolled_back is not None:
        reason += f"; {rolled_back(rollout.rolled_back)}"
    return (
        f"{rollout.workload} revision {rollout.number} ",
        Styled(rollout.state, COLOURS.get(rollout.state)),
        f", {counts(rollout)}{wave}{reason}",
    )


def rolled_back(failed: RolledBack) -> str:
    """Return what an automatic rollback took back, and why."""
    reason = f": {failed.reason}" if failed.reason else ""
    return f"revision {failed.number} failed and was rolled back to revision {failed.to}{reason}"


def instances(detail: RolloutDetail) -> list[Sequence[Cell]]:
    """Return the table of those that it is not done with, empty where there are none."""
    if not detail.instances:
        return []
    rows: list[Sequence[Cell]] = [("INSTANCE", "NODE", "STATE", "REASON")]
    rows += [
        (
            one.instance,
            one.where,
            Styled(one.state, "red" if one.state == "failed" else None),
            one.reason or words.NONE,
        )
        for one in detail.instances
    ]
    return rows


def listed(rollouts: Sequence[Rollout], now: float) -> list[Sequence[Cell]]:
    """Return the table of rollouts."""
    rows: list[Sequence[Cell]] = [("WORKLOAD", "REVISION", "STATE", "DONE", "AGE", "REASON")]
    rows += [
        (
            one.workload,
            str(one.number),
            Styled(one.state, COLOURS.get(one.state)),
            f"{one.done}/{one.total}",
            words.age(one.started_at, now),
            _why(one) or words.NONE,
        )
        for one in rollouts
    ]
    return rows


def _why(rollout: Rollout) -> str:
    failed = "" if rollout.rolled_back is None else rolled_back(rollout.rolled_back)
    return "; ".join(part for part in (rollout.reason, failed) if part)


def history(revisions: Sequence[Revision], now: float) -> list[Sequence[Cell]]:
    """Return the table of a workload's revisions."""
    rows: list[Sequence[Cell]] = [
        ("REVISION", "DIGEST", "AGE", "CAUSE", "INSTANCES", "IMAGES", "CHANGES")
    ]
    rows += [
        (
            str(one.number),
            one.revision[:12],
            words.age(one.at, now),
            cause(one),
            str(one.instances),
            ", ".join(one.images),
            str(len(one.changes)) if one.changes else words.NONE,
        )
        for one in revisions
    ]
    return rows


def cause(revision: Revision) -> str:
    """Return how a revision came: `undo to 3`."""
    return f"{revision.cause} to {revision.back_to}" if revision.back_to else revision.cause


def planned(plan: RolloutPlan) -> Iterator[str]:
    """Yield how the instances of a workload will be replaced."""
    count = words.count(plan.instances, "instance")
    if plan.strategy == "at-once" or not plan.instances:
        return
    if plan.strategy == "blue-green":
        yield "blue-green: a second set is placed beside the first, which ends when all of it runs"
        return
    batches = -(-plan.instances // max(1, plan.at_once))
    if plan.canary:
        rest = ", then it pauses" if plan.canary_pauses else ""
        yield f"canary: {words.count(plan.canary, 'instance')} first{rest}"
    yield f"replaces {count} in {words.count(batches, 'wave')}, {plan.at_once} at once"
    if plan.wave_by:
        named = [f"{one.value or 'without it'} ({one.instances})" for one in plan.waves]
        more = f" and {len(named) - MOST_WAVES} more" if len(named) > MOST_WAVES else ""
        yield f"by {plan.wave_by}, one after the other: {', '.join(named[:MOST_WAVES])}{more}"

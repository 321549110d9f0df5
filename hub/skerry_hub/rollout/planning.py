"""How the rollouts that a draft begins will go, and their steps, for a plan. Pure."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from skerry_hub.model import Assignment, Change
from skerry_hub.placement.outcome import between
from skerry_hub.rollout.beginning import Prepared, had, was_updating_at
from skerry_hub.rollout.counting import many
from skerry_hub.rollout.looking import EVERY_NODE, look
from skerry_hub.rollout.records import Member
from skerry_hub.rollout.views import RolloutPlan, WaveView
from skerry_hub.rollout.waves import wave_order
from skerry_hub.state import Draft
from skerry_hub.work import Work


def plans(draft: Draft, names: Iterable[str]) -> Iterator[RolloutPlan]:
    """Yield how each of these workloads' instances will come to the content they have in it."""
    for name in names:
        found = _plan(draft, name)
        if found is not None:
            yield found


def as_they_run(
    work: Work, prepared: Sequence[Prepared], changes: Iterable[Change]
) -> Iterator[Change]:
    """Yield steps from what instances were given, where a rollout had not come to them yet.

    Placement knows them at the newest revision. To be called after the decision, before `begin`.
    """
    by_name = {one.workload.name: one for one in prepared if one.rolls and not one.surge}
    before = {one.id: one for each in by_name.values() for one in each.before}
    for change in changes:
        one, found = before.get(change.instance), by_name.get(change.workload)
        if one is None or found is None or change.action != "replace":
            yield change
        else:
            member = work.draft.updates.members.get(one.id)
            yield _as_it_runs(change, one, member, found.workload.revision)


def _as_it_runs(change: Change, one: Assignment, member: Member | None, revision: str) -> Change:
    was = had(one, member, 0)[0].revision
    rest = change.detail.removeprefix(between(one.revision, revision))
    if was == one.revision or rest == change.detail:
        return change
    if was != revision:
        return dataclasses.replace(change, detail=(between(was, revision) + rest)[:1024])
    if was_updating_at(member):
        return change  # its box may have begun what is taken back
    return dataclasses.replace(change, action="keep", detail=rest.removeprefix("; "))


def _plan(draft: Draft, name: str) -> RolloutPlan | None:
    kept, rollout = draft.workloads.get(name), draft.updates.rollouts.get(name)
    if kept is None:
        return None
    update = kept.workload.lifecycle.update
    if rollout is None:
        count = len(draft.of_workload(name))
        return RolloutPlan(workload=name, strategy="at-once", instances=count, at_once=count)
    members = draft.updates.members_of(name)
    seen = look(draft, members.values(), EVERY_NODE, update.wave_by, rollout.revision)
    counts = collections.Counter(one.wave for one in seen.values())
    is_canary = rollout.strategy == "canary" and not rollout.canary_passed
    return RolloutPlan(
        workload=name,
        strategy=rollout.strategy,
        instances=rollout.total - rollout.already,
        at_once=min(many(update.max_unavailable, max(rollout.total, 1)), len(members)),
        canary=many(update.canary, max(len(members), 1)) if is_canary else 0,
        canary_pauses=is_canary and update.canary_pauses,
        wave_by=update.wave_by,
        waves=tuple(
            WaveView(value=value, instances=counts[value])
            for value in sorted(counts, key=wave_order)
        ),
    )

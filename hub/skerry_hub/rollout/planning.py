"""How the rollouts that a draft begins will go, for a plan. Pure."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator

from skerry_hub.rollout.counting import many
from skerry_hub.rollout.looking import EVERY_NODE, look
from skerry_hub.rollout.views import RolloutPlan, WaveView
from skerry_hub.rollout.waves import wave_order
from skerry_hub.state import Draft


def plans(draft: Draft, names: Iterable[str]) -> Iterator[RolloutPlan]:
    """Yield how each of these workloads' instances will come to the content they have in it."""
    for name in names:
        found = _plan(draft, name)
        if found is not None:
            yield found


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

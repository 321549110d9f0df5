"""Orders: when the executor is given one, when it is tried again, and what its answers change.

Pure, like `core`, of which this is a part.
"""

from __future__ import annotations

import dataclasses

from skerry_agent import devices, reporting
from skerry_agent import events as ev
from skerry_agent.box_policy import box_told
from skerry_agent.effects import Converge, Effect, Log
from skerry_agent.exits import ended
from skerry_agent.retrying import failures_of, tried_again
from skerry_agent.state import NEVER, NOTHING_YET, State
from skerry_agent.telling import Step, malformed, note, report, report_now, save
from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.local import Outcome
from skerry_wire.messages import Envelope, EventKind, InstanceState

AGAIN_S = 0.5
"""An executor that was killed in the middle of a visit is there again by then."""
AWAY_MOST_S = 30.0
"""By then an executor that was away is tried again: it may be back at any moment."""


def order_arrived(state: State, event: ev.OrderArrived, now: ev.Now) -> Step:
    """Give an order to the executor: at once, unless orders come in a flood or were just refused.

    Only its form is looked at here. Of several that wait, the last stays: should a broker slip an
    old one in, the executor refuses it, and the hub sends again what it sees was not taken.
    """
    try:
        codec.decode(Envelope, event.data)
    except WireError as error:
        return malformed(state, f"an order that is none: {error}", now)
    if event.data == state.waiting or (state.running and event.data == state.offered):
        return state, []
    if event.data == state.order and not state.running and state.outcome.reached:
        return report_now(dataclasses.replace(state, reported=None), now)
    due = max(state.hold_until, state.run_at + state.settings.order_gap_s)
    if now.mono_s >= due:
        return converge(state, event.data, now)
    converge_at = min(state.converge_at, due)
    return dataclasses.replace(state, waiting=event.data, converge_at=converge_at), []


def converge(state: State, order: bytes | None, now: ev.Now) -> Step:
    """Start a run of the executor; one that is under way is overtaken by it."""
    run = state.run + 1
    state = dataclasses.replace(
        state,
        run=run,
        running=True,
        run_at=now.mono_s,
        offered=order,
        waiting=None,
        converge_at=NEVER,
        look_again=False,
        ended={},
    )
    return state, [Converge(run, order)]


def progressed(state: State, event: ev.ExecutorProgressed, now: ev.Now) -> Step:
    """Take over how far the newest run is; older runs have been overtaken."""
    if event.run != state.run:
        return state, []
    return _took(state, event.outcome, now)


def done(state: State, event: ev.ExecutorDone, now: ev.Now) -> Step:
    """Take over the end of a run, and plan the next one: a retry, a waiting order, or a look."""
    if event.run != state.run:
        return state, []
    outcome, settings = event.outcome, state.settings
    state = dataclasses.replace(
        state,
        running=False,
        executor_problem=None,
        sealing_key=event.sealing_key or state.sealing_key,
    )
    if event.keys is not None and event.keys != state.keys.standing:
        # Not by what was handed over here: then the same changes may be news again.
        keys = dataclasses.replace(state.keys, standing=event.keys, taken=None)
        state = dataclasses.replace(state, keys=keys)
    state, effects = box_told(state, event.policy, event.runtime, now)
    state, more = _took(state, outcome, now)
    effects += more
    failures = 0 if outcome.reached and outcome.refusal is None else state.failures + 1
    retries = tried_again(state.retries, () if outcome.reached else outcome.instances)
    hold_until, converge_at = 0.0, now.mono_s + settings.look_s
    most_s = outcome.retry_most_s
    if outcome.refusal is not None:
        hold_until = _retry_at(state, now, failures, None, most_s)
        if most_s is not None:
            state = dataclasses.replace(state, waiting=state.waiting or state.offered)
    elif not outcome.reached:
        pace = failures_of(retries, failures)
        converge_at = _retry_at(state, now, pace, outcome.retry_after_s, most_s)
    if outcome.look_after_s is not None:
        look_at = now.mono_s + max(settings.look_gap_s, outcome.look_after_s)
        converge_at = min(converge_at, look_at)
    if state.waiting is not None:
        converge_at = min(converge_at, max(hold_until, now.mono_s))
    # An instance that is gone was ended by the executor itself.
    looks = [state.ended[one.id] for one in outcome.instances if one.id in state.ended]
    if looks or state.look_again:
        look_at = now.mono_s if state.look_again else min(looks)
        converge_at = min(converge_at, max(now.mono_s + settings.exit_gap_s, look_at))
    state = dataclasses.replace(
        state,
        failures=failures,
        retries=retries,
        hold_until=hold_until,
        converge_at=converge_at,
    )
    return state, effects


def executor_failed(state: State, event: ev.ExecutorFailed, now: ev.Now) -> Step:
    """Say that the executor cannot be had, and try again later."""
    if event.run != state.run:
        return state, []
    problem = f"executor: {event.reason}"
    known = problem == state.executor_problem
    failures = state.failures + 1
    again_at = _retry_at(state, now, failures, None, AWAY_MOST_S)
    if failures == 1:
        again_at = now.mono_s + AGAIN_S
    state = dataclasses.replace(
        state,
        running=False,
        # The order goes back into the line: nobody has looked at it yet.
        waiting=state.waiting or state.offered,
        executor_problem=problem,
        failures=failures,
        converge_at=again_at,
    )
    state, effects = report_now(state, now)
    return state, effects if known else [*effects, Log("error", problem)]


def look_again(state: State, now: ev.Now) -> Step:
    """Visit the executor once more, with what waits: something that it reads may have changed."""
    if state.running:
        return dataclasses.replace(state, look_again=True), []
    return converge(state, state.waiting, now)


def exited(state: State, event: ev.InstanceExited, now: ev.Now) -> Step:
    """Look at the instances: at once, but more and more seldom while this one keeps ending."""
    settings = state.settings
    exits = ended(
        state.exits,
        event.instance,
        now.mono_s,
        gap_s=settings.exit_gap_s,
        gap_most_s=settings.exit_gap_most_s,
        calm_s=settings.calm_s,
    )
    look_at = exits[event.instance].look_at
    state = dataclasses.replace(state, exits=exits)
    if state.running:
        return dataclasses.replace(state, ended={**state.ended, event.instance: look_at}), []
    converge_at = min(state.converge_at, look_at)
    return dataclasses.replace(state, converge_at=converge_at), []


def _took(state: State, outcome: Outcome, now: ev.Now) -> Step:
    """Take over what the executor says, and tell of what is new in it."""
    before, refusal = state.outcome, outcome.refusal
    if outcome.unseen is not None:
        outcome = _with_what_was_seen(before, outcome)
    if refusal is not None and not outcome.instances:
        outcome = dataclasses.replace(outcome, instances=before.instances)
    if refusal is None and outcome.accepted == before.accepted:
        # What was refused last stays on show until something newer is accepted.
        outcome = dataclasses.replace(outcome, refusal=before.refusal)
    reached = outcome.accepted if outcome.reached else state.reached_generation
    state = dataclasses.replace(state, outcome=outcome, reached_generation=reached)
    effects: list[Effect] = []
    if refusal is None and state.offered not in (None, state.order):
        state = dataclasses.replace(state, order=state.offered)
        text = f"order accepted, {len(outcome.instances)} instances"
        state, looks = devices.take_order(state, state.order)
        effects = [save(state), Log("info", text, generation=outcome.accepted), *looks]
    attached = before is NOTHING_YET and state.offered is None
    for kind, subject, detail in reporting.instance_changes(before, outcome):
        if attached and kind is EventKind.RUNNING:
            continue  # it ran before this agent started: that is no news
        state, more = note(state, now, kind, subject, detail)
        effects += more
    if refusal is not None and refusal != before.refusal:
        detail = f"order {refusal.generation} refused: {refusal.reason}"
        state, more = note(state, now, EventKind.REFUSED, refusal.code, detail)
        effects += [*more, Log("error", detail, generation=refusal.generation)]
    state, more = report(state, now, at_once=not state.running)
    return state, [*effects, *more]


def _with_what_was_seen(before: Outcome, outcome: Outcome) -> Outcome:
    """Return the outcome with what ran when the runtime was last asked: nobody saw it go."""
    told = {status.id for status in outcome.instances}
    lost_sight = tuple(
        dataclasses.replace(status, state=InstanceState.UNKNOWN, reason=outcome.unseen)
        for status in before.instances
        if status.id not in told
    )
    return dataclasses.replace(outcome, instances=(*outcome.instances, *lost_sight))


def _retry_at(
    state: State, now: ev.Now, failures: int, asked_s: float | None, most_s: float | None
) -> float:
    """Return when to try again: exponential, with full jitter above the first time."""
    settings = state.settings
    ceiling = min(settings.retry_most_s, settings.retry_first_s * 2.0 ** min(failures, 30))
    wait = settings.retry_first_s + (ceiling - settings.retry_first_s) * now.draw
    wait = max(wait, min(asked_s or 0.0, settings.retry_most_s))
    return now.mono_s + (wait if most_s is None else min(wait, most_s))

"""Targets of round-trip times: taken only where the hub signed them for this node. Pure.

A part of `core`. Whoever can write to the broker could otherwise have a whole fleet open
connections to a victim. The executor has the box's trusted keys and verifies; here is judged how
often it is asked, and that nothing older replaces what was taken.
"""

from __future__ import annotations

import dataclasses

from skerry_agent import events as ev
from skerry_agent import round_trips
from skerry_agent.effects import Log, VerifyTargets
from skerry_agent.state import NEVER, State
from skerry_agent.telling import Step, malformed, report_now
from skerry_wire.local import MAX_TARGETS_BYTES
from skerry_wire.messages import Targets


def arrived(state: State, event: ev.TargetsArrived, now: ev.Now) -> Step:
    """Have targets verified, unless that was done; of several that wait, the last stays."""
    if not state.settings.round_trips:
        return state, []
    if len(event.data) > MAX_TARGETS_BYTES:
        text = f"targets of {len(event.data)} bytes, more than {MAX_TARGETS_BYTES}"
        return malformed(state, text, now)
    if event.data == state.targets:
        return round_trips.tell_again(state), []
    due = max(now.mono_s, state.targets_from)
    state = dataclasses.replace(state, targets_waiting=event.data, targets_at=due)
    return begin(state, now)


def begin(state: State, now: ev.Now) -> Step:
    """Give the targets that wait to the executor, when it is time."""
    data = state.targets_waiting
    if data is None or state.targets_asked or now.mono_s < state.targets_at:
        return state, []
    state = dataclasses.replace(
        state,
        targets_waiting=None,
        targets_at=NEVER,
        targets_asked=True,
        targets_from=now.mono_s + state.settings.targets_gap_s,
    )
    return state, [VerifyTargets(data)]


def judged(state: State, event: ev.TargetsJudged, now: ev.Now) -> Step:
    """Take targets that are the hub's and no older than the last ones; count all others."""
    state = dataclasses.replace(state, targets_asked=False)
    if state.targets_waiting is not None:
        due = max(state.targets_at, state.targets_from)
        state = dataclasses.replace(state, targets_at=due)
    if event.targets is None and event.is_tried_again:
        return _later(state, event, now)
    if event.targets is None:
        return _refused(state, event.reason, now)
    if event.targets.issued_at < state.targets_issued_at:
        return _refused(state, "they are older than those that were taken", now)
    return _taken(state, event.data, event.targets, now)


def _later(state: State, event: ev.TargetsJudged, now: ev.Now) -> Step:
    """Ask again when the executor may be there; newer ones that came meanwhile are enough."""
    if state.targets_waiting is None:
        due = now.mono_s + state.settings.targets_again_s * (1.0 + now.draw)
        state = dataclasses.replace(state, targets_waiting=event.data, targets_at=due)
    return state, [Log("info", f"targets of round-trip times wait: {event.reason}")]


def _refused(state: State, reason: str, now: ev.Now) -> Step:
    count = state.targets_refused + 1
    problem = f"targets of round-trip times refused: {reason}"
    known = problem == state.targets_problem
    state = dataclasses.replace(state, targets_refused=count, targets_problem=problem)
    state, effects = report_now(state, now)
    return state, effects if known else [*effects, Log("warning", problem)]


def _taken(state: State, data: bytes, targets: Targets, now: ev.Now) -> Step:
    state = dataclasses.replace(
        state, targets=data, targets_issued_at=targets.issued_at, targets_problem=None
    )
    return report_now(round_trips.take(state, targets.targets, now), now)

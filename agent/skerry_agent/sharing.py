"""When another box is this node, too: a disk that was copied. What is told of it. Pure."""

from __future__ import annotations

import dataclasses

from skerry_agent import events as ev
from skerry_agent import takeovers
from skerry_agent.effects import Effect, Log
from skerry_agent.enrollment import NOT_SHARED, Shared
from skerry_agent.state import State
from skerry_agent.telling import Step, note, report_now
from skerry_wire.messages import EventKind

_WHAT_TO_DO = "join one of the two again: skerry-agent join --new-identity ..."
TAKEN_OVER = f"another box connects as this node again and again: was a disk copied? {_WHAT_TO_DO}"
ANOTHER_MACHINE = (
    "this is not the machine that has joined, nothing of its serial numbers and addresses is the "
    "same: where the disk was moved, join again; where it was copied, " + _WHAT_TO_DO
)


def disconnected(state: State, event: ev.Disconnected, now: ev.Now) -> Step:
    """Take note of a session that another one took over; said once, as long as it goes on."""
    if not event.is_shared:
        return state, []
    known = state.shared.problem is not None
    shared = Shared(problem=TAKEN_OVER, until=now.mono_s + takeovers.FORGOTTEN_S)
    state = dataclasses.replace(state, shared=shared)
    return (state, []) if known else _said(state, TAKEN_OVER, now)


def passed(state: State, now: ev.Now) -> Step:
    """Forget it once it has not happened for long."""
    if state.shared.problem is None or now.mono_s < state.shared.until:
        return state, []
    return report_now(dataclasses.replace(state, shared=NOT_SHARED), now)


def machine_seen(state: State, *, is_another: bool, now: ev.Now) -> Step:
    """Take note whether this is the machine that has joined."""
    problem = ANOTHER_MACHINE if is_another else None
    if problem == state.machine_problem:
        return state, []
    state = dataclasses.replace(state, machine_problem=problem)
    return report_now(state, now) if problem is None else _said(state, problem, now)


def _said(state: State, problem: str, now: ev.Now) -> Step:
    state, effects = note(state, now, EventKind.CLONED, "node", problem)
    state, more = report_now(state, now)
    told: list[Effect] = [Log("error", problem), *effects, *more]
    return state, told

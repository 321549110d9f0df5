"""Which round-trip time is measured when, and which are told. Pure, like `core`, a part of it.

The hub names targets; the box decides how often. One target at a time, with a heartbeat, so that
the box is not woken for it; each the more seldom the longer its time stays the same. What is new
goes with the next heartbeat. The time to the broker is the kernel's own of the connection that
there is, and costs nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from skerry_agent import events as ev
from skerry_agent.effects import Effect, Log, MeasureRoundTrip
from skerry_agent.state import RoundTrip, Settings, State
from skerry_agent.telling import Step
from skerry_wire.messages import Target

FIRST_ATTEMPTS = 3
"""Connections of the first measurement, of which the quickest counts; later ones are compared."""
FIRST_WITHIN_S = 60.0
"""A fleet that is told its targets at once does not measure them all at once."""
SAME_SHARE = 0.1
SAME_MS = 1.0
"""Two times that differ by no more than either of these are the same."""
GOLDEN = 0.618034
"""Multiples of it, modulo one, lie far apart from each other: many draws made of one."""


def take(state: State, wanted: Iterable[Target], now: ev.Now) -> State:
    """Take the hub's list of targets; what is known of those that stay is told again."""
    known = {one.target: one for one in state.round_trips}
    found = []
    for index, target in enumerate({target.name: target for target in wanted}.values()):
        wait_s = FIRST_WITHIN_S * ((now.draw + index * GOLDEN) % 1.0)
        one = known.get(target) or RoundTrip(target, now.mono_s + wait_s)
        found.append(one)
    return tell_again(dataclasses.replace(state, round_trips=tuple(found)))


def tell_again(state: State) -> State:
    """Tell all that is known with the next heartbeat: the hub may have forgotten."""
    known = tuple(map(_untold, state.round_trips))
    broker = _untold(state.broker_round_trip)
    return dataclasses.replace(state, round_trips=known, broker_round_trip=broker)


def at_heartbeat(state: State, now: ev.Now) -> Step:
    """Begin the measurement that has been due the longest, if there is one."""
    if state.measuring or now.mono_s < state.measure_from or not state.round_trips:
        return state, []
    one = min(state.round_trips, key=lambda each: each.due)
    if now.mono_s < one.due:
        return state, []
    attempts = FIRST_ATTEMPTS if one.ms is None else 1
    measure_from = now.mono_s + state.settings.round_trip_gap_s
    state = dataclasses.replace(state, measuring=True, measure_from=measure_from)
    return state, [MeasureRoundTrip(one.target, attempts)]


def measured(state: State, event: ev.RoundTripMeasured, now: ev.Now) -> Step:
    """Keep what was measured. The target may be none any more."""
    state = dataclasses.replace(state, measuring=False)
    effects: list[Effect] = []
    found = []
    for before in state.round_trips:
        one = before
        if one.target == event.target:
            one = _after(one, event.ms, event.problem, state.settings, now)
            if one.problem and one.problem != before.problem:
                effects.append(Log("info", f"round-trip time to {one.target.name}: {one.problem}"))
        found.append(one)
    return dataclasses.replace(state, round_trips=tuple(found)), effects


def broker_sampled(state: State, ms: float | None, now: ev.Now) -> State:
    """Take the present time to the broker, where it is due to be told."""
    one = state.broker_round_trip
    if ms is None or not state.settings.round_trips or now.mono_s < one.due:
        return state
    return dataclasses.replace(state, broker_round_trip=_after(one, ms, "", state.settings, now))


def take_news(state: State) -> tuple[State, Mapping[str, float] | None]:
    """Return what a heartbeat tells, None where nothing is new, and the state that has told it."""
    every = (state.broker_round_trip, *state.round_trips)
    news = {one.target.name: one.ms for one in every if one.ms is not None and not one.told}
    if not news:
        return state, None
    broker, *others = (dataclasses.replace(one, told=True) for one in every)
    state = dataclasses.replace(state, broker_round_trip=broker, round_trips=tuple(others))
    return state, news


def _untold(one: RoundTrip) -> RoundTrip:
    return one if one.ms is None else dataclasses.replace(one, told=False)


def _after(
    one: RoundTrip, ms: float | None, problem: str, settings: Settings, now: ev.Now
) -> RoundTrip:
    """Return a target after a measurement, or (None) a failed one: when is it measured again?"""
    interval_s = settings.round_trip_first_s
    if ms is None or _same(one.ms, ms):
        interval_s = min(max(interval_s, 2 * one.interval_s), settings.round_trip_most_s)
    due = now.mono_s + interval_s * (1.0 + 0.1 * now.draw)
    one = dataclasses.replace(one, due=due, interval_s=interval_s, problem=problem)
    return one if ms is None else dataclasses.replace(one, ms=ms, told=False)


def _same(before: float | None, after: float) -> bool:
    if before is None:
        return False
    return abs(after - before) <= max(SAME_MS, SAME_SHARE * before)

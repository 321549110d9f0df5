"""Changes of the keys that sign orders: handed to the executor, which alone can judge them. Pure.

A part of `core`. The agent is a messenger: it sees to it that nobody at the broker keeps the
executor busy, and has an order that came before its key looked at again.
"""

from __future__ import annotations

import dataclasses

from skerry_agent import events as ev
from skerry_agent.effects import HandKeys, Log
from skerry_agent.orders import look_again
from skerry_agent.state import NEVER, State
from skerry_agent.telling import Step, malformed, report_now
from skerry_wire.local import MAX_KEYS_BYTES

GAP_S = 10.0
"""Least time between two messages that the executor is handed."""
AGAIN_S = 60.0
"""Time after which it is asked again, at least, where it could not be."""
UNKNOWN_KEY = "unknown_key"
"""The executor's code of a refusal (`skerry_executor.order`)."""


def arrived(state: State, event: ev.KeysArrived, now: ev.Now) -> Step:
    """Have the executor take changes, unless it has; of several that wait, the last stays."""
    if len(event.data) > MAX_KEYS_BYTES:
        text = f"changes of keys of {len(event.data)} bytes, more than {MAX_KEYS_BYTES}"
        return malformed(state, text, now)
    keys = state.keys
    if event.data == keys.taken:
        return state, []
    at = max(now.mono_s, keys.hand_from)
    state = dataclasses.replace(state, keys=dataclasses.replace(keys, waiting=event.data, at=at))
    return begin(state, now)


def begin(state: State, now: ev.Now) -> Step:
    """Hand the changes that wait to the executor, when it is time."""
    keys = state.keys
    if keys.waiting is None or keys.handed or now.mono_s < keys.at:
        return state, []
    begun = dataclasses.replace(
        keys, waiting=None, handed=True, at=NEVER, hand_from=now.mono_s + GAP_S
    )
    return dataclasses.replace(state, keys=begun), [HandKeys(keys.waiting)]


def judged(state: State, event: ev.KeysJudged, now: ev.Now) -> Step:
    """Take over which keys are trusted now, and tell of it, or why nothing was taken."""
    keys = dataclasses.replace(state.keys, handed=False)
    if keys.waiting is not None:
        keys = dataclasses.replace(keys, at=max(now.mono_s, keys.hand_from))
    if event.is_tried_again:
        if keys.waiting is None:
            at = now.mono_s + AGAIN_S * (1.0 + now.draw)
            keys = dataclasses.replace(keys, waiting=event.data, at=at)
        text = f"changes of order keys wait: {event.reason}"
        return dataclasses.replace(state, keys=keys), [Log("info", text)]
    before = keys
    problem = f"a change of order keys was refused: {event.reason}" if event.reason else None
    keys = dataclasses.replace(
        keys, standing=event.standing or keys.standing, taken=event.data, problem=problem
    )
    state, effects = report_now(dataclasses.replace(state, keys=keys), now)
    if problem is not None and problem != before.problem:
        effects = [*effects, Log("warning", problem)]
    if keys.standing == before.standing:
        return state, effects
    text = f"order keys: {', '.join(keys.standing.trusted) if keys.standing else 'none'} trusted"
    state, more = _with_order(state, now)
    return state, [*effects, Log("info", text), *more]


def _with_order(state: State, now: ev.Now) -> Step:
    """Offer an order again that was refused for its key, now that other keys are trusted."""
    refusal = state.outcome.refusal
    if refusal is None or refusal.code != UNKNOWN_KEY or state.offered is None:
        return state, []
    waiting = state.waiting or state.offered
    return look_again(dataclasses.replace(state, waiting=waiting, hold_until=0.0), now)

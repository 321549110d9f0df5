"""Leases: when the hub is asked to renew them, and what becomes of its grants.

The agent is a messenger here: the executor makes the challenge and verifies the grant, and ends
what nobody renews. Pure, like `core`, of which this is a part.
"""

from __future__ import annotations

import dataclasses

from skerry_agent import events as ev
from skerry_agent.effects import AskChallenge, HandGrant, Log, Publish
from skerry_agent.orders import look_again
from skerry_agent.state import NEVER, State
from skerry_agent.telling import Step, malformed, report_now, stamped
from skerry_wire.local import MAX_GRANT_BYTES
from skerry_wire.messages import LeaseRequest
from skerry_wire.topics import NodeTopic

RENEWED_AT = 1 / 3
"""The part of a lease after which it is renewed, so that one renewal may fail."""
GRANTS_TAKEN = 4
"""So many answers to one request are looked at, for anybody at the broker may send false ones."""


def plan(state: State, before: State, now: ev.Now) -> State:
    """Return the state with the next renewal, after the executor has said what it runs."""
    if state.outcome.lease_s is None:
        return dataclasses.replace(state, lease_at=NEVER, lease_problem=None)
    is_new = before.outcome.lease_s is None or before.outcome.accepted != state.outcome.accepted
    if state.connected and (is_new or state.lease_at == NEVER):
        return dataclasses.replace(state, lease_at=max(now.mono_s, state.lease_from))
    return state


def connected(state: State, now: ev.Now) -> State:
    """Return the state with a renewal soon: the hub may not have been reached for long."""
    if state.outcome.lease_s is None:
        return state
    due = now.mono_s + state.settings.lease_spread_s * now.draw
    return dataclasses.replace(state, lease_at=max(due, state.lease_from), lease_grants=0)


def disconnected(state: State) -> State:
    """Return the state without a renewal: there is nobody to ask."""
    return dataclasses.replace(state, lease_at=NEVER, lease_grants=0)


def begin(state: State, now: ev.Now) -> Step:
    """Have the executor make a challenge, when it is time, and plan the time after."""
    settings, lease_s = state.settings, state.outcome.lease_s
    if now.mono_s < state.lease_at or lease_s is None:
        return state, []
    wait_s = max(settings.lease_gap_s, lease_s * RENEWED_AT * (0.8 + 0.2 * now.draw))
    state = dataclasses.replace(
        state, lease_at=now.mono_s + wait_s, lease_from=now.mono_s + settings.lease_gap_s
    )
    if state.lease_asked:
        return state, []  # it has not answered for a whole third of the lease
    return dataclasses.replace(state, lease_asked=True), [AskChallenge()]


def challenged(state: State, event: ev.LeaseChallenged, now: ev.Now) -> Step:
    """Ask the hub to renew the leases, by the challenge."""
    state = dataclasses.replace(state, lease_asked=False)
    if event.challenge is None:
        return _problem(state, f"leases cannot be renewed: {event.reason}", now)
    lease_s = state.outcome.lease_s
    if not state.connected or lease_s is None:
        return state, []
    state = dataclasses.replace(state, lease_grants=GRANTS_TAKEN)
    state, request = stamped(state, NodeTopic.LEASE, LeaseRequest, challenge=event.challenge)
    expiry_s = max(1, round(lease_s))
    return state, [Publish(NodeTopic.LEASE, request, qos=0, expiry_s=expiry_s)]


def grant_arrived(state: State, event: ev.GrantArrived, now: ev.Now) -> Step:
    """Hand a grant to the executor, if one is awaited."""
    if len(event.data) > MAX_GRANT_BYTES:
        text = f"a grant of {len(event.data)} bytes, more than {MAX_GRANT_BYTES}"
        return malformed(state, text, now)
    if state.lease_grants == 0 or state.lease_handed:
        return state, []
    state = dataclasses.replace(state, lease_grants=state.lease_grants - 1, lease_handed=True)
    return state, [HandGrant(event.data)]


def grant_taken(state: State, event: ev.GrantTaken, now: ev.Now) -> Step:
    """Visit the executor where the grant lets something start; say why where it was refused."""
    state = dataclasses.replace(state, lease_handed=False)
    if event.error is not None:
        return _problem(state, f"a grant was refused: {event.error}", now)
    state = dataclasses.replace(state, lease_grants=0)
    state, effects = _problem(state, None, now)
    if not event.visit:
        return state, effects
    state, more = look_again(state, now)
    return state, [*effects, *more]


def _problem(state: State, problem: str | None, now: ev.Now) -> Step:
    if problem == state.lease_problem:
        return state, []
    state, effects = report_now(dataclasses.replace(state, lease_problem=problem), now)
    return state, effects if problem is None else [*effects, Log("warning", problem)]

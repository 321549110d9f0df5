"""Requests that the executor answers, not the agent: which are taken, and what becomes of them.

The agent reads nothing of them: it passes them on, and the answer back, part by part, no more of it
under way than the link takes. Pure, like `core`, of which this is a part.
"""

from __future__ import annotations

import dataclasses

from skerry_agent import events as ev
from skerry_agent.effects import AskExecutor, Effect, EndAsking, HandInput, Log, PassOn, Publish
from skerry_agent.orders import look_again
from skerry_agent.state import NEVER, Asked, State
from skerry_agent.telling import Step, note, stamped
from skerry_wire.messages import MAX_PIECE_BYTES, EventKind, Reply, Request
from skerry_wire.topics import NodeTopic

CHALLENGE, INSTANCE, KEEP, CANCEL = "challenge", "instance", "keep", "cancel"
INPUT = "input"
VERBS = (CHALLENGE, INSTANCE, INPUT, KEEP, CANCEL)
KEPT_S = 90.0
"""How long an answer goes on without a word that somebody still waits for it: a hub that is gone
cannot say that nobody does."""
MOST_AT_ONCE = 4
BURST = 32
PER_S = 4.0
"""Requests beyond are refused: each is a visit to the executor, whoever sends it."""
INPUT_BURST = 256
INPUT_PER_S = 320.0
"""Pieces of input beyond end their session: no executor reads so many, whoever sends them."""
EXPIRY_S = 60
"""A part that waits longer with the broker than this finds nobody who waits for it."""
_TOKEN = "part "  # noqa: S105 - of a publication


def asked(state: State, request: Request, correlation: bytes | None, now: ev.Now) -> Step:
    """Pass a request on to the executor, or say why not; or end one that is under way."""
    if not state.connected:
        return state, []  # it came before the connection was lost: nobody hears the answer
    known = state.asked.get(request.id)
    if request.verb == CANCEL:
        return state, [] if known is None else [EndAsking(request.id)]
    if request.verb == INPUT:
        return _input(state, request, known, now)
    if request.verb == KEEP and known is not None:
        kept = dataclasses.replace(known, until=now.mono_s + KEPT_S)
        return _with(state, request.id, kept), []
    if request.verb == KEEP or known is not None:
        return state, []  # too late, or the broker brought it twice
    state, has_room = _within_rate(state, now)
    if not has_room:
        return _refused(state, request.id, correlation, "too many requests; try again in a moment")
    if len(state.asked) >= MOST_AT_ONCE:
        reason = f"{MOST_AT_ONCE} requests are under way on this box; try again later"
        return _refused(state, request.id, correlation, reason)
    if request.verb == INSTANCE and not request.envelope:
        return _refused(state, request.id, correlation, "the request has nothing signed with it")
    state = _with(state, request.id, Asked(correlation, now.mono_s + KEPT_S))
    envelope = request.envelope if request.verb == INSTANCE else None
    return state, [AskExecutor(request.id, envelope)]


def _input(state: State, request: Request, known: Asked | None, now: ev.Now) -> Step:
    """Pass a piece of input on to the executor, which alone can tell whose it is."""
    if known is None or known.until == NEVER:
        return state, []
    used_until = max(known.input_until, now.mono_s - INPUT_BURST / INPUT_PER_S) + 1 / INPUT_PER_S
    if used_until > now.mono_s or len(request.envelope) > MAX_PIECE_BYTES:
        return _with(state, request.id, dataclasses.replace(known, until=NEVER)), [
            Log("warning", f"request {request.id}: more input than a session may have"),
            EndAsking(request.id),
        ]
    kept = dataclasses.replace(known, input_until=used_until, until=now.mono_s + KEPT_S)
    return _with(state, request.id, kept), [HandInput(request.id, request.envelope)]


def part_came(state: State, event: ev.PartCame, _now: ev.Now) -> Step:
    """Pass a part of the answer on; the next comes once the broker has it."""
    one = state.asked.get(event.id)
    if one is None or not state.connected:
        return state, [EndAsking(event.id)]
    state, reply = stamped(
        state,
        NodeTopic.REPLY,
        Reply,
        id=event.id,
        part=one.parts,
        body=event.body,
    )
    state = _with(state, event.id, dataclasses.replace(one, parts=one.parts + 1))
    return state, [_sent(reply, one.correlation, token=_TOKEN + event.id)]


def ended(state: State, event: ev.AnswerEnded, now: ev.Now) -> Step:
    """Say how the answer ended and what was restarted; visit the executor where it wants that."""
    state, effects = _answered(state, event)
    if event.restarted is not None:
        names = event.restarted.containers
        detail = f"container{'' if len(names) == 1 else 's'} {', '.join(names)}"
        state, more = note(state, now, EventKind.RESTARTED, event.restarted.instance, detail)
        effects += more
    if not event.visit:
        return state, effects
    state, more = look_again(state, now)
    return state, [*effects, *more]


def _answered(state: State, event: ev.AnswerEnded) -> Step:
    one = state.asked.get(event.id)
    if one is None:
        return state, []
    left = {name: other for name, other in state.asked.items() if name != event.id}
    state = dataclasses.replace(state, asked=left)
    if not state.connected:
        return state, []
    state, reply = stamped(
        state,
        NodeTopic.REPLY,
        Reply,
        id=event.id,
        part=one.parts,
        error=event.error,
        body=event.body,
    )
    return state, [_sent(reply, one.correlation)]


def end_forgotten(state: State, now: ev.Now) -> Step:
    """End the answers that nobody seems to wait for any more."""
    over = [name for name, one in state.asked.items() if now.mono_s >= one.until]
    for name in over:
        state = _with(state, name, dataclasses.replace(state.asked[name], until=NEVER))
    return state, [EndAsking(name) for name in over]


def acknowledged(token: str) -> list[Effect]:
    """Return what follows once the broker has a publication: it may have been a part."""
    if not token.startswith(_TOKEN):
        return []
    return [PassOn(token.removeprefix(_TOKEN))]


def end_all(state: State) -> Step:
    """End every request: there is nobody to answer to any more."""
    ends: list[Effect] = [EndAsking(name) for name in state.asked]
    return dataclasses.replace(state, asked={}), ends


def _within_rate(state: State, now: ev.Now) -> tuple[State, bool]:
    """Count a request; what was not used before is saved up, to the burst at most."""
    used_until = max(state.asked_until, now.mono_s - BURST / PER_S) + 1 / PER_S
    if used_until > now.mono_s:
        return state, False
    return dataclasses.replace(state, asked_until=used_until), True


def _with(state: State, name: str, one: Asked) -> State:
    return dataclasses.replace(state, asked={**state.asked, name: one})


def _refused(state: State, name: str, correlation: bytes | None, reason: str) -> Step:
    state, reply = stamped(state, NodeTopic.REPLY, Reply, id=name, error=reason)
    return state, [_sent(reply, correlation)]


def _sent(reply: Reply, correlation: bytes | None, token: str | None = None) -> Publish:
    return Publish(NodeTopic.REPLY, reply, expiry_s=EXPIRY_S, token=token, correlation=correlation)

"""Tells the hub: presence, capability, report and events, each under its next sequence number.

Pure, like `core`, of which this is a part.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, TypeVar

from skerry_agent import event_queue, event_rate, reporting
from skerry_agent import events as ev
from skerry_agent.effects import Effect, Log, Publish, Save
from skerry_agent.event_rate import Held
from skerry_agent.state import NEVER, PresenceSeq, State, presence_seq
from skerry_wire.capability import Capability
from skerry_wire.messages import (
    EVENT_EXPIRY_S,
    Event,
    EventKind,
    NodeMessage,
    Presence,
    Report,
)
from skerry_wire.topics import NodeTopic

Step = tuple[State, list[Effect]]
M = TypeVar("M", bound=NodeMessage)

COMPLAINT_GAP_S = 60.0


def presence(state: State, seq: PresenceSeq, now: ev.Now, *, online: bool) -> Publish:
    """Say that the node is here, or that it is about to go."""
    message = Presence(
        incarnation=state.incarnation,
        boot=state.boot,
        seq=presence_seq(state.connection, seq),
        online=online,
        since=now.wall_s,
        version=state.version,
    )
    return Publish(NodeTopic.PRESENCE, message, retain=True)


def capability(state: State, _now: ev.Now) -> Step:
    """Publish what the node has, once that is known."""
    if not state.connected or state.hardware is None:
        return state, []
    state, message = stamped(
        state,
        NodeTopic.CAPABILITY,
        Capability,
        revision=state.revision,
        hardware=state.hardware,
        round_trip_address=state.round_trip_address,
    )
    return state, [Publish(NodeTopic.CAPABILITY, message, retain=True)]


def report_now(state: State, now: ev.Now) -> Step:
    """Publish a report if it would say something new."""
    return report(state, now, at_once=True)


def report(state: State, now: ev.Now, *, at_once: bool) -> Step:
    """Publish a report if it would say something new; progress waits for the gap to pass."""
    if not state.connected:
        return state, []
    content = reporting.content(state)
    if state.reported is not None and reporting.same(state.reported, content):
        return dataclasses.replace(state, report_at=NEVER), []
    due = state.reported_at + state.settings.report_gap_s
    if not at_once and now.mono_s < due:
        return dataclasses.replace(state, report_at=min(state.report_at, due)), []
    state, report = stamped(state, NodeTopic.REPORT, Report, **content)
    state = dataclasses.replace(state, reported=report, report_at=NEVER, reported_at=now.mono_s)
    return state, [Publish(NodeTopic.REPORT, report, retain=True)]


def note(state: State, now: ev.Now, kind: EventKind, subject: str, detail: str) -> Step:
    """Tell the hub of an event, unless there were so many of its subject that it is held back."""
    subject = subject[:1000]
    if kind is EventKind.REMOVED:
        ends = event_rate.ended(state.event_paces, subject, now.mono_s)
        paces, before = (None, []) if ends is None else ends
    else:
        paces, before = event_rate.told(state.event_paces, subject, now.mono_s), []
    if paces is None:
        paces = event_rate.held(state.event_paces, subject, kind, detail, now.mono_s)
        return dataclasses.replace(state, event_paces=paces), []
    state = dataclasses.replace(state, event_paces=paces)
    this = Held(detail, 1, now.mono_s, now.mono_s)
    return _all_noted(state, now, [(subject, *one) for one in [*before, (kind, this)]])


def tell_held(state: State, now: ev.Now, *, all_of_them: bool = False) -> Step:
    """Tell what was held back and may be told by now, or all of it."""
    if not all_of_them and now.mono_s < event_rate.due_at(state.event_paces):
        return state, []
    paces, released = event_rate.released(state.event_paces, now.mono_s, all_of_them=all_of_them)
    return _all_noted(dataclasses.replace(state, event_paces=paces), now, released)


def _all_noted(state: State, now: ev.Now, told: Iterable[tuple[str, EventKind, Held]]) -> Step:
    effects: list[Effect] = []
    for subject, kind, held in told:
        state, more = _noted(state, now, kind, subject, held)
        effects += more
    return state, effects


def _noted(state: State, now: ev.Now, kind: EventKind, subject: str, held: Held) -> Step:
    """Publish an event, or several as one, and keep it until the broker has it."""
    state = follow_clock(state, now)
    at = max(0.0, now.wall_s - (now.mono_s - held.last_s))
    state, name = _next_event(state)
    event = Event(
        incarnation=state.incarnation,
        boot=state.boot,
        seq=0,
        id=name,
        kind=kind,
        at=at,
        subject=subject,
        detail=held.detail[:1000],
        generation=state.outcome.accepted,
        count=held.count,
        first_at=max(0.0, at - (held.last_s - held.first_s)) if held.count > 1 else None,
    )
    kept = (*state.events, event)
    if not state.connected:
        state, name = _next_event(state)
        kept = event_queue.shortened(kept, state.settings.events_most, name)
        state = dataclasses.replace(state, events=kept)
        return state, [save(state)]
    # Of too many the oldest goes: all of them have been sent.
    state = dataclasses.replace(state, events=kept[-state.settings.events_most :])
    state, publication = send_event(state, event, now)
    return state, [save(state), publication]


def _next_event(state: State) -> tuple[State, str]:
    """Return the id of an event that is new."""
    count = state.event_count + 1
    name = f"{state.incarnation[:8]}-{state.boot}-{count}"
    return dataclasses.replace(state, event_count=count), name


def follow_clock(state: State, now: ev.Now) -> State:
    """Return the state after a look whether the wall clock has been set."""
    ahead_s = now.wall_s - now.mono_s
    before = state.wall_ahead_s
    if before is not None and abs(ahead_s - before) <= event_queue.SET_S:
        return state
    events = state.events
    if before is not None:
        events = event_queue.moved(events, state.boot, ahead_s - before)
    return dataclasses.replace(state, wall_ahead_s=ahead_s, events=events)


def send_event(state: State, event: Event, now: ev.Now) -> tuple[State, Publish]:
    """Publish a kept event under the next sequence number, whatever start it stems from."""
    state, seq = _next_seq(state, NodeTopic.EVENT)
    event = dataclasses.replace(
        event,
        incarnation=state.incarnation,
        boot=state.boot,
        seq=seq,
        age_s=event_queue.age_s(event, now.wall_s),
    )
    return state, Publish(NodeTopic.EVENT, event, expiry_s=EVENT_EXPIRY_S, token=event.id)


def malformed(state: State, text: str, now: ev.Now) -> Step:
    """Count a message that is none, and say so once a minute, however many come."""
    count = state.malformed + 1
    state = dataclasses.replace(state, malformed=count)
    if now.mono_s < state.quiet_until:
        return state, []
    state = dataclasses.replace(state, quiet_until=now.mono_s + COMPLAINT_GAP_S)
    return state, [Log("warning", f"{text} ({count} so far)")]


def save(state: State) -> Save:
    """Ask for what must survive a power cut to be written."""
    return Save(state.order, state.events)


def stamped(state: State, topic: NodeTopic, cls: type[M], /, **content: Any) -> tuple[State, M]:
    """Make a message that carries this node's incarnation, boot and next sequence number."""
    state, seq = _next_seq(state, topic)
    return state, cls(incarnation=state.incarnation, boot=state.boot, seq=seq, **content)


def _next_seq(state: State, topic: NodeTopic) -> tuple[State, int]:
    seq = state.sequences.get(topic, 0) + 1
    return dataclasses.replace(state, sequences={**state.sequences, topic: seq}), seq

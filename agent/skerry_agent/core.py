"""The whole behaviour of the agent: `step(state, event, now) -> (state, effects)`.

Pure: no thread, clock, random, network or disk. Whatever the agent does, it does because a line
here says so; a bug report is a list of events that can be played again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from skerry_agent import (
    devices,
    leases,
    order_keys,
    renewal,
    requests,
    round_trips,
    sharing,
    targets,
)
from skerry_agent import events as ev
from skerry_agent.box_policy import with_told
from skerry_agent.effects import (
    Effect,
    Exit,
    Log,
    Probe,
    Publish,
    ReadEnrollment,
    ReadLabels,
    SampleLoad,
)
from skerry_agent.orders import (
    converge,
    done,
    executor_failed,
    exited,
    look_again,
    order_arrived,
    progressed,
)
from skerry_agent.state import NEVER, PresenceSeq, State
from skerry_agent.telling import (
    Step,
    capability,
    follow_clock,
    malformed,
    note,
    presence,
    report,
    report_now,
    save,
    send_event,
    stamped,
    tell_held,
)
from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.messages import EventKind, Heartbeat, Reply, Request
from skerry_wire.topics import NodeTopic


def step(state: State, event: ev.AgentEvent, now: ev.Now) -> Step:
    """Return the state after an event, and what is to be done about it."""
    before = state
    state, effects = _HANDLERS[type(event)](state, event, now)
    if state.outcome is not before.outcome:
        state = leases.plan(state, before, now)
    return state, effects


# --- start and stop ----------------------------------------------------------------------


def _started(state: State, _event: ev.Started, now: ev.Now) -> Step:
    state, effects = note(state, now, EventKind.STARTED, "agent", f"version {state.version}")
    state, more = converge(state, None, now)
    round_at = now.mono_s + state.settings.look_round_first_s
    state = dataclasses.replace(state, probing=True, look_round_at=round_at)
    state, looks = devices.take_order(state, state.order)
    look = Probe(slow=True, labels=state.labels)
    return state, [*effects, *more, *looks, look, ReadEnrollment()]


def _stop_asked(state: State, _event: ev.StopAsked, now: ev.Now) -> Step:
    state, effects = devices.tell_held(state, now, all_of_them=True)
    state, more = tell_held(state, now, all_of_them=True)
    effects += [*more, save(state)]
    if state.connected:
        effects.append(presence(state, PresenceSeq.STOPPED, now, online=False))
    state, ends = requests.end_all(state)
    return dataclasses.replace(state, stopping=True), [*effects, *ends, Exit()]


def _tick(state: State, _event: ev.Tick, now: ev.Now) -> Step:
    effects: list[Effect] = []
    if now.mono_s >= state.heartbeat_at:
        state = dataclasses.replace(state, heartbeat_at=_next_heartbeat(state, now))
        effects.append(SampleLoad())
        state, more = round_trips.at_heartbeat(state, now)
        effects += more
        state, more = sharing.passed(renewal.clock_seen(state, now), now)
        effects += more
    if now.mono_s >= min(state.probe_at, state.probe_latest_at):
        second_at = now.mono_s + state.settings.settle_s
        state, more = _probe(dataclasses.replace(state, second_look_at=second_at))
        effects += more
    if now.mono_s >= state.second_look_at:
        state, more = _probe(dataclasses.replace(state, second_look_at=NEVER))
        effects += more
    if now.mono_s >= state.look_round_at:
        state, more = _probe(dataclasses.replace(state, look_round_at=_next_look_round(state, now)))
        effects += more
    state, more = devices.tell_held(state, now)
    effects += more
    if now.mono_s >= state.converge_at:
        state, more = converge(state, state.waiting, now)
        effects += more
    state, more = leases.begin(state, now)
    effects += more
    if now.mono_s >= state.targets_at:
        state, more = targets.begin(state, now)
        effects += more
    if now.mono_s >= state.keys.at:
        state, more = order_keys.begin(state, now)
        effects += more
    if now.mono_s >= state.report_at:
        state, more = report(state, now, at_once=True)
        effects += more
    state, more = tell_held(state, now)
    effects += more
    state, more = requests.end_forgotten(state, now)
    effects += more
    state, more = renewal.begin(state, now)
    effects += more
    if now.mono_s >= state.save_at:
        state = dataclasses.replace(state, save_at=NEVER)
        effects.append(save(state))
    return state, effects


# --- the broker --------------------------------------------------------------------------


def _connected(state: State, event: ev.Connected, now: ev.Now) -> Step:
    """Say everything again that the broker may have lost, and what it does not have yet."""
    state = dataclasses.replace(
        state,
        connected=True,
        connection=event.connection,
        reported=None,
        heartbeat_at=now.mono_s + state.settings.heartbeat_s * now.draw,
    )
    state = renewal.connected(leases.connected(state, now), now)
    effects: list[Effect] = [presence(state, PresenceSeq.ONLINE, now, online=True)]
    for publish in (capability, report_now):
        state, more = publish(state, now)
        effects += more
    state = follow_clock(state, now)
    for kept in state.events:
        state, publication = send_event(state, kept, now)
        effects.append(publication)
    return state, [*effects, Log("info", "broker: connected")]


def _disconnected(state: State, event: ev.Disconnected, now: ev.Now) -> Step:
    state = dataclasses.replace(
        state, connected=False, heartbeat_at=NEVER, report_at=NEVER, reported=None
    )
    state, ends = requests.end_all(leases.disconnected(state))
    state, told = sharing.disconnected(renewal.disconnected(state, event, now), event, now)
    return state, [Log("warning", f"broker: {event.reason}"), *ends, *told]


def _acknowledged(state: State, event: ev.Acknowledged, _now: ev.Now) -> Step:
    # Not worth a write: after a power cut it is sent again, and the hub knows it by its id.
    left = tuple(kept for kept in state.events if kept.id != event.token)
    return dataclasses.replace(state, events=left), requests.acknowledged(event.token)


def _sampled(state: State, event: ev.LoadSampled, now: ev.Now) -> Step:
    if not state.connected:
        return state, []
    state = round_trips.broker_sampled(state, event.broker_round_trip_ms, now)
    state, news = round_trips.take_news(state)
    state, heartbeat = stamped(
        state,
        NodeTopic.HEARTBEAT,
        Heartbeat,
        capability=state.revision,
        generation=state.reached_generation,
        uptime_s=event.uptime_s,
        cpu_percent=event.cpu_percent,
        load_1m=event.load_1m,
        memory_available_bytes=event.memory_available_bytes,
        storage_available_bytes=event.storage_available_bytes,
        temperature_c=event.temperature_c,
        battery_percent=event.battery_percent,
        on_battery=event.on_battery,
        power_w=event.power_w,
        filesystems_available_bytes=event.filesystems_available_bytes,
        round_trip_ms=news,
    )
    expiry_s = round(4 * state.settings.heartbeat_s)
    return state, [Publish(NodeTopic.HEARTBEAT, heartbeat, qos=0, expiry_s=expiry_s)]


def _request(state: State, event: ev.RequestArrived, now: ev.Now) -> Step:
    try:
        request = codec.decode(Request, event.data)
    except WireError as error:
        return malformed(state, f"a request on {event.verb} is not one: {error}", now)
    effects: list[Effect] = []
    failure, body = None, b""
    if request.verb != event.verb:
        failure = f"the request says {request.verb}, its topic {event.verb}"
    elif request.verb in requests.VERBS:
        return requests.asked(state, request, event.correlation, now)
    elif request.verb == "probe":
        state, effects = _probe(state)
    elif request.verb == "order":
        body = state.order or b""
        failure = None if body else "this node holds no order"
    else:
        known = ", ".join(("probe", "order", *requests.VERBS))
        failure = f"this version has no request {request.verb!r}; it knows {known}"
    state, reply = stamped(state, NodeTopic.REPLY, Reply, id=request.id, error=failure, body=body)
    sent = Publish(NodeTopic.REPLY, reply, expiry_s=300, correlation=event.correlation)
    return state, [*effects, sent]


# --- hardware ----------------------------------------------------------------------------


def _devices_changed(state: State, _event: ev.DevicesChanged, now: ev.Now) -> Step:
    latest = min(state.probe_latest_at, now.mono_s + state.settings.debounce_most_s)
    quiet = now.mono_s + state.settings.debounce_s
    return dataclasses.replace(state, probe_at=quiet, probe_latest_at=latest), []


def _hotplug_unavailable(state: State, event: ev.HotplugUnavailable, now: ev.Now) -> Step:
    every = f"they are looked for every {state.settings.look_round_s / 60:.0f} minutes"
    problem = f"devices that come or go are not announced: {event.reason}; {every}"
    if problem == state.hotplug_problem:
        return state, []
    state, effects = report_now(dataclasses.replace(state, hotplug_problem=problem), now)
    return state, [*effects, Log("warning", problem)]


def _hotplug_available(state: State, _event: ev.HotplugAvailable, now: ev.Now) -> Step:
    if state.hotplug_problem is None:
        return state, []
    state, effects = report_now(dataclasses.replace(state, hotplug_problem=None), now)
    return state, [*effects, Log("info", "devices that come or go are announced again")]


def _probe_answered(state: State, _event: ev.ProbeAnswered, _now: ev.Now) -> Step:
    # Without a second look: it would start the slow probe once more, and so for ever.
    return _probe(state)


def _probe(state: State) -> Step:
    state = dataclasses.replace(state, probe_at=NEVER, probe_latest_at=NEVER)
    if state.probing:
        return dataclasses.replace(state, probe_again=True), []
    return dataclasses.replace(state, probing=True), [Probe(labels=state.labels)]


def _probed(state: State, event: ev.HardwareProbed, now: ev.Now) -> Step:
    before = state.hardware
    hardware, revision = with_told(state, event.hardware, event.revision)
    changed = revision != state.revision
    state = dataclasses.replace(state, hardware=hardware, revision=revision, probing=False)
    effects: list[Effect] = []
    if changed:
        state, effects = capability(state, now)
    if before is not None:
        state, more = devices.tell_changes(state, before, now)
        effects += more
    effects += devices.look_for(state)
    if state.probe_again:
        state, more = _probe(dataclasses.replace(state, probe_again=False))
        effects += more
    return state, effects


# --- the labels that people gave this box -------------------------------------------------


def _reload_asked(state: State, _event: ev.ReloadAsked, now: ev.Now) -> Step:
    state, effects = look_again(state, now)
    return state, [ReadLabels(), ReadEnrollment(again=True), *effects]


def _labels_read(state: State, event: ev.LabelsRead, now: ev.Now) -> Step:
    changed = event.labels != state.labels
    state = dataclasses.replace(state, labels=event.labels, label_problem=None)
    state, effects = report_now(state, now)
    words = f"{len(event.labels)} of this box, {'changed' if changed else 'as before'}"
    effects.append(Log("info", f"labels read again: {words}"))
    if changed:
        state, more = _probe(state)
        effects += more
    return state, effects


def _labels_failed(state: State, event: ev.LabelsFailed, now: ev.Now) -> Step:
    problem = f"the labels cannot be read, those from before stay: {event.reason}"
    state, effects = report_now(dataclasses.replace(state, label_problem=problem), now)
    return state, [*effects, Log("error", problem)]


# --- the journal ---------------------------------------------------------------------------


def _journal_saved(state: State, _event: ev.JournalSaved, now: ev.Now) -> Step:
    if state.journal_problem is None:
        return state, []
    return report_now(dataclasses.replace(state, journal_problem=None), now)


def _journal_failed(state: State, event: ev.JournalFailed, now: ev.Now) -> Step:
    problem = f"the journal cannot be written: {event.reason}"
    known = problem == state.journal_problem
    save_at = now.mono_s + state.settings.save_again_s
    state = dataclasses.replace(state, journal_problem=problem, save_at=save_at)
    state, effects = report_now(state, now)
    return state, effects if known else [*effects, Log("error", problem)]


def _next_heartbeat(state: State, now: ev.Now) -> float:
    """Return when the next heartbeat is due: 90 to 110 % of the interval."""
    return now.mono_s + state.settings.heartbeat_s * (0.9 + 0.2 * now.draw)


def _next_look_round(state: State, now: ev.Now) -> float:
    """Return when to look next although nothing was announced: 90 to 110 % of the interval."""
    return now.mono_s + state.settings.look_round_s * (0.9 + 0.2 * now.draw)


_HANDLERS: dict[type, Callable[[State, Any, ev.Now], Step]] = {
    ev.Started: _started,
    ev.StopAsked: _stop_asked,
    ev.Tick: _tick,
    ev.Connected: _connected,
    ev.Disconnected: _disconnected,
    ev.Acknowledged: _acknowledged,
    ev.LoadSampled: _sampled,
    ev.RequestArrived: _request,
    ev.TargetsArrived: targets.arrived,
    ev.TargetsJudged: targets.judged,
    ev.KeysArrived: order_keys.arrived,
    ev.KeysJudged: order_keys.judged,
    ev.PartCame: requests.part_came,
    ev.AnswerEnded: requests.ended,
    ev.RoundTripMeasured: round_trips.measured,
    ev.DevicesChanged: _devices_changed,
    ev.HotplugUnavailable: _hotplug_unavailable,
    ev.HotplugAvailable: _hotplug_available,
    ev.ProbeAnswered: _probe_answered,
    ev.HardwareProbed: _probed,
    ev.NodesSeen: devices.nodes_seen,
    ev.ReloadAsked: _reload_asked,
    ev.LabelsRead: _labels_read,
    ev.LabelsFailed: _labels_failed,
    ev.OrderArrived: order_arrived,
    ev.ExecutorProgressed: progressed,
    ev.ExecutorDone: done,
    ev.ExecutorFailed: executor_failed,
    ev.InstanceExited: exited,
    ev.GrantArrived: leases.grant_arrived,
    ev.LeaseChallenged: leases.challenged,
    ev.GrantTaken: leases.grant_taken,
    ev.EnrollmentRead: renewal.read,
    ev.RenewalEnded: renewal.ended,
    ev.JournalSaved: _journal_saved,
    ev.JournalFailed: _journal_failed,
}
"""Every event has its row; a test holds this table against the list of events."""

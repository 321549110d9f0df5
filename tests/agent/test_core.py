"""The core, read as transcripts: events in, effects out."""

import dataclasses
import itertools
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry_agent import core, effects
from skerry_agent import events as ev
from skerry_agent.state import NEVER, PresenceSeq, Settings, State, presence_seq
from skerry_wire import codec, envelope
from skerry_wire.hardware import Accelerator, Hardware, UsbDevice
from skerry_wire.lifecycle import UpdateStatus
from skerry_wire.local import Outcome
from skerry_wire.messages import (
    EventKind,
    InstanceState,
    InstanceStatus,
    Order,
    Presence,
    Refusal,
    Report,
    Request,
)
from skerry_wire.topics import NodeTopic

INCARNATION = "0" * 32
DIGEST = "a" * 64


class Box:
    """Plays events to the core and remembers what it asked for."""

    def __init__(self, **changes):
        self.state = State(
            node="box-1", incarnation=INCARNATION, boot=3, version="0.1.0", **changes
        )
        self.mono, self.wall, self.draw = 1000.0, 1.79e9, 0.5
        self.all = []

    def on(self, event):
        now = ev.Now(self.mono, self.wall, self.draw)
        self.state, done = core.step(self.state, event, now)
        self.all += done
        return done

    def wait(self, seconds):
        """Let time pass, with a tick at each deadline; return what was done."""
        until, done = self.mono + seconds, []
        while self.state.next_deadline <= until:
            self._pass(max(0.0, self.state.next_deadline - self.mono))
            done += self.on(ev.Tick())
        self._pass(until - self.mono)
        return done

    def _pass(self, seconds):
        self.mono += seconds
        self.wall += seconds

    def up(self):
        """Start, connect, probe, and find nothing to run."""
        self.on(ev.Started())
        self.on(ev.Connected(1))
        self.on(ev.HardwareProbed(Hardware(), "c" * 16))
        self.on(ev.ExecutorDone(self.state.run, Outcome(reached=True)))
        self.all.clear()
        return self


def published(done, topic):
    return [e.message for e in done if isinstance(e, effects.Publish) and e.topic == topic]


def converges(done):
    return [e for e in done if isinstance(e, effects.Converge)]


def order_bytes(generation):
    order = Order(
        node="box-1", incarnation=INCARNATION, generation=generation, issued_at=float(generation)
    )
    return codec.encode(envelope.seal(order, "0" * 16, lambda data: b"s" * 64))


def status(state=InstanceState.RUNNING, name="web-0", **more):
    return InstanceStatus(id=name, workload="web", revision="0" * 16, state=state, **more)


def test_every_event_has_a_handler():
    assert set(core._HANDLERS) == set(typing.get_args(ev.AgentEvent))


def test_at_start_it_looks_at_hardware_and_instances_before_any_broker_is_there():
    done = Box().on(ev.Started())
    assert effects.Probe(slow=True) in done
    assert converges(done) == [effects.Converge(1, None)]
    assert not published(done, NodeTopic.PRESENCE)


def test_at_connect_it_says_everything_again():
    box = Box().up()
    box.on(ev.Disconnected("broker gone"))
    done = box.on(ev.Connected(2))
    (presence,) = published(done, NodeTopic.PRESENCE)
    assert presence.online
    assert (presence.boot, presence.seq) == (3, 6)
    assert published(done, NodeTopic.CAPABILITY)[0].revision == "c" * 16
    assert len(published(done, NodeTopic.REPORT)) == 1
    retained = [e for e in done if isinstance(e, effects.Publish) and e.topic != NodeTopic.EVENT]
    assert len(retained) == 3
    assert all(e.retain for e in retained)
    assert isinstance(done[-1], effects.Log)


def test_the_will_of_a_connection_lies_between_it_and_the_next():
    order = [presence_seq(c, s) for c in (1, 2) for s in PresenceSeq]
    assert order == sorted(set(order))


def test_heartbeats_come_at_their_interval_with_jitter_and_only_when_connected():
    box = Box().up()
    samples = [e for e in box.wait(150) if isinstance(e, effects.SampleLoad)]
    assert 9 <= len(samples) <= 11
    box.draw = 0.0
    box.wait(60)
    assert box.state.heartbeat_at - box.mono <= 13.5
    (sent,) = box.on(ev.LoadSampled(uptime_s=7, cpu_percent=None))
    assert sent.qos == 0
    assert not sent.retain
    assert sent.expiry_s == 60
    assert sent.message.capability == "c" * 16
    box.on(ev.Disconnected("gone"))
    assert box.on(ev.LoadSampled(uptime_s=8)) == []
    assert not [e for e in box.wait(100) if isinstance(e, effects.SampleLoad)]


def test_sequence_numbers_advance_by_topic():
    box = Box().up()
    seqs = [box.on(ev.LoadSampled(uptime_s=i))[0].message.seq for i in range(3)]
    assert seqs == [1, 2, 3]


# --- hardware ----------------------------------------------------------------------------


def test_a_storm_of_device_changes_is_one_probe_within_its_limit():
    box = Box().up()
    start = box.mono
    probes = []
    while box.mono < start + 2 and not probes:
        box.on(ev.DevicesChanged("usb"))
        probes = [e for e in box.wait(0.05) if isinstance(e, effects.Probe)]
    assert 0.55 <= box.mono - start <= 0.7
    assert len(probes) == 1


def test_a_change_while_probing_is_probed_again():
    box = Box().up()
    box.on(ev.DevicesChanged("usb"))
    assert effects.Probe() in box.wait(0.3)
    box.on(ev.DevicesChanged("usb"))
    assert box.wait(0.3) == []
    assert effects.Probe() in box.on(ev.HardwareProbed(Hardware(), "c" * 16))


def test_only_a_changed_capability_is_published_and_devices_become_events():
    box = Box().up()
    assert box.on(ev.HardwareProbed(Hardware(), "c" * 16)) == []
    stick = UsbDevice(path="1-1", vendor="18d1", product="9302")
    done = box.on(ev.HardwareProbed(Hardware(usb=(stick,)), "d" * 16))
    assert published(done, NodeTopic.CAPABILITY)[0].revision == "d" * 16
    assert [(e.kind, e.subject) for e in published(done, NodeTopic.EVENT)] == [
        (EventKind.PLUGGED, "usb 1-1")
    ]
    done = box.on(ev.HardwareProbed(Hardware(), "c" * 16))
    assert [e.kind for e in published(done, NodeTopic.EVENT)] == [EventKind.UNPLUGGED]


def looks_of(box, seconds):
    """Let time pass, answering each look; return after how many seconds each was asked for."""
    start, asked = box.mono, []
    while box.mono < start + seconds:
        if any(isinstance(one, effects.Probe) for one in box.wait(1)):
            asked.append(box.mono - start)
            box.on(ev.HardwareProbed(Hardware(), "c" * 16))
    return asked


def test_what_is_not_announced_is_looked_at_soon_after_the_start_and_then_every_ten_minutes():
    box = Box().up()
    first, *later = looks_of(box, 3700)
    assert 30 <= first <= 47, "with the first heartbeat after half a minute"
    assert len(later) == 6
    gaps = [after - before for before, after in itertools.pairwise([first, *later])]
    assert all(600 <= gap <= 617 for gap in gaps)


def test_a_look_that_nothing_asked_for_comes_with_a_heartbeat_and_wakes_nobody():
    box, woken = Box().up(), []
    until = box.mono + 1300
    while box.state.next_deadline <= until:
        box.mono = box.state.next_deadline
        woken.append([type(one) for one in box.on(ev.Tick())])
        box.on(ev.HardwareProbed(Hardware(), "c" * 16))
    beats = [one for one in woken if one != [effects.Converge]]
    assert all(effects.SampleLoad in one for one in beats)
    assert sum(effects.Probe in one for one in woken) == 3


def test_without_a_broker_it_is_looked_at_all_the_same():
    box = Box()
    box.on(ev.Started())
    box.on(ev.HardwareProbed(Hardware(), "c" * 16))
    assert looks_of(box, 1300) == [30, 630, 1230]


def test_it_waits_for_no_heartbeat_that_is_far_away():
    box = Box(settings=Settings(heartbeat_s=3600.0)).up()
    assert looks_of(box, 700) == [30, 630]


def test_boxes_that_started_together_do_not_look_together():
    box = Box()
    box.on(ev.Started())
    box.on(ev.HardwareProbed(Hardware(), "c" * 16))
    box.draw = 0.0
    assert looks_of(box, 700) == [30, 570]


def test_that_nothing_is_announced_is_a_problem_until_it_is_again():
    box = Box().up()
    reason = "OSError: no netlink"
    done = box.on(ev.HotplugUnavailable(reason))
    (report,) = published(done, NodeTopic.REPORT)
    assert report.problems == (
        "devices that come or go are not announced: OSError: no netlink; "
        "they are looked for every 10 minutes",
    )
    assert [e.text for e in done if isinstance(e, effects.Log)] == [report.problems[0]]
    assert box.on(ev.HotplugUnavailable(reason)) == []
    (report,) = published(box.on(ev.HotplugAvailable()), NodeTopic.REPORT)
    assert report.problems == ()
    assert box.on(ev.HotplugAvailable()) == []


def test_what_a_slow_probe_found_is_taken_at_once_and_once():
    box = Box().up()
    assert box.on(ev.ProbeAnswered("usb")) == [effects.Probe()]
    box.on(ev.HardwareProbed(Hardware(), "c" * 16))
    assert looks_of(box, 25) == [], "no second look, which would start it again"


def test_what_a_slow_probe_found_during_a_look_is_taken_after_it():
    box = Box().up()
    box.on(ev.ProbeAnswered("usb"))
    assert box.on(ev.ProbeAnswered("pci")) == []
    assert effects.Probe() in box.on(ev.HardwareProbed(Hardware(), "c" * 16))


# --- the labels that people gave this box -----------------------------------------------------


def test_labels_that_were_changed_are_in_a_new_look_at_once():
    box = Box(labels={"site": "north"})
    assert effects.Probe(slow=True, labels={"site": "north"}) in box.on(ev.Started())
    box = Box().up()
    assert effects.ReadLabels() in box.on(ev.ReloadAsked())
    done = box.on(ev.LabelsRead({"site": "south"}))
    assert effects.Probe(labels={"site": "south"}) in done
    box.on(ev.HardwareProbed(Hardware(), "d" * 16))
    done = box.on(ev.LabelsRead({"site": "south"}))
    assert [type(e) for e in done] == [effects.Log], "as before: nothing to publish"


def test_labels_changed_during_a_look_are_in_the_next_one():
    box = Box().up()
    box.on(ev.DevicesChanged("usb"))
    assert effects.Probe() in box.wait(0.3)
    assert effects.Probe(labels={"a": "b"}) not in box.on(ev.LabelsRead({"a": "b"}))
    assert effects.Probe(labels={"a": "b"}) in box.on(ev.HardwareProbed(Hardware(), "c" * 16))


def test_labels_that_cannot_be_read_are_a_problem_and_those_from_before_stay():
    box = Box(labels={"site": "north"}).up()
    done = box.on(ev.LabelsFailed("/etc/skerry/agent.toml: no TOML"))
    (report,) = published(done, NodeTopic.REPORT)
    assert "agent.toml: no TOML" in report.problems[0]
    assert box.state.labels == {"site": "north"}
    assert any(isinstance(e, effects.Log) and e.level == "error" for e in done)
    done = box.on(ev.LabelsRead({"site": "north"}))
    assert published(done, NodeTopic.REPORT)[0].problems == ()


# --- orders ------------------------------------------------------------------------------


def test_an_order_goes_to_the_executor_and_its_progress_to_the_hub():
    box = Box().up()
    box.wait(1)
    (run,) = converges(box.on(ev.OrderArrived(order_bytes(1))))
    assert run.order == order_bytes(1)
    outcome = Outcome(accepted=1, digest=DIGEST, instances=(status(InstanceState.PULLING),))
    done = box.on(ev.ExecutorProgressed(run.run, outcome))
    assert effects.Save(order_bytes(1), box.state.events) in done
    (report,) = published(done, NodeTopic.REPORT)
    assert (report.accepted, report.generation) == (1, 0)
    finished = dataclasses.replace(outcome, reached=True, instances=(status(),))
    done = box.on(ev.ExecutorDone(run.run, finished))
    (report,) = published(done, NodeTopic.REPORT)
    assert (report.accepted, report.generation, report.digest) == (1, 1, DIGEST)
    assert [e.kind for e in published(done, NodeTopic.EVENT)] == [EventKind.RUNNING]


def test_what_ran_before_the_agent_started_is_no_news_but_what_fails_is():
    box = Box()
    box.on(ev.Started())
    box.on(ev.Connected(1))
    found = (status(), status(InstanceState.FAILED, "db-0", reason="exit code 1"))
    outcome = Outcome(accepted=1, digest=DIGEST, reached=False, instances=found)
    done = box.on(ev.ExecutorDone(box.state.run, outcome))
    told = [(e.kind, e.subject) for e in published(done, NodeTopic.EVENT)]
    assert told == [(EventKind.FAILED, "db-0")]


def test_a_runtime_that_cannot_be_asked_takes_nothing_away():
    box = Box().up()
    (run,) = converges(box.on(ev.OrderArrived(order_bytes(1))) + box.wait(1))
    outcome = Outcome(accepted=1, digest=DIGEST, reached=True, instances=(status(),))
    box.on(ev.ExecutorDone(run.run, outcome))
    box.wait(1)
    (run,) = converges(box.on(ev.OrderArrived(order_bytes(2))))
    blind = Outcome(
        accepted=2, digest=DIGEST, problems=("podman is away",), unseen="podman is away"
    )
    done = box.on(ev.ExecutorDone(run.run, blind))
    assert [e.kind for e in published(done, NodeTopic.EVENT)] == []
    (left,) = box.state.outcome.instances
    assert (left.id, left.state, left.reason) == ("web-0", InstanceState.UNKNOWN, "podman is away")
    seen = Outcome(accepted=2, digest=DIGEST, reached=True)
    box.wait(20)
    done = box.on(ev.ExecutorDone(box.state.run, seen))
    assert [e.kind for e in published(done, NodeTopic.EVENT)] == [EventKind.REMOVED]


def test_instances_that_keep_ending_during_runs_are_looked_at_more_and_more_seldom():
    box = Box().up()
    gaps = []
    for _ in range(8):
        run = box.state.run
        while box.state.run == run:
            box.wait(0.5)
        gaps.append(box.state.run_at)
        box.on(ev.InstanceExited("web-0"))
        failed = Outcome(accepted=1, digest=DIGEST, reached=True, instances=(status(),))
        box.on(ev.ExecutorDone(box.state.run, failed))
        if len(gaps) == 1:
            box.on(ev.InstanceExited("web-0"))
    between = [after - before for before, after in itertools.pairwise(gaps)]
    assert between == sorted(between)
    assert between[-1] >= box.state.settings.exit_gap_most_s


def test_one_that_keeps_ending_hides_no_others_end():
    box = Box().up()
    ended = Outcome(accepted=1, digest=DIGEST, reached=True, instances=(status(),))
    for _ in range(5):
        box.on(ev.ExecutorDone(box.state.run, ended))
        box.on(ev.InstanceExited("web-0"))
        box.wait(2)
    box.on(ev.ExecutorDone(box.state.run, ended))
    run = box.state.run
    box.on(ev.InstanceExited("web-0"))
    box.wait(2)
    assert box.state.run == run, "it is looked at later"
    box.on(ev.InstanceExited("shop-0"))
    box.wait(0.1)
    assert box.state.run == run + 1


def test_messages_that_are_none_are_counted_and_logged_once_a_minute():
    box = Box().up()
    logged = []
    for number in range(200):
        nonsense = ev.RequestArrived("probe", b"\xc1", None) if number % 2 else None
        done = box.on(nonsense or ev.OrderArrived(b"\xc1"))
        logged += [e for e in done if isinstance(e, effects.Log)]
    assert len(logged) == 1
    assert box.state.malformed == 200
    box.wait(61)
    (again,) = [e for e in box.on(ev.OrderArrived(b"")) if isinstance(e, effects.Log)]
    assert "201 so far" in again.text


def test_reports_of_progress_keep_their_distance_and_the_last_is_never_lost():
    box = Box().up()
    box.wait(1)
    (run,) = converges(box.on(ev.OrderArrived(order_bytes(1))))
    reports = []
    for i in range(10):
        outcome = Outcome(accepted=1, instances=(status(InstanceState.PULLING, reason=f"{i}0 %"),))
        reports += published(box.on(ev.ExecutorProgressed(run.run, outcome)), NodeTopic.REPORT)
        reports += published(box.wait(0.05), NodeTopic.REPORT)
    reports += published(box.wait(1), NodeTopic.REPORT)
    assert 3 <= len(reports) <= 5
    assert reports[-1].instances[0].reason == "90 %"


def reached(box, generation):
    box.wait(1)
    (run,) = converges(box.on(ev.OrderArrived(order_bytes(generation))))
    box.on(
        ev.ExecutorDone(
            run.run,
            Outcome(accepted=generation, digest=DIGEST, reached=True, instances=(status(),)),
        )
    )
    return box


def test_the_same_order_again_only_reports_again():
    box = reached(Box().up(), 1)
    done = box.on(ev.OrderArrived(order_bytes(1)))
    assert converges(done) == []
    assert len(published(done, NodeTopic.REPORT)) == 1


def test_garbage_for_an_order_wakes_nobody():
    box = Box().up()
    for data in (b"", b"\xc1", b"\x80", b"x" * 300_000):
        box.wait(61)
        run = box.state.run
        done = box.on(ev.OrderArrived(data))
        assert [type(e) for e in done] == [effects.Log]
        assert box.state.run == run


def test_a_newer_order_overtakes_a_run_but_not_in_a_flood():
    box = Box().up()
    box.wait(1)
    (first,) = converges(box.on(ev.OrderArrived(order_bytes(1))))
    assert converges(box.on(ev.OrderArrived(order_bytes(2)))) == []
    assert converges(box.on(ev.OrderArrived(order_bytes(3)))) == []
    (second,) = converges(box.wait(1))
    assert second == effects.Converge(first.run + 1, order_bytes(3))
    stale = Outcome(accepted=1, instances=(status(),))
    assert box.on(ev.ExecutorDone(first.run, stale)) == []
    assert box.state.outcome.accepted == 0


def test_a_refused_order_is_told_changes_nothing_and_holds_the_next_back():
    box = reached(Box().up(), 1)
    box.wait(1)
    (run,) = converges(box.on(ev.OrderArrived(order_bytes(2))))
    refusal = Refusal(generation=2, code="bad_signature", reason="the signature is wrong")
    done = box.on(ev.ExecutorDone(run.run, Outcome(accepted=1, refusal=refusal)))
    (report,) = published(done, NodeTopic.REPORT)
    assert (report.accepted, report.generation) == (1, 1)
    assert report.refusal == refusal
    assert report.instances == (status(),)
    assert [e.kind for e in published(done, NodeTopic.EVENT)] == [EventKind.REFUSED]
    assert not [e for e in done if isinstance(e, effects.Save) and e.order == order_bytes(2)]
    assert converges(box.on(ev.OrderArrived(order_bytes(3)))) == []
    (again,) = converges(box.wait(10))
    assert again.order == order_bytes(3)
    done = box.on(ev.ExecutorDone(again.run, Outcome(accepted=3, digest=DIGEST, reached=True)))
    assert published(done, NodeTopic.REPORT)[-1].refusal is None


def test_what_does_not_run_is_tried_again_ever_more_seldom():
    box = Box().up()
    box.wait(1)
    (run,) = converges(box.on(ev.OrderArrived(order_bytes(1))))
    failed = Outcome(accepted=1, instances=(status(InstanceState.FAILED, reason="no image"),))
    waits = []
    for _ in range(12):
        box.on(ev.ExecutorDone(run.run, failed))
        before = box.mono
        while not (again := converges(box.wait(0.5))):
            pass
        (run,) = again
        waits.append(box.mono - before)
    assert run.order is None
    assert waits[0] < 5
    assert waits == sorted(waits)
    assert 100 < waits[-1] <= 301


def test_an_executor_that_cannot_be_had_is_said_and_keeps_the_order_waiting():
    box = Box().up()
    box.wait(1)
    (run,) = converges(box.on(ev.OrderArrived(order_bytes(1))))
    done = box.on(ev.ExecutorFailed(run.run, "no socket"))
    assert published(done, NodeTopic.REPORT)[0].problems == ("executor: no socket",)
    (again,) = converges(box.wait(10))
    assert again.order == order_bytes(1)
    done = box.on(ev.ExecutorDone(again.run, Outcome(accepted=1, digest=DIGEST, reached=True)))
    assert published(done, NodeTopic.REPORT)[-1].problems == ()


def test_an_exit_is_looked_at_once_and_a_crash_loop_ever_more_seldom():
    box = reached(Box().up(), 1)
    box.wait(10)
    looks = []
    until = box.mono + 120
    while box.mono < until:
        box.on(ev.InstanceExited("web-0"))
        for run in converges(box.wait(0.1)):
            looks.append(box.mono)
            outcome = Outcome(accepted=1, digest=DIGEST, reached=True, instances=(status(),))
            box.on(ev.ExecutorDone(run.run, outcome))
    assert looks[0] - (until - 120) < 0.2
    assert len(looks) < 12


@pytest.mark.parametrize(("left", "looks"), [((status(),), 1), ((), 0)])
def test_an_exit_during_a_run_is_looked_at_after_it_unless_the_instance_is_gone(left, looks):
    box = Box().up()
    box.wait(1)
    (run,) = converges(box.on(ev.OrderArrived(order_bytes(1))))
    box.on(ev.InstanceExited("web-0"))
    outcome = Outcome(accepted=1, digest=DIGEST, reached=True, instances=left)
    box.on(ev.ExecutorDone(run.run, outcome))
    assert converges(box.wait(1.5)) == [effects.Converge(run.run + 1, None)] * looks


# --- events, journal, requests, stop --------------------------------------------------------


def test_an_event_is_kept_until_the_broker_has_it_and_sent_again_under_a_new_number():
    box = Box().up()
    box.on(ev.Acknowledged(box.state.events[0].id))
    assert box.state.events == ()
    box.on(ev.Disconnected("gone"))
    box.on(
        ev.HardwareProbed(Hardware(usb=(UsbDevice(path="1", vendor="1", product="2"),)), "d" * 16)
    )
    (kept,) = box.state.events
    (sent,) = published(box.on(ev.Connected(2)), NodeTopic.EVENT)
    (again,) = published(box.on(ev.Connected(3)), NodeTopic.EVENT)
    assert sent.id == again.id == kept.id
    assert again.seq > sent.seq


def test_events_of_an_earlier_start_are_sent_too():
    before = Box().up().state.events
    box = Box(events=before)
    box.state = dataclasses.replace(box.state, boot=4)
    box.on(ev.Started())
    sent = published(box.on(ev.Connected(1)), NodeTopic.EVENT)
    assert [(e.id, e.boot) for e in sent] == [(before[0].id, 4), (box.state.events[1].id, 4)]
    assert len({e.id for e in sent}) == 2


def test_events_are_bounded_while_the_broker_is_away():
    box = Box(settings=Settings(events_most=5))
    for i in range(20):
        usb = (UsbDevice(path=str(i), vendor="1", product="2"),)
        box.on(ev.HardwareProbed(Hardware(usb=usb), f"{i:016x}"))
    assert len(box.state.events) == 5
    assert box.state.events[-1].subject == "usb 19"


def test_a_full_disk_is_a_problem_in_the_report_and_heals():
    box = Box().up()
    done = box.on(ev.JournalFailed("No space left on device"))
    (report,) = published(done, NodeTopic.REPORT)
    assert "No space left" in report.problems[0]
    assert box.on(ev.JournalFailed("No space left on device")) == []
    assert any(isinstance(e, effects.Save) for e in box.wait(25))
    done = box.on(ev.JournalSaved())
    assert published(done, NodeTopic.REPORT)[0].problems == ()


def ask(box, verb, topic_verb=None):
    data = codec.encode(Request(id="r-1", verb=verb))
    return box.on(ev.RequestArrived(topic_verb or verb, data, b"c"))


def test_requests():
    box = reached(Box().up(), 1)
    done = ask(box, "probe")
    assert effects.Probe() in done
    assert done[-1].correlation == b"c"
    (reply,) = published(ask(box, "order"), NodeTopic.REPLY)
    assert reply.body == order_bytes(1)
    (reply,) = published(ask(box, "dance"), NodeTopic.REPLY)
    assert "no request 'dance'" in reply.error
    (reply,) = published(ask(box, "probe", "order"), NodeTopic.REPLY)
    assert "topic" in reply.error
    (log,) = box.on(ev.RequestArrived("probe", b"\xc1", None))
    assert isinstance(log, effects.Log)


def test_it_says_good_bye():
    box = Box().up()
    done = box.on(ev.StopAsked())
    (presence,) = published(done, NodeTopic.PRESENCE)
    assert isinstance(presence, Presence)
    assert not presence.online
    assert isinstance(done[-1], effects.Exit)


# --- properties --------------------------------------------------------------------------

outcomes = st.builds(
    Outcome,
    accepted=st.integers(0, 5),
    reached=st.booleans(),
    refusal=st.none()
    | st.builds(Refusal, generation=st.integers(0, 9), code=st.just("x"), reason=st.just("y")),
    instances=st.lists(
        st.sampled_from([status(), status(InstanceState.EXITED, name="b-0")]), max_size=2
    ).map(tuple),
)
STICK = Hardware(
    usb=(UsbDevice(path="1-1", vendor="18d1", product="9302"),),
    accelerators=(
        Accelerator(kind="tpu", vendor="Google", model="Coral", bus="usb", address="1-1"),
    ),
)
happenings = st.one_of(
    st.just(ev.Tick()),
    st.just(ev.StopAsked()),
    st.builds(ev.Connected, st.integers(1, 9)),
    st.builds(ev.Disconnected, st.just("gone")),
    st.builds(ev.OrderArrived, st.integers(1, 4).map(order_bytes) | st.binary(max_size=9)),
    st.builds(ev.RequestArrived, st.just("probe"), st.binary(max_size=9), st.none()),
    st.builds(
        lambda name, verb: ev.RequestArrived(
            verb, codec.encode(Request(id=name, verb=verb, envelope=b"x")), b"c"
        ),
        st.sampled_from([f"r-{number}" for number in range(6)]),
        st.sampled_from(["challenge", "instance", "keep", "cancel"]),
    ),
    st.builds(ev.PartCame, st.sampled_from(["r-0", "r-1", "r-9"]), st.just(b"x")),
    st.builds(ev.AnswerEnded, st.sampled_from(["r-0", "r-1", "r-9"]), st.just("oops") | st.none()),
    st.builds(ev.Acknowledged, st.text(max_size=3) | st.just("part r-0")),
    st.just(ev.DevicesChanged("usb")),
    st.builds(ev.HardwareProbed, st.just(Hardware()), st.sampled_from(["c" * 16, "d" * 16])),
    st.builds(
        ev.HardwareProbed,
        st.sampled_from([STICK, Hardware()]),
        st.sampled_from(["e" * 16, "f" * 16]),
    ),
    st.builds(ev.NodesSeen, st.just(()), st.just(frozenset())),
    st.just(ev.ReloadAsked()),
    st.just(ev.LabelsRead({"a": "b"})),
    st.just(ev.LabelsFailed("broken")),
    st.builds(ev.LoadSampled, st.integers(0, 9)),
    st.builds(ev.ExecutorProgressed, st.integers(0, 3), outcomes),
    st.builds(ev.ExecutorDone, st.integers(0, 3), outcomes),
    st.builds(ev.ExecutorFailed, st.integers(0, 3), st.just("broken")),
    st.builds(ev.InstanceExited, st.just("web-0")),
    st.just(ev.JournalSaved()),
    st.builds(ev.JournalFailed, st.just("full")),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(happenings, st.floats(0, 30), st.floats(0, 0.999)), max_size=40))
def test_whatever_happens_the_invariants_hold(story):
    box = Box()
    box.on(ev.Started())
    sequence = {}
    for event, pause, draw in story:
        box.draw = draw
        done = [*box.wait(pause), *box.on(event)]
        for effect in done:
            if isinstance(effect, effects.Publish):
                # Nothing is published that a codec would refuse, nor under an old number.
                assert codec.decode(type(effect.message), codec.encode(effect.message))
                if effect.topic != NodeTopic.PRESENCE:
                    assert effect.message.seq > sequence.get(effect.topic, 0)
                    sequence[effect.topic] = effect.message.seq
        state = box.state
        assert len(state.asked) <= (4 if state.connected else 0)
        assert len(state.events) <= state.settings.events_most
        assert not (state.waiting and state.converge_at == NEVER and not state.running), "stuck"
        if not state.running:
            assert state.converge_at < NEVER, "nobody would ever look again"
        if not state.connected:
            assert state.heartbeat_at == NEVER
        assert len(converges(done)) <= max(3, pause * 4)


def test_the_report_of_an_agent_fits_its_message_whatever_the_executor_says():
    ids = ("f" * 64,)
    update = UpdateStatus(revision="2" * 16, state="waiting", reason="é" * 1024)
    many = tuple(
        status(name=f"{i:0>120}", reason="é" * 500, container_ids=ids, update=update)
        for i in range(512)
    )
    box = Box().up()
    box.wait(1)
    (run,) = converges(box.on(ev.OrderArrived(order_bytes(1))))
    done = box.on(ev.ExecutorDone(run.run, Outcome(accepted=1, reached=True, instances=many)))
    (report,) = published(done, NodeTopic.REPORT)
    assert codec.decode(Report, codec.encode(report)) == report

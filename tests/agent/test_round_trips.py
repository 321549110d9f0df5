"""Which round-trip time is measured when: events in, effects out."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.agent import test_core
from tests.agent.test_core import published

from skerry_agent import effects
from skerry_agent import events as ev
from skerry_agent.state import Settings
from skerry_wire import codec
from skerry_wire.messages import Target, Targets
from skerry_wire.topics import NodeTopic

ERP = Target(name="endpoint/erp", host="erp.example", port=443)
BOX = Target(name="node/box-2", host="10.0.0.2", port=22)


def targets(*found):
    return ev.TargetsArrived(codec.encode(Targets(node="box-1", targets=found)))


def verified(box, done):
    """Answer as the executor would to what is asked about targets."""
    for one in done:
        if isinstance(one, effects.VerifyTargets):
            found = codec.decode(Targets, one.data)
            box.on(ev.TargetsJudged(one.data, found))
    return done


class Box(test_core.Box):
    """A box whose executor verifies everything at once."""

    def __init__(self, **changes):
        super().__init__(**{"settings": Settings(targets_gap_s=0.0), **changes})

    def on(self, event):
        return verified(self, super().on(event))


def measures(done):
    return [one for one in done if isinstance(one, effects.MeasureRoundTrip)]


class Measuring(Box):
    """A box whose measurements are answered at once, and whose heartbeats are sampled."""

    def __init__(self, answers=None, **changes):
        super().__init__(**changes)
        self.answers = answers or {}
        self.broker_ms = None

    def wait(self, seconds):
        """Return what was measured, by the time and target."""
        until, found = self.mono + seconds, []
        while self.state.next_deadline <= until:
            self.mono = max(self.mono, self.state.next_deadline)
            for one in self.on(ev.Tick()):
                if isinstance(one, effects.SampleLoad):
                    self.on(ev.LoadSampled(uptime_s=1, broker_round_trip_ms=self.broker_ms))
                if isinstance(one, effects.MeasureRoundTrip):
                    found.append((self.mono, one.target.name, one.attempts))
                    ms = self.answers.get(one.target.name)
                    problem = "" if ms else "refused"
                    self.on(ev.RoundTripMeasured(one.target, ms, problem))
        self.mono = until
        return found

    def told(self):
        """Return what the heartbeats told since this was asked last."""
        beats = published(self.all, NodeTopic.HEARTBEAT)
        self.all.clear()
        return [dict(beat.round_trip_ms) for beat in beats if beat.round_trip_ms is not None]


def test_a_target_is_measured_with_a_heartbeat_and_told_with_the_next():
    box = Measuring({"endpoint/erp": 12.5}).up()
    box.on(targets(ERP))
    measured = box.wait(120)
    assert [(name, attempts) for _, name, attempts in measured] == [("endpoint/erp", 3)]
    assert box.told() == [{"endpoint/erp": 12.5}]


def test_it_wakes_nobody():
    quiet, busy = Measuring().up(), Measuring({"endpoint/erp": 12.5, "node/box-2": 3.0}).up()
    busy.on(targets(ERP, BOX))
    assert busy.state.next_deadline == quiet.state.next_deadline
    for box in (quiet, busy):
        box.wait(3600)
    assert busy.state.next_deadline == quiet.state.next_deadline


def test_what_stays_the_same_is_measured_ever_more_seldom_and_what_changes_soon_again():
    box = Measuring({"endpoint/erp": 20.0}).up()
    box.on(targets(ERP))
    measured = box.wait(6 * 3600)
    assert [attempts for _, _, attempts in measured[:3]] == [3, 1, 1]
    times = [at for at, _, _ in measured]
    gaps = [round((b - a) / 600) for a, b in itertools.pairwise(times)]
    assert gaps[:4] == [1, 2, 4, 6]
    assert set(gaps[3:]) <= {6, 7}
    box.answers["endpoint/erp"] = 31.0
    start = box.mono
    later = [at - start for at, _, _ in box.wait(2 * 3600)]
    assert later[1] - later[0] < 700


def test_whoever_does_not_answer_is_tried_ever_more_seldom_and_said_once():
    box = Measuring().up()
    box.on(targets(ERP))
    assert len(box.wait(6 * 3600)) <= 10
    logs = [one.text for one in box.all if isinstance(one, effects.Log)]
    assert logs == ["round-trip time to endpoint/erp: refused"]
    assert box.told() == []


def test_one_at_a_time_and_no_faster_than_the_gap_whatever_the_hub_asks():
    box = Measuring(settings=Settings(heartbeat_s=1.0)).up()
    times = []
    for number in range(60):
        fresh = [Target(name=f"node/{number}-{k}", host="h", port=1) for k in range(16)]
        box.on(targets(*fresh))
        times += [at for at, _, _ in box.wait(60)]
    assert times
    assert min(b - a for a, b in itertools.pairwise(times)) >= 15

    box = Box().up()
    box.on(targets(ERP, BOX))
    assert len(measures(box.wait(3600))) == 1  # the answer is still to come


def test_all_that_is_known_is_told_again_when_the_hub_says_its_targets_again():
    box = Measuring({"endpoint/erp": 12.5, "node/box-2": 3.0}).up()
    box.broker_ms = 8.0
    box.on(targets(ERP, BOX))
    box.wait(300)
    assert {name for told in box.told() for name in told} == {
        "broker",
        "endpoint/erp",
        "node/box-2",
    }
    box.on(targets(BOX))
    measured = box.wait(30)
    assert box.told() == [{"broker": 8.0, "node/box-2": 3.0}]
    assert measured == []  # nothing was measured for that


def test_a_target_of_the_same_name_at_another_address_is_another():
    box = Measuring({"endpoint/erp": 12.5}).up()
    box.on(targets(ERP))
    box.wait(120)
    box.told()
    box.on(targets(Target(name="endpoint/erp", host="erp.example", port=8443)))
    box.wait(10)
    assert box.told() == []
    assert len(box.wait(120)) == 1


def test_the_answer_of_a_target_that_is_none_any_more_changes_nothing():
    box = Box().up()
    box.on(targets(ERP))
    assert measures(box.wait(120))
    box.on(targets(BOX))
    box.on(ev.RoundTripMeasured(ERP, 12.5))
    assert [one.target for one in box.state.round_trips] == [BOX]
    assert measures(box.wait(120))


def test_the_time_to_the_broker_is_told_seldom():
    box = Measuring().up()
    box.broker_ms = 8.0
    box.wait(3600)
    assert box.told() == [{"broker": 8.0}] * 3
    box.broker_ms = 80.0
    box.wait(2 * 3600)
    assert box.told()[0] == {"broker": 80.0}


def test_names_that_are_told_twice_count_once():
    box = Box().up()
    box.on(targets(ERP, Target(name="endpoint/erp", host="other", port=1)))
    assert [one.target.host for one in box.state.round_trips] == ["other"]


def test_a_box_that_shall_not_measure_does_not():
    box = Measuring(settings=Settings(round_trips=False)).up()
    box.broker_ms = 8.0
    box.on(targets(ERP))
    assert box.wait(3600) == []
    assert box.told() == []


def test_nothing_is_measured_without_a_broker():
    box = Measuring().up()
    box.on(targets(ERP))
    box.on(ev.Disconnected("gone"))
    assert box.wait(3600) == []


@pytest.mark.parametrize("draw", [0.0, 0.25, 0.999])
def test_a_fleet_that_is_told_at_once_does_not_measure_at_once(draw):
    box = Measuring().up()
    box.draw = draw
    box.on(targets(*(Target(name=f"node/{k}", host="h", port=1) for k in range(16))))
    dues = [one.due - box.mono for one in box.state.round_trips]
    assert 0 <= min(dues) < 15
    assert 45 < max(dues) < 60


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.integers(1, 2000), st.sets(st.integers(0, 20), max_size=16))))
def test_whatever_comes_no_target_is_measured_more_often_than_it_may_be(story):
    box = Measuring(dict.fromkeys((f"node/{k}" for k in range(20)), 5.0)).up()
    last = {}
    for item in story:
        if isinstance(item, set):
            box.on(targets(*(Target(name=f"node/{k}", host="h", port=1) for k in item)))
            last = {name: at for name, at in last.items() if int(name[5:]) in item}
        else:
            for at, name, _ in box.wait(item):
                assert at - last.get(name, -600.0) >= 600
                last[name] = at
    names = [one.target.name for one in box.state.round_trips]
    assert len(names) == len(set(names)) <= 16

"""Since when the hub has been listening, as transcripts of both clocks."""

import pytest
from tests.hub.records import NOW

from skerry_hub.fleet.listening import Listening
from skerry_hub.writer.watch import STALL_S, STUCK_S, Watch
from skerry_wire import reconnecting


def watching():
    watch = Watch(100.0, NOW)
    watch.begin(NOW)
    return watch


def test_it_ticks_once_a_second():
    watch = watching()
    ticks = [watch.tick(100 + n / 4, NOW + n / 4) for n in range(13)]
    assert ticks.count(True) == 3
    assert watch.since == NOW


@pytest.mark.parametrize(
    ("mono_s", "wall_s"),
    [
        (STALL_S + 1, STALL_S + 1),  # held up, by a store that failed
        (1, 3600),  # the clock was set forward, or the machine slept
        (1, -3600),  # the clock was set back
    ],
)
def test_it_begins_anew_when_it_could_not_have_heard(mono_s, wall_s):
    watch = watching()
    assert watch.tick(100 + mono_s, NOW + wall_s)
    assert watch.since == NOW + wall_s
    assert watch.tick(100 + mono_s + 1, NOW + wall_s + 1)
    assert watch.since == NOW + wall_s, "and only then"


def test_without_a_broker_it_listens_to_nobody_whatever_else_happens():
    watch = watching()
    watch.end(NOW + 1, NOW)
    watch.begin_anew(NOW + 5)
    watch.tick(100 + 3600, NOW + 3600)
    assert watch.since is None
    watch.begin(NOW + 4000)
    assert watch.since == NOW + 4000


def test_while_heartbeats_cannot_come_silence_means_nothing():
    watch = watching()
    watch.beating(False, NOW + 5, NOW)
    assert watch.listening is None
    watch.begin(NOW + 6)
    assert watch.listening is None
    watch.beating(True, NOW + 50, NOW)
    assert watch.listening.since == NOW + 50


def test_a_hub_that_was_just_started_gives_no_time_of_its_own():
    watch = Watch(100.0, NOW)
    watch.end(NOW, NOW - 1000)
    watch.beating(False, NOW, NOW - 1000)
    watch.begin(NOW + 20)
    watch.beating(True, NOW + 21, NOW - 1000)
    assert watch.listening == Listening(NOW + 21)


@pytest.mark.parametrize("both", [True, False])
def test_after_the_broker_was_away_boxes_have_the_time_to_come_back(both):
    watch = watching()
    heard = NOW + 95
    watch.end(NOW + 100, heard)
    if both:
        watch.beating(False, NOW + 100, heard)
        watch.beating(False, NOW + 110, heard)
    watch.end(NOW + 120, heard)
    assert watch.deaf_since == heard
    watch.begin(NOW + 130)
    if both:
        watch.beating(True, NOW + 131, heard)
    back = NOW + 131 if both else NOW + 130
    away_s = back - heard
    expected = back + reconnecting.back_within_s(watch.ceiling_s, away_s)
    assert watch.listening == Listening(back, pytest.approx(expected))
    assert watch.deaf_since is None


def test_a_short_absence_takes_no_time_from_who_waits_since_a_long_one():
    watch = watching()
    watch.end(NOW + 10, NOW)
    watch.begin(NOW + 2000)
    long = watch.listening.back_by
    assert long == NOW + 2000 + reconnecting.back_within_s(watch.ceiling_s, 2000)
    watch.end(NOW + 2001, NOW + 2000.5)
    watch.begin(NOW + 2002)
    assert watch.listening == Listening(NOW + 2002, long)


def test_a_machine_that_slept_gives_time_and_a_slow_store_none():
    watch = watching()
    watch.tick(100 + STALL_S + 1, NOW + STALL_S + 1)
    assert watch.listening.silent_from == NOW + STALL_S + 1
    watch.tick(102 + STALL_S, NOW + 3600)
    assert watch.listening.silent_from > NOW + 3600 + reconnecting.USUAL_S


def test_a_writer_that_does_not_come_round_is_told():
    watch = watching()
    assert watch.writer(100 + STUCK_S - 1, NOW + STUCK_S - 1).ok
    stuck = watch.writer(100 + STUCK_S, NOW + STUCK_S)
    assert (stuck.ok, stuck.since, stuck.reason) == (False, NOW, "one thing takes it 30 s already")

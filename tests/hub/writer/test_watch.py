"""Since when the hub has been listening, as transcripts of both clocks."""

import pytest
from tests.hub.records import NOW

from skerry_hub.writer.watch import STALL_S, Watch


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
    watch.end()
    watch.begin_anew(NOW + 5)
    watch.tick(100 + 3600, NOW + 3600)
    assert watch.since is None
    watch.begin(NOW + 4000)
    assert watch.since == NOW + 4000


def test_while_heartbeats_cannot_come_silence_means_nothing():
    watch = watching()
    watch.beating(False, NOW + 5)
    assert watch.listening_since is None
    watch.begin(NOW + 6)
    assert watch.listening_since is None
    watch.beating(True, NOW + 50)
    assert watch.listening_since == NOW + 50

"""What is usual of a node's silence, by simulated time."""

import dataclasses
import math
import random

import numpy as np
import pytest

from skerry_hub.fleet.listening import Listening
from skerry_hub.fleet.silence import HALF_LIFE_S, OUTAGE_S, Silence
from skerry_hub.patience import Patience

PATIENCE = Patience(unreachable_s=10, lost_s=15)
ROWS = np.array([0, 1], np.intp)
BEAT_S = 5.0


class Course:
    """Seconds in turn: two rows, of which some are heard."""

    def __init__(self, start=1000.0):
        self.silence, self.now = Silence(2), start
        self.seen = np.full(2, -math.inf)
        self.listening = Listening(start)

    def second(self, *heard, late_s=0.0):
        self.now += 1.0 + late_s
        self.seen[list(heard)] = self.now
        self.silence.follow(self.seen, self.listening, self.now)
        return self

    def run(self, seconds, row=0, every=5):
        for number in range(1, seconds + 1):
            self.second(*([row] if number % every == 0 else []))
        return self

    def tolerance(self, row=0, base=15.0):
        found = self.silence.tolerance(ROWS, base, PATIENCE, self.now)
        return float(found[row])


def test_a_node_that_is_new_has_a_floor_until_it_was_watched():
    course = Course().run(500)
    assert course.tolerance() == PATIENCE.floor_s
    assert course.run(150).tolerance() == 15.0
    assert course.tolerance(row=1) == PATIENCE.floor_s, "of which nothing was heard"


def test_a_pause_that_a_node_comes_back_from_is_borne_four_times():
    course = Course().run(700)
    for _ in range(40):
        course.second()
    course.second(0)
    assert 160 < course.tolerance() < 185
    assert course.tolerance(base=600.0) == 600.0


def test_a_strict_hub_bears_no_more_from_who_paused_before():
    course = Course().run(700)
    for _ in range(40):
        course.second()
    course.second(0)
    strict = dataclasses.replace(PATIENCE, adapts=False)
    assert course.silence.tolerance(ROWS, 15.0, strict, course.now)[0] == 15.0
    assert course.silence.tolerance(ROWS, 15.0, strict, course.now)[1] == PATIENCE.floor_s, "new"


def test_it_fades_over_hours():
    course = Course().run(700)
    for _ in range(120):
        course.second()
    first = course.second(0).tolerance()
    assert first > 480
    course.run(int(HALF_LIFE_S))
    assert course.tolerance() == pytest.approx(first / 2, rel=0.02)


def test_a_small_pause_counts_once_it_is_more_than_half_of_the_tolerance():
    course = Course().run(700)
    for _ in range(6):
        course.second()
    assert course.second(0).tolerance() == 15.0
    for _ in range(8):
        course.second()
    assert course.second(0).tolerance() == pytest.approx(36, rel=0.01)


def test_a_box_that_was_started_anew_has_not_paused():
    course = Course().run(700)
    for _ in range(90):
        course.second()
    assert course.second(0).run(20).tolerance() > 300
    course.silence.forgive(0)
    assert course.tolerance() == 15.0


def test_after_an_outage_a_node_is_new():
    course = Course().run(700)
    for _ in range(int(OUTAGE_S) + 5):
        course.second()
    course.second(0)
    assert course.tolerance() == PATIENCE.floor_s
    assert course.run(700).tolerance() == 15.0


def test_what_was_before_the_first_sign_of_life_is_no_pause():
    """A box that joins a minute after the hub's start has a good link, as far as anybody knows."""
    course = Course().run(73, row=1).run(700)
    assert course.tolerance() == 15.0


def test_what_the_hub_did_not_hear_is_no_pause():
    course = Course().run(700)
    for _ in range(60):
        course.second()
    course.listening = Listening(course.now)
    course.run(60)
    assert course.tolerance() == 15.0


def test_the_time_to_come_back_is_no_pause():
    course = Course().run(700)
    course.listening = Listening(course.now + 0.5, back_by=course.now + 40)
    for _ in range(35):
        course.second()
    course.second(0)
    assert course.run(20).tolerance() == 15.0


def test_a_delay_of_the_hubs_own_is_no_pause():
    course = Course().run(700)
    for _ in range(4):
        course.second()
    course.second(late_s=4.0)
    course.second(0)
    course.run(20)
    assert course.tolerance() == 15.0


@pytest.mark.parametrize(("all_of_them", "tolerance"), [(True, 15.0), (False, 120.0)])
def test_a_pause_of_most_nodes_at_once_is_their_brokers(all_of_them, tolerance):
    nodes = 200
    silence, seen, now = Silence(nodes), np.full(nodes, -math.inf), 1000.0
    rows = np.arange(nodes)

    def second(which):
        nonlocal now
        now += 1.0
        seen[which] = now
        silence.follow(seen, Listening(1000.0), now)

    for number in range(700):
        second(rows[rows % 5 == number % 5])
    quiet = rows if all_of_them else rows[:20]
    for number in range(30):
        second(np.setdiff1d(rows[rows % 5 == number % 5], quiet))
    second(rows)
    for number in range(20):
        second(rows[rows % 5 == number % 5])
    found = silence.tolerance(rows, 15.0, PATIENCE, now)
    assert found[0] == pytest.approx(tolerance, abs=25.0 if not all_of_them else 0.0)
    assert found[199] == 15.0


def test_rows_grow_and_begin_anew():
    course = Course().run(700)
    silence = course.silence
    kept = silence.kept(0)
    silence.double()
    assert len(silence.longest) == 4
    assert silence.kept(0) == kept
    silence.begin(0)
    assert silence.since[0] == math.inf
    silence.restore(3, kept)
    assert silence.kept(3) == kept


def test_the_window_is_what_is_usual_for_a_node():
    course = Course().run(700)

    def window(tolerance):
        return course.silence.window(ROWS, np.full(2, tolerance), PATIENCE, course.now).tolist()

    assert window(100.0) == [pytest.approx(1.5 * BEAT_S, rel=0.2), 30.0]
    assert window(8.0) == [4.0, 4.0]


# --- the figures that are promised ------------------------------------------------------------


def arrivals(chance, hours, *, loss=0.05, blackout_s=30.0, between_s=(120, 360)):
    """Yield when heartbeats of a bad link arrive: delays, losses, and silence every few minutes.

    What is lost is sent again by TCP, after 1.5 s and then twice as long each time.
    """
    dark, at, newest = [], chance.uniform(*between_s), 0.0
    while at < hours * 3600:
        dark.append((at, at + blackout_s))
        at += blackout_s + chance.uniform(*between_s)
    sent = 0.0
    while sent < hours * 3600:
        sent += BEAT_S * chance.uniform(0.9, 1.1)
        tries, again_s = sent, 1.5
        while chance.random() < loss or any(start <= tries < end for start, end in dark):
            tries, again_s = tries + again_s, min(2 * again_s, 60.0)
        newest = max(newest, tries + max(0.05, chance.gauss(0.3, 0.1)))
        yield newest


@pytest.mark.parametrize("seed", range(3))
def test_the_worst_link_is_not_lost_in_an_hour(seed):
    """600 ms there and back, a loss of 5 %, and 30 s of nothing every few minutes."""
    nodes = 40
    chance = random.Random(seed)
    due = sorted((at, row) for row in range(nodes) for at in arrivals(chance, 1))
    silence, seen, rows = Silence(nodes), np.full(nodes, -math.inf), np.arange(nodes)
    lost, longest, index = set(), 0.0, 0
    for now in range(1, 3601):
        while index < len(due) and due[index][0] <= now:
            seen[due[index][1]] = due[index][0]
            index += 1
        silence.follow(seen, Listening(0.0), float(now))
        silent = now - np.maximum(seen, 0.0)
        longest = max(longest, float(silent.max()))
        lost |= set(np.flatnonzero(silent >= silence.tolerance(rows, 15.0, PATIENCE, now)).tolist())
    assert longest > 30
    assert lost == set()

"""How long a box waits before it connects again."""

import itertools

import pytest

from skerry_agent.attempts import STEADY_S, Attempts, Wait
from skerry_agent.events import Ending
from skerry_wire import reconnecting

CEILING_S = 30.0
AWAY_S = 600.0
"""Away for so long, a box waits for a tenth of that: for longer than the ceiling."""


@pytest.fixture
def failed():
    """Attempts of a box that was away for ten minutes."""
    attempts = Attempts(0.0)
    waits = [attempts.ended(None, now, CEILING_S) for now in (1.0, 2.0, 3.0, AWAY_S)]
    assert [one.most_s for one in waits] == [10.0, 30.0, 30.0, 60.0]
    assert [one.least_s for one in waits] == [0.0, 10.0, 10.0, 10.0]
    return attempts


def test_a_connection_that_held_starts_the_waits_anew(failed):
    assert failed.ended(STEADY_S + 1, AWAY_S + 100, CEILING_S) == Wait(0.0, 10.0)
    assert failed.ended(None, AWAY_S + 101, CEILING_S).most_s == 30.0, "and the time away, too"


@pytest.mark.parametrize("stood_s", [None, 0.1, STEADY_S])
def test_a_short_one_is_no_better_than_none(failed, stood_s):
    assert failed.ended(stood_s, AWAY_S + 100, CEILING_S).most_s == 70.0


def test_a_broker_that_ends_each_connection_at_once_is_never_hammered():
    attempts = Attempts(0.0)
    waits = [attempts.ended(0.5, float(now), CEILING_S).most_s for now in range(0, 6000, 20)]
    assert waits == sorted(waits)
    assert waits[-1] == reconnecting.MOST_S


REFUSALS = [Ending.REFUSED, Ending.CERTIFICATE_REFUSED]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_who_is_refused_asks_at_most_once_a_minute_after_five_minutes(refusal):
    attempts = Attempts(0.0)
    asked, now = [], 0.0
    while now < 3600:
        asked.append(now)
        wait = attempts.ended(None, now, reconnecting.LEAST_S, refusal)
        now += max(wait.least_s, 0.5)  # the shortest that may be drawn
    late = [at for at in asked if at >= 300]
    assert len(late) <= 56
    assert min(b - a for a, b in itertools.pairwise(late)) >= 60
    assert wait.most_s == reconnecting.MOST_S


def test_a_broker_that_cannot_be_reached_meanwhile_is_asked_as_by_others_and_then_seldom_again():
    attempts = Attempts(0.0)
    attempts.ended(None, 0.0, CEILING_S, Ending.REFUSED)
    assert attempts.ended(None, 400.0, CEILING_S, Ending.REFUSED).least_s == 60.0
    assert attempts.ended(None, 460.0, CEILING_S, Ending.LOST).least_s == 10.0
    assert attempts.ended(None, 500.0, CEILING_S, Ending.REFUSED).least_s == 60.0


def test_who_was_let_in_is_not_refused_since_before():
    attempts = Attempts(0.0)
    attempts.ended(None, 0.0, CEILING_S, Ending.REFUSED)
    assert attempts.ended(1.0, 400.0, CEILING_S, Ending.LOST).least_s == 10.0
    assert attempts.ended(None, 410.0, CEILING_S, Ending.REFUSED).least_s == 10.0
    assert attempts.ended(None, 710.0, CEILING_S, Ending.REFUSED).least_s == 60.0


def test_who_is_taken_over_again_and_again_stays_away_for_minutes():
    attempts = Attempts(0.0)
    for now in (10.0, 20.0):
        assert attempts.ended(5.0, now, CEILING_S, Ending.TAKEN_OVER).most_s <= CEILING_S
    assert not attempts.is_shared(20.0)
    assert attempts.ended(5.0, 30.0, CEILING_S, Ending.TAKEN_OVER) == Wait(120.0, 300.0)
    assert attempts.is_shared(30.0)
    # They see each other seldom now, and it still goes on.
    assert attempts.ended(200.0, 1500.0, CEILING_S, Ending.TAKEN_OVER) == Wait(120.0, 300.0)
    assert attempts.is_shared(1500.0 + 3599)
    assert not attempts.is_shared(1500.0 + 3601)
    assert attempts.ended(9e3, 1e4, CEILING_S, Ending.TAKEN_OVER).least_s == 0.0


def test_take_overs_far_apart_are_no_clone():
    attempts = Attempts(0.0)
    for now in range(0, 10_000, 301):
        assert attempts.ended(300.0, float(now), CEILING_S, Ending.TAKEN_OVER).least_s == 0.0

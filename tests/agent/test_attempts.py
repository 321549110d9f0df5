"""How long a box waits before it connects again."""

import pytest

from skerry_agent.attempts import STEADY_S, Attempts
from skerry_wire import reconnecting

CEILING_S = 30.0
AWAY_S = 600.0
"""Away for so long, a box waits for a tenth of that: for longer than the ceiling."""


@pytest.fixture
def failed():
    """Attempts of a box that was away for ten minutes."""
    attempts = Attempts(0.0)
    waits = [attempts.ended(None, now, CEILING_S) for now in (1.0, 2.0, 3.0, AWAY_S)]
    assert waits == [10.0, 20.0, 30.0, 60.0]
    return attempts


def test_a_connection_that_held_starts_the_waits_anew(failed):
    assert failed.ended(STEADY_S + 1, AWAY_S + 100, CEILING_S) == 10.0
    assert failed.ended(None, AWAY_S + 101, CEILING_S) == 20.0, "and the time away, too"


@pytest.mark.parametrize("stood_s", [None, 0.1, STEADY_S])
def test_a_short_one_is_no_better_than_none(failed, stood_s):
    assert failed.ended(stood_s, AWAY_S + 100, CEILING_S) == 70.0


def test_a_broker_that_ends_each_connection_at_once_is_never_hammered():
    attempts = Attempts(0.0)
    waits = [attempts.ended(0.5, float(now), CEILING_S) for now in range(0, 6000, 20)]
    assert waits == sorted(waits)
    assert waits[-1] == reconnecting.MOST_S

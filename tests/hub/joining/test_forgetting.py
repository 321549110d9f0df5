"""The time by which things are forgotten goes on by little; on a real store: test_enrolling."""

import pytest

from skerry_hub.joining.forgetting import DAY_S, STEP_S, next_time


@pytest.mark.parametrize(
    ("last", "now", "found"),
    [
        (0.0, DAY_S, DAY_S),
        (0.0, STEP_S, STEP_S),
        (0.0, 400 * DAY_S, STEP_S),
        (10 * DAY_S, 9 * DAY_S, 9 * DAY_S),
    ],
    ids=["a day later", "two", "a clock that is far ahead", "one that was put back"],
)
def test_it_goes_on_by_two_days_at_most_and_never_ahead_of_the_clock(last, now, found):
    assert next_time(last, now) == found


def test_a_hub_that_was_away_catches_up():
    """A day passes from one look to the next, of which the time makes up for one more."""
    at, now = 0.0, 100 * DAY_S
    for _ in range(101):
        at, now = next_time(at, now), now + DAY_S
    assert at == now - DAY_S

"""Token buckets, by an argument for a clock."""

import pytest

from skerry_hub.access.access import Access
from skerry_hub.access.limits import Buckets, Rate


def test_a_burst_then_a_rate():
    buckets = Buckets(Rate(per_s=2.0, burst=3.0))
    assert [buckets.take("a", 100.0) for _ in range(5)] == [0, 0, 0, 1, 1]
    assert buckets.take("a", 100.5) == 0
    assert buckets.take("a", 100.5) == 1
    assert buckets.take("a", 1000.0) == 0
    assert [buckets.take("a", 1000.0) for _ in range(3)] == [0, 0, 1], "no more than a burst"


def test_one_is_not_held_up_by_another():
    buckets = Buckets(Rate(per_s=0.1, burst=1.0))
    assert buckets.take("a", 0.0) == 0
    assert buckets.take("a", 0.0) == 10
    assert buckets.take("b", 0.0) == 0


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing():
    buckets = Buckets(Rate(per_s=1.0, burst=1.0))
    assert buckets.take("a", 100.0) == 0
    assert buckets.take("a", 50.0) == 1
    assert buckets.take("a", 101.0) == 0


def test_no_more_askers_are_remembered_than_a_limit():
    buckets = Buckets(Rate(per_s=0.001, burst=1.0), most=10)
    for number in range(1000):
        buckets.take(str(number), float(number))
    assert len(buckets._left) == 10
    assert buckets.take("999", 999.0) > 0, "the newest are those"


# --- those that hold where nobody says otherwise --------------------------------------------


def passed(buckets, now):
    """Return how many may ask at a time."""
    return next(count for count in range(10_000) if buckets.take("a", now))


@pytest.fixture
def access(store):
    access = Access(store, tokens=False)
    yield access
    access.audit.stop()


@pytest.mark.parametrize(
    ("kind", "at_once", "within_s", "then"),
    [
        ("of_tokens", 400, 1.0, 100),
        ("of_addresses", 2000, 1.0, 100),
        ("of_failures", 20, 10.0, 2),
        ("of_denials", 50, 10.0, 2),
    ],
)
def test_a_hub_has_these_limits(access, kind, at_once, within_s, then):
    buckets = getattr(access, kind)
    assert passed(buckets, 1000.0) == at_once
    assert passed(buckets, 1000.0 + within_s) == then
    assert passed(buckets, 1e9) == at_once

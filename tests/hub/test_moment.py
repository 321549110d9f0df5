"""Moments as people are told them."""

from skerry_hub.moment import moment


def test_a_moment_is_told_in_utc_to_the_second():
    assert moment(0.0) == "1970-01-01T00:00:00Z"
    assert moment(1_790_000_000.9) == "2026-09-21T14:13:20Z"

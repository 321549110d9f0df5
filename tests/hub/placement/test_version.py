"""Versions as people compare them."""

import itertools

import pytest

from skerry_hub.placement.version import version

ASCENDING = [
    "0",
    "4.9.337",
    "5.15.0-rc3",
    "5.15",
    "5.15.1-91-generic",
    "v6.1.0-18-amd64",
    "6.1.12~dev1+x",
    "6.1.12+rpt-rpi-v8",
    "6.10",
    "535.129.03",
]


def test_each_is_newer_than_the_ones_before():
    assert all(version(a) < version(b) for a, b in itertools.combinations(ASCENDING, 2))


@pytest.mark.parametrize(
    ("one", "other"), [("5.15", "5.15.0"), ("v1.2", "1.2.0-91-generic"), ("0", "0.0"), ("1", "01")]
)
def test_some_are_the_same(one, other):
    assert version(one) == version(other)


@pytest.mark.parametrize("text", ["", "latest", "-1", ".5", "v", "x1"])
def test_some_are_none(text):
    assert version(text) is None

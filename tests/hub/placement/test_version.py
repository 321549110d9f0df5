"""Versions as people compare them."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry_hub.placement.version import version

ASCENDING = [
    "0",
    "4.9.337",
    "5.15.0-rc3",
    "5.15",
    "5.15.0-91-generic",
    "5.15.1-9-generic",
    "5.15.1-91-generic",
    "v6.1",
    "6.1.0-18-amd64",
    "6.1.0-18.2-amd64",
    "6.1.0-19~rc2",
    "6.1-19",
    "6.1.0-101-amd64",
    "6.1.12~dev1+x",
    "6.1.12+rpt-rpi-v8",
    "6.10-0.rc3.29.fc42",
    "6.10",
    "6.10.0-553.5.1.el8_10.x86_64",
    "535.129.03",
]


def test_each_is_newer_than_the_ones_before():
    assert all(version(a) < version(b) for a, b in itertools.combinations(ASCENDING, 2))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5.15", "5.15.0"),
        ("v1.2-91", "1.2.0-91-generic"),
        ("0", "0.0"),
        ("1", "01"),
        ("1.2", "1.2-rpi-v8"),
        ("1.2-0", "1.2.0-generic"),
        ("6.1-rc1", "6.1.0-rc2"),
        ("1.0-alpha.1", "1.0-alpha.2"),
    ],
)
def test_some_are_the_same(one, other):
    assert version(one) == version(other)


@pytest.mark.parametrize("text", ["", "latest", "-1", ".5", "v", "x1"])
def test_some_are_none(text):
    assert version(text) is None


parts = st.lists(st.integers(0, 3), min_size=1, max_size=3).map(
    lambda some: ".".join(map(str, some))
)
texts = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(("", "v")),
    parts,
    st.one_of(st.just(""), parts.map("-{}".format)),
    st.sampled_from(("", "-rc1", "~rc1", "-generic", "+b1", ".el8", "-alpha", "-18", "ubuntu1")),
)


@given(texts, texts, texts)
def test_any_versions_are_in_one_order(one, other, third):
    a, b, c = version(one), version(other), version(third)
    assert [a < b, a == b, a > b].count(True) == 1
    assert not a <= b <= c or a <= c


@given(parts, st.integers(0, 99), st.integers(0, 99), st.sampled_from(("", "-generic", "-amd64")))
def test_builds_are_in_the_order_of_their_numbers(base, one, other, flavour):
    first, second = (version(f"{base}-{number}{flavour}") for number in (one, other))
    assert (first < second, first == second) == (one < other, one == other)
    assert version(f"{base}-rc{one}") < version(base) <= first

"""A text that has patterns and has not others: against all short texts, one by one."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry_hub.placement.common_text import common_text
from skerry_hub.placement.effort import Effort, TooMuchError
from skerry_hub.placement.pattern import compiled

TEXTS = ["".join(text) for n in range(6) for text in itertools.product("abz\n", repeat=n)]
PIECES = st.sampled_from(["a", "b", "[ab]", "[^a]", ".", "a*", "b+", "(ab|b)", "(ba)?", "z{2}"])
PATTERNS = st.builds(
    lambda start, pieces, end: start + "".join(pieces) + end,
    st.sampled_from(["", "^"]),
    st.lists(PIECES, min_size=1, max_size=3),
    st.sampled_from(["", "$"]),
)


def text_of(found, absent=(), excluded=(), effort=10_000_000):
    return common_text([*map(compiled, found)], [*map(compiled, absent)], excluded, Effort(effort))


def is_one(text, found, absent, excluded):
    return (
        text not in excluded
        and all(compiled(one).found_in(text) for one in found)
        and not any(compiled(one).found_in(text) for one in absent)
    )


@settings(max_examples=150, deadline=None)
@given(
    found=st.lists(PATTERNS, max_size=2),
    absent=st.lists(PATTERNS, max_size=2),
    excluded=st.lists(st.sampled_from(["", "a", "b", "ab", "ba", "zz", "z"]), max_size=4),
)
def test_it_is_a_shortest_and_where_it_is_none_no_short_one_is(found, absent, excluded):
    text = text_of(found, absent, excluded)
    assert text is None or is_one(text, found, absent, excluded)
    shorter = (
        TEXTS if text is None else itertools.takewhile(lambda one: len(one) < len(text), TEXTS)
    )
    assert not any(is_one(one, found, absent, excluded) for one in shorter)


@pytest.mark.parametrize(
    ("found", "absent", "excluded", "is_some"),
    [
        ([], [], [""], True),
        (["^box-"], [], [], True),
        (["^box-", "^till-"], [], [], False),
        (["^box-", "-[0-9]+$"], [], [], True),
        (["^box-[0-9]$"], ["[0-4]$", "[5-9]$"], [], False),
        (["^box-[0-9]$"], ["[0-4]$", "[6-9]$"], [], True),
        (["^box-[0-9]$"], ["[0-4]$", "[6-9]$"], ["box-5"], False),
        (["^[ab]$"], [], ["a", "b", "c"], False),
        (["^[ab]+$"], [], ["a", "b", "c", "aa"], True),
        (["a"], ["a"], [], False),
        ([], ["a*"], [], False),
        (["x{50}"], ["^x{0,60}$"], [], True),
        (["[^\U0010ffff]"], [], [], True),
    ],
)
def test_texts(found, absent, excluded, is_some):
    assert (text_of(found, absent, excluded) is not None) == is_some


def test_it_ends_whatever_the_patterns():
    wide = [f"^(a|b)*a(a|b){{{number}}}$" for number in range(20, 23)]
    with pytest.raises(TooMuchError):
        text_of(wide, ["c"], effort=50_000)


def test_what_long_names_cost():
    found = ["^edge-gateway-[a-z]+-[0-9]+$", "^edge-", "-gateway-"]
    text = text_of(found, ["staging", "-[0-9]$"], ["edge-gateway-a-00"], effort=10_000)
    assert text is not None
    assert len(text) == len("edge-gateway-a-11")
    assert not text_of([*found, "^hub-"], ["staging"], effort=1_000)

"""A pattern over many texts at once: the answers that each would get by itself."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.placement.test_pattern import patterns

from skerry_hub.placement.automaton import BATCH, FEW, MOST_STATES, Automaton, automaton
from skerry_hub.placement.pattern import Pattern, PatternError

MANY_TEXTS = st.lists(st.text("ab.0-\nüé€\U0001f600", max_size=8), min_size=FEW, max_size=2 * FEW)


def alone(pattern, texts):
    return [Pattern(pattern).found_in(text) for text in texts]


@given(patterns, MANY_TEXTS)
@settings(max_examples=300, deadline=None)
def test_every_text_has_the_answer_that_it_has_by_itself(pattern, texts):
    try:
        found = Automaton(Pattern(pattern)).found_in_each(texts)
    except PatternError:
        return
    assert found.tolist() == alone(pattern, texts)


@pytest.mark.parametrize(
    "pattern",
    ["^$", "$", "^", "^till-[0-9]+$", "till-1$", "1", "(ab|cd)*e$", "^(a|b)*$", "€", "[^a]$"],
)
def test_texts_of_all_lengths(pattern):
    texts = [f"till-{number}" for number in range(FEW)]
    texts += ["", "a", "ab", "abe", "€", "a€", "1€", "cdabe", "\ud800"]
    assert automaton(pattern).found_in_each(texts).tolist() == alone(pattern, texts)


def test_more_texts_than_go_through_together():
    texts = [str(number) for number in range(2 * BATCH + 3)]
    found = automaton("77$").found_in_each(texts)
    assert found.tolist() == [text.endswith("77") for text in texts]


def test_values_that_are_no_texts_are_asked_as_texts():
    assert automaton("^1").found_in_each([1, 2.5, True, "1"]).tolist() == [True, False, False, True]
    assert automaton("^1").found_in_each([*range(FEW + 50)]).tolist() == [
        str(number).startswith("1") for number in range(FEW + 50)
    ]


def test_a_pattern_with_more_states_than_are_kept_is_asked_of_each_text_alone():
    pattern = "a.{12}b"  # which of the last thirteen were an a: 2^13 sets
    texts = [f"{number:020b}".replace("1", "a").replace("0", "b") for number in range(2000)]
    machine = Automaton(Pattern(pattern))
    assert machine.found_in_each(texts).tolist() == alone(pattern, texts)
    assert len(machine._sets) == MOST_STATES

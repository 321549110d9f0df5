"""Regular expressions: the same answers as Python's, in bounded time."""

import re
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from skerry_hub.placement.pattern import MAX_PATTERN, Pattern, PatternError, compiled

ATOMS = ["a", "b", ".", "[ab]", "[^a]", "[a-b0-9]", r"\d", r"\w", r"\S", r"\.", "^", "$"]
atoms = st.sampled_from(ATOMS)
repeats = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,}", "{1,3}"])


def repeated(inner, sign):
    return inner if inner in ("^", "$") else f"{inner}{sign}"


def grown(patterns):
    joined = st.lists(patterns, min_size=1, max_size=3).map("".join)
    either = st.lists(patterns, min_size=2, max_size=3).map("|".join)
    group = st.builds(lambda one, sign: f"({one}){sign}", st.one_of(joined, either), repeats)
    return st.one_of(joined, group)


patterns = st.recursive(st.builds(repeated, atoms, repeats), grown, max_leaves=6)


@given(patterns, st.text("ab.0-\n", max_size=8))
@settings(max_examples=1000, deadline=None)
def test_it_finds_what_python_finds(pattern, text):
    try:
        found = Pattern(pattern).found_in(text)
    except PatternError:
        assume(False)
    # Python's `$` also holds before a newline at the end; here it is the end alone.
    expected = re.compile(pattern.replace("$", r"\Z"), re.ASCII).search(text)
    assert found == (expected is not None)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^till-[0-9]+$", "till-12", True),
        ("^till-[0-9]+$", "till-12b", False),
        ("^$", "", True),
        ("^$", "a", False),
        ("[]x]", "]", True),
        ("[a-]", "-", True),
        ("[^]]", "]", False),
        (r"[\d_]{2,3}$", "a1_", True),
        ("(?:quay|pier)-3", "the pier-3", True),
        ("ü+", "grün", True),
        (r"\t", "a\tb", True),
        ("(a|)?b", "b", None),
    ],
)
def test_what_is_found(pattern, text, found):
    if found is None:
        with pytest.raises(PatternError, match="nothing here"):
            Pattern(pattern)
        return
    assert compiled(pattern).found_in(text) is found


@pytest.mark.parametrize(
    ("pattern", "reason", "at"),
    [
        ("(a", "without its )", 0),
        ("a)", "without its (", 1),
        ("[a", "without its ]", 0),
        ("a**", "repeats a repetition", 2),
        ("a+?", "repeats a repetition", 2),
        ("*a", "after nothing", 0),
        ("a{x", "after nothing", 1),
        (r"(a)\1", "a backreference", 3),
        ("(?=a)", "looks around", 0),
        ("(?P<n>a)", "names a group", 0),
        (r"\b", r"\b, which is not supported", 0),
        ("a\\", "which is not supported", 1),
        ("a{3,2}", "from more to less", 1),
        ("a{0}", "or never", 1),
        ("a{999}", "more than 255", 1),
        ("(^)+", "repeats an anchor", 3),
        ("[z-a]", "goes down", 0),
        (r"[\d-x]", "or of classes", 0),
        (r"[\D]", "opposite of a class", 1),
        ("", "nothing here", 0),
        ("a||b", "nothing here", 2),
        ("((a{200}){200}){200}", "more than 256 steps", 0),
        ("(" * 40 + "a" + ")" * 40, "nested deeper", 17),
        ("a" * (MAX_PATTERN + 1), "longer than", 0),
    ],
)
def test_what_is_refused_and_where(pattern, reason, at):
    with pytest.raises(PatternError) as told:
        Pattern(pattern)
    assert reason in told.value.reason
    assert told.value.at == at


@pytest.mark.parametrize(
    "pattern", ["^(a+)+$", "^(a|a)*$", "(a*)*b", "^(a?){60}a{60}$", "(.*.*.*=)+$"]
)
def test_no_pattern_explodes(pattern):
    text = "a" * 1024 + "!"
    before = time.process_time()
    assert Pattern(pattern).found_in(text) is False
    assert time.process_time() - before < 5

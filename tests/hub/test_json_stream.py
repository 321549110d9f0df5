"""JSON read piece by piece: as the whole would be read, whatever the pieces."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry_hub.json_stream import JsonError, JsonStream

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


def cut(text, size):
    return iter([text[at : at + size] for at in range(0, len(text), size)])


@given(VALUES, st.integers(1, 30), st.sampled_from([None, 1]))
def test_a_value_is_read_as_the_whole_would_be(value, size, indent):
    text = json.dumps(value, indent=indent)
    stream = JsonStream(cut(f" {text}\n", size))
    assert (stream.value(), stream.peek()) == (value, "")


@given(st.lists(VALUES, max_size=6), st.integers(1, 30))
def test_elements_come_one_by_one(values, size):
    stream = JsonStream(cut(json.dumps(values), size))
    assert list(stream.elements()) == values
    assert stream.peek() == ""


@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=5), st.integers(1, 30))
def test_members_come_one_by_one(values, size):
    stream = JsonStream(cut(json.dumps(values), size))
    assert {key: stream.value() for key in stream.members()} == values
    assert stream.peek() == ""


@pytest.mark.parametrize("number", ["12", "-1.25", "3e+16", "1E-7", "0.5e1"])
def test_a_number_may_be_cut_anywhere(number):
    for at in range(len(number)):
        stream = JsonStream(iter(["[", number[:at], number[at:], "]"]))
        assert list(stream.elements()) == [json.loads(number)]


def test_a_character_of_two_halves_is_one():
    assert JsonStream(cut('"\\ud83d\\ude00"', 3)).value() == "\U0001f600"


def test_values_follow_each_other():
    stream = JsonStream(cut("1 23\n[4]{}", 1))
    assert [stream.value() for _ in range(4)] == [1, 23, [4], {}]


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        ("", "ends too early", 1),
        ('\n\n{"a": 1', "Expecting ',' delimiter", 3),
        ('{"a":\n nope}', "Expecting value", 2),
        ("[1,\n2\n", "Expecting ',' delimiter", 3),
        ("NaN", "NaN is no number", 1),
        ("[-Infinity]", "-Infinity is no number", 1),
        ("1" * 30, "is no number", 1),
        ("[" * 100_000, "nests too deeply", 1),
        ('"open', "Unterminated string", 1),
        ('["a",\n"\\ud83d."]', "half a character", 1),
        ('{"\\uDC00": 1}', "half a character", 1),
        ('"a\nb"', "Invalid control character", 1),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 10**6])
def test_what_is_not_json_is_told_by_line(text, reason, line, size):
    if size == 1 and len(text) > 1000:
        return  # takes long, and is the same
    with pytest.raises(JsonError, match=reason) as told:
        JsonStream(cut(text, size)).value()
    assert told.value.line == line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1 2]", "expected ',' or ']'"),
        ("[1,]", "Expecting value"),
        ("[1", "not the end"),
        ("{}", r"expected '\['"),
    ],
)
def test_a_list_that_is_none_is_refused(text, words):
    with pytest.raises(JsonError, match=words):
        list(JsonStream(cut(text, 3)).elements())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{1: 2}", "a key in quotation marks"),
        ('{"a" 2}', "expected ':'"),
        ('{"a": 2 "b": 3}', "expected ',' or '}'"),
        ('{"a": 2,}', "a key in quotation marks"),
    ],
)
def test_an_object_that_is_none_is_refused(text, words):
    stream = JsonStream(cut(text, 3))
    with pytest.raises(JsonError, match=words):
        {key: stream.value() for key in stream.members()}


def test_a_value_of_any_size_is_not_read_on_and_on():
    def endless():
        yield '["'
        while True:
            yield "a" * 65_536

    with pytest.raises(JsonError, match="one value has more than 4 Mi characters"):
        JsonStream(endless()).value()


def test_a_text_of_any_size_is_not_read_on_and_on():
    spaces = iter(lambda: " " * 65_536, "")
    with pytest.raises(JsonError, match="has more than 1000000 characters"):
        JsonStream(spaces, most_chars=10**6).value()

"""Nothing that a terminal acts upon gets through."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry_cli.clean import clean, clean_json, width

UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Größe 7 µm", "Größe 7 µm"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc\r", "a\\x0ab\\x09c\\x0d"),
        ("\x9b2J", "\\x9b2J"),
        ("a\u202eb", "a\\u202eb"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_controls_are_made_visible(text, shown):
    assert clean(text) == shown


@given(st.text())
def test_whatever_comes_is_harmless(text):
    assert not any(unicodedata.category(c) in UNSAFE for c in clean(text))


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_json_keeps_its_meaning_and_becomes_harmless(content):
    text = clean_json(json.dumps(content, ensure_ascii=False, indent=2))
    assert json.loads(text) == content
    assert not any(unicodedata.category(c) in UNSAFE for c in text if c != "\n")


def test_width_counts_columns():
    assert [width(text) for text in ("abc", "日本", "e\u0301", "é")] == [3, 4, 1, 1]

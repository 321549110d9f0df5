"""Times and sizes, by data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry_cli import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (45.9, "45s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (600, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 60, "3h1m"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
        (51 * 3600, "2d3h"),
        (8 * 86400, "8d"),
        (729 * 86400, "729d"),
        (730 * 86400, "2y"),
    ],
)
def test_a_duration_reads_as_kubectl_writes_it(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (2.5, "2.5s"), (90, "90s"), (3600, "1h"), (5430, "1h30m30s"), (90061, "25h1m1s")],
)
def test_a_setting_is_told_exactly(seconds, text):
    assert words.exactly(seconds) == text


def test_an_age_of_what_never_happened_is_a_dash():
    assert words.age(None, 100.0) == words.age(0.0, 100.0) == "-"
    assert words.age(40.0, 100.0) == "60s"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1.5", 1.5),
        ("60s", 60),
        ("5m", 300),
        ("1h30m", 5400),
        ("500ms", 0.5),
        ("1d", 86400),
    ],
)
def test_a_duration_is_read(text, seconds):
    assert words.parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "-1", "5 m", "m", "1w", "1e9", "nan", "inf", "400d", "9" * 40, "٣s٣"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match=r"length of time|longer than a year"):
        words.parse_duration(text)


@given(st.text(max_size=40))
def test_reading_a_duration_raises_nothing_else(text):
    try:
        assert 0 <= words.parse_duration(text) <= words.MAX_DURATION_S
    except ValueError:
        return


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "-"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (180 * 1024**2, "180 MiB"),
        (int(23.52 * 1024**3), "23.5 GiB"),
        (int(99.96 * 1024**3), "100 GiB"),
        (int(101.6 * 1024**3), "102 GiB"),
        (2**63 - 1, "8 EiB"),
    ],
)
def test_a_size_has_binary_units(count, text):
    assert words.size(count) == text


def test_counts_and_processors():
    assert [words.count(n, "node") for n in (0, 1, 2)] == ["0 nodes", "1 node", "2 nodes"]
    assert [words.processors(n) for n in (None, 0, 250, 8000)] == ["-", "0", "0.25", "8"]

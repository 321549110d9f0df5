"""Sizes, processors and durations."""

import pytest

from skerry_hub.workloads import units
from skerry_hub.workloads.problems import RefusedError

SIZES = [
    ("0", 0),
    ("4096", 4096),
    ("10b", 10),
    ("1k", 1024),
    ("1KB", 1024),
    ("1 KiB", 1024),
    ("1.5m", 3 * 2**19),
    ("512M", 2**29),
    ("2g", 2**31),
    ("900T", 900 * 2**40),
    ("1p", 2**50),
    ("9223372036854775807", 2**63 - 1),
]


@pytest.mark.parametrize(("text", "count"), SIZES)
def test_a_size(text, count):
    assert units.byte_count(text) == count


@pytest.mark.parametrize(
    "text",
    [
        "",
        "M",
        "-1",
        "1e3",
        "1X",
        "1ib",
        "1 0",
        "0x10",
        "1_000",
        "\u0661",
        "8192p",
        "9" * 5000,
        "1mm",
    ],
)
def test_what_is_not_a_size(text):
    with pytest.raises(RefusedError) as error:
        units.byte_count(text)
    assert "is not a size" in error.value.reason or "is too large" in error.value.reason


def test_a_limit_of_nothing_is_refused():
    assert units.some_bytes("1k") == 1024
    with pytest.raises(RefusedError, match="more than 0"):
        units.some_bytes("0")


@pytest.mark.parametrize(
    ("text", "milli"), [("2", 2000), ("0.5", 500), (".25", 250), ("1.50", 1500), ("0.001", 1)]
)
def test_processors(text, milli):
    assert units.cpu_milli(text) == milli


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a number"),
        ("half", "not a number"),
        ("-1", "not a number"),
        ("1e3", "not a number"),
        ("9" * 5000, "not a number"),
        ("0", "must be 0.001 to 10000"),
        ("10001", "must be 0.001 to 10000"),
        ("0.0005", "finer than a thousandth"),
    ],
)
def test_what_is_no_number_of_processors(text, reason):
    with pytest.raises(RefusedError, match=reason):
        units.cpu_milli(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("0s", 0.0),
        ("10s", 10.0),
        ("1m30s", 90.0),
        ("500ms", 0.5),
        ("2.5s", 2.5),
        ("1h2m3s4ms5us", 3723.004005),
        ("7µs", 7e-6),
    ],
)
def test_a_duration(text, seconds):
    assert units.duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 s", "1d", "1m30", "1s" * 100, "9" * 5000])
def test_what_is_no_duration(text):
    with pytest.raises(RefusedError, match="is not a duration"):
        units.duration_s(text)


def test_a_bare_number_is_told_its_unit():
    with pytest.raises(RefusedError, match="write 10s for seconds"):
        units.duration_s("10")

"""Amounts in words never make a shortage look like none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry_hub.fleet.facts import Resource
from skerry_hub.placement.amounts import down, shortage_text, up

UNITS = {"B": 0, "KiB": 1, "MiB": 2, "GiB": 3, "TiB": 4, "PiB": 5, "EiB": 6}


@pytest.mark.parametrize(
    ("resource", "amount", "low", "high"),
    [
        (Resource.CPU, 250, "0.25", "0.25"),
        (Resource.CPU, 12000, "12", "12"),
        (Resource.CPU, 0, "0", "0"),
        (Resource.MEMORY, 0, "0 B", "0 B"),
        (Resource.MEMORY, 1023, "1023 B", "1023 B"),
        (Resource.MEMORY, 1024, "1 KiB", "1 KiB"),
        (Resource.MEMORY, 1536 * 2**20, "1.5 GiB", "1.5 GiB"),
        (Resource.STORAGE, 2**30 + 1, "1 GiB", "1.1 GiB"),
        (Resource.STORAGE, 2**30 - 1, "1023.9 MiB", "1024 MiB"),
    ],
)
def test_amounts_are_rounded_to_the_careful_side(resource, amount, low, high):
    assert (down(resource, amount), up(resource, amount)) == (low, high)


def size_of(text):
    number, unit = text.split()
    return float(number) * 1024 ** UNITS[unit]


@given(st.integers(0, 2**50), st.integers(1, 2**50))
def test_what_is_free_reads_smaller_than_what_is_wanted(free, more):
    text = shortage_text(Resource.MEMORY, free, free + more)
    low, high = text.removeprefix("memory ").split(" free < ")
    assert size_of(low) <= free < free + more <= size_of(high)

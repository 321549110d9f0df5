"""Versions of kernels, drivers and programs, compared as people read them. Pure.

`5.15.0-91-generic`, `v1.27`, `535.129.03`: the numbers count, missing ones as 0; what follows
them is a build of the same version, except for `rc`, `alpha`, `beta`, `pre` and `dev`, which come
before it.
"""

from __future__ import annotations

import re

Version = tuple[tuple[int, ...], int]
"""The numbers without zeros at the end, and -1 for what comes before a release, else 0."""

MOST_NUMBERS = 16
LARGEST = 10**18 - 1
"""Of each number."""

_VERSION = re.compile(
    rf"[vV]?([0-9]{{1,18}}(?:\.[0-9]{{1,18}}){{0,{MOST_NUMBERS - 1}}})(.*)", re.DOTALL
)
_BEFORE = re.compile(r"[-.~_+]?(?:rc|alpha|beta|pre|dev|a[0-9]|b[0-9])", re.IGNORECASE)


def version(text: str) -> Version | None:
    """Return what a text's version compares by, None where it has none."""
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    numbers = [int(number) for number in match[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers), -1 if _BEFORE.match(match[2]) else 0

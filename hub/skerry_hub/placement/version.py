"""Versions of kernels, drivers and programs, compared as people read them. Pure.

`5.15`, `6.1.0-18-amd64`, `v1.27`, `535.129.03-0ubuntu1`: the numbers count, and then, where a digit
follows the first `-`, those of the build: `6.1.0-18` is after `6.1` and before `6.1.0-19`. Missing
numbers are 0. What follows is another build of the same version, except for `rc`, `alpha`, `beta`,
`pre` and `dev`, which come before it.
"""

from __future__ import annotations

import re

Numbers = tuple[int, ...]
Version = tuple[Numbers, Numbers, int]
"""The numbers, those of the build, no zeros at their ends; -1 for what comes before, else 0."""

MOST_NUMBERS = 16
"""Of a version, and of a build."""
LARGEST = 10**18 - 1
"""Of each number."""

_NUMBERS = rf"[0-9]{{1,18}}(?:\.[0-9]{{1,18}}){{0,{MOST_NUMBERS - 1}}}"
_VERSION = re.compile(rf"[vV]?({_NUMBERS})(?:-({_NUMBERS}))?(.*)", re.DOTALL)
_BEFORE = re.compile(r"[-.~_+]?(?:rc|alpha|beta|pre|dev|a[0-9]|b[0-9])", re.IGNORECASE)


def version(text: str) -> Version | None:
    """Return what a text's version compares by, None where it has none."""
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    return _numbers(match[1]), _numbers(match[2] or "0"), -1 if _BEFORE.match(match[3]) else 0


def _numbers(text: str) -> Numbers:
    found = [int(number) for number in text.split(".")]
    while found and found[-1] == 0:
        found.pop()
    return tuple(found)

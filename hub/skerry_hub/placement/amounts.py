"""Amounts in words, for reasons. What is free is rounded down and what is wanted up. Pure."""

from __future__ import annotations

import math

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def unit_of(size_bytes: int) -> tuple[str, int]:
    """Return the largest unit that is not larger than a size, and its bytes."""
    index = min(max(size_bytes.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    return _UNITS[index], 1024**index


def down(value: float) -> str:
    """Return a number with at most one decimal, not larger than it is."""
    return f"{math.floor(value * 10) / 10:g}" if abs(value) < 1e5 else f"{math.floor(value)}"


def up(value: float) -> str:
    """Return a number with at most one decimal, not smaller than it is."""
    return f"{math.ceil(value * 10) / 10:g}" if abs(value) < 1e5 else f"{math.ceil(value)}"


def bytes_text(size_bytes: int) -> str:
    """Return a size in its own unit."""
    name, unit = unit_of(size_bytes)
    return f"{up(size_bytes / unit)} {name}"


def shortage_text(what: str, free: float, wanted: float, unit: str = "") -> str:
    """Return `memory 180 MiB free < 256 MiB`; both numbers are in the unit."""
    name = f" {unit}" if unit else ""
    if free < 0:
        return f"{what} overbooked by {up(-free)}{name}, {up(wanted)}{name} wanted"
    return f"{what} {down(free)}{name} free < {up(wanted)}{name}"

"""Times, sizes and counts as people read them. Pure."""

from __future__ import annotations

import re

NONE = "-"
"""What stands where nothing is known: zero is a measurement."""

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
MAX_DURATION_S = 366 * 86400.0


def duration(seconds: float) -> str:
    """Return a length of time in one or two units, coarser the longer it is: 45s, 5m, 3d."""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    return f"{days // 365}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}" + (f"{small}{small_unit}" if small else "")


def exactly(seconds: float) -> str:
    """Return a length of time as it was set, with nothing left out: 1h30m, 2.5s, 90s."""
    if seconds < 120 or seconds != int(seconds):
        return f"{seconds:.12g}s"
    hours, rest = divmod(int(seconds), 3600)
    parts = ((hours, "h"), (rest // 60, "m"), (rest % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number)


def age(moment: float | None, now: float) -> str:
    """Return how long ago a moment was, in seconds since 1970; 0 means never."""
    return duration(now - moment) if moment else NONE


def moment(seconds: float | None) -> str:
    """Return a moment, in seconds since 1970, as ISO 8601 writes it in UTC; 0 means none."""
    import datetime  # noqa: PLC0415 - few commands show times

    if not seconds:
        return NONE
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return NONE


def parse_duration(text: str) -> float:
    """Return the seconds of `90`, `90s`, `5m` or `1h30m`. Raises ValueError."""
    if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text):
        seconds = float(text)
    elif re.fullmatch(f"({_PART.pattern})+", text) and len(text) <= 32:
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    else:
        raise ValueError(f"{text[:40]!r} is not a length of time, such as 30s, 5m or 1h30m")
    if not 0 <= seconds <= MAX_DURATION_S:
        raise ValueError(f"{text[:40]!r} is longer than a year")
    return seconds


def size(count: float | None) -> str:
    """Return bytes in binary units: 180 MiB, 23.5 GiB."""
    if count is None:
        return NONE
    unit = 0
    while count >= 1024 and unit < len(_UNITS) - 1:
        count, unit = count / 1024, unit + 1
    number = f"{count:.1f}".removesuffix(".0") if count < 99.95 else f"{count:.0f}"
    return f"{number} {_UNITS[unit]}"


def processors(milli: int | None) -> str:
    """Return thousandths of a processor as processors: 0.25, 8."""
    return NONE if milli is None else f"{milli / 1000:g}"


def count(number: int, noun: str) -> str:
    """Return a number and its noun: 1 node, 3 nodes."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def node_name(hostname: str, node: str) -> str:
    """Return a node's name for people: `quay (box-1)`. Cloned boxes have the same hostname."""
    return node if node == hostname else f"{hostname} ({node})"


def joined(texts: list[str]) -> str:
    """Return the texts with commas, or a dash where there are none."""
    return ", ".join(texts) or NONE

"""The texts of compose files for sizes, durations, processors, shares and amounts. Pure.

Each raises RefusedError.
"""

from __future__ import annotations

import re
from decimal import Decimal

from skerry_hub.workloads.problems import RefusedError, short

MAX_BYTES = 2**63 - 1
MAX_CPU_MILLI = 10_000_000

_NUMBER = r"[0-9]{1,19}(?:\.[0-9]{1,9})?"
_BYTES = re.compile(rf"({_NUMBER}) ?(?:([kmgtp])(?:i?b)?|b)?", re.IGNORECASE)
_CPUS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9}")
_DURATION_PART = re.compile(rf"({_NUMBER})(h|ms|us|µs|ns|m|s)")
DURATION = re.compile(f"(?:{_DURATION_PART.pattern})+")
SHARE = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,9})?) ?(%)?")
AMOUNT = re.compile(r"[0-9]{1,13}(?:\.[0-9]{1,9})?(?:[eE][-+]?[0-9]{1,2})?")
_SECONDS = {
    "h": Decimal(3600),
    "m": Decimal(60),
    "s": Decimal(1),
    "ms": Decimal("1e-3"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "ns": Decimal("1e-9"),
}


def byte_count(text: str) -> int:
    """Return bytes: `512M`, `1.5GiB`, `4096`. All units are binary: 1k is 1,024."""
    match = _BYTES.fullmatch(text)
    if match is None:
        raise RefusedError(f"{short(text)} is not a size: write 512M, 1.5G or a number of bytes")
    power = " kmgtp".index((match[2] or " ").lower())
    count = int(Decimal(match[1]) * 1024**power)
    if count > MAX_BYTES:
        raise RefusedError(f"{short(text)} is too large")
    return count


def some_bytes(text: str) -> int:
    """Return bytes, of which there must be some: nothing means no limit elsewhere."""
    count = byte_count(text)
    if count == 0:
        raise RefusedError("must be more than 0; leave it out for no limit")
    return count


def cpu_milli(text: str) -> int:
    """Return thousandths of a processor: `0.5`, `2`."""
    if _CPUS.fullmatch(text) is None:
        raise RefusedError(f"{short(text)} is not a number of processors: write 0.5 or 2")
    milli = Decimal(text) * 1000
    if milli != milli.to_integral_value():
        raise RefusedError(f"{short(text)} is finer than a thousandth of a processor")
    if not 1 <= milli <= MAX_CPU_MILLI:
        raise RefusedError(f"must be 0.001 to {MAX_CPU_MILLI // 1000} processors")
    return int(milli)


def duration_s(text: str) -> float:
    """Return seconds: `1m30s`, `500ms`, `0`."""
    return float(_seconds(text))


def duration_ms(text: str) -> float:
    """Return thousandths of a second: `20ms`, `1.5s`."""
    return float(_seconds(text) * 1000)


def _seconds(text: str) -> Decimal:
    if text == "0":
        return Decimal(0)
    if len(text) > 64 or DURATION.fullmatch(text) is None:
        hint = f"; write {text}s for seconds" if text.isdecimal() and len(text) < 10 else ""
        raise RefusedError(f"{short(text)} is not a duration like 1m30s or 500ms{hint}")
    parts = _DURATION_PART.findall(text)
    return sum((Decimal(number) * _SECONDS[unit] for number, unit in parts), Decimal(0))


def share_milli(text: str) -> int:
    """Return thousandths of a whole: `0.25`, `25%`, `1`."""
    match = SHARE.fullmatch(text)
    if match is None:
        raise RefusedError(f"{short(text)} is not a share: write 0.25 or 25%")
    milli = Decimal(match[1]) * (10 if match[2] else 1000)
    if milli != milli.to_integral_value():
        raise RefusedError(f"{short(text)} is finer than a thousandth")
    if not 1 <= milli <= 1000:
        raise RefusedError(f"must be more than 0 and at most 1, not {short(text)}")
    return int(milli)


def amount(text: str) -> float:
    """Return a number that is not negative: `12`, `0.05`, `1e-06`."""
    if AMOUNT.fullmatch(text) is None:
        raise RefusedError(f"{short(text)} is not a number: write 12 or 0.05")
    return float(text)

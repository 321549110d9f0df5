"""Reads the small texts of /proc and /sys: numbers, lists of CPUs, key and value lines. Pure.

Whatever does not read as expected is None, never a made-up value.
"""

from __future__ import annotations

import re

MAX_CPUS = 65_536
_HEX = re.compile(r"(?:0x)?([0-9a-fA-F]{1,8})\Z")
_DECIMAL = re.compile(r"-?[0-9]{1,19}\Z")
_SIZE = re.compile(r"([0-9]{1,15})\s*([KkMmGg]?)(?:i?[Bb])?\Z")
_HARDWARE_ADDRESS = re.compile(r"(?<![0-9a-f])[0-9a-f]{2}(?:[:-]?[0-9a-f]{2}){5}(?![0-9a-f])", re.I)
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


def line(text: str | None, most: int = 1024) -> str | None:
    """Return text as one printable line of at most `most` characters, None when nothing is left."""
    if not text:
        return None
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text[: 4 * most])
    return " ".join(text.split())[:most].rstrip() or None


def short(text: str | None) -> str | None:
    """Return text as one printable line of at most 128 characters, None when nothing is left."""
    return line(text, 128)


def unaddressed(text: str | None) -> str | None:
    """Return a short text, None where it holds a hardware address: some drivers name by it."""
    return None if text and _HARDWARE_ADDRESS.search(text) else short(text)


def number(text: str | None) -> int | None:
    """Return a decimal integer."""
    return int(text) if text is not None and _DECIMAL.match(text) else None


def count(text: str | None, most: int = 2**32 - 1) -> int | None:
    """Return a decimal integer of at least zero; -1, the kernel's word for unknown, is None."""
    value = number(text)
    return value if value is not None and 0 <= value <= most else None


def hexadecimal(text: str | None, digits: int = 4) -> str | None:
    """Return lower-case hexadecimal digits without a prefix, at least as many as asked for."""
    match = _HEX.match(text) if text is not None else None
    return match[1].lower().lstrip("0").rjust(digits, "0") if match else None


def size(text: str | None) -> int | None:
    """Return the bytes that a text such as `32K`, `512 kB` or `8M` names."""
    match = _SIZE.match(text) if text is not None else None
    return int(match[1]) * _UNITS[match[2].upper()] if match else None


def cpu_list(text: str | None) -> frozenset[int] | None:
    """Return the CPUs of a list such as `0-3,8`; the empty text is the empty set."""
    if text is None or len(text) > 8 * MAX_CPUS:
        return None
    cpus: set[int] = set()
    named = 0
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first and not dash:
            continue
        low = count(first, MAX_CPUS)
        high = count(last.partition(":")[0], MAX_CPUS) if dash else low
        if low is None or high is None or high < low:
            return None
        named += high - low + 1
        if named > 2 * MAX_CPUS:  # no kernel names a processor again and again
            return None
        cpus.update(range(low, high + 1))
    return frozenset(cpus)


def cpu_mask(text: str | None) -> frozenset[int] | None:
    """Return the CPUs of a mask such as `00000000,0000000f`."""
    if not text or len(text) > MAX_CPUS // 2:
        return None
    try:
        mask = int(text.replace(",", ""), 16)
    except ValueError:
        return None
    return frozenset(i for i in range(mask.bit_length()) if mask >> i & 1) if mask >= 0 else None


def pairs(text: str | None, separator: str = "=") -> dict[str, str]:
    """Return the keys and values of lines; the first of equal keys counts."""
    found: dict[str, str] = {}
    for row in (text or "").splitlines():
        key, mark, value = row.partition(separator)
        if mark:
            found.setdefault(key.strip(), value.strip())
    return found

"""Amounts in people's words: what is free is rounded down, what is wanted is rounded up."""

import math
from fractions import Fraction

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def words(name: str, amount: int, *, up: bool) -> str:
    """Return thousandths of processors as `0.25`, bytes as `180.5 MiB`."""
    step = math.ceil if up else math.floor
    if name == "cpu":
        return _plain(Fraction(amount, 1000))
    label, unit = unit_of(name, amount)
    return f"{_plain(Fraction(step(Fraction(amount * 10, unit)), 10))} {label}"


def unit_of(name: str, amount: int) -> tuple[str, int]:
    """Return the largest unit that is not larger than an amount, and how much it is."""
    if name == "cpu":
        return "", 1000
    fitting = [(label, 1024**at) for at, label in enumerate(UNITS) if 1024**at <= amount]
    return fitting[-1] if fitting else ("B", 1)


def money(micro: int) -> str:
    """Return whole millionths as money: `0.0425`."""
    return _plain(Fraction(micro, 10**6))


def _plain(number: Fraction) -> str:
    """Return a number with a finite decimal expansion."""
    whole, rest = divmod(number, 1)
    if not rest:
        return str(whole)
    digits = ""
    while rest:
        digit, rest = divmod(rest * 10, 1)
        digits += str(digit)
    return f"{whole}.{digits}"

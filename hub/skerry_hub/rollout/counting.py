"""How many instances an amount such as `3` or `25%` is. Pure."""

from __future__ import annotations


def many(amount: str, total: int) -> int:
    """Return how many of `total` an amount is: a part is rounded up, and is never none."""
    if amount.endswith("%"):
        return max(1, -(-int(amount[:-1]) * total // 100))
    return int(amount)

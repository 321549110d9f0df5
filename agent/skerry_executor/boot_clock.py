"""The clock that counts from the box's start, its sleep included, and that nobody sets."""

from __future__ import annotations

import time


def since_boot_s() -> float:
    """Return the seconds since the box's start."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)

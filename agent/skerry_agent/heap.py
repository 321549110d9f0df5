"""Keeps the C library's heap small. Does nothing where that is another library than glibc."""

from __future__ import annotations

import contextlib
import ctypes

M_ARENA_MAX = -8
"""glibc's name for how many heaps its threads may have, in mallopt(3)."""


def keep_one() -> None:
    """Have all threads share one heap: one of its own for each costs a tenth of the memory."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def give_back() -> None:
    """Give the kernel what is free in the middle of the heap, too: glibc keeps that by itself."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)

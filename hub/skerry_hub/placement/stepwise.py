"""Long computations that may be interrupted: generators that yield between their steps. Pure.

A step is short; what is computed is the generator's return value.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")

Steps = Generator[None, None, T]


def finished(steps: Steps[T]) -> T:
    """Return what comes of a computation, all of its steps taken at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: T = end.value
            return found

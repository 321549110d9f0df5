"""How long a search may take: so many steps, whatever machine it runs on. Pure."""

from __future__ import annotations


class TooMuchError(Exception):
    """The effort that was granted is used up."""


class Effort:
    """What may still be spent, in tests of one value."""

    def __init__(self, units: int) -> None:
        self.left = units

    def spend(self, units: int) -> None:
        """Count some work. Raises TooMuchError."""
        self.left -= units
        if self.left < 0:
            raise TooMuchError

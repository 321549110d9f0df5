"""How long a search may take: so many steps, whatever machine it runs on. Pure."""

from __future__ import annotations


class TooMuchError(Exception):
    """The effort that was granted is used up."""


class Effort:
    """What may still be spent, in tests of one value; all of it out of another one, if given."""

    def __init__(self, units: int, within: Effort | None = None) -> None:
        self.left = units
        self._within = within

    def spend(self, units: int) -> None:
        """Count some work. Raises TooMuchError."""
        self.left -= units
        if self.left < 0:
            raise TooMuchError
        if self._within is not None:
            self._within.spend(units)

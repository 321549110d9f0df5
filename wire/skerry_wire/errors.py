"""The one error that reading a message can raise, and how it tells a limit."""

from __future__ import annotations

import math


class WireError(Exception):
    """A message that does not fit the contract.

    `field` is the dotted path of the offending field ("" for the message as a whole),
    `reason` says in words what is wrong with it. Neither holds more than a short
    excerpt of what was received, so both are safe to log.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    def under(self, parent: str) -> WireError:
        """Return the same error, one level further out."""
        if not self.field:
            return WireError(parent, self.reason)
        joint = "" if self.field.startswith("[") else "."
        return WireError(f"{parent}{joint}{self.field}", self.reason)

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


def bound(limit: float) -> str:
    """Return a limit as people write it in a reason: 31536000, not 3.1536e+07."""
    return str(int(limit)) if math.isfinite(limit) and limit == int(limit) else f"{limit:g}"

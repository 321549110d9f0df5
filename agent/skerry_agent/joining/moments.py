"""How moments are shown to people."""

from __future__ import annotations

import time


def day_of(moment_s: float) -> str:
    """Return a moment of UTC, to the minute; a certificate's may lie beyond what C can tell."""
    try:
        return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(moment_s))
    except (OverflowError, ValueError, OSError):
        return "a day beyond all calendars"

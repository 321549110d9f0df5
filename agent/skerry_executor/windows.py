"""Maintenance windows, as times of the week. Pure."""

from __future__ import annotations

import re

from skerry_wire.frozen import frozen

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MIN = 24 * 60

_WINDOW = re.compile(
    r"(?:([A-Z][a-z]{2}(?:-[A-Z][a-z]{2})?(?:,[A-Z][a-z]{2}(?:-[A-Z][a-z]{2})?)*) )?"
    r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})"
)


@frozen()
class Window:
    """A time of the week. `days` count from Monday, 0; the end may be after midnight.

    Minutes count from the midnight with which its day begins.
    """

    days: frozenset[int]
    begin_min: int
    end_min: int

    def left_min(self, week_min: int) -> int:
        """Return the minutes until it opens; 0 while it is open. `week_min` counts from Monday."""
        week = 7 * DAY_MIN
        waits = []
        for day in self.days:
            since = (week_min - day * DAY_MIN - self.begin_min) % week
            if since < self.end_min - self.begin_min:
                return 0
            waits.append(week - since)
        return min(waits)


def parse_window(text: str) -> Window:
    """Return the window that a text like `Mon-Fri 02:00-04:00` means. Raises ValueError."""
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not like 'Mon-Fri 02:00-04:00' or '22:00-02:00'")
    days = frozenset(range(7)) if match[1] is None else _days(match[1])
    begin, end = (_minute(match[n], match[n + 1], text) for n in (2, 4))
    if begin == DAY_MIN:
        raise ValueError(f"{text!r}: 24:00 begins no window")
    return Window(days, begin, end if end > begin else end + DAY_MIN)


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        for name in (first, last or first):
            if name not in DAYS:
                raise ValueError(f"{name!r} is no day of the week: {', '.join(DAYS)}")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found |= {(begin + n) % 7 for n in range((end - begin) % 7 + 1)}
    return frozenset(found)


def _minute(hours: str, minutes: str, text: str) -> int:
    minute = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or minute > DAY_MIN:
        raise ValueError(f"{text!r}: {hours}:{minutes} is no time of a day")
    return minute

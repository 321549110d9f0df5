"""Schedules of jobs: the five fields of cron, in UTC. Which moments they name; pure.

Fields are minute, hour, day of the month, month and day of the week, as crontab(5) has them: `*`,
numbers, ranges, lists, steps, and names of months and days. As there, where both days are given
(neither begins with `*`), either is enough. `@reboot` is none: it names no moment.
"""

from __future__ import annotations

import bisect
import calendar
import datetime

from skerry_wire.frozen import frozen

_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {
    name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))
}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
NICKNAMES = tuple(_NAMED)
DAY_S = 86400
_SEARCHED_DAYS = 366 * 8 + 2
"""The 29th of February may be eight years away, as in 2096."""
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_LAST_DAY = datetime.date.max.toordinal() - _EPOCH


class ScheduleError(ValueError):
    """The text is no schedule; says why."""


@frozen()
class Schedule:
    """The moments of a schedule, each at a full minute. Days of the week count from Sunday, 0."""

    minutes: tuple[int, ...]
    """Of a day, at which it is due; sorted."""
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    """Whether one of `days` and `weekdays` is enough."""

    def after(self, at_s: float) -> float | None:
        """Return the first moment later than `at_s`, in seconds since 1970; None without any."""
        day, minute = _split(at_s)
        later = bisect.bisect_right(self.minutes, minute)
        if later < len(self.minutes) and self._has(day):
            return _joined(day, self.minutes[later])
        for other in range(day + 1, day + _SEARCHED_DAYS):
            if self._has(other):
                return _joined(other, self.minutes[0])
        return None

    def latest(self, at_s: float) -> float | None:
        """Return the last moment no later than `at_s`, in seconds since 1970; None without any."""
        day, minute = _split(at_s)
        earlier = bisect.bisect_right(self.minutes, minute)
        if earlier and self._has(day):
            return _joined(day, self.minutes[earlier - 1])
        for other in range(day - 1, day - _SEARCHED_DAYS, -1):
            if self._has(other):
                return _joined(other, self.minutes[-1])
        return None

    def _has(self, day: int) -> bool:
        if not 0 <= day <= _LAST_DAY:
            return False
        date = datetime.date.fromordinal(day + _EPOCH)
        if date.month not in self.months:
            return False
        in_days, in_week = date.day in self.days, date.isoweekday() % 7 in self.weekdays
        return in_days or in_week if self.either_day else in_days and in_week


def parse(text: str) -> Schedule:
    """Return the schedule that a text names. Raises ScheduleError."""
    written = text.strip().lower()
    if written.startswith("@"):
        if written not in _NAMED:
            raise ScheduleError(f"{written[:40]!r} is none of {', '.join(sorted(_NAMED))}")
        written = _NAMED[written]
    fields = written.split()
    if len(fields) != len(_FIELDS):
        names = ", ".join(name for name, *_ in _FIELDS)
        raise ScheduleError(f"{len(fields)} fields, expected five: {names}")
    minutes, hours, days, months, weekdays = (
        _field(field, *about) for field, about in zip(fields, _FIELDS, strict=True)
    )
    schedule = Schedule(
        minutes=tuple(sorted(60 * hour + minute for hour in hours for minute in minutes)),
        days=days,
        months=months,
        weekdays=frozenset(day % 7 for day in weekdays),
        either_day=not fields[2].startswith("*") and not fields[4].startswith("*"),
    )
    if schedule.after(0) is None:
        raise ScheduleError("no month has that day")
    return schedule


def _field(text: str, name: str, least: int, most: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        first, last = _span(span, name, least, most, names)
        if slash and span != "*" and "-" not in span:
            last = most
        every = _number(step, name, {}) if slash else 1
        if every < 1:
            raise ScheduleError(f"{name}: a step of {every}")
        found.update(range(first, last + 1, every))
    return frozenset(found)


def _span(text: str, name: str, least: int, most: int, names: dict[str, int]) -> tuple[int, int]:
    if text == "*":
        # A week has the Sunday once.
        return least, most if name != "day of the week" else 6
    begin, dash, end = text.partition("-")
    first = _number(begin, name, names)
    last = _number(end, name, names) if dash else first
    if dash and last == 0 and most == 7 and first > 0:
        last = 7  # `fri-sun`
    for value in (first, last):
        if not least <= value <= most:
            raise ScheduleError(f"{name}: {value} is not {least} to {most}")
    if last < first:
        raise ScheduleError(f"{name}: {text!r} ends before it begins")
    return first, last


def _number(text: str, name: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if not (text.isascii() and text.isdecimal() and len(text) <= 4):
        raise ScheduleError(f"{name}: {text[:40]!r} is not understood")
    return int(text)


def _split(at_s: float) -> tuple[int, int]:
    """Return the day since 1970 and the minute of that day."""
    day, second = divmod(int(at_s // 1), DAY_S)
    return day, second // 60


def _joined(day: int, minute: int) -> float:
    return float(day * DAY_S + minute * 60)

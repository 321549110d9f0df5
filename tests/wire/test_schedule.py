"""Schedules against a slow reader that looks at each minute, and what is no schedule."""

import datetime
import time

import hypothesis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry_wire.schedule import ScheduleError, parse

RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def moment(text):
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC).timestamp()


def shown(at_s):
    return datetime.datetime.fromtimestamp(at_s, datetime.UTC).strftime("%Y-%m-%d %H:%M")


def slow_field(text, value, least, most):
    """Say whether a value is in a field of numbers; written as crontab(5) reads."""
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span == "*":
            first, last = least, most
        elif not last:
            last = most if step else first
        if int(first) <= value <= int(last) and (value - int(first)) % int(step or 1) == 0:
            return True
    return False


def slow_match(text, at_s):
    date = datetime.datetime.fromtimestamp(at_s, datetime.UTC)
    minute, hour, day, month, weekday = text.split()
    week = date.isoweekday() % 7
    in_day = slow_field(day, date.day, 1, 31)
    in_week = slow_field(weekday, week, 0, 7) or (week == 0 and slow_field(weekday, 7, 0, 7))
    either = day[0] != "*" and weekday[0] != "*"
    return (
        slow_field(minute, date.minute, 0, 59)
        and slow_field(hour, date.hour, 0, 23)
        and slow_field(month, date.month, 1, 12)
        and (in_day or in_week if either else in_day and in_week)
    )


def parsed(text):
    """Return a schedule, unless no month has that day: there is nothing to compare then."""
    try:
        return parse(text)
    except ScheduleError:
        hypothesis.reject()


@st.composite
def field(draw, least, most):
    def part():
        first = draw(st.integers(least, most))
        last = draw(st.integers(first, most))
        shape = draw(st.sampled_from(["{a}", "{a}-{b}", "{a}-{b}/{n}", "*/{n}", "{a}/{n}", "*"]))
        return shape.format(a=first, b=last, n=draw(st.integers(1, 20)))

    return ",".join(part() for _ in range(draw(st.integers(1, 3))))


schedules = st.tuples(*(field(*one) for one in RANGES)).map(" ".join)
moments = st.integers(-5 * 86400, 4_200_000_000)


@settings(max_examples=150, deadline=None)
@given(schedules, moments)
def test_each_minute_of_two_days_is_found_or_not_as_the_slow_reader_says(text, begin):
    schedule = parsed(text)
    begin = max(0, begin - begin % 60)
    expected = [at for at in range(begin, begin + 2 * 86400, 60) if slow_match(text, at)][:200]
    found, at = [], begin - 1
    while len(found) < len(expected) or (at is not None and not expected):
        at = schedule.after(at)
        if at is None or at >= begin + 2 * 86400:
            break
        found.append(at)
    assert found == expected
    if expected:
        assert schedule.latest(expected[-1] + 59.9) == expected[-1]
        assert schedule.after(expected[-1]) > expected[-1]


@settings(max_examples=200, deadline=None)
@given(schedules, moments)
def test_the_latest_and_the_next_moment_have_none_between_them(text, at):
    schedule = parsed(text)
    before, after = schedule.latest(at), schedule.after(at)
    assert after is None or after > at
    if before is not None:
        assert before <= at
        assert schedule.after(before) == after
    if after is not None:
        assert schedule.latest(after) == after


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("*/15 * * * *", "2026-03-01T10:14:59", "2026-03-01 10:15"),
        ("*/15 * * * *", "2026-03-01T10:15:00", "2026-03-01 10:30"),
        ("@daily", "2026-12-31T23:59:59", "2027-01-01 00:00"),
        ("@weekly", "2026-11-28T12:00:00", "2026-11-29 00:00"),
        ("@Yearly", "2026-01-01T00:00:00", "2027-01-01 00:00"),
        ("0 3 * JAN-mar,dec MON-fri", "2026-03-31T03:00:00", "2026-12-01 03:00"),
        ("0 0 29 2 *", "2096-02-29T00:00:00", "2104-02-29 00:00"),
        ("0 0 13 * 5", "2026-11-13T00:00:00", "2026-11-20 00:00"),
        ("0 0 * * 7", "2026-11-28T00:00:00", "2026-11-29 00:00"),
        ("0 0 * * fri-sun", "2026-11-28T00:00:00", "2026-11-29 00:00"),
        ("0 0 1 * *", "1970-01-01T00:00:00", "1970-02-01 00:00"),
    ],
)
def test_examples_of_crontab(text, at, expected):
    assert shown(parse(text).after(moment(at))) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "0 fields, expected five"),
        ("* * * *", "4 fields"),
        ("60 * * * *", "minute: 60 is not 0 to 59"),
        ("* * 0 * *", "day of the month: 0 is not 1 to 31"),
        ("* * * 13 *", "month: 13"),
        ("* * * * 8", "day of the week: 8"),
        ("5-1 * * * *", "ends before it begins"),
        ("*/0 * * * *", "a step of 0"),
        ("a * * * *", "minute: 'a' is not understood"),
        ("-5 * * * *", "minute: '' is not understood"),
        ("1,,2 * * * *", "minute: '' is not understood"),
        ("99999999999999999999 * * * *", "not understood"),
        ("\u0661 * * * *", "not understood"),
        ("* * L * *", "'l' is not understood"),
        ("@reboot", "'@reboot' is none of @annually, @daily"),
        ("0 0 30 2 *", "no month has that day"),
        ("0 0 31 4,6,9,11 *", "no month has that day"),
    ],
)
def test_what_is_no_schedule_is_said(text, words):
    with pytest.raises(ScheduleError, match=words):
        parse(text)


def test_the_rarest_moment_is_found_fast_and_the_end_of_time_is_none():
    begun = time.process_time()
    schedule = parse("59 23 29 2 *")
    assert schedule.after(moment("2096-03-01T00:00:00")) == moment("2104-02-29T23:59:00")
    assert time.process_time() - begun < 0.5
    assert schedule.after(1e13) is None
    assert schedule.latest(-1) is None

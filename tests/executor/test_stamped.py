"""A log that is sent with times: what was had before is left out, and nothing else."""

import struct

import pytest

from skerry_executor.runtimes.base import LogMark
from skerry_executor.runtimes.stamped import unstamped
from skerry_executor.runtimes.streams import StreamError, parts

FIRST, NEXT = 1_795_944_129, 1_795_944_130
LINES = (
    (1, b"2026-11-29T09:22:09Z one\n"),
    (2, b"2026-11-29T09:22:09.799623743Z two\n"),
    (1, b"2026-11-29T10:22:09+01:00 three\n"),
    (1, b"2026-11-29T09:22:10.1Z \n"),
)
LOG = b"".join(struct.pack(">BxxxI", stream, len(line)) + line for stream, line in LINES)


def told(size=1000, after=None):
    pieces = [LOG[at : at + size] for at in range(0, len(LOG), size)]
    return list(unstamped(parts(pieces), after))


@pytest.mark.parametrize("size", [1, 7, 9, 31, len(LOG)])
def test_times_are_left_out_wherever_the_log_is_cut(size):
    found = told(size)
    whole = {
        name: b"".join(one.data for one in found if one.stream == name) for name in ("out", "err")
    }
    assert whole == {"out": b"one\nthree\n\n", "err": b"two\n"}
    assert found[-1].mark == LogMark(NEXT, 1)


@pytest.mark.parametrize(
    ("after", "left"),
    [
        (LogMark(FIRST, 0), b"one\ntwo\nthree\n\n"),
        (LogMark(FIRST, 2), b"three\n\n"),
        (LogMark(FIRST, 3), b"\n"),
        (LogMark(NEXT, 1), b""),
        (LogMark(FIRST - 9, 5), b"one\ntwo\nthree\n\n"),
    ],
)
def test_it_goes_on_after_each_mark(after, left):
    assert b"".join(one.data for one in told(after=after)) == left


def test_each_piece_says_where_the_log_stands_with_it():
    assert [one.mark for one in told()] == [
        LogMark(FIRST, 1), LogMark(FIRST, 2), LogMark(FIRST, 3), LogMark(NEXT, 1),
    ]  # fmt: skip
    for at, one in enumerate(told()):
        assert told(after=one.mark) == told()[at + 1 :]


@pytest.mark.parametrize("line", [b"no time\n", b"2026-13-29T09:22:09Z x\n", b"x" * 41])
def test_what_has_no_time_is_refused(line):
    with pytest.raises(StreamError, match="is no time"):
        list(unstamped(parts([struct.pack(">BxxxI", 1, len(line)) + line])))

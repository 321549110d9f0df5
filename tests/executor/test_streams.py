"""Frames of a program's output, however they are cut."""

import struct

import pytest

from skerry_executor.runtimes.base import Written
from skerry_executor.runtimes.streams import StreamError, frames


def frame(stream, data):
    return struct.pack(">BxxxI", stream, len(data)) + data


WHOLE = (
    frame(1, b"out\n") + frame(2, b"err\n") + frame(1, b"") + frame(3, b"daemon") + frame(0, b"x")
)


def joined(pieces):
    found = []
    for one in frames(pieces):
        if found and found[-1].stream == one.stream:
            found[-1] = Written(one.stream, found[-1].data + one.data)
        else:
            found.append(one)
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 11, 12, 13, len(WHOLE)])
def test_frames_are_read_wherever_they_are_cut(size):
    pieces = [WHOLE[at : at + size] for at in range(0, len(WHOLE), size)]
    assert joined(pieces) == [
        Written("out", b"out\n"),
        Written("err", b"err\ndaemon"),
        Written("out", b"x"),
    ]


def test_what_came_is_told_before_its_frame_is_whole():
    found = frames(iter([frame(1, b"x" * 100)[:20], b"never asked for"]))
    assert next(found) == Written("out", b"x" * 12)


@pytest.mark.parametrize("other", [b"plain text", frame(4, b"x"), b"\1\0\1\0\0\0\0\1x"])
def test_what_is_no_frame_is_refused(other):
    with pytest.raises(StreamError, match="is not the header of a frame"):
        list(frames([other]))


@pytest.mark.parametrize("cut", [1, 7, 9])
def test_an_end_in_the_midst_of_a_frame_is_said(cut):
    with pytest.raises(StreamError, match="in the midst"):
        list(frames([frame(1, b"abc")[:cut]]))


def test_nothing_is_no_frame():
    assert list(frames([])) == []

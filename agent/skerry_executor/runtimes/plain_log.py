"""A log that is what a container wrote, byte for byte, both streams in one file, without times."""

from __future__ import annotations

import collections
import os
import pathlib
import time
from collections.abc import Callable, Iterator

from skerry_executor.cancel import Cancel
from skerry_executor.runtimes.base import LogMark, LogWish, Written

FOLLOW_S = 0.2
PIECE_BYTES = 64 * 1024
MAX_TAIL_LINES = 10_000


def read(
    path: pathlib.Path, wish: LogWish, cancel: Cancel, runs: Callable[[], bool]
) -> Iterator[Written]:
    """Yield what a log holds, and where that is wished what comes while it `runs`.

    Without times, `since_s` has no meaning. It stands at a byte of a file. May raise OSError.
    """
    with path.open("rb") as file:
        inode = os.fstat(file.fileno()).st_ino
        if wish.after is not None and wish.after.count == inode:
            file.seek(wish.after.place)
        elif wish.tail is not None:
            most = min(wish.tail, MAX_TAIL_LINES)
            lines = collections.deque(iter(lambda: file.readline(PIECE_BYTES), b""), maxlen=most)
            yield from (Written("out", line) for line in lines)
        if wish.follow:
            yield Written("out", b"", LogMark(file.tell(), inode))
        going = True
        while going:
            cancel.check()
            going = wish.follow and runs()
            if os.fstat(file.fileno()).st_size < file.tell():
                file.seek(0)  # it was cut short meanwhile
            while data := file.read(PIECE_BYTES):
                yield Written("out", data, LogMark(file.tell(), inode))
            if going:
                time.sleep(FOLLOW_S)


def limit(path: pathlib.Path, most: int) -> None:
    """Cut a log that is longer than `most` bytes down to its newest half. Never raises.

    Whoever writes it appends, so it goes on at the new end; what comes right between is lost.
    """
    try:
        with path.open("r+b") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= most:
                return
            file.seek(size - most // 2)
            newest = file.read(most)  # with what has come since the size was asked
            file.truncate(0)
            file.seek(0)
            file.write(newest[newest.find(b"\n") + 1 :])
    except OSError:
        return

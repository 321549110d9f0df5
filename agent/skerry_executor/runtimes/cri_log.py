"""Logs as kubelets have them: a line of a file is a piece of a line, with its time and stream.

https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import os
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

from skerry_executor.cancel import Cancel
from skerry_executor.runtimes.base import LogMark, LogWish, Written

FOLLOW_S = 0.2
"""How often a log that is followed is looked at: nothing announces that a file has grown."""

MAX_LINE_BYTES = 64 * 1024
MAX_TAIL_LINES = 10_000


def parse(line: bytes) -> tuple[float, Written] | None:
    """Return the time of a piece, in seconds since 1970, and the piece; None for no such line."""
    parts = line.rstrip(b"\n").split(b" ", 3)
    if len(parts) < 3 or parts[1] not in (b"stdout", b"stderr"):
        return None
    try:
        # Python reads microseconds, runtimes write nanoseconds and drop zeros.
        moment = datetime.datetime.fromisoformat(_micro(parts[0].decode("ascii"))).timestamp()
    except ValueError:
        return None
    text = parts[3] if len(parts) > 3 else b""
    whole = b"" if parts[2].split(b":")[0] == b"P" else b"\n"
    return moment, Written("err" if parts[1] == b"stderr" else "out", text + whole)


def _micro(text: str) -> str:
    head, dot, tail = text.partition(".")
    if not dot:
        return text
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return f"{head}.{tail[:digits][:6].ljust(6, '0')}{tail[digits:]}"


def read(
    path: pathlib.Path, wish: LogWish, cancel: Cancel, runs: Callable[[], bool]
) -> Iterator[Written]:
    """Yield what a log holds, and where that is wished what comes while it `runs`.

    A log that is rotated meanwhile is followed into its new file. It stands at a byte of a file.
    May raise OSError.
    """
    since = 0.0 if wish.since_s is None else time.time() - wish.since_s
    with path.open("rb") as file:
        inode = os.fstat(file.fileno()).st_ino
        if wish.after is not None and wish.after.count == inode:
            file.seek(wish.after.place)
        yield from _tail(_pieces(file, since), wish.tail)
        if not wish.follow:
            return
        yield Written("out", b"", LogMark(file.tell(), inode))
        going = True
        while going:
            cancel.check()
            going = runs()
            for written in _pieces(file, since):
                yield dataclasses.replace(written, mark=LogMark(file.tell(), inode))
            if _rotated(path, file.fileno()):
                yield from read(path, LogWish(follow=True), cancel, runs)
                return
            if going:
                time.sleep(FOLLOW_S)


def _pieces(file: BinaryIO, since: float) -> Iterator[Written]:
    while line := file.readline(MAX_LINE_BYTES):
        found = parse(line)
        if found is not None and found[0] >= since:
            yield found[1]


def _tail(pieces: Iterator[Written], tail: int | None) -> Iterator[Written]:
    if tail is None:
        return pieces
    return iter(collections.deque(pieces, maxlen=min(tail, MAX_TAIL_LINES)))


def _rotated(path: pathlib.Path, descriptor: int) -> bool:
    try:
        return os.stat(path).st_ino != os.fstat(descriptor).st_ino
    except OSError:
        return False

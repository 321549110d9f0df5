"""Watches what runs through pidfds: hands them over, and sees what ends as soon as it started."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterable

from skerry_executor.actual import Actual, Phase
from skerry_executor.record import Record, Tell
from skerry_executor.runtimes.base import Runtime, RuntimeFailure
from skerry_wire.local import MAX_WATCHED

EXIT_LOOK_S = 0.1
"""How long what was just started is watched for an immediate end."""


class Exits:
    """Of what was started in this run it keeps a pidfd each, until `close`."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._fresh: list[tuple[int, str]] = []
        self._handed: set[tuple[str, int]] = set()

    def watch(self, actual: Iterable[Actual], fresh: bool = False) -> None:
        """Hand over pidfds of what runs, once each; of what is fresh, keep one for ourselves."""
        opened: list[tuple[str, int]] = []
        for one in actual:
            if one.phase is not Phase.RUNNING or one.pid is None:
                continue
            with self._lock:
                if (one.id, one.pid) in self._handed:
                    continue
                self._handed.add((one.id, one.pid))
            try:
                opened.append((one.instance, os.pidfd_open(one.pid)))
            except OSError:
                continue  # it has just ended; the next look says so
            if fresh:
                with self._lock:
                    self._fresh.append((os.dup(opened[-1][1]), one.id))
        try:
            for begin in range(0, len(opened), MAX_WATCHED):
                self._tell.watch(opened[begin : begin + MAX_WATCHED])
        finally:
            for _, fd in opened:
                os.close(fd)

    def see_immediate_ends(self, runtime: Runtime, record: Record) -> None:
        """Look again at what was just started and has already ended."""
        poll = select.poll()
        waiting = dict(self._fresh)
        for fd in waiting:
            poll.register(fd, select.POLLIN)
        until = time.monotonic() + EXIT_LOOK_S
        ended: list[str] = [one.id for one in record.actual() if one.phase is not Phase.RUNNING]
        while waiting and (left_s := until - time.monotonic()) > 0:
            for fd, _ in poll.poll(left_s * 1000):
                poll.unregister(fd)
                ended.append(waiting.pop(fd))
        for reference in ended:
            try:
                found = runtime.container(reference)
            except RuntimeFailure:
                continue  # what was seen before stays on show
            if found is None:
                record.gone(reference)
            else:
                record.put(found)

    def close(self) -> None:
        """Close what was kept."""
        for fd, _ in self._fresh:
            os.close(fd)
        self._fresh.clear()

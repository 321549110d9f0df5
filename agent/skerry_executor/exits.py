"""Watches what runs through pidfds: hands them over, and sees what ends as soon as it started."""

from __future__ import annotations

import dataclasses
import os
import select
import threading
import time
from collections.abc import Iterable

from skerry_executor.actual import Actual, Phase
from skerry_executor.record import Record, Tell
from skerry_executor.runtimes.base import Failure, Runtime, RuntimeFailure
from skerry_wire.local import MAX_WATCHED

EXIT_LOOK_S = 0.1
"""How long what was just started is watched for an immediate end."""
SETTLE_S = 1.0
SETTLE_LOOK_S = 0.02
"""How long, and how often, a runtime is asked that still takes for running what has ended."""


class Exits:
    """Of what was started in this run it keeps a pidfd each, until `close`."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._fresh: list[tuple[int, str]] = []
        self._handed: set[tuple[str, int]] = set()
        self._vanished: dict[str, int] = {}

    def looked(self, runtime: Runtime, actual: Iterable[Actual]) -> tuple[Actual, ...]:
        """Hand over pidfds of what runs, and return all with what turned out to have ended."""
        there = tuple(actual)
        self.watch(there)
        seen = (
            self._seen_again(runtime, one) if one.id in self._vanished else one for one in there
        )
        return tuple(one for one in seen if one is not None)

    def _seen_again(self, runtime: Runtime, one: Actual) -> Actual | None:
        try:
            return self._settled(runtime, one.id)
        except RuntimeFailure as failure:
            if failure.kind is not Failure.DAMAGED:
                raise
            return dataclasses.replace(one, phase=Phase.DAMAGED, pid=None, error=failure.reason)

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
                # It has just ended, and nobody else will be told of it.
                with self._lock:
                    self._vanished[one.id] = one.pid
                continue
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
        pids = dict(self._handed)
        for fd in waiting:
            poll.register(fd, select.POLLIN)
        until = time.monotonic() + EXIT_LOOK_S
        ended: list[str] = [
            one.id
            for one in record.actual()
            if one.phase is not Phase.RUNNING or one.id in self._vanished
        ]
        while waiting and (left_s := until - time.monotonic()) > 0:
            for fd, _ in poll.poll(left_s * 1000):
                poll.unregister(fd)
                reference = waiting.pop(fd)
                self._vanished[reference] = pids[reference]
                ended.append(reference)
        for reference in ended:
            try:
                found = self._settled(runtime, reference)
            except RuntimeFailure:
                continue  # what was seen before stays on show
            if found is None:
                record.gone(reference)
            else:
                record.put(found)

    def _settled(self, runtime: Runtime, reference: str) -> Actual | None:
        """Return a container once its runtime knows of an end that the kernel has told already."""
        pid = self._vanished.pop(reference, None)
        until = time.monotonic() + SETTLE_S
        while True:
            found = runtime.container(reference)
            if found is None or found.phase is not Phase.RUNNING or found.pid != pid:
                return found
            if time.monotonic() >= until:
                return found
            time.sleep(SETTLE_LOOK_S)

    def close(self) -> None:
        """Close what was kept."""
        for fd, _ in self._fresh:
            os.close(fd)
        self._fresh.clear()

"""Runs a program in a container of containerd, its input and output through named pipes."""

from __future__ import annotations

import contextlib
import os
import pathlib
import select
import tempfile
import time
from collections.abc import Callable
from typing import Any

from skerry_executor.cancel import Cancel
from skerry_executor.runtimes.base import Failure, RuntimeFailure, Written
from skerry_executor.runtimes.containerd_api import Containerd, Status

LOOK_S = 0.5
DRAIN_S = 0.1
PIECE_BYTES = 64 * 1024
NAMES = ("in", "out", "err")


def run(  # noqa: PLR0913, PLR0917 - a program, and what goes in and out
    api: Containerd,
    container: str,
    process: dict[str, Any],
    stdin: bytes,
    folder: pathlib.Path,
    cancel: Cancel,
    told: Callable[[Written], None],
    until_s: float,
) -> int:
    """Return the exit status. `folder` takes the pipes; a program is killed after `until_s`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    exec_id = f"skerry-{os.urandom(8).hex()}"
    with tempfile.TemporaryDirectory(dir=folder) as name, contextlib.ExitStack() as stack:
        paths = [os.path.join(name, one) for one in NAMES]
        for path in paths:
            os.mkfifo(path, 0o600)
        # Opened for both, so that neither end waits for the other, and none is lost between two.
        ends = [os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC) for path in paths]
        talk = _Talk(api, container, exec_id, ends)
        stack.callback(talk.close)
        # Without input it gets none at all, and sees its end at once.
        api.execute(container, exec_id, process, (paths[0] if stdin else "", paths[1], paths[2]))
        try:
            api.start(container, f"running a program in {container}", exec_id)
            return talk.through(stdin, cancel, told, until_s)
        finally:
            _end(api, container, exec_id)


def _end(api: Containerd, container: str, exec_id: str) -> None:
    with contextlib.suppress(RuntimeFailure):
        task = api.task(container, exec_id)
        if task is not None and task.status is Status.RUNNING:
            api.kill(container, 9, exec_id)
            time.sleep(DRAIN_S)
        api.delete_task(container, exec_id)


class _Talk:
    """What goes in and out of one program."""

    def __init__(self, api: Containerd, container: str, exec_id: str, ends: list[int]) -> None:
        self._api = api
        self._container = container
        self._exec_id = exec_id
        self._in, self._out, self._err = ends

    def close(self) -> None:
        """Close the pipes."""
        for end in (self._in, self._out, self._err):
            if end >= 0:
                os.close(end)

    def through(
        self, stdin: bytes, cancel: Cancel, told: Callable[[Written], None], until_s: float
    ) -> int:
        until = time.monotonic() + until_s
        wake_in, wake_out = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

        def wake() -> None:
            os.write(wake_out, b"x")

        try:
            with cancel.waking(wake):
                return self._loop(stdin, wake_in, told, until)
        finally:
            os.close(wake_in)
            os.close(wake_out)

    def _loop(self, stdin: bytes, wake: int, told: Callable[[Written], None], until: float) -> int:
        looked = 0.0
        while True:
            writers = [self._in] if stdin else []
            readable, writable, _ = select.select(
                [self._out, self._err, wake], writers, [], LOOK_S / 5
            )
            if wake in readable:
                raise RuntimeFailure(Failure.OTHER, "given up")
            if writable:
                stdin = stdin[os.write(self._in, stdin[:PIECE_BYTES]) :]
                if not stdin:
                    os.close(self._in)
                    self._in = -1
                    # It holds the other end open for writing, too.
                    self._api.close_input(self._container, self._exec_id)
            self._read(readable, told)
            now = time.monotonic()
            if now > until:
                raise RuntimeFailure(Failure.TIMED_OUT, "the program took too long")
            if readable or now - looked < DRAIN_S:
                continue
            looked = now
            task = self._api.task(self._container, self._exec_id)
            if task is None or task.status is Status.STOPPED:
                self._drain(told)
                return -1 if task is None else task.exit_status

    def _drain(self, told: Callable[[Written], None]) -> None:
        """Read what the runtime still copies after the end."""
        while readable := select.select([self._out, self._err], [], [], DRAIN_S)[0]:
            self._read(readable, told)

    def _read(self, readable: list[int], told: Callable[[Written], None]) -> None:
        if self._out in readable and (data := os.read(self._out, PIECE_BYTES)):
            told(Written("out", data))
        if self._err in readable and (data := os.read(self._err, PIECE_BYTES)):
            told(Written("err", data))

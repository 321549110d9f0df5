"""Runs a program in a container of containerd, its input and output through named pipes."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import select
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

from skerry_executor import processes
from skerry_executor.cancel import Cancel
from skerry_executor.lease import Process
from skerry_executor.runtimes import program_token
from skerry_executor.runtimes.base import TERM, Failure, Program, RuntimeFailure, Written
from skerry_executor.runtimes.containerd_api import Containerd, Record, Status
from skerry_executor.runtimes.program_token import ProgramToken
from skerry_wire.messages import Terminal

LOOK_FIRST_S = 0.1
LOOK_MOST_S = 0.5
"""How long after it last wrote a program is looked after, ever more seldom."""
DRAIN_S = 0.1
PIECE_BYTES = 64 * 1024
NAMES = ("in", "out", "err")


def run(
    api: Containerd,
    record: Record,
    program: Program,
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
        talk = _Talk(api, record.id, exec_id, ends)
        stack.callback(talk.close)
        # Without input it gets none at all, and sees its end at once.
        pipes = (paths[0] if program.input else "", paths[1], "" if program.terminal else paths[2])
        api.execute(record.id, exec_id, _process(record, program), pipes)
        token = ProgramToken(f"{record.id}/{exec_id}")
        try:
            program.noted(str(token))
            api.start(record.id, f"running {program.words} in {record.id}", exec_id)
            token = dataclasses.replace(token, process=_running(api, record.id, exec_id))
            program.noted(str(token))
            return talk.through(program, cancel, told, until_s)
        except BaseException:
            with contextlib.suppress(RuntimeFailure):
                end(api, str(token))
            raise
        finally:
            with contextlib.suppress(RuntimeFailure):
                api.delete_task(record.id, exec_id)


def end(api: Containerd, token: str) -> None:
    """Kill a program with what it started, and forget it; one that is gone is fine."""
    known = program_token.parse(token)
    container, _, exec_id = known.name.partition("/")
    process = known.process or _running(api, container, exec_id)
    if process is not None:
        processes.kill_family(process)
    api.kill(container, 9, exec_id)
    time.sleep(DRAIN_S)
    api.delete_task(container, exec_id)


def _running(api: Containerd, container: str, exec_id: str) -> Process | None:
    """Return the process of a program that runs; None where there is none."""
    task = api.task(container, exec_id)
    process = processes.of_pid(task.pid) if task is not None and task.pid > 0 else None
    # Still the same: so the number was not another's when it was looked at.
    again = api.task(container, exec_id)
    if again is None or again != task or again.status is not Status.RUNNING:
        return None
    return process


def _process(record: Record, program: Program) -> dict[str, Any]:
    process = {**record.process(), "args": list(program.command), "terminal": False}
    if (size := program.terminal) is None:
        return process
    given = [one for one in process.get("env") or () if not str(one).startswith("TERM=")]
    return {
        **process,
        "terminal": True,
        "consoleSize": {"height": size.rows, "width": size.columns},
        "env": [*given, TERM],
    }


class _Talk:
    """What goes in and out of one program."""

    def __init__(self, api: Containerd, container: str, exec_id: str, ends: list[int]) -> None:
        self._api = api
        self._container = container
        self._exec_id = exec_id
        self._in, self._out, self._err = ends
        self._ended = False

    def close(self) -> None:
        """Close the pipes."""
        for end in (self._in, self._out, self._err):
            if end >= 0:
                os.close(end)

    def through(
        self,
        program: Program,
        cancel: Cancel,
        told: Callable[[Written], None],
        until_s: float,
    ) -> int:
        """Pass on what goes in and out until it ends."""
        until = time.monotonic() + until_s
        wake_in, wake_out = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

        def wake() -> None:
            os.write(wake_out, b"x")

        # Of the thread that feeds alone, which may come to it late.
        own, self._in = self._in, -1
        threading.Thread(target=self._feed, args=(program, own), daemon=True).start()
        try:
            with cancel.waking(wake):
                return self._loop(wake_in, told, until)
        finally:
            self._ended = True
            os.close(wake_in)
            os.close(wake_out)

    def _feed(self, program: Program, end: int) -> None:
        try:
            with contextlib.suppress(OSError, RuntimeFailure):
                if program.terminal is not None:
                    self._resize(program.terminal)
                for one in program.input:
                    if isinstance(one, Terminal):
                        self._resize(one)
                    elif not self._put(one, end):
                        return
        finally:
            os.close(end)
        if program.input and not self._ended:
            # It holds the other end open for writing, too.
            with contextlib.suppress(RuntimeFailure):
                self._api.close_input(self._container, self._exec_id)

    def _put(self, data: bytes, end: int) -> bool:
        while data:
            writable = select.select([], [end], [], LOOK_MOST_S)[1]
            if self._ended:
                return False
            if writable:
                data = data[os.write(end, data[:PIECE_BYTES]) :]
        return True

    def _resize(self, size: Terminal) -> None:
        self._api.resize(self._container, self._exec_id, size.columns, size.rows)

    def _loop(self, wake: int, told: Callable[[Written], None], until: float) -> int:
        pause_s = LOOK_FIRST_S
        while True:
            readable = select.select([self._out, self._err, wake], [], [], pause_s)[0]
            if wake in readable:
                raise RuntimeFailure(Failure.OTHER, "given up")
            self._read(readable, told)
            if time.monotonic() > until:
                raise RuntimeFailure(Failure.TIMED_OUT, "the program took too long")
            if readable:
                pause_s = LOOK_FIRST_S
                continue
            pause_s = min(LOOK_MOST_S, 1.5 * pause_s)
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

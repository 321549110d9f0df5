"""Running a program within a container, through the API of podman or docker."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from skerry_executor import processes
from skerry_executor.cancel import Cancel, Cancelled
from skerry_executor.lease import Process
from skerry_executor.runtimes import failures, program_token, streams, unix_http
from skerry_executor.runtimes.api import Api, failing, quoted
from skerry_executor.runtimes.base import TERM, Failure, Program, RuntimeFailure, Written
from skerry_executor.runtimes.http_answer import SWITCHING
from skerry_executor.runtimes.program_token import ProgramToken
from skerry_wire.messages import Terminal

SILENCE_S = 86400.0
"""A program may be silent for long; who runs it ends that by the cancel."""
START_S = 2.0
"""How long a program and its terminal may take to be there."""
AGAIN_S = 0.05
NOT_RUN = (126, 127)
"""How a program ends that the runtime cannot run, or does not find."""
_DETACHED = re.compile(
    rb"Error: read unixpacket @->/proc/self/fd/[0-9]+/attach: read: connection reset by peer\n"
)
"""What podman says of itself after it has said why a program could not be run."""


def execute(
    api: Api,
    reference: str,
    program: Program,
    cancel: Cancel,
    told: Callable[[Written], None],
) -> int:
    """Run a program within a running container and return its exit status."""
    doing = f"running {program.words} in {reference}"
    body: dict[str, Any] = {
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": program.terminal is not None,
        "Cmd": list(program.command),
    }
    if program.terminal is not None:
        body["Env"] = [TERM]
    target = f"/containers/{quoted(reference)}/exec"
    answer = api.call("POST", target, doing, body=body, fine=(200, 201))
    session = str(api.parsed(answer, dict).get("Id", ""))
    program.noted(session)
    feed = _Feed(api, session, program)
    telling = Telling(told)
    try:
        _talk(api, doing, program, feed, cancel, telling.tell)
    except Cancelled:
        with contextlib.suppress(RuntimeFailure):
            end(api, str(feed.token))
        raise
    status = _exit_status(api, session, doing)
    telling.ended(status)
    return status


class Telling:
    """Tells what a program writes, but not what podman says of itself where it ran none."""

    def __init__(self, told: Callable[[Written], None]) -> None:
        self._told = told
        self._held: list[Written] = []

    def tell(self, written: Written) -> None:
        """Tell a piece; one that may be podman's own waits for what comes next."""
        self._tell_held()
        if written.stream == "err" and _DETACHED.fullmatch(written.data):
            self._held.append(written)
        else:
            self._told(written)

    def ended(self, status: int) -> None:
        """Tell what was held back of a program that has run."""
        if status not in NOT_RUN:
            self._tell_held()

    def _tell_held(self) -> None:
        for one in self._held:
            self._told(one)
        self._held.clear()


def end(api: Api, token: str) -> None:
    """Kill a program with what it started; one that is gone is fine."""
    known = program_token.parse(token)
    process = known.process or _process(api, known.name)
    if process is not None:
        processes.kill_family(process)


def _talk(
    api: Api,
    doing: str,
    program: Program,
    feed: _Feed,
    cancel: Cancel,
    told: Callable[[Written], None],
) -> None:
    target = api.whole(f"/exec/{quoted(feed.session)}/start")
    body: dict[str, Any] = {"Detach": False, "Tty": program.terminal is not None}
    if (size := program.terminal) is not None:
        # In docker's words, and in podman's. An older one is told below.
        body |= {"ConsoleSize": [size.rows, size.columns], "h": size.rows, "w": size.columns}
    with (
        failing(api.path),
        unix_http.upgraded(
            api.path, target, body=body, silence_s=SILENCE_S, cancel=cancel
        ) as duplex,
    ):
        if duplex.status != SWITCHING:
            raise failures.from_answer(doing, duplex.status, b"".join(duplex.pieces))
        # By a thread of its own: a program may write much before it reads.
        threading.Thread(target=feed.run, args=(duplex.sending,), daemon=True).start()
        try:
            for written in _written(program, _until_reset(duplex.pieces)):
                feed.note_once()
                told(written)
        except streams.StreamError as error:
            cancel.check()
            raise RuntimeFailure(Failure.OTHER, f"{doing}: {api.name}: {error}") from None
        finally:
            feed.end(duplex.sending)


def _written(program: Program, pieces: Iterator[bytes]) -> Iterator[Written]:
    if program.terminal is None:
        return streams.frames(pieces)
    return (Written("out", piece) for piece in pieces)


def _until_reset(pieces: Iterator[bytes]) -> Iterator[bytes]:
    # So it ends where the program had not read all of its input; what it wrote came before.
    with contextlib.suppress(ConnectionResetError):
        yield from pieces


class _Feed:
    """What a program reads, on its way to it, and the size of its terminal."""

    def __init__(self, api: Api, session: str, program: Program) -> None:
        self.session = session
        self.token = ProgramToken(session)
        self._api = api
        self._program = program
        self._ended = threading.Event()
        self._noting = threading.Lock()
        self._is_noted = False

    def run(self, sending: socket.socket) -> None:
        # A program that ended, or does not read, is no error of ours.
        with contextlib.suppress(OSError, RuntimeFailure):
            self._note_soon()
            if self._program.terminal is not None:
                self._resize(self._program.terminal)
            for one in self._program.input:
                if self._ended.is_set():
                    return
                if isinstance(one, Terminal):
                    self._resize(one)
                else:
                    sending.sendall(one)
            if not self._ended.is_set():
                sending.shutdown(socket.SHUT_WR)

    def end(self, sending: socket.socket) -> None:
        self._ended.set()
        # Whoever waits in sendall sees it at once.
        with contextlib.suppress(OSError):
            sending.shutdown(socket.SHUT_RDWR)

    def note_once(self) -> None:
        """Note the process of a program that writes, before anybody hears what it has written.

        Who has heard something may leave at once. With its input the program may end then, and its
        runtime tells no more what it had been: so what it started would be left.
        """
        if self._is_noted:
            return
        until = time.monotonic() + START_S
        with contextlib.suppress(RuntimeFailure):
            # Docker passes on what is written before it knows the process itself.
            while not self._note() and self._is_running() and time.monotonic() < until:
                self._ended.wait(AGAIN_S)
        self._is_noted = True

    def _is_running(self) -> bool:
        return _look(self._api, self.session, "looking at a program")[0]

    def _note(self) -> bool:
        with self._noting:
            if self._is_noted:
                return True
            process = _process(self._api, self.session)
            if process is None:
                return False
            self.token = ProgramToken(self.session, process)
            self._program.noted(str(self.token))
            self._is_noted = True
            return True

    def _note_soon(self) -> None:
        until = time.monotonic() + START_S
        while not self._ended.is_set() and time.monotonic() < until:
            if self._note():
                return
            self._ended.wait(AGAIN_S)

    def _resize(self, size: Terminal) -> None:
        target = f"/exec/{quoted(self.session)}/resize?h={size.rows}&w={size.columns}"
        until = time.monotonic() + START_S
        while not self._ended.is_set() and time.monotonic() < until:
            try:
                self._api.call("POST", target, "sizing a terminal", fine=(200, 201))
            except RuntimeFailure:
                self._ended.wait(AGAIN_S)
            else:
                return


def _look(api: Api, session: str, doing: str) -> tuple[bool, int, int | None]:
    """Return whether it runs, its process id (0: not told), and its exit status."""
    answer = api.call("GET", f"/exec/{quoted(session)}/json", doing, fine=(200, 404))
    if answer.status == 404:
        return False, 0, None
    plain = api.parsed(answer, dict)
    code = plain.get("ExitCode")
    return bool(plain.get("Running")), int(plain.get("Pid") or 0), code


def _process(api: Api, session: str) -> Process | None:
    """Return the process of a program that runs; None where there is none, or it is not told."""
    running, pid, _ = _look(api, session, "looking at a program")
    process = processes.of_pid(pid) if running and pid > 0 else None
    # Still the same: so the number was not another's when it was looked at.
    if process is None or _look(api, session, "looking at a program")[:2] != (True, pid):
        return None
    return process


def _exit_status(api: Api, session: str, doing: str) -> int:
    running, _, code = _look(api, session, doing)
    if running or not isinstance(code, int):
        raise RuntimeFailure(Failure.OTHER, f"{doing}: {api.name} does not tell how it ended")
    return max(-(2**31), min(code, 2**31 - 1))

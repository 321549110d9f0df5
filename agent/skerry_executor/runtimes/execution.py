"""Running a program within a container, through the API of podman or docker."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable

from skerry_executor.cancel import Cancel, Cancelled
from skerry_executor.runtimes import failures, streams, unix_http
from skerry_executor.runtimes.api import Api, failing, quoted
from skerry_executor.runtimes.base import Failure, RuntimeFailure, Written
from skerry_executor.runtimes.http_answer import SWITCHING

SILENCE_S = 86400.0
"""A program may be silent for long; who runs it ends that by the cancel."""


def execute(
    api: Api,
    reference: str,
    command: tuple[str, ...],
    stdin: bytes,
    cancel: Cancel,
    told: Callable[[Written], None],
) -> int:
    """Run a program within a running container and return its exit status.

    Its input ends after `stdin`. Cancelled, it is killed, as far as the runtime tells which it is.
    """
    doing = f"running {command[0] if command else 'nothing'} in {reference}"
    body = {
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": False,
        "Cmd": list(command),
    }
    target = f"/containers/{quoted(reference)}/exec"
    answer = api.call("POST", target, doing, body=body, fine=(200, 201))
    session = str(api.parsed(answer, dict).get("Id", ""))
    try:
        _talk(api, session, doing, stdin, cancel, told)
    except Cancelled:
        with contextlib.suppress(RuntimeFailure):
            _kill(api, session)
        raise
    return _exit_status(api, session, doing)


def _talk(
    api: Api,
    session: str,
    doing: str,
    stdin: bytes,
    cancel: Cancel,
    told: Callable[[Written], None],
) -> None:
    target = api.whole(f"/exec/{quoted(session)}/start")
    body = {"Detach": False, "Tty": False}
    with (
        failing(api.path),
        unix_http.upgraded(
            api.path, target, body=body, silence_s=SILENCE_S, cancel=cancel
        ) as duplex,
    ):
        if duplex.status != SWITCHING:
            raise failures.from_answer(doing, duplex.status, b"".join(duplex.pieces))
        # By a thread of its own: a program may write much before it reads.
        feeding = threading.Thread(target=_feed, args=(duplex.sending, stdin), daemon=True)
        feeding.start()
        try:
            for written in streams.frames(duplex.pieces):
                told(written)
        except streams.StreamError as error:
            cancel.check()
            raise RuntimeFailure(Failure.OTHER, f"{doing}: {api.name}: {error}") from None


def _feed(sending: socket.socket, stdin: bytes) -> None:
    # A program that ended, or does not read, is no error of ours.
    with contextlib.suppress(OSError):
        sending.sendall(stdin)
        sending.shutdown(socket.SHUT_WR)


def _look(api: Api, session: str, doing: str) -> tuple[bool, int, int | None]:
    """Return whether it runs, its process id (0: not told), and its exit status."""
    plain = api.parsed(api.call("GET", f"/exec/{quoted(session)}/json", doing), dict)
    code = plain.get("ExitCode")
    return bool(plain.get("Running")), int(plain.get("Pid") or 0), code


def _exit_status(api: Api, session: str, doing: str) -> int:
    running, _, code = _look(api, session, doing)
    if running or not isinstance(code, int):
        raise RuntimeFailure(Failure.OTHER, f"{doing}: {api.name} does not tell how it ended")
    return max(-(2**31), min(code, 2**31 - 1))


def _kill(api: Api, session: str) -> None:
    running, pid, _ = _look(api, session, "ending a program")
    if not running or pid <= 0:
        return
    with contextlib.suppress(OSError):
        process = os.pidfd_open(pid)
        try:
            # Still the same: so the number was not another's when it was opened.
            if _look(api, session, "ending a program")[:2] == (True, pid):
                signal.pidfd_send_signal(process, signal.SIGKILL)
        finally:
            os.close(process)

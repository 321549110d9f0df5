"""The listening socket: taken over from systemd, or held here on boxes without it.

`hold` stands in for a systemd socket unit: it starts `skerry-executor run` when somebody
connects, and hands it the socket by the protocol of sd_listen_fds(3).
"""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pathlib
import select
import signal
import socket
import stat
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NoReturn

from skerry_executor.log import log

FIRST_FD = 3
BACKLOG = 64
STALE_S = 3.0
"""How long a run whose holder was killed may take to leave the socket."""
AGAIN_S = 1.0
"""Pause after a run that failed: the connection that it did not take is still there."""
ENDING_S = 15.0
HOLDER = "SKERRY_EXECUTOR_HOLDER"


class ListenError(Exception):
    """There is no socket to listen on; says why and what to do."""


def inherited(environment: Mapping[str, str], pid: int) -> socket.socket:
    """Return the one listening socket that systemd, or `hold`, passed. Raises ListenError."""
    advice = "start skerry-executor.socket, or use `skerry-executor listen --socket PATH`"
    if environment.get("LISTEN_PID") != str(pid) or "LISTEN_FDS" not in environment:
        raise ListenError(f"no listening socket was passed: {advice}")
    if environment["LISTEN_FDS"] != "1":
        raise ListenError(f"{environment['LISTEN_FDS']} sockets were passed, expected one")
    try:
        listener = socket.socket(fileno=FIRST_FD)
        listens = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if listener.family != socket.AF_UNIX or not listens:
            raise ListenError("what was passed is not a listening unix socket (Accept=no)")
    except OSError as error:
        raise ListenError(f"what was passed is no socket: {error.strerror}") from None
    listener.set_inheritable(False)
    return listener


def holder(environment: Mapping[str, str]) -> int | None:
    """Return a pidfd of the `hold` that started this run; None when systemd did.

    Raises ListenError when it is gone: another one may hold the path by now.
    """
    pid = environment.get(HOLDER)
    if pid is None:
        return None
    try:
        fd = os.pidfd_open(int(pid))
    except (ValueError, OSError):
        raise ListenError("the process that held the socket is gone") from None
    if os.getppid() != int(pid):
        os.close(fd)
        raise ListenError("the process that held the socket is gone")
    return fd


def bind(path: pathlib.Path, mode: int, group: str | None) -> socket.socket:
    """Return a socket that listens at `path`, in place of one that nobody serves any more."""
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)  # nobody gets in between bind and chmod
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        if group is not None:
            os.chown(path, -1, grp.getgrnam(group).gr_gid)
        os.chmod(path, mode)
        listener.listen(BACKLOG)
    except KeyError:
        listener.close()
        raise ListenError(f"there is no group {group}") from None
    except OSError as error:
        listener.close()
        raise ListenError(f"cannot listen at {path}: {error.strerror}") from None
    return listener


def _clear(path: pathlib.Path) -> None:
    """Remove a socket that an earlier process left behind."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise ListenError(f"{path} is there and is not a socket")
    except FileNotFoundError:
        return
    except OSError as error:
        raise ListenError(f"cannot listen at {path}: {error.strerror}") from None
    until = time.monotonic() + STALE_S
    while not (failure := _knock(path)) and time.monotonic() < until:
        time.sleep(0.25)
    if failure == 0:
        raise ListenError(f"another process listens at {path} already")
    if failure not in (errno.ECONNREFUSED, errno.ENOENT):
        raise ListenError(f"{path} is there and cannot be replaced: {os.strerror(failure)}")
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _knock(path: pathlib.Path) -> int:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(str(path))


def hold(listener: socket.socket, path: pathlib.Path, arguments: Sequence[str]) -> None:
    """Run `skerry-executor run` with `arguments` whenever somebody connects; until SIGTERM."""
    child = 0

    def end(*_signal: object) -> NoReturn:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    log("info", "listening", socket=str(path))
    try:
        while True:
            select.select([listener], [], [])
            child = _spawn(listener.fileno(), arguments)
            _, status = os.waitpid(child, 0)
            child = 0
            code = os.waitstatus_to_exitcode(status)
            if code != 0:
                log("error", "the run failed", exit_status=code)
                time.sleep(AGAIN_S)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with contextlib.suppress(OSError):
            path.unlink()
        if child:
            _end(child)


def _spawn(fd: int, arguments: Sequence[str]) -> int:
    """Start a run with the socket as its third descriptor.

    Its LISTEN_PID must be its own process id, which only the forked child knows; this process
    has no other thread, so a plain fork is safe.
    """
    program = [sys.executable, "-m", "skerry_executor.main", "run", *arguments]
    child = os.fork()
    if child:
        return child
    try:
        if fd == FIRST_FD:
            os.set_inheritable(fd, True)
        else:
            os.dup2(fd, FIRST_FD, inheritable=True)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        environment = {
            **os.environ,
            "LISTEN_FDS": "1",
            "LISTEN_PID": str(os.getpid()),
            HOLDER: str(os.getppid()),
        }
        os.execve(program[0], program, environment)  # noqa: S606 - no shell is what we want
    finally:
        os._exit(127)


def _end(child: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGTERM)
    until = time.monotonic() + ENDING_S
    while time.monotonic() < until:
        if os.waitpid(child, os.WNOHANG)[0]:
            return
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

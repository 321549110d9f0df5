"""The listening socket: taken over from systemd, or held here on boxes without it.

`hold` stands in for a systemd socket unit, and for the restart of a service that was killed: it
starts a run when somebody connects, and as long as there are leases to be ended.
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
import time
from collections.abc import Callable, Mapping
from typing import NoReturn

from skerry_executor.log import log

FIRST_FD = 3
BACKLOG = 64
STALE_S = 3.0
"""How long a run whose holder was killed may take to leave the socket."""
AGAIN_S = 1.0
"""Pause after a run that failed: the connection that it did not take is still there."""
KILLED_AGAIN_S = 0.1
"""Pause after a run that was killed: it may have a lease to end at once."""
ENDING_S = 15.0


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


def hold(
    listener: socket.socket,
    path: pathlib.Path,
    run: Callable[[int], int],
    is_due: Callable[[], bool] = lambda: False,
) -> None:
    """Start `run` in a process of its own whenever somebody connects, or it is due; until SIGTERM.

    `run` is given a pidfd of this process, so that it can end with it, and returns its exit
    status. The child is forked and not executed: it has everything imported already.
    """
    own = os.pidfd_open(os.getpid())
    child = 0

    def end(*_signal: object) -> NoReturn:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    log("info", "listening", socket=str(path))
    try:
        while True:
            if not is_due():
                select.select([listener], [], [])
            child = _fork(run, own)
            _, status = os.waitpid(child, 0)
            child = 0
            code = os.waitstatus_to_exitcode(status)
            if code != 0:
                log("error", "the run failed", exit_status=code)
                time.sleep(AGAIN_S if code > 0 else KILLED_AGAIN_S)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with contextlib.suppress(OSError):
            path.unlink()
        if child:
            _end(child)


def _fork(run: Callable[[int], int], holder: int) -> int:
    """Return the id of a child that does the run; this process has no other thread."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        code = run(holder)
    except Exception as error:  # noqa: BLE001 - nothing of the parent's may run in the child
        log("error", "the run failed", reason=f"{type(error).__name__}: {error}")
    finally:
        os._exit(code)


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

"""Holds a unix socket, and starts a program each time somebody connects and none runs.

As systemd does it for a socket unit with Accept=no. Usage: python -m lab.activation SOCKET COMMAND...
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from typing import NoReturn

FIRST_FD = 3


def main(path: str, command: Sequence[str]) -> NoReturn:
    """Serve until SIGTERM, which ends the program, too."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(64)
    started = 0

    def end(*_signal: object) -> None:
        if started:
            os.kill(started, signal.SIGTERM)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    while True:
        select.select([listener], [], [])
        started = os.fork()
        if not started:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.dup2(listener.fileno(), FIRST_FD)
            os.set_inheritable(FIRST_FD, True)
            passed = {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
            os.execvpe(command[0], list(command), {**os.environ, **passed})
        os.waitpid(started, 0)
        started = 0


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

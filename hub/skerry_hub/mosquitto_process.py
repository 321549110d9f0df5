"""One mosquitto as a child of this process: what it is started with, and that it ends with us."""

from __future__ import annotations

import contextlib
import os
import pathlib
import pwd
import resource
import shutil
import socket
import subprocess
from typing import IO

from skerry_hub import mosquitto_conf
from skerry_hub.whole_file import write_whole

STARTED = "started.conf"
"""The configuration with what is this machine's affair."""
MOST_OUTPUT_BYTES = 4 * 2**20
MOST_WORDS_BYTES = 1000


class BrokerError(Exception):
    """The broker cannot be started; the text says why and what to do."""


def program() -> str:
    """Return where mosquitto is. Raises BrokerError."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    found = shutil.which("mosquitto", path=path)
    if found is None:
        raise BrokerError(
            "mosquitto is not installed: install it (apt install mosquitto), "
            "or name a broker with --broker mqtt://host:port"
        )
    return found


def start(
    files: pathlib.Path,
    conf: str,
    run: pathlib.Path,
    *,
    persistent: bool,
    output: IO[bytes] | int | None,
) -> subprocess.Popen[bytes]:
    """Start it with a configuration whose relative paths are in `files`.

    `run` is a folder that it may write to, where it keeps what it has if it is `persistent`.
    Raises BrokerError, OSError.
    """
    command = [program(), "-c", str(run / STARTED)]
    state = f"{run}/" if persistent else None
    own = mosquitto_conf.local(pwd.getpwuid(os.geteuid()).pw_name, state)
    write_whole(run / STARTED, f"{conf}\n{own}".encode())
    # The kernel ends it with the thread that started it, which lives as long as we do: so not even
    # a killed hub leaves a broker behind.
    dies_with_us = shutil.which("setpriv")
    if dies_with_us is not None:
        command = [dies_with_us, "--pdeathsig", "TERM", *command]
    child = subprocess.Popen(
        command, cwd=files, stdin=subprocess.DEVNULL, stdout=output, stderr=output
    )
    _allow_files(child.pid)
    return child


def _allow_files(pid: int) -> None:
    """Let it have a file for each box, as many as may be."""
    with contextlib.suppress(OSError, ValueError):  # it has ended, or may not
        _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))


def listens(host: str, port: int) -> bool:
    """Say whether somebody takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def last_words(output: pathlib.Path) -> str:
    """Return the last two lines of a log; that it says nothing, where it does not.

    Of what is wrong with a file the last line of mosquitto says where, the one before it what.
    """
    with contextlib.suppress(OSError), output.open("rb") as file:
        file.seek(max(0, output.stat().st_size - MOST_WORDS_BYTES))
        lines = file.read().decode(errors="replace").strip().splitlines()
        if lines:
            return "; ".join(line.strip() for line in lines[-2:])
    return "it says nothing"


def trim(output: pathlib.Path) -> None:
    """Begin a log anew that has become long: whoever scans the port has it written to."""
    with contextlib.suppress(OSError):
        if output.stat().st_size > MOST_OUTPUT_BYTES:
            output.write_bytes(b"")

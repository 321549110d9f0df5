"""Starts the real programs for demo, tests and benchmarks, and ends exactly those."""

from __future__ import annotations

import contextlib
import os
import pathlib
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


class LabError(Exception):
    """A part of the lab did not come up, or something did not happen in time."""


def free_port() -> int:
    """Return a TCP port of the loopback address that nobody uses now.

    It lies below the ports that Linux gives to outgoing connections (32768 and more), so that
    none takes it before, or between two starts of, the server that it is for.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_768)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


OFTEN_S = 0.01
SELDOM_S = 0.1
"""Between two looks, at the first and after two seconds."""


def wait_for(what: str, look: Callable[[], T | None], timeout_s: float = 30.0) -> T:
    """Return what `look` finds as soon as it finds something. Raises LabError after the time.

    It looks less often as time goes by, for a look may ask a hub: at most each `SELDOM_S`.
    """
    began = time.monotonic()
    deadline = began + timeout_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {timeout_s:g} s")
        time.sleep(min(SELDOM_S, OFTEN_S + (time.monotonic() - began) / 20))


class Process:
    """One program under test. Its output goes to a file; it is ended by its own process id."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | pathlib.Path],
        folder: pathlib.Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it. `folder` takes its log."""
        self.name = name
        self.log_path = folder / f"{name}.log"
        self._log = self.log_path.open("ab")
        self._popen = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Say whether it still runs."""
        return self._popen.poll() is None

    @property
    def exit_status(self) -> int | None:
        """Return how it ended, None while it runs; negative: the signal."""
        return self._popen.poll()

    def log(self) -> str:
        """Return everything that it has said."""
        return self.log_path.read_text(errors="replace")

    def wait_for_log(self, text: str, timeout_s: float = 30.0) -> None:
        """Wait until it has said `text`. Raises LabError with its last words if it ends first."""

        def look() -> bool:
            if text in self.log():
                return True
            if not self.alive:
                raise LabError(f"{self.name} ended:\n{self.log()[-3000:]}")
            return False

        wait_for(f"{self.name} to say {text!r}", look, timeout_s)

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL."""
        self._popen.send_signal(signal.SIGKILL)
        self._popen.wait()

    def stop(self, timeout_s: float = 10.0) -> int:
        """Ask it to end, and insist after the time; return its exit status."""
        if self.alive:
            self._popen.send_signal(signal.SIGTERM)
            try:
                self._popen.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
        self._log.close()
        return self._popen.returncode


@contextlib.contextmanager
def running(*processes: Process) -> Iterator[None]:
    """End the processes when the block is left, the last first."""
    try:
        yield
    finally:
        for process in reversed(processes):
            process.stop()

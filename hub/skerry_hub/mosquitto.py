"""A mosquitto of the hub's own, on loopback, for a hub that was given no broker.

It is started again when it ends, and ends with the hub, however that ends.

What it keeps, it writes at an orderly end alone, for its next start: messages that the hub had not
taken yet. To write at changes takes its whole time in a large fleet, because it writes everything
each time. It needs no more: after any other end hub and boxes say again all that is retained. An
older file would be worse than none then, for it has what was deleted since; so it is removed once
it is read.
"""

from __future__ import annotations

import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import threading
import time

import structlog

log = structlog.get_logger("mosquitto")

START_S = 10.0
AGAIN_FIRST_S = 0.2
AGAIN_MOST_S = 10.0
STEADY_S = 30.0


class BrokerError(Exception):
    """The broker cannot be started; the text says why and what to do."""


class Mosquitto:
    """One broker process with its files under `folder`."""

    def __init__(self, folder: pathlib.Path, port: int) -> None:
        """Write its configuration. Raises BrokerError where mosquitto is not installed."""
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
        program = shutil.which("mosquitto", path=path)
        if program is None:
            raise BrokerError(
                "mosquitto is not installed: install it (apt install mosquitto), "
                "or name a broker with --broker mqtt://host:port"
            )
        self.port = port
        self._folder = folder
        self._saved = folder / "mosquitto.db"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        config = folder / "mosquitto.conf"
        config.write_text(_configuration(folder, port))
        # The kernel ends it with the thread that started it, which lives as long as the hub: so
        # not even a killed hub leaves a broker behind.
        dies_with_us = shutil.which("setpriv")
        self._command = [str(program), "-c", str(config)]
        if dies_with_us is not None:
            self._command = [dies_with_us, "--pdeathsig", "TERM", *self._command]
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="mosquitto", daemon=True)

    def start(self) -> None:
        """Start it and wait until it listens. Raises BrokerError."""
        if _listens(self.port) and not _listens_no_more(self.port):
            raise BrokerError(
                f"port {self.port} is in use: name another with --mqtt-port, or the broker that "
                f"listens there with --broker mqtt://127.0.0.1:{self.port}"
            )
        self._thread.start()
        deadline = time.monotonic() + START_S
        while not _listens(self.port):
            if time.monotonic() > deadline:
                self.stop()
                raise BrokerError(f"mosquitto did not start: see {self._folder / 'mosquitto.log'}")
            time.sleep(0.01)
        self._saved.unlink(missing_ok=True)  # it listens after it has read that

    def stop(self) -> None:
        """End it, and wait until it has written what it holds."""
        self._stopping.set()
        child = self._child
        if child is not None and child.poll() is None:
            child.terminate()
        if self._thread.is_alive():
            self._thread.join(START_S)

    def _supervise(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            with (self._folder / "mosquitto.log").open("ab") as output:
                self._child = subprocess.Popen(
                    self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
                )
            if self._stopping.is_set():  # asked between the look and the start
                self._child.terminate()
            status = self._child.wait()
            if self._stopping.is_set():
                return
            self._saved.unlink(missing_ok=True)
            failures = 0 if time.monotonic() - started > STEADY_S else failures + 1
            wait_s = min(AGAIN_MOST_S, AGAIN_FIRST_S * 2.0 ** min(failures, 10))
            log.error("mosquitto ended", status=status, again_in_s=wait_s)
            self._stopping.wait(wait_s)


def _configuration(folder: pathlib.Path, port: int) -> str:
    lines = (
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        f"user {pwd.getpwuid(os.geteuid()).pw_name}",
        "persistence true",
        f"persistence_location {folder}/",
        "autosave_interval 0",
        # Else a packet waits up to 40 ms until the one before has arrived.
        "set_tcp_nodelay true",
        # A subscriber that comes back gets every retained message of the fleet at once.
        "max_queued_messages 1000000",
        "max_inflight_messages 100",
        "max_packet_size 1048576",
        "persistent_client_expiration 14d",
        "log_type error",
        "log_type warning",
        "",
    )
    return "\n".join(lines)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _listens_no_more(port: int) -> bool:
    """Give the broker of a hub that has just been killed the time to end."""
    deadline = time.monotonic() + 3.0
    while time.monotonic() < deadline:
        time.sleep(0.05)
        if not _listens(port):
            return True
    return False

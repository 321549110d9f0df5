"""A mosquitto of the hub's own, for a hub that was given no broker.

On loopback it is open to this machine; on any other address everybody shows a certificate. It is
started again when it ends, and ends with the hub, however that ends.

What it keeps, it writes at an orderly end alone, for its next start: messages that the hub had not
taken yet. To write at changes takes its whole time in a large fleet, because it writes everything
each time. It needs no more: after any other end hub and boxes say again all that is retained. An
older file would be worse than none then, for it has what was deleted since; so it is removed once
it is read.
"""

from __future__ import annotations

import pathlib
import signal
import subprocess
import threading
import time

import structlog

from skerry_hub import mosquitto_conf, mosquitto_process
from skerry_hub.mosquitto_process import BrokerError, listens

__all__ = ["BrokerError", "Mosquitto"]

log = structlog.get_logger("mosquitto")

START_S = 10.0
AGAIN_FIRST_S = 0.2
AGAIN_MOST_S = 10.0
STEADY_S = 30.0
LOOK_S = 60.0
"""How often its log is looked at."""
LOG = "mosquitto.log"


class Mosquitto:
    """One broker process with its files under `folder`."""

    def __init__(
        self, folder: pathlib.Path, port: int, *, host: str = "127.0.0.1", conf: str | None = None
    ) -> None:
        """Without `conf`, it is one on loopback. Raises BrokerError where there is no mosquitto.

        `host` is where it is reached from this machine.
        """
        mosquitto_process.program()
        self.port = port
        self._host = host
        self._conf = conf or mosquitto_conf.plain(port)
        self._folder = folder
        self._saved = folder / mosquitto_conf.SAVED
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="mosquitto", daemon=True)

    def start(self, most_s: float = START_S) -> None:
        """Start it and wait until it listens. Raises BrokerError."""
        if self._listens() and not self._listens_no_more():
            raise BrokerError(
                f"port {self.port} is in use: name another with --mqtt-port, or the broker that "
                f"listens there with --broker mqtt://{self._host}:{self.port}"
            )
        self._forget_others()
        self._thread.start()
        deadline = time.monotonic() + most_s
        while not self._listens():
            if time.monotonic() > deadline:
                self.stop()
                words = mosquitto_process.last_words(self._folder / LOG)
                raise BrokerError(f"mosquitto did not start: {words} ({self._folder / LOG})")
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

    def reload(self) -> None:
        """Have it read its lists and its certificate again."""
        child = self._child
        if child is not None and child.poll() is None:
            child.send_signal(signal.SIGHUP)

    def _supervise(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                child = self._child = self._begin()
            except (OSError, BrokerError) as error:
                status = str(error)
            else:
                if self._stopping.is_set():  # asked between the look and the start
                    child.terminate()
                status = str(self._end_of(child))
            if self._stopping.is_set():
                return
            self._saved.unlink(missing_ok=True)
            failures = 0 if time.monotonic() - started > STEADY_S else failures + 1
            wait_s = min(AGAIN_MOST_S, AGAIN_FIRST_S * 2.0 ** min(failures, 10))
            log.error("mosquitto ended", status=status, again_in_s=wait_s)
            self._stopping.wait(wait_s)

    def _begin(self) -> subprocess.Popen[bytes]:
        with (self._folder / LOG).open("ab") as output:
            return mosquitto_process.start(
                self._folder, self._conf, self._folder, persistent=True, output=output
            )

    def _end_of(self, child: subprocess.Popen[bytes]) -> int:
        while True:
            try:
                return child.wait(LOOK_S)
            except subprocess.TimeoutExpired:
                mosquitto_process.trim(self._folder / LOG)

    def _forget_others(self) -> None:
        """Drop what was saved where clients had other names, or none: they would never fetch it."""
        former = self._folder / mosquitto_process.STARTED
        named = "use_username_as_clientid"
        if former.exists() and (named in former.read_text()) != (named in self._conf):
            self._saved.unlink(missing_ok=True)

    def _listens(self) -> bool:
        return listens(self._host, self.port)

    def _listens_no_more(self) -> bool:
        """Give the broker of a hub that has just been killed the time to end."""
        deadline = time.monotonic() + 3.0
        while time.monotonic() < deadline:
            time.sleep(0.05)
            if not self._listens():
                return True
        return False

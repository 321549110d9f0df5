"""Runs a mosquitto by the files that a hub writes to a folder: `skerry-hub broker`.

It waits for the files, has mosquitto read them again when they change, starts it anew when its
configuration does, and ends when mosquitto does: whoever started it starts it again.
"""

from __future__ import annotations

import hashlib
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping

import structlog

from skerry_hub import mosquitto_conf, mosquitto_process
from skerry_hub.mosquitto_conf import CONF, FILES, SAVED
from skerry_hub.mosquitto_process import listens

log = structlog.get_logger("broker")

LOOK_S = 2.0
TOLD_EACH_S = 60.0
END_S = 30.0
MOST_BYTES = 64 * 2**20

Digests = Mapping[str, bytes]


class Supervisor:
    """One mosquitto, and the folder with its files."""

    def __init__(self, folder: pathlib.Path, state: pathlib.Path | None) -> None:
        """`state` is where mosquitto keeps what it has from an orderly end to the next start."""
        self._folder = folder
        self._state = state
        self._ending = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None

    def end(self, *_: object) -> None:
        """Be told to end; also as a signal's handler."""
        self._ending.set()

    def run(self) -> int:
        """Run until the end, and return the exit status. Raises BrokerError, OSError."""
        mosquitto_process.program()
        if self._state is not None:
            self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = None if self._state else tempfile.mkdtemp(prefix="skerry-broker-")
        run = self._state or pathlib.Path(str(temporary))
        try:
            return self._run(run)
        finally:
            self._stop()
            if temporary is not None:
                shutil.rmtree(temporary, ignore_errors=True)

    def _run(self, run: pathlib.Path) -> int:
        seen = self._first_files()
        while seen is not None and not self._ending.is_set():
            child = self._child = self._start(run)
            fresh = False
            while not fresh and not self._ending.wait(LOOK_S):
                if child.poll() is not None:
                    log.error("mosquitto ended", status=child.returncode)
                    return 1
                self._forget_saved(run)
                found = digests(self._folder)
                changed = {name for name in found if found[name] != seen.get(name)}
                seen = {**seen, **found}
                fresh = CONF in changed
                if changed and not fresh:
                    log.info("reading again", files=", ".join(sorted(changed)))
                    child.send_signal(signal.SIGHUP)
            if fresh:
                log.info("starting anew: its configuration has changed")
                self._stop()
        return 0

    def _first_files(self) -> Digests | None:
        """Wait for all of them; None where the end came first."""
        waited_s = TOLD_EACH_S
        while True:
            found = digests(self._folder)
            missing = [name for name in FILES if name not in found]
            if not missing:
                return found
            if waited_s >= TOLD_EACH_S:
                where = f"{self._folder}: {', '.join(missing)}"
                log.info("waiting for a hub's files (its option --broker-folder)", missing=where)
                waited_s = 0.0
            if self._ending.wait(LOOK_S):
                return None
            waited_s += LOOK_S

    def _start(self, run: pathlib.Path) -> subprocess.Popen[bytes]:
        conf = (self._folder / CONF).read_text()
        child = mosquitto_process.start(
            self._folder, conf, run, persistent=self._state is not None, output=None
        )
        log.info("started", port=mosquitto_conf.listener_port(conf))
        return child

    def _forget_saved(self, run: pathlib.Path) -> None:
        """Remove what it has read at its start, once it listens: see `mosquitto_conf.local`."""
        saved = run / SAVED
        if self._state is None or not saved.exists():
            return
        port = mosquitto_conf.listener_port((run / mosquitto_process.STARTED).read_text())
        if port is not None and listens("127.0.0.1", port):
            saved.unlink(missing_ok=True)

    def _stop(self) -> None:
        """End it in good order."""
        child = self._child
        if child is None or child.poll() is not None:
            return
        child.terminate()
        try:
            child.wait(END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def digests(folder: pathlib.Path) -> dict[str, bytes]:
    """Return the digest of each file that is there."""
    found = {}
    for name in FILES:
        try:
            with (folder / name).open("rb") as file:
                found[name] = hashlib.sha256(file.read(MOST_BYTES)).digest()
        except OSError:
            continue
    return found

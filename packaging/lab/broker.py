"""A real mosquitto on the loopback address, for demo, tests and benchmarks."""

from __future__ import annotations

import pathlib
import shutil
import socket
from collections.abc import Sequence

from lab.processes import LabError, Process, free_port, wait_for

PROGRAM = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


class Mosquitto:
    """One broker with its own folder, that can be killed and started again on the same port."""

    def __init__(
        self,
        folder: pathlib.Path,
        port: int | None = None,
        addresses: Sequence[str] = (),
    ) -> None:
        """Write its configuration; `start` starts it.

        As the hub's own it keeps what it has from an orderly end to the next start, and after any
        other end has nothing.
        `addresses`: where it listens beside the loopback address, in a network of the lab's own.
        """
        self.port = port or free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            "\n".join(
                (
                    *(f"listener {self.port} {one}" for one in ("127.0.0.1", *addresses)),
                    "allow_anonymous true",
                    "persistence true",
                    f"persistence_location {folder}/",
                    "autosave_interval 0",
                    "set_tcp_nodelay true",
                    "max_queued_messages 100000",
                    "max_inflight_messages 100",
                    "user root",
                    "",
                )
            )
        )
        self.process: Process | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.process = Process("mosquitto", [PROGRAM, "-v", "-c", self._config], self._folder)
        # Not by its log: it says that it opens its socket before it listens on it.
        wait_for("mosquitto to listen", self._listens)
        (self._folder / "mosquitto.db").unlink(missing_ok=True)

    def _listens(self) -> bool:
        assert self.process is not None
        if not self.process.alive:
            raise LabError(f"mosquitto ended:\n{self.process.log()[-3000:]}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()

    def stop(self) -> None:
        """End it in good order."""
        if self.process is not None:
            self.process.stop()

"""A real mosquitto on the loopback address, for demo, tests and benchmarks."""

from __future__ import annotations

import pathlib
import shutil

from lab.processes import Process, free_port

PROGRAM = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


class Mosquitto:
    """One broker with its own folder, that can be killed and started again on the same port."""

    def __init__(self, folder: pathlib.Path, port: int | None = None) -> None:
        """Write its configuration; `start` starts it."""
        self.port = port or free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            "\n".join(
                (
                    f"listener {self.port} 127.0.0.1",
                    "allow_anonymous true",
                    "persistence true",
                    f"persistence_location {folder}/",
                    "autosave_on_changes true",
                    "autosave_interval 1",
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
        self.process.wait_for_log(f"Opening ipv4 listen socket on port {self.port}")

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()

    def stop(self) -> None:
        """End it in good order."""
        if self.process is not None:
            self.process.stop()

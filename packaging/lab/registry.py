"""A real registry of images on the loopback address, which runtimes take without TLS."""

from __future__ import annotations

import json
import pathlib
import shutil
import urllib.request

from lab.processes import Process, free_port, wait_for

PROGRAM = shutil.which("docker-registry")


class Registry:
    """One registry with its own folder; `address` is how an image's name begins."""

    def __init__(self, folder: pathlib.Path) -> None:
        """`start` starts it."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self._process: Process | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        config = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(self._folder / "data")}},
            "http": {"addr": self.address},
        }
        path = self._folder / "config.yml"
        path.write_text(json.dumps(config))  # JSON is YAML
        assert PROGRAM is not None
        self._process = Process("registry", [PROGRAM, "serve", path], self._folder)
        wait_for("the registry to listen", self._answers)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/v2/", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.stop()

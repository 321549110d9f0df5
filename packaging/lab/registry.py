"""A real registry of images on the loopback address, which runtimes take without TLS."""

from __future__ import annotations

import json
import pathlib
import shutil
import urllib.error
import urllib.request

from lab.processes import Process, free_port, wait_for

PROGRAM = shutil.which("docker-registry")
USER, PASSWORD = "edge", "right horse"
"""Who may pull from a private one."""
_USERS = f"{USER}:$2b$04$skerryskerryskerryskeeeH/vLVLSll1iXvP1RgcyJTrGH/Bkp..\n"
"""As of htpasswd, with bcrypt."""
UNAUTHORIZED = 401


class Registry:
    """One registry with its own folder; `address` is how an image's name begins.

    A private one serves what another has, and only to who is known to it.
    """

    def __init__(self, folder: pathlib.Path, private: Registry | None = None) -> None:
        """`start` starts it. With `private`, it is a private one with the images of that one."""
        self._folder = folder
        self._is_private = private is not None
        self.data: pathlib.Path = folder / "data" if private is None else private.data
        folder.mkdir(parents=True, exist_ok=True)
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self._process: Process | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        config: dict[str, object] = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(self.data)}},
            "http": {"addr": self.address},
        }
        if self._is_private:
            users = self._folder / "htpasswd"
            users.write_text(_USERS)
            config["auth"] = {"htpasswd": {"realm": "lab", "path": str(users)}}
        path = self._folder / "config.yml"
        path.write_text(json.dumps(config))  # JSON is YAML
        assert PROGRAM is not None
        self._process = Process("registry", [PROGRAM, "serve", path], self._folder)
        wait_for("the registry to listen", self._answers)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/v2/", timeout=2) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            return error.code == UNAUTHORIZED
        except OSError:
            return False

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.stop()

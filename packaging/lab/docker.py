"""A real dockerd with a store of its own, so that nothing of this machine's own is touched."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

from lab.podman import Podman, image_tar
from lab.processes import LabError, Process, wait_for
from lab.programs import Programs

BRIDGE = pathlib.Path("/sys/class/net/docker0")
PROGRAMS = ("dockerd", "docker", "containerd")


class Docker:
    """dockerd on a unix socket, with its own root, and a tiny image in it.

    It leaves the machine's packet filter alone, so its containers reach nobody; published ports
    are served by its own proxy. It does make the bridge docker0, which goes with it.
    """

    image = Podman.image

    def __init__(
        self,
        folder: pathlib.Path,
        programs: Programs | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """`folder` takes everything. `settings` as of daemon.json; `start` starts the daemon."""
        self._folder = folder
        self._programs = programs or Programs()
        self._settings = settings or {}
        folder.mkdir(parents=True, exist_ok=True)
        self.socket = folder / "docker.sock"
        self._daemon: Process | None = None
        self._made_bridge = not BRIDGE.exists()

    def run(self, *words: str, data: bytes | None = None, check: bool = True) -> str:
        """Run the docker client, and return what it prints."""
        host = ("--host", f"unix://{self.socket}")
        return self._programs.run("docker", *host, *words, data=data, check=check)

    def start(self) -> None:
        """Start the daemon, and make the image."""
        self.serve()
        self.run("import", "-", self.image, data=image_tar())

    def serve(self) -> None:
        """Start the daemon (again)."""
        folder = self._folder
        self.socket.unlink(missing_ok=True)
        settings = folder / "daemon.json"
        settings.write_text(json.dumps(self._settings))
        words: list[str | pathlib.Path] = ["--config-file", settings, "--pidfile", folder / "pid"]
        words += ["--host", f"unix://{self.socket}"]
        words += ["--data-root", folder / "data", "--exec-root", folder / "exec"]
        words += ["--default-ulimit", "nofile=20000:20000", "--ip-forward=false"]
        words += ["--iptables=false", "--ip6tables=false", "--ip-masq=false"]
        command = self._programs.command("dockerd", *words)
        self._daemon = Process("docker", command, folder, self._programs.environment())

        def look() -> bool:
            assert self._daemon is not None
            if not self._daemon.alive:
                raise LabError(f"dockerd ended:\n{self._daemon.log()[-3000:]}")
            return self.socket.exists() and bool(self.run("version", check=False))

        wait_for("dockerd to answer", look)

    @property
    def pid(self) -> int:
        """Return the process id of what answers."""
        if self._daemon is None:
            raise LabError("it does not run")
        return self._daemon.pid

    def stop(self) -> None:
        """End the daemon, and with it what runs."""
        if self._daemon is not None:
            self._daemon.stop(30)
            self._daemon = None

    def remove_all(self) -> None:
        """Remove every container, and the store."""
        for container in self.run("ps", "--all", "--quiet", check=False).split():
            self.run("rm", "--force", "--volumes", container, check=False)
        self.stop()
        # The host's network, which it keeps mounted once a container had it.
        self._programs.unmount_below(self._folder / "exec" / "netns")
        if self._made_bridge and BRIDGE.exists():
            subprocess.run(["ip", "link", "delete", BRIDGE.name], check=False)
        self._programs.close()
        shutil.rmtree(self._folder, ignore_errors=True)

"""What stands around fresh boxes: a hub with TLS and tokens, its broker, packages, and an operator.

The operator has a folder of his own, the hub's authority by its pin, and a token: nothing is open.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import urllib.request
from typing import Any

from lab.fleet import module
from lab.folders_http import Folders
from lab.podman import image_tar
from lab.processes import LabError, Process, wait_for
from lab.registry import Registry
from lab.uml import GATEWAY, Network

API_PORT = 8443
BROKER_PORT = 8883
START_S = 60.0


class TlsHub:
    """A hub that boxes reach, and somebody who may operate it."""

    def __init__(self, folder: pathlib.Path) -> None:
        """`start` starts it."""
        self.folder = folder
        self.data = folder / "data"
        self.home = folder / "operator"
        self.home.mkdir(parents=True)
        self.url = f"https://{GATEWAY}:{API_PORT}"
        self.process: Process | None = None
        self._token = ""

    def start(self) -> None:
        """Start it, and log in where nobody has yet."""
        command = module(
            "skerry_hub.main",
            "serve",
            *("--data", str(self.data), "--listen", f"{GATEWAY}:{API_PORT}"),
            *("--mqtt-listen", f"{GATEWAY}:{BROKER_PORT}", "--name", GATEWAY),
        )
        self.process = Process("hub", command, self.folder)
        known = (self.home / ".config").exists()
        wait_for("the hub to answer", self._answers if known else self._listens, START_S)
        if not known:
            self._log_in()

    def _must_be_alive(self) -> None:
        if self.process is None or not self.process.alive:
            said = "" if self.process is None else self.process.log()[-3000:]
            raise LabError(f"the hub ended:\n{said}")

    def _listens(self) -> bool:
        self._must_be_alive()
        with socket.socket() as probe:
            return probe.connect_ex((GATEWAY, API_PORT)) == 0

    def _answers(self) -> bool:
        self._must_be_alive()
        return self.cli("get", "nodes", check=False).returncode == 0

    def hub(self, *words: str) -> str:
        """Run `skerry-hub` on its data folder, and return what it prints."""
        return self._run("skerry_hub.main", *words, "--data", str(self.data)).stdout

    def _log_in(self) -> None:
        pin = re.search("sha256:[0-9a-f]{64}", self.hub("ca", "--pin"))
        if pin is None:
            raise LabError("skerry-hub ca prints no pin")
        told = self.hub("access", "create", "--name", "alice", "--role", "admin")
        token = re.search("ska_[A-Za-z0-9_-]+", told)
        if token is None:
            raise LabError("skerry-hub access create prints no token")
        self._token = token[0]
        words = ("login", self.url, "--ca-pin", pin[0], "--token", "-")
        self._run("skerry_cli", *words, data=token[0])

    def cli(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `skerry` as the operator. Raises LabError if `check`."""
        return self._run("skerry_cli", *words, check=check)

    def get(self, path: str) -> Any:
        """Return the JSON that the API gives the operator. Raises OSError."""
        context = ssl.create_default_context(cafile=self.data / "ca.pem")
        asked = urllib.request.Request(
            self.url + path, headers={"Authorization": f"Bearer {self._token}"}
        )
        with urllib.request.urlopen(asked, timeout=10, context=context) as answer:
            return json.loads(answer.read())

    def _run(
        self, program: str, *words: str, data: str = "", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SKERRY_", "XDG_"))}
        done = subprocess.run(
            module(program, *words),
            capture_output=True,
            text=True,
            input=data,
            env={**kept, "HOME": str(self.home), "NO_COLOR": "1"},
            timeout=300,
            check=False,
        )
        if check and done.returncode:
            said = f"{done.stderr}{done.stdout}"
            raise LabError(f"{program} {' '.join(words)}: {done.returncode}\n{said}")
        return done

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.stop()


class Site:
    """Network, hub, a server of packages, and a registry with an image."""

    def __init__(self, folder: pathlib.Path) -> None:
        """`start` starts it."""
        self.folder = folder
        self.network = Network()
        self.network.start()
        self.web = Folders(GATEWAY)
        self.registry = Registry(folder / "registry", host=GATEWAY)
        self.hub = TlsHub(folder / "hub")
        self.image = ""

    def start(self) -> None:
        """Start everything, with an image that serves a page."""
        self.registry.start()
        self.image = self.registry.push("shop/web", "1", image_tar())
        self.hub.start()

    def stop(self) -> None:
        """End everything."""
        self.hub.stop()
        self.registry.stop()
        self.web.stop()
        self.network.stop()

"""The compose file brought up for real: podman with a store of its own, and podman-compose.

Names between containers need netavark and aardvark-dns. Where podman has none, they are fetched as
Debian packages and unpacked beside it, so that nothing of this machine is changed.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Mapping

from lab import debian, image
from lab.install import CACHE, ROOT, say
from lab.processes import LabError, free_port, wait_for

FILE = ROOT / "packaging" / "hub" / "compose.yaml"
POSTGRES = "localhost/skerry-lab-postgres:latest"
POSTGRES_FILE = ROOT / "packaging" / "lab" / "postgres" / "Containerfile"
HELPERS = ("netavark", "aardvark-dns")
HELPERS_AT = pathlib.Path("/usr/lib/podman")
NAME = "127.0.0.1"
UP_S = 180.0

_SETTINGS = """\
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=1024:1024"]
[engine]
runtime = "runc"
helper_binaries_dir = ["{helpers}", "/usr/lib/podman"]
[network]
network_backend = "netavark"
default_subnet = "10.87.0.0/16"
"""


class Stack:
    """The file's containers, on loopback, with ports of their own."""

    def __init__(self, folder: pathlib.Path, builder: image.Builder, **settings: str) -> None:
        """`settings` are further ones of the file, by their variables."""
        self._builder = builder
        self.api_port, self.mqtt_port = free_port(), free_port()
        self.url = f"https://{NAME}:{self.api_port}"
        self.folder = folder
        self._programs = folder / "bin"
        self._programs.mkdir(parents=True, exist_ok=True)
        # What it calls podman is one with a store of its own.
        program = self._programs / "podman"
        words = " ".join(["/usr/bin/podman", *builder.words()[1:]])
        program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        program.chmod(0o755)
        self._settings = {
            "SKERRY_NAME": NAME,
            "SKERRY_LISTEN": NAME,
            "SKERRY_API_PORT": str(self.api_port),
            "SKERRY_MQTT_PORT": str(self.mqtt_port),
            "SKERRY_POSTGRES_IMAGE": POSTGRES,
            **settings,
        }

    @property
    def _environment(self) -> Mapping[str, str]:
        path = f"{self._programs}:{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
        return {**os.environ, **self._builder.environment, **self._settings, "PATH": path}

    def compose(self, *words: str) -> str:
        """Run podman-compose on the file. Raises LabError."""
        command = ["podman-compose", "-p", "skerrylab", "-f", str(FILE), *words]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=self._environment
        )
        if done.returncode:
            raise LabError(f"{' '.join(command)}: {done.returncode}\n{done.stderr[-3000:]}")
        return done.stdout

    def podman(self, *words: str, check: bool = True) -> str:
        """Run podman on the stack's store."""
        return self._builder.run(*words, check=check)

    def inside(self, service: str, *words: str, data: bytes | None = None) -> bytes:
        """Run a command in a service's container; return what it prints. Raises LabError."""
        command = [str(self._programs / "podman"), "exec", "-i", f"skerrylab_{service}_1", *words]
        done = subprocess.run(
            command, capture_output=True, check=False, env=self._environment, input=data or b""
        )
        if done.returncode:
            raise LabError(f"{' '.join(command[1:])}: {done.stderr.decode()[-2000:]}")
        return done.stdout

    def up(self) -> None:
        """Give the one command, and wait until the hub says that every part works."""
        self.compose("up", "-d", "--no-build")
        wait_for("the hub of the compose file", self.ready, UP_S)

    def ready(self) -> bool:
        """Say whether each part of the hub works."""
        try:
            self.inside("hub", "skerry-hub", "healthcheck", "--ready")
        except LabError:
            return False
        return True

    def down(self, *words: str) -> None:
        """Take all away but the volumes."""
        self.compose("down", *words)

    def kill(self) -> None:
        """End everything as a power cut would."""
        names = [f"skerrylab_{one}_1" for one in ("hub", "broker", "database")]
        self.podman("kill", "--signal", "KILL", *names, check=False)

    def restore(self, where: list[str], backup: bytes) -> str:
        """Restore over what is there, while the hub is stopped, in a container like its own."""
        told = json.loads(self.podman("inspect", "skerrylab_hub_1"))[0]["Config"]
        given = [word for one in told["Env"] if "SKERRY_HUB_" in one for word in ("-e", one)]
        command = [str(self._programs / "podman"), "run", "--rm", "-i", "--read-only", *where]
        command += ["--user", told["User"], *given, told["Image"], "restore", "-", "--force"]
        done = subprocess.run(
            command, input=backup, capture_output=True, check=False, env=self._environment
        )
        if done.returncode:
            raise LabError(f"restore: {done.stderr.decode()[-2000:]}")
        return done.stdout.decode().splitlines()[0]

    def logs(self) -> str:
        """Return what the containers said last."""
        found = []
        for one in ("hub", "broker", "database"):
            said = subprocess.run(
                [str(self._programs / "podman"), "logs", "--tail", "8", f"skerrylab_{one}_1"],
                capture_output=True, text=True, check=False, env=self._environment,
            )  # fmt: skip
            found.append(f"{one}:\n{said.stdout}{said.stderr}")
        return "\n".join(found)

    def ca(self) -> pathlib.Path:
        """Return a file with the hub's authority."""
        place = self.folder / "ca.pem"
        place.write_bytes(self.inside("hub", "skerry-hub", "ca"))
        return place

    def get(self, path: str, token: str) -> bytes:
        """Return what the API answers, over TLS."""
        context = ssl.create_default_context(cafile=str(self.ca()))
        request = urllib.request.Request(self.url + path)
        request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=20, context=context) as answer:
            body: bytes = answer.read()
        return body


def builder(folder: pathlib.Path) -> image.Builder:
    """Return a podman with a store in a folder, and what gives containers names."""
    made = image.Builder(folder / "store")
    place = folder / "conf" / "containers.conf"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(_SETTINGS.format(helpers=_helpers()))
    made.set_configuration(place)
    return made


def make_images(made: image.Builder, out: pathlib.Path) -> image.Made:
    """Build the hub's image and a PostgreSQL, on a base that is made here."""
    base = image.make_base(made)
    found = image.build(made, base, out)
    say("building a PostgreSQL (a minute)")
    words = ["build", "--format", "docker", "--network=host", "-f", str(POSTGRES_FILE)]
    made.run(*words, "--build-arg", f"BASE={base}", "-t", POSTGRES, str(ROOT))
    return found


def _helpers() -> pathlib.Path:
    """Return a folder with what podman asks for networks and names."""
    if all((HELPERS_AT / one).exists() for one in HELPERS):
        return HELPERS_AT
    place = CACHE / "podman-network" / debian.suite()
    if not place.exists():
        beside = place.with_name(f"{place.name}.new")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        debian.run(["apt-get", "download", "-q", *HELPERS], beside)
        for package in beside.glob("*.deb"):
            debian.run(["dpkg-deb", "--extract", str(package), str(beside / "root")])
        beside.rename(place)
    return place / "root" / "usr" / "lib" / "podman"

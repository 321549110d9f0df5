"""The compose file brought up for real: podman with a store of its own, and podman-compose.

It is brought up by the very lines of the documents, in a copy of what they need of the checkout. What
they call `docker` is a program that hands the words on to podman-compose.

Names between containers need netavark and aardvark-dns. Where podman has none, they are fetched as
Debian packages and unpacked beside it, so that nothing of this machine is changed.
"""

from __future__ import annotations

import os
import pathlib
import shlex
import shutil
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Mapping

from lab import compose_commands, debian, image
from lab.install import CACHE, ROOT, say
from lab.processes import LabError, free_port, wait_for

FILE = ROOT / "packaging" / "hub" / "compose.yaml"
POSTGRES = "localhost/skerry-lab-postgres:latest"
POSTGRES_FILE = ROOT / "packaging" / "lab" / "postgres" / "Containerfile"
HELPERS = ("netavark", "aardvark-dns")
HELPERS_AT = pathlib.Path("/usr/lib/podman")
NAME = "127.0.0.1"
PROJECT = "skerrylab"
ENV_FILE = pathlib.Path("packaging", "hub", ".env")
"""Where compose looks for settings: beside its file."""
IN_CHECKOUT = (
    ".dockerignore",
    "pyproject.toml",
    "README.md",
    "wire",
    "hub",
    "packaging/lock",
    "packaging/hub",
)
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
        self._checkout = folder / "checkout"
        _copy(self._checkout)
        self._programs = folder / "bin"
        self._programs.mkdir(parents=True, exist_ok=True)
        # What it calls podman is one with a store of its own, which builds with this machine's network.
        podman = shlex.join(["/usr/bin/podman", *builder.words()[1:]])
        build = shlex.join(image.build_words(folder))
        self._write("podman", f'[ "$1" = build ] && shift && exec {podman} {build} "$@"\n'
                    f'exec {podman} "$@"')  # fmt: skip
        self._write("docker", '[ "$1" = compose ] && shift && exec podman-compose "$@"\nexit 127')
        self._settings = {
            "COMPOSE_PROJECT_NAME": PROJECT,
            "SKERRY_LISTEN": NAME,
            "SKERRY_API_PORT": str(self.api_port),
            "SKERRY_MQTT_PORT": str(self.mqtt_port),
            "SKERRY_BASE": image.BASE,
            "SKERRY_POSTGRES_IMAGE": POSTGRES,
            **settings,
        }

    def _write(self, name: str, script: str) -> None:
        place = self._programs / name
        place.write_text(f"#!/bin/sh\n{script}\n")
        place.chmod(0o755)

    @property
    def _environment(self) -> Mapping[str, str]:
        """Nothing of the file's own settings: a command that lacks them shall fail here as elsewhere."""
        path = f"{self._programs}:{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
        ours = {name: value for name, value in os.environ.items() if "SKERRY_" not in name}
        return {**ours, **self._builder.environment, "PATH": path}

    def follow(self, line: str) -> str:
        """Do what a line of a document says, in the checkout; return what it prints. Raises LabError."""
        for written, ours in ((compose_commands.NAME, NAME), (compose_commands.ENCRYPTS, "cat")):
            line = line.replace(written, ours)
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            capture_output=True, text=True, check=False,
            env=self._environment, cwd=self._checkout, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode:
            raise LabError(f"{line}: {done.returncode}\n{(done.stderr + done.stdout)[-3000:]}")
        # Where a terminal is asked for, lines end as on one.
        return done.stdout.replace("\r\n", "\n")

    def first_up(self) -> None:
        """Follow the README's first line, with settings that another reader need not make."""
        settings, up = compose_commands.first()
        self.follow(settings)
        with (self._checkout / ENV_FILE).open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in self._settings.items())
        self.follow(up)
        wait_for("the hub of the compose file", self.ready, UP_S)

    def podman(self, *words: str, check: bool = True) -> str:
        """Run podman on the stack's store."""
        return self._builder.run(*words, check=check)

    def inside(self, service: str, *words: str, data: bytes | None = None) -> bytes:
        """Run a command in a service's container; return what it prints. Raises LabError."""
        command = [str(self._programs / "podman"), "exec", "-i", f"{PROJECT}_{service}_1", *words]
        done = subprocess.run(
            command, capture_output=True, check=False, env=self._environment, input=data or b""
        )
        if done.returncode:
            raise LabError(f"{' '.join(command[1:])}: {done.stderr.decode()[-2000:]}")
        return done.stdout

    def up(self) -> None:
        """Bring it up again, and wait until the hub says that every part works."""
        self.follow(compose_commands.command("up -d"))
        wait_for("the hub of the compose file", self.ready, UP_S)

    def ready(self) -> bool:
        """Say whether each part of the hub works."""
        try:
            self.inside("hub", "skerry-hub", "healthcheck", "--ready")
        except LabError:
            return False
        return True

    def down(self, more: str = "") -> None:
        """Take all away but the volumes."""
        self.follow(compose_commands.command("down") + more)

    def kill(self) -> None:
        """End everything as a power cut would."""
        names = [f"{PROJECT}_{one}_1" for one in ("hub", "broker", "database")]
        self.podman("kill", "--signal", "KILL", *names, check=False)

    def back_up(self) -> pathlib.Path:
        """Follow the document's line, but do not encrypt; return the file that it writes."""
        line = compose_commands.command("exec -T hub skerry-hub backup -o -")
        self.follow(line)
        written = self._checkout / line.split(" > ")[-1]
        return written.rename(written.with_suffix(""))

    def restore(self, more: str = "") -> str:
        """Follow the document's lines, with a further option; return what was said of the backup."""
        self.follow(compose_commands.command("stop hub"))
        line = compose_commands.command("run --rm -T hub restore - < hub.skerry-backup")
        said = self.follow(line.replace(" <", f"{more} <"))
        self.up()
        return next(line for line in said.splitlines() if line.endswith(" workloads"))

    def logs(self) -> str:
        """Return what the containers said last."""
        found = []
        for one in ("hub", "broker", "database"):
            said = subprocess.run(
                [str(self._programs / "podman"), "logs", "--tail", "8", f"{PROJECT}_{one}_1"],
                capture_output=True, text=True, check=False, env=self._environment,
            )  # fmt: skip
            found.append(f"{one}:\n{said.stdout}{said.stderr}")
        return "\n".join(found)

    def ca(self) -> pathlib.Path:
        """Return a file with the hub's authority."""
        place = self.folder / "ca.pem"
        place.write_bytes(self.inside("hub", "skerry-hub", "ca"))
        return place

    def image(self) -> image.Made:
        """Return what the hub's image is that was built, and write what is in it."""
        return image.described(self._builder, image.NAME, "latest", self.folder / "out")

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


def make_bases(made: image.Builder) -> None:
    """Make what the hub's image is built on, and a PostgreSQL, both of Debian's packages."""
    base = image.make_base(made)
    say("building a PostgreSQL (a minute)")
    words = ["build", "--format", "docker", "--network=host", "-f", str(POSTGRES_FILE)]
    made.run(*words, "--build-arg", f"BASE={base}", "-t", POSTGRES, str(ROOT))


def _copy(checkout: pathlib.Path) -> None:
    """Copy what the lines of the documents need, as git has it, with what is changed here."""
    names = subprocess.run(
        ["git", "ls-files", "-z", *IN_CHECKOUT], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    for name in filter(None, names.split("\0")):
        place = checkout / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, place)


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

"""A real podman with a store of its own, so that nothing of this machine's own is touched."""

from __future__ import annotations

import http.client
import io
import json
import pathlib
import shutil
import socket
import tarfile
from collections.abc import Sequence
from typing import Any

from lab.processes import LabError, Process, wait_for
from lab.programs import Programs

BUSYBOX = "/bin/busybox"
ASK_S = 30.0
PAGE = "Hello from Skerry\n"

_APART = """\
[network]
default_subnet = "10.86.0.0/16"
"""
"""For another podman than this machine's: it makes another bridge, which has the same addresses."""

_CAREFUL = """\
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=1024:1024"]
[engine]
runtime = "runc"
"""
"""For machines on which podman's own defaults cannot start a container."""


class Podman:
    """podman's service on a unix socket, with its own root, and a tiny image in it."""

    image = "localhost/skerry-demo-web:1"

    def __init__(
        self,
        folder: pathlib.Path,
        insecure: Sequence[str] = (),
        storage: pathlib.Path | None = None,
        programs: Programs | None = None,
    ) -> None:
        """`folder` takes everything, but for a `storage` elsewhere.

        Registries that are `insecure` are asked without TLS. `programs`: this machine's, or others.
        """
        self._folder = folder
        self._programs = programs or Programs()
        self._settings = "" if programs is None else _APART
        self._storage = storage or folder / "root"
        folder.mkdir(parents=True, exist_ok=True)
        self.socket = folder / "podman.sock"
        self._environment: dict[str, str] = {}
        if insecure:
            registries = folder / "registries.conf"
            registries.write_text(
                "".join(f'[[registry]]\nlocation = "{one}"\ninsecure = true\n' for one in insecure)
            )
            self._environment["CONTAINERS_REGISTRIES_CONF"] = str(registries)
        self._service: Process | None = None

    def _apart(self) -> list[str]:
        """Return the options by which podman has a store of its own."""
        folder = self._folder
        # `tmpdir` too: it holds the sign by which podman knows a reboot, and to share it is to have
        # one store's reset take the containers of another for dead.
        return [
            *("--root", f"{self._storage}", "--runroot", f"{folder}/run"),
            *("--tmpdir", f"{folder}/tmp", "--network-config-dir", f"{folder}/networks"),
        ]

    def run(self, *words: str, data: bytes | None = None, check: bool = True) -> str:
        """Run podman, and return what it prints."""
        return self._programs.run(
            "podman", *self._apart(), *words, data=data, check=check, environment=self._environment
        )

    def start(self) -> None:
        """Make the image, find settings with which a container starts here, start the service."""
        self.run("import", "-", self.image, data=image_tar())
        self._set()
        try:
            self._try()
        except LabError:
            self._settings += _CAREFUL
            self._set()
            self._try()
        self.serve()

    def _set(self) -> None:
        if self._settings:
            place = self._folder / "containers.conf"
            place.write_text(self._settings)
            self._environment["CONTAINERS_CONF"] = str(place)

    def _try(self) -> None:
        self.run("run", "--rm", self.image, "/bin/busybox", "true")

    def serve(self) -> None:
        """Start the service (again)."""
        self.socket.unlink(missing_ok=True)
        words = ("system", "service", "--time=0", f"unix://{self.socket}")
        command = self._programs.command("podman", *self._apart(), *words)
        environment = {**self._programs.environment(), **self._environment}
        self._service = Process("podman", command, self._folder, environment)
        wait_for("podman's socket", self.socket.exists)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return what the service answers, from its JSON. Raises OSError, too where it refuses."""
        connection = _UnixConnection(self.socket)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            told = answer.read()
            if answer.status >= 300:
                raise OSError(f"podman answers {answer.status}: {told[:200]!r}")
            return json.loads(told) if told else None
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    @property
    def database(self) -> pathlib.Path:
        """Return the file in which podman itself, beside its storage, keeps its containers."""
        names = ("libpod/bolt_state.db", "db.sql")
        return next(one for name in names if (one := self._storage / name).exists())

    @property
    def pid(self) -> int:
        """Return the process id of what answers."""
        if self._service is None:
            raise LabError("it does not run")
        return self._service.pid

    def stop(self) -> None:
        """End the service; what runs keeps running."""
        if self._service is not None:
            self._service.stop()
            self._service = None

    def remove_all(self) -> None:
        """Remove every container of this store, and the store."""
        self.run("rm", "--all", "--force", "--time=0", check=False)
        self.stop()
        self.run("system", "reset", "--force", check=False)
        self._programs.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: pathlib.Path) -> None:
        super().__init__("localhost", timeout=ASK_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def image_tar(text: str = PAGE) -> bytes:
    """Return the root file system of an image: a static busybox and one page with a text."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in ("bin", "www", "tmp", "data"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        archive.add(BUSYBOX, "bin/busybox")
        for name in ("sh", "httpd", "sleep", "true", "false", "cat", "echo", "test", "touch"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        page = tarfile.TarInfo("www/index.html")
        page.size = len(text)
        archive.addfile(page, io.BytesIO(text.encode()))
    return buffer.getvalue()

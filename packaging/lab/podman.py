"""A real podman with a store of its own, so that nothing of this machine's own is touched."""

from __future__ import annotations

import io
import os
import pathlib
import shutil
import subprocess
import tarfile
from collections.abc import Sequence

from lab.processes import LabError, Process, wait_for

BUSYBOX = "/bin/busybox"
PAGE = "Hello from Skerry\n"

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
    ) -> None:
        """`folder` takes everything, but for a `storage` elsewhere.

        Registries that are `insecure` are asked without TLS.
        """
        self._folder = folder
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

    def command(self, *words: str) -> list[str]:
        """Return the command line of podman on this store."""
        program = shutil.which("podman")
        if program is None:
            raise LabError("podman is not installed")
        folder = self._folder
        # `tmpdir` too: it holds the sign by which podman knows a reboot, and to share it is to have
        # one store's reset take the containers of another for dead.
        apart = ["--root", f"{self._storage}", "--runroot", f"{folder}/run"]
        apart += ["--tmpdir", f"{folder}/tmp", "--network-config-dir", f"{folder}/networks"]
        return [program, *apart, *words]

    def run(self, *words: str, data: bytes | None = None, check: bool = True) -> str:
        """Run podman, and return what it prints."""
        done = subprocess.run(
            self.command(*words),
            input=data,
            capture_output=True,
            env={**os.environ, **self._environment},
            check=False,
        )
        if check and done.returncode:
            raise LabError(f"podman {words[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode(errors="replace")

    def start(self) -> None:
        """Make the image, find settings with which a container starts here, start the service."""
        self.run("import", "-", self.image, data=image_tar())
        try:
            self._try()
        except LabError:
            careful = self._folder / "containers.conf"
            careful.write_text(_CAREFUL)
            self._environment["CONTAINERS_CONF"] = str(careful)
            self._try()
        self.serve()

    def _try(self) -> None:
        self.run("run", "--rm", self.image, "/bin/busybox", "true")

    def serve(self) -> None:
        """Start the service (again)."""
        self.socket.unlink(missing_ok=True)
        command = self.command("system", "service", "--time=0", f"unix://{self.socket}")
        self._service = Process("podman", command, self._folder, self._environment)
        wait_for("podman's socket", self.socket.exists)

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
        shutil.rmtree(self._folder, ignore_errors=True)


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

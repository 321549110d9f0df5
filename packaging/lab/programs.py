"""Where the lab takes a runtime's programs from: this machine, a folder, another Debian.

Another Debian's programs run with its own libraries and with all else of this machine: in a mount
namespace whose /usr is the other's. So no path has to be translated, and nothing of this machine
is changed.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from lab.processes import LabError, Process, wait_for

_SYSTEM = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_OF_THE_OTHER = ("usr", "etc/alternatives", "etc/containers", "etc/ld.so.cache")


class Programs:
    """Programs by name, first from `folders`, then from this machine's own."""

    def __init__(self, folders: Sequence[pathlib.Path] = ()) -> None:
        self.path = ":".join([*map(str, folders), os.environ.get("PATH", os.defpath), *_SYSTEM])

    def has(self, *names: str) -> bool:
        """Say whether all these programs are there."""
        return all(shutil.which(name, path=self.path) for name in names)

    def command(self, name: str, *words: str | pathlib.Path) -> list[str]:
        """Return the command line that runs a program. Raises LabError when it is not there."""
        program = shutil.which(name, path=self.path)
        if program is None:
            raise LabError(f"{name} is not installed")
        return [program, *map(str, words)]

    def environment(self) -> Mapping[str, str]:
        """Return the variables with which its programs find each other."""
        return {"PATH": self.path}

    def run(
        self,
        name: str,
        *words: str | pathlib.Path,
        data: bytes | None = None,
        check: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Run a program, and return what it prints. Raises LabError with what it said, if `check`."""
        done = subprocess.run(
            self.command(name, *words),
            input=data,
            capture_output=True,
            env={**os.environ, **self.environment(), **(environment or {})},
            check=False,
        )
        if check and done.returncode:
            raise LabError(f"{name}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode(errors="replace")

    def mounts_below(self, folder: pathlib.Path) -> list[str]:
        """Return where something is mounted below a folder, the innermost first."""
        lines = self._mounts().read_text().splitlines()
        found = [line.split()[1] for line in lines]
        return sorted((one for one in found if one.startswith(f"{folder}/")), reverse=True)

    def unmount_below(self, folder: pathlib.Path) -> None:
        """Unmount all that is mounted below a folder."""
        for mount in self.mounts_below(folder):
            self.run("umount", "--lazy", mount, check=False)

    def _mounts(self) -> pathlib.Path:
        return pathlib.Path("/proc/self/mounts")

    def close(self) -> None:
        """Give back what it holds."""


class OtherDebian(Programs):
    """The programs of another Debian, installed at `root`, and of `folders` before them."""

    def __init__(
        self, root: pathlib.Path, log: pathlib.Path, folders: Sequence[pathlib.Path] = ()
    ) -> None:
        """Make the namespace; `log` is a folder for what is said there. Needs root."""
        self.path = ":".join([*map(str, folders), *_SYSTEM, "/usr/bin"])
        self._folders = [*folders, *(root / place for place in ("usr/sbin", "usr/bin"))]
        log.mkdir(parents=True, exist_ok=True)
        self._holder = Process("namespace", ["unshare", "--mount", "sleep", "infinity"], log)
        self._enter = ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt"]
        wait_for("the mount namespace", self._is_apart)
        for place in _OF_THE_OTHER:
            if os.path.exists(f"/{place}"):
                command = [*self._enter, "mount", "--bind", str(root / place), f"/{place}"]
                subprocess.run(command, check=True)

    def _is_apart(self) -> bool:
        if not self._holder.alive:
            raise LabError(f"no mount namespace: {self._holder.log()}")
        own, its = (os.readlink(f"/proc/{one}/ns/mnt") for one in ("self", self._holder.pid))
        return own != its

    def has(self, *names: str) -> bool:
        """Say whether all these programs are there."""
        return all(any((folder / name).exists() for folder in self._folders) for name in names)

    def command(self, name: str, *words: str | pathlib.Path) -> list[str]:
        """Return the command line that runs a program there. Raises LabError without it."""
        if not self.has(name):
            raise LabError(f"{name} is not installed there")
        return [*self._enter, name, *map(str, words)]

    def _mounts(self) -> pathlib.Path:
        return pathlib.Path(f"/proc/{self._holder.pid}/mounts")

    def close(self) -> None:
        """End the namespace."""
        # The namespace, and all mounts in it, go with the last process there.
        self._holder.stop()

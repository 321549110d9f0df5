"""A real PostgreSQL on the loopback address, for tests and benchmarks: its own files, its own port."""

from __future__ import annotations

import os
import pathlib
import pwd
import shutil
import signal
import subprocess

from lab.processes import LabError, Process, free_port, wait_for

USER = "skerry"
FOLDERS = "/usr/lib/postgresql"


def program(name: str) -> str | None:
    """Return where a program of PostgreSQL is; Debian keeps those of each version apart."""
    newest_first = sorted(
        pathlib.Path(FOLDERS).glob(f"*/bin/{name}"), key=lambda path: -float(path.parts[-3])
    )
    return str(newest_first[0]) if newest_first else shutil.which(name)


def installed() -> bool:
    """Say whether there is one on this machine."""
    return program("postgres") is not None and program("initdb") is not None


class Postgres:
    """One server, that can be killed and started again on the same port."""

    def __init__(self, folder: pathlib.Path) -> None:
        """Make its files. It refuses to run as root, and then runs as somebody else."""
        self.port = free_port()
        self._folder = folder
        self._data = folder / "data"
        self._user = _somebody_else() if os.geteuid() == 0 else None
        folder.mkdir(parents=True, exist_ok=True)
        if self._user is not None:
            shutil.chown(folder, self._user)
        options = ("--username", USER, "--auth", "trust", "--encoding", "UTF8", "--no-sync")
        self._run("initdb", "--pgdata", str(self._data), *options)
        self.process: Process | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [
            # It ends with the tests, however those end.
            *self._as_user("--pdeathsig", "INT"),
            str(program("postgres")),
            *("-D", str(self._data), "-p", str(self.port), "-k", str(self._folder)),
            *("-c", "listen_addresses=127.0.0.1", "-c", "max_connections=40"),
            # Nobody cuts this machine's power, and its disk is slow.
            *("-c", "fsync=off"),
        ]
        self.process = Process("postgres", command, self._folder)
        wait_for("PostgreSQL to answer", self._answers)

    def url(self, database: str) -> str:
        """Return a database's URL as a person writes it."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def make(self, database: str) -> str:
        """Make an empty database and return its URL."""
        self._run("createdb", *self._where(), database)
        return self.url(database)

    def stop(self) -> None:
        """End it in good order; SIGINT ends the connections too."""
        if self.process is not None and self.process.alive:
            os.kill(self.process.pid, signal.SIGINT)
            wait_for("PostgreSQL to end", lambda: not self.process or not self.process.alive)
            self.process.stop()

    def _answers(self) -> bool:
        assert self.process is not None
        if not self.process.alive:
            raise LabError(f"PostgreSQL ended:\n{self.process.log()[-3000:]}")
        ready = subprocess.run(
            [str(program("pg_isready")), *self._where()], check=False, stdout=subprocess.DEVNULL
        )
        return ready.returncode == 0

    def _where(self) -> list[str]:
        return ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER]

    def _as_user(self, *more: str) -> list[str]:
        if self._user is None:
            return []
        group = str(pwd.getpwnam(self._user).pw_gid)
        return ["setpriv", *more, "--reuid", self._user, "--regid", group, "--clear-groups", "--"]

    def _run(self, name: str, *words: str) -> None:
        done = subprocess.run(
            [*self._as_user(), str(program(name)), *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folder,
        )
        if done.returncode:
            raise LabError(f"{name}: {done.stderr[-2000:]}")


def _somebody_else() -> str:
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise LabError("PostgreSQL does not run as root, and there is no other user here")

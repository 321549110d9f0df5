"""The life of the package on a box: installed, upgraded, taken back, removed, installed, purged.

After each step it is looked at what is there; after the purge, whether anything is left or lost.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import http.server
import json
import pathlib
import threading
import time
from collections.abc import Callable, Iterator

from lab import deb_repository
from lab.deb_build import PACKAGE, Built
from lab.deb_root import Root
from lab.processes import LabError

LIBRARY = "/usr/share/skerry-agent"
EDITED = '[images]\nallow = ["localhost"]\n'
KEPT = {
    "/etc/skerry/policy.toml": EDITED,
    "/etc/skerry/trusted-keys.d/hub.pub": "a key\n",
    "/var/lib/skerry-agent/joined/box.pem": "a certificate\n",
    "/var/lib/skerry-executor/files/0": "a file of a container\n",
}
"""What a box has that no upgrade, and no removal, may touch."""
APT = ("apt-get", "-qq", "-y", "-o", "Dpkg::Use-Pty=0", "-o", "APT::Sandbox::User=root")


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One step: how long the package tools took for it, and what is wrong after it."""

    name: str
    took_s: float
    problems: tuple[str, ...] = ()


@contextlib.contextmanager
def published(folder: pathlib.Path) -> Iterator[str]:
    """Serve a repository on the loopback address; give its URL."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


def subscribe(root: Root, folder: pathlib.Path, url: str) -> None:
    """Have a root know the repository, and no other."""
    for path in root.at("/etc/apt/sources.list.d").glob("*"):
        path.unlink()
    root.write("/etc/apt/sources.list", "")  # unattended-upgrade makes one where there is none
    # Each step would index the manuals of the whole machine anew.
    root.at("/var/lib/man-db/auto-update").unlink(missing_ok=True)
    root.write("/etc/apt/keyrings/skerry.asc", (folder / deb_repository.KEYRING).read_text())
    snippet = (folder / "skerry.sources").read_text()
    lines = [f"URIs: {url}" if one.startswith("URIs:") else one for one in snippet.splitlines()]
    root.write("/etc/apt/sources.list.d/skerry.sources", "\n".join(lines) + "\n")


class Cycle:
    """One life, in one root, of two versions of the package that lie in a repository."""

    def __init__(self, root: Root, folder: pathlib.Path, old: Built, new: Built) -> None:
        """`folder` is where the repository is made; `new` is the higher version."""
        self._root = root
        self._folder = folder / "repository"
        self._key = folder / "repository.key"
        self._old, self._new = old, new
        self.steps: list[Step] = []
        self.before_upgrade: Callable[[], list[str]] = list
        """Asked once a newer version is published; returns what is wrong."""

    def run(self) -> list[Step]:
        """Do every step, and return what was seen."""
        self._publish(self._old)
        with published(self._folder) as url:
            subscribe(self._root, self._folder, url)
            before = self._root.changes()
            self._root.run(*APT, "update")
            self._step("install", ("install", PACKAGE), lambda: self._is_there(self._old))
            self._settle()
            self._publish(self._new)
            self._root.run(*APT, "update")
            self._step("before an upgrade", None, self.before_upgrade)
            self._step("upgrade", ("upgrade",), lambda: [*self._is_there(self._new), *self._kept()])
            back = f"{PACKAGE}={version_of(self._old)}"
            self._step(
                "back to the old one",
                ("install", "--allow-downgrades", back),
                lambda: [*self._is_there(self._old), *self._kept()],
            )
            self._step("an upgrade that is cut off", None, self._cut_off)
            self._step("remove", ("remove", PACKAGE), lambda: [*self._is_gone(), *self._kept()])
            self._step(
                "install again",
                ("install", PACKAGE),
                lambda: [*self._is_there(self._new), *self._kept()],
            )
            self._step("a purge that cannot end what runs", None, self._purge_in_vain)
            self._step("purge", ("purge", PACKAGE), lambda: self._as_before(before))
        return self.steps

    def _publish(self, built: Built) -> None:
        url = "http://127.0.0.1"
        deb_repository.add(self._folder, [built.path], self._key, url, time.time())

    def _step(
        self, name: str, words: tuple[str, ...] | None, look: Callable[[], list[str]]
    ) -> None:
        begun = time.monotonic()
        if words is not None:
            self._root.run(*APT, *words)
        took_s = time.monotonic() - begun
        self.steps.append(Step(name, took_s, tuple(look())))

    def _settle(self) -> None:
        """Write what a box comes to have."""
        for path, text in KEPT.items():
            self._root.write(path, text)
        self._root.run("chown", "-R", "skerry-agent:", "/var/lib/skerry-agent")

    def _kept(self) -> list[str]:
        return [
            f"{path} is not as it was"
            for path, text in KEPT.items()
            if not self._root.at(path).exists() or self._root.at(path).read_text() != text
        ]

    def _is_there(self, built: Built) -> list[str]:
        """Return what is wrong with an installed version."""
        root, found = self._root, []
        wanted = version_of(built)
        told = root.run("dpkg-query", "-W", "-f", "${Status} ${Version}", PACKAGE).stdout
        if told != f"install ok installed {wanted}":
            found.append(f"dpkg says {told}")
        there = sorted(path.name for path in root.at(LIBRARY).iterdir())
        if there != [wanted]:
            found.append(f"{LIBRARY} has {there}")
        if not any(root.at(f"{LIBRARY}/{wanted}/skerry_agent").glob("__pycache__/*.pyc")):
            found.append("nothing is compiled")
        verified = root.run("dpkg", "--verify", PACKAGE, check=False).stdout
        own = [line for line in verified.splitlines() if "policy.toml" not in line]
        found += [f"dpkg --verify: {line}" for line in own]
        if "skerry-agent" not in root.at("/etc/passwd").read_text():
            found.append("there is no user skerry-agent")
        for place in (
            "/etc/systemd/system/multi-user.target.wants/skerry-agent.service",
            "/etc/systemd/system/multi-user.target.wants/skerry-boot.target",
            "/etc/systemd/system/sockets.target.wants/skerry-executor.socket",
        ):
            if not root.at(place).is_symlink():
                found.append(f"{place}: not enabled")
        return [*found, *self._work()]

    def _work(self) -> list[str]:
        """Return what is wrong with the programs."""
        found = []
        # Who starts them must not be able to bring modules of his own.
        self._root.write("/tmp/mine/json.py", "raise SystemExit('a module of the caller')\n")
        chosen = {
            "PYTHONPATH": "/tmp/mine",
            "PYTHONSTARTUP": "/tmp/mine/json.py",
            "PWD": "/tmp/mine",
        }
        for words in (
            ("skerry-agent", "version"),
            ("skerry-executor", "version"),
            ("sh", "-c", "cd /tmp/mine && skerry-agent label list --json"),
        ):
            done = self._root.run(*words, check=False, **chosen)
            if done.returncode:
                found.append(f"{' '.join(words)}: {done.returncode}: {done.stderr.strip()}")
        user = ("setpriv", "--reuid=skerry-agent", "--regid=skerry-agent", "--clear-groups")
        done = self._root.run(*user, "skerry-agent", "capability", "--json", check=False)
        if done.returncode or not json.loads(done.stdout):
            found.append(f"skerry-agent capability: {done.returncode}: {done.stderr.strip()}")
        return found

    def _cut_off(self) -> list[str]:
        """Unpack the new version and do no more; then as if half of its files had come."""
        place = "/tmp/new.deb"
        self._root.at(place).write_bytes(self._new.path.read_bytes())
        self._root.run("dpkg", "--unpack", place)
        found = self._work()
        whole = self._root.at(f"{LIBRARY}/{version_of(self._new)}/whole")
        whole.unlink()
        if not any("no whole version" in one for one in self._work()):
            found.append("a version that is not whole is run")
        whole.touch()
        self._root.run("dpkg", "--configure", "-a")
        return [*found, *self._is_there(self._new), *self._kept()]

    def _purge_in_vain(self) -> list[str]:
        """Purge a box that has taken orders, and whose runtime does not answer."""
        order = self._root.write("/var/lib/skerry-executor/accepted.state", "an order")
        # Not its own name's file, where this machine has podman: that one is to stay.
        runtime = self._root.write("/usr/bin/k3s", "#!/bin/sh\nexit 1\n", 0o755)
        done = self._root.run(*APT, "purge", PACKAGE, check=False)
        found = [] if done.returncode else ["it says that it has purged"]
        if "purge again" not in done.stderr + done.stdout:
            found.append(f"it does not say what to do: {done.stdout}{done.stderr}")
        found += [one for one in self._kept() if "/etc/skerry/policy.toml" not in one]
        runtime.unlink()
        order.unlink()
        # As it says, to purge without that.
        self._root.at("/var/lib/skerry-executor/purge.pyz").unlink()
        return found

    def _is_gone(self) -> list[str]:
        root = self._root
        places = ("/usr/bin/skerry-agent", LIBRARY, "/usr/lib/systemd/system/skerry-agent.service")
        found = [f"{place} is still there" for place in places if root.at(place).exists()]
        if not root.at("/etc/skerry/agent.toml").exists():
            found.append("/etc/skerry/agent.toml went with a removal")
        return found

    def _as_before(self, before: dict[str, str]) -> list[str]:
        """Return what differs from the time before it was installed."""
        after = self._root.changes()
        known = self._root.run("dpkg-query", "-W", PACKAGE, check=False)
        found = [f"dpkg still knows it: {known.stdout}"] if known.returncode == 0 else []
        found += [f"left: {path} ({told})" for path, told in after.items() if path not in before]
        found += [f"gone: {path}" for path in before if path not in after]
        found += [
            f"changed: {path} ({told})"
            for path, told in after.items()
            if before.get(path, told) != told
        ]
        return found


def version_of(built: Built) -> str:
    """Return the version of a package by its file's name."""
    return built.path.name.split("_")[1]


def table(steps: list[Step]) -> str:
    """Return what was seen, a line for each step."""
    return "\n".join(
        f"{one.name}: {one.took_s:.1f} s" + "".join(f"\n  {problem}" for problem in one.problems)
        for one in steps
    )


def expect_no_problem(steps: list[Step]) -> None:
    """Raise LabError where a step shows a problem."""
    if any(one.problems for one in steps):
        raise LabError(table(steps))

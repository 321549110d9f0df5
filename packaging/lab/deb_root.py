"""A throwaway Debian to try packages in: an overlay over this machine, or over a fresh root.

No service runs in it: `/run` is empty, so that no maintainer script takes systemd to be there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence

from lab.debian import bootstrap, run, suite
from lab.install import CACHE, DEBIAN_PYTHON, say
from lab.processes import LabError

THIS_MACHINE = pathlib.Path("/")
PACKAGES = (
    "apparmor",
    "python3",
    "systemd",
    "unattended-upgrades",
    *(
        name
        for name in DEBIAN_PYTHON.values()
        if name not in ("python3-pytest", "python3-hypothesis")
    ),
)
"""What a fresh root has: what the package depends on, so that it alone is what comes and goes."""
VOLATILE = (
    "dev",
    "proc",
    "run",
    "sys",
    "tmp",
    "var/cache/apt",
    "var/cache/debconf",
    "var/cache/man",
    "var/cache/swcatalog",
    "var/lib/apt",
    "var/lib/dpkg",
    "var/lib/swcatalog",
    "var/log",
    "var/tmp",
    # What tools that change these files leave of before.
    "etc/group-",
    "etc/gshadow-",
    "etc/passwd-",
    "etc/shadow-",
    "etc/.pwd.lock",
    # apparmor's own: removed, where it is empty, by what dh_apparmor has every package do.
    "etc/apparmor.d/disable",
)
"""What package tools write for themselves, whatever is installed."""


class Root:
    """A Debian in which everything may be done: an overlay, whose upper layer has what was."""

    def __init__(self, path: pathlib.Path, base: pathlib.Path, upper: pathlib.Path) -> None:
        self.path = path
        self._base = base
        self._upper = upper

    def run(
        self, *command: str, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in it. Raises LabError when it fails, unless told not to."""
        words = ["chroot", str(self.path), *command]
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LC_ALL": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
            **variables,
        }
        done = subprocess.run(
            words, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL,
            timeout=300, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise LabError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def write(self, path: str, text: str, mode: int = 0o644) -> pathlib.Path:
        """Write a file in it."""
        place = self.at(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)
        return place

    def at(self, path: str) -> pathlib.Path:
        """Return where a path of it is."""
        return self.path / path.lstrip("/")

    def changes(self) -> dict[str, str]:
        """Return what differs from the Debian below: each path, and what is there now."""
        found: dict[str, str] = {}
        for folder, folders, names in os.walk(self._upper):
            here = pathlib.Path(folder)
            for name in (*folders, *names):
                place = str((here / name).relative_to(self._upper))
                now, before = _told(here / name), _told(self._base / place)
                if place not in VOLATILE and now != before:
                    found[place] = now or "removed"
            if _hides(here):
                hidden = set(os.listdir(self._base / here.relative_to(self._upper)))
                for name in hidden - {*folders, *names}:
                    found[str((here / name).relative_to(self._upper))] = "removed"
            folders[:] = [
                one for one in folders if str((here / one).relative_to(self._upper)) not in VOLATILE
            ]
        return found


def _told(path: pathlib.Path) -> str:
    """Say what is at a path; "" for nothing."""
    try:
        now = os.lstat(path)
    except FileNotFoundError:
        return ""
    if stat.S_ISCHR(now.st_mode) and now.st_rdev == 0:
        return ""  # an overlay's word for what was removed
    kind = f"{stat.filemode(now.st_mode)} {now.st_uid}:{now.st_gid}"
    if stat.S_ISREG(now.st_mode):
        return f"{kind} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    if stat.S_ISLNK(now.st_mode):
        return f"{kind} -> {os.readlink(path)}"
    return kind


def _hides(folder: pathlib.Path) -> bool:
    """Say whether a folder of an overlay stands for the whole folder below it."""
    try:
        return os.getxattr(folder, "trusted.overlay.opaque") == b"y"
    except OSError:
        return False


@contextlib.contextmanager
def throwaway(base: pathlib.Path = THIS_MACHINE) -> Iterator[Root]:
    """Give an overlay over a Debian, in which nothing is lasting. Raises LabError."""
    if os.geteuid() != 0:
        raise LabError("only root may make a throwaway Debian")
    with tempfile.TemporaryDirectory(prefix="root-") as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        _mount(stack, "tmpfs", folder, "-t", "tmpfs", "-o", "mode=0755")
        for one in ("upper", "work", "root"):
            (folder / one).mkdir(mode=0o755)
        root = folder / "root"
        layers = f"lowerdir={base},upperdir={folder / 'upper'},workdir={folder / 'work'}"
        _mount(stack, "overlay", root, "-t", "overlay", "-o", layers)
        _mount(stack, "proc", root / "proc", "-t", "proc")
        _mount(stack, "tmpfs", root / "run", "-t", "tmpfs", "-o", "mode=0755")
        _mount(stack, "tmpfs", root / "tmp", "-t", "tmpfs", "-o", "mode=1777")
        _mount(stack, "/dev", root / "dev", "--bind")
        _mount(stack, "/sys", root / "sys", "--bind", "-o", "ro")
        yield Root(root, base, folder / "upper")


def _mount(stack: contextlib.ExitStack, source: str, place: pathlib.Path, *options: str) -> None:
    run(["mount", *options, source, str(place)])
    stack.callback(
        subprocess.run, ["umount", "--lazy", str(place)], capture_output=True, check=False
    )


def fresh(name: str, packages: Sequence[str] = PACKAGES, kind: str = "plain") -> pathlib.Path:
    """Return a minimal Debian of this code name; it is made once, in half a minute."""
    digest = hashlib.sha256(" ".join((suite(), *packages)).encode()).hexdigest()[:16]
    place = CACHE / "roots" / f"{name}-{kind}-{digest}"
    if place.exists():
        return place
    if os.geteuid() != 0:
        raise LabError("only root may make a Debian in a folder")
    say(f"making a Debian {name} in {place.relative_to(CACHE.parent)} (half a minute)")
    place.parent.mkdir(parents=True, exist_ok=True)
    for old in place.parent.glob(f"{name}-{kind}-*"):
        shutil.rmtree(old)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f"new-{name}-") as folder:
        made = pathlib.Path(folder) / "root"
        bootstrap(pathlib.Path(folder), made, packages, name)
        # A package is looked at whole, with its manuals.
        for path in made.glob("etc/dpkg/dpkg.cfg.d/*mmdebstrap*"):
            path.unlink()
        made.rename(place)
    return place

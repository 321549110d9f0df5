"""The package in throwaway roots of one Debian: what its tools say, and a whole life."""

from __future__ import annotations

import functools
import pathlib
import shutil
import time
from collections.abc import Callable, Sequence

from lab import deb_build, deb_checks, deb_root, deb_unattended
from lab.deb_build import Built
from lab.deb_cycle import Cycle, Step, table
from lab.deb_root import Root
from lab.install import ROOT
from lab.processes import LabError

TOOLS = ("lintian", "debhelper", "dh-apparmor", "dh-python", "dpkg-dev", "fakeroot", "man-db")
"""What a root has that builds the package, and looks at it."""
PROFILE = ROOT / "packaging" / "debian" / "apparmor" / "skerry-agent"


class Rows:
    """What was seen, shown as it comes."""

    def __init__(self, suite: str) -> None:
        """`suite` stands before each line."""
        self._suite = suite
        self.steps: list[Step] = []

    def add(self, name: str, look: Callable[[], Sequence[str]]) -> None:
        """Do one step; `look` returns what is wrong."""
        begun = time.monotonic()
        try:
            problems = tuple(look())
        except LabError as error:
            problems = (str(error),)
        self.take(Step(name, time.monotonic() - begun, problems))

    def take(self, step: Step) -> None:
        """Take one step over."""
        self.steps.append(step)
        print(f"{self._suite} {table([step])}", flush=True)


def try_on(suite: str, folder: pathlib.Path, old: Built, new: Built) -> list[Step]:
    """Try both versions on a Debian, and return what was seen; `folder` takes the repository."""
    rows = Rows(suite)
    plain = deb_root.fresh(suite)
    with deb_root.throwaway(plain) as root:
        for unit in deb_checks.MOST_EXPOSED:
            rows.add(f"systemd-analyze security {unit}", functools.partial(_score, root, unit))
        rows.add("apparmor_parser", lambda: _profile(root))
    with deb_root.throwaway(plain) as root:
        cycle = Cycle(root, folder, old, new)
        cycle.before_upgrade = lambda: deb_unattended.problems(root)
        rows.add("a whole life", lambda: [one for step in cycle.run() for one in step.problems])
        for step in cycle.steps:
            rows.take(step)
    with deb_root.throwaway(deb_root.fresh(suite, TOOLS, "tools")) as root:
        rows.add("lintian", lambda: deb_checks.faults(deb_checks.lintian(old.path, root)))
        rows.add("built with its own tools", lambda: _built(root, folder))
    return rows.steps


def _score(root: Root, unit: str) -> list[str]:
    found, most = deb_checks.exposure(unit, root), deb_checks.MOST_EXPOSED[unit]
    print(f"{unit}: {found}")
    return [f"{found}, more than {most}"] if found > most else []


def _profile(root: Root) -> list[str]:
    shutil.copy(PROFILE, root.at("/tmp/profile"))
    root.run("apparmor_parser", "--skip-kernel-load", "--skip-cache", "/tmp/profile")
    return []


def _built(root: Root, folder: pathlib.Path) -> list[str]:
    """Build it in the root, and have the root's lintian look at that."""
    wanted = deb_build.version()
    source = root.at("/tmp/build/skerry")
    deb_build.lay_out(source, wanted)
    words = " ".join(deb_build.BUILD)
    root.run("sh", "-ec", f"cd /tmp/build/skerry && {words}")
    package = folder / f"{deb_build.PACKAGE}_{wanted.text}_all.deb"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(root.at(f"/tmp/build/{package.name}"), package)
    return list(deb_checks.faults(deb_checks.lintian(package, root)))

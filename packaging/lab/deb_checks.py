"""What is asked of the package before it is installed: lintian, its sandboxes."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
from collections.abc import Sequence

from lab.deb_root import Root
from lab.install import ROOT
from lab.processes import LabError

MOST_EXPOSED = {"skerry-agent": 2.0, "skerry-executor": 2.8}
"""The most that `systemd-analyze security` may say of a unit; its comments give the reasons."""
_LEVEL = re.compile(r"Overall exposure level for \S+: ([0-9.]+)")


def lintian(package: pathlib.Path, root: Root | None = None) -> tuple[str, ...]:
    """Return every tag of lintian's, of this machine or in a root, on a package."""
    words = ["lintian", "--display-info", "--pedantic", "--no-tag-display-limit"]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    if root is None:
        if shutil.which("lintian") is None:
            raise LabError("lintian is not installed: apt-get install lintian")
        done = subprocess.run(
            [*words, str(package)], env=environment, capture_output=True, text=True, check=False
        )
    else:
        shutil.copy(package, root.at("/tmp"))
        done = root.run(*words, f"/tmp/{package.name}", check=False)
    if done.returncode not in (0, 1, 2):
        raise LabError(f"lintian: {done.returncode}: {done.stderr.strip()}")
    return tuple(line for line in done.stdout.splitlines() if not line.startswith("N:"))


def faults(tags: Sequence[str]) -> tuple[str, ...]:
    """Return what is an error or a warning among lintian's tags."""
    return tuple(tag for tag in tags if tag.startswith(("E:", "W:")))


def exposure(unit: str, root: Root | None = None) -> float:
    """Return what `systemd-analyze security` of this machine, or in a root, says of a unit."""
    path = ROOT / "systemd" / f"{unit}.service"
    words = ["systemd-analyze", "security", "--offline=yes", "--no-pager"]
    if root is None:
        done = subprocess.run([*words, str(path)], capture_output=True, text=True, check=False)
    else:
        shutil.copy(path, root.at("/tmp"))
        done = root.run(*words, f"/tmp/{path.name}", check=False)
    found = _LEVEL.search(done.stdout)
    if found is None:
        raise LabError(f"systemd-analyze security {path.name}: {done.stderr.strip()}")
    return float(found[1])

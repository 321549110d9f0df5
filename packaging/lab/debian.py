"""A small Debian in a folder, for the machines of the lab. Needs root: its files belong to root."""

from __future__ import annotations

import glob
import pathlib
import subprocess
from collections.abc import Sequence

from lab.processes import LabError


def suite() -> str:
    """Return the code name of the Debian that this machine runs."""
    release = dict(
        line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines()
    )
    return release.get("VERSION_CODENAME", "bookworm").strip('"')


def bootstrap(folder: pathlib.Path, root: pathlib.Path, packages: Sequence[str]) -> None:
    """Install a minimal Debian with these packages at `root`; `folder` takes what that needs."""
    sources = glob.glob("/etc/apt/sources.list.d/debian*.sources") or ["/etc/apt/sources.list"]
    # As this machine fetches packages, be it through a proxy or from a mirror that is old.
    fetching = folder / "apt.conf"
    fetching.write_text(output(["apt-config", "dump", "--format", '%f "%v";%n', "Acquire"]))
    left_out = [f"--dpkgopt=path-exclude=/usr/share/{p}/*" for p in ("doc", "man", "locale")]
    debian = ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", *left_out]
    included = f"--include={','.join(packages)}"
    run([*debian, f"--aptopt={fetching}", included, suite(), str(root), *sources])


def run(command: Sequence[str], folder: pathlib.Path | None = None) -> None:
    """Run a program. Raises LabError with what it said when it fails."""
    done = subprocess.run(list(command), cwd=folder, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-2000:]
        raise LabError(f"{' '.join(command)} failed with status {done.returncode}:\n{said}")


def output(command: Sequence[str]) -> str:
    """Return what a program prints. Raises LabError when it fails."""
    done = subprocess.run(list(command), capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout

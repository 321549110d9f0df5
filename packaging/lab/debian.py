"""A small Debian in a folder, for the machines of the lab. Needs root: its files belong to root."""

from __future__ import annotations

import contextlib
import glob
import pathlib
import shutil
import subprocess
import time
from collections.abc import Sequence

from lab.processes import LabError

TRIES = 3
PAUSE_S = 10.0
"""A mirror that does not answer now and then is asked again."""


def suite() -> str:
    """Return the code name of the Debian that this machine runs."""
    release = dict(
        line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines()
    )
    return release.get("VERSION_CODENAME", "bookworm").strip('"')


def bootstrap(
    folder: pathlib.Path,
    root: pathlib.Path,
    packages: Sequence[str],
    other: str | None = None,
    options: Sequence[str] = (),
) -> None:
    """Install a minimal Debian with these packages at `root`; `folder` takes what that needs.

    `other` is the code name of another Debian than this machine's; `options` are more of mmdebstrap.
    """
    wanted = other or suite()
    sources = glob.glob("/etc/apt/sources.list.d/debian*.sources") or ["/etc/apt/sources.list"]
    # From where this machine has its own packages, and as it fetches them, be it through a proxy.
    given = []
    for number, source in enumerate(map(pathlib.Path, sources)):
        given.append(folder / f"{number}{source.suffix}")
        given[-1].write_text(source.read_text().replace(suite(), wanted))
    fetching = folder / "apt.conf"
    fetching.write_text(output(["apt-config", "dump", "--format", '%f "%v";%n', "Acquire"]))
    left_out = [f"--dpkgopt=path-exclude=/usr/share/{p}/*" for p in ("doc", "man", "locale")]
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", *left_out]
    included = f"--include={','.join(packages)}"
    command += [f"--aptopt={fetching}", included, *options]
    command += [wanted, str(root), *map(str, given)]
    for _ in range(TRIES - 1):
        with contextlib.suppress(LabError):
            run(command)
            return
        shutil.rmtree(root, ignore_errors=True)
        time.sleep(PAUSE_S)
    run(command)


def run(command: Sequence[str], folder: pathlib.Path | None = None) -> None:
    """Run a program. Raises LabError with what it said when it fails."""
    done = subprocess.run(list(command), cwd=folder, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-2000:]
        raise LabError(f"{' '.join(command)} failed with status {done.returncode}:\n{said}")


def output(command: Sequence[str], folder: pathlib.Path | None = None) -> str:
    """Return what a program prints. Raises LabError when it fails."""
    done = subprocess.run(list(command), cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout

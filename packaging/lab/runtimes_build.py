"""Installs other versions of the runtimes, once for the machine, outside the repository.

    python packaging/lab/runtimes_build.py [NAME...]

Debian 13's packages go into a folder, the rest is built of published Go modules: some minutes each,
with a Go toolchain. Tests use what is there, and are skipped where it is not.
"""

from __future__ import annotations

import pathlib
import sys
import tempfile

from lab import debian, go_build
from lab.processes import LabError
from lab.runtimes import BUILT, DEBIAN, FOLDER

SUITE = "trixie"
PACKAGES = (
    *("podman", "netavark", "aardvark-dns", "crun", "runc", "containernetworking-plugins"),
    *("docker.io", "docker-cli", "containerd", "iptables", "nftables", "iproute2"),
)


def build(names: list[str]) -> None:
    """Install these, or all. Raises LabError."""
    for name in names or [DEBIAN, *BUILT]:
        if name == DEBIAN:
            _debian(FOLDER / DEBIAN)
        elif name in BUILT:
            go_build.build(BUILT[name], FOLDER / name)
        else:
            raise LabError(f"there is no {name}; there are {', '.join([DEBIAN, *BUILT])}")
        print(FOLDER / name)


def _debian(root: pathlib.Path) -> None:
    if root.exists():
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        made = pathlib.Path(name, "root")
        debian.bootstrap(pathlib.Path(name), made, PACKAGES, SUITE)
        made.rename(root)


if __name__ == "__main__":
    try:
        build(sys.argv[1:])
    except LabError as error:
        sys.exit(f"runtimes: {error}")

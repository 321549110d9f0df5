"""Installs other versions of the runtimes, once for the machine, outside the repository.

Debian 13's packages go into a folder, the rest is built of published Go modules: some minutes each,
with a Go toolchain. Tests use what is there, and are skipped where it is not.
"""

from __future__ import annotations

import argparse
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
        else:
            go_build.build(BUILT[name], FOLDER / name)
        print(FOLDER / name)


def main() -> int:
    """Install what the command line names."""
    names = [DEBIAN, *BUILT]
    parser = argparse.ArgumentParser(
        prog="./dev runtimes",
        description="Install other versions of the runtimes, once for the machine.",
        epilog=f"there are {', '.join(names)}; without a name, all: half an hour, and Go is needed",
    )
    parser.add_argument("names", nargs="*", type=_known, metavar="NAME")
    try:
        build(parser.parse_args().names)
    except LabError as error:
        print(f"./dev runtimes: {error}", file=sys.stderr)
        return 1
    return 0


def _known(name: str) -> str:
    if name not in (DEBIAN, *BUILT):
        raise argparse.ArgumentTypeError(f"there is no {name}")
    return name


def _debian(root: pathlib.Path) -> None:
    if root.exists():
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        made = pathlib.Path(name, "root")
        debian.bootstrap(pathlib.Path(name), made, PACKAGES, SUITE)
        made.rename(root)


if __name__ == "__main__":
    sys.exit(main())

"""`./dev deb`: the package of a box, and a signed apt repository of it.

Help needs no more than the standard library, and comes before anything is installed.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import time

from lab.install import ROOT
from lab.processes import LabError

OUTPUT = ROOT / "dist"


def main() -> int:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(prog="./dev deb", description=__doc__)
    parser.add_argument(
        "--output", type=pathlib.Path, default=OUTPUT, metavar="DIR", help="where it goes (dist)"
    )
    parser.add_argument(
        "--once", action="store_true", help="do not build it a second time, to compare the bytes"
    )
    parser.add_argument(
        "--repository",
        type=pathlib.Path,
        metavar="DIR",
        help="then add it to the signed apt repository there, which is made where there is none",
    )
    parser.add_argument(
        "--key",
        type=pathlib.Path,
        metavar="FILE",
        help="the repository's secret key, as gpg exports it; made where there is none "
        "(~/.local/share/skerry/repository.key: never publish it)",
    )
    parser.add_argument(
        "--url",
        default="https://packages.example/skerry",
        help="where the repository will be published, for the snippet that is printed",
    )
    given = parser.parse_args()
    try:
        return _build(given)
    except LabError as error:
        print(f"./dev deb: {error}", file=sys.stderr)
        return 1


def _build(given: argparse.Namespace) -> int:
    from lab import deb_build, deb_repository  # noqa: PLC0415 - not for help

    wanted = deb_build.version()
    if given.once:
        built = deb_build.build(given.output, wanted)
    else:
        built, again = deb_build.build_twice(given.output, wanted)
        print(f"{built.sha256}  {built.path.name}")
        print(f"{again.sha256}  the same, built in another folder, time zone, locale and umask")
        if built.sha256 != again.sha256:
            raise LabError("two builds of one commit are not the same bytes")
    print(f"{built.path}: {built.size_bytes / 1000:.0f} kB, installed {built.installed_kib} KiB")
    if given.repository is not None:
        former = given.repository.with_name(f"{given.repository.name}.key")
        key = given.key or (former if former.exists() else _usual_key())
        print(deb_repository.add(given.repository, [built.path], key, given.url, time.time()))
    return 0


def _usual_key() -> pathlib.Path:
    """Return where the secret key is kept: never beside what a web server publishes."""
    home = os.environ.get("XDG_DATA_HOME") or pathlib.Path.home() / ".local" / "share"
    return pathlib.Path(home) / "skerry" / "repository.key"


if __name__ == "__main__":
    sys.exit(main())

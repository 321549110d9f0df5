"""`./dev image`: the hub's container image, and a list of what is in it."""

from __future__ import annotations

import argparse
import pathlib
import sys

from lab.install import ROOT
from lab.processes import LabError

OUT = ROOT / "dist"


def main() -> int:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(prog="./dev image", description=__doc__)
    parser.add_argument(
        "--base",
        metavar="IMAGE",
        help="a Debian to build on, such as docker.io/library/debian:13-slim; default: one that is "
        "made here of Debian's packages",
    )
    parser.add_argument("--out", type=pathlib.Path, default=OUT, help="for the list (dist)")
    given = parser.parse_args()
    from lab import image  # noqa: PLC0415 - not for help

    try:
        builder = image.Builder()
        made = image.build(builder, given.base or image.make_base(builder), given.out)
    except LabError as error:
        print(f"./dev image: {error}", file=sys.stderr)
        return 1
    print(f"image      {made.name}:{made.version}")
    print(f"size       {made.size_mib:.0f} MiB; {made.packed_mib:.0f} MiB to fetch")
    print(f"packages   {made.debian_packages} of Debian, {made.python_packages} of Python")
    print(f"CycloneDX  {made.sbom}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`./dev lab install`: fresh Debians become boxes by the README's commands, and are cut off meanwhile.

Help needs no more than the standard library, and comes before anything is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from lab import apart
from lab.processes import LabError

SUITES = ("bookworm", "trixie")
PACKAGE = "SKERRY_LAB_PACKAGE"
"""Set within: the package that was built without."""
STATUSES = "exit status: 0 all is as is asked for, 1 not, 2 wrong usage, 130 ended by Ctrl-C"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--suite",
        choices=SUITES,
        action="append",
        help="the Debian to install on; may be given again (bookworm and trixie)",
    )
    parser.add_argument(
        "--short",
        action="store_true",
        help="what the tests do of it: podman and libraries are there already",
    )
    parser.add_argument(
        "--cuts", type=int, metavar="N", help="cut the power N times during `apt upgrade` instead"
    )
    parser.add_argument("--seed", type=int, default=1, help="what chooses the moments (1)")
    parser.add_argument(
        "--package", type=pathlib.Path, metavar="FILE", help="this .deb; built where none is given"
    )
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")


def main(words: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return the exit status."""
    given_words = list(sys.argv[1:] if words is None else words)
    parser = argparse.ArgumentParser(prog="./dev lab install", description=__doc__, epilog=STATUSES)
    arguments(parser)
    given = parser.parse_args(given_words)
    if given.cuts is not None and given.cuts < 1:
        parser.error("--cuts is 1 or more")
    if os.geteuid() != 0:
        print("./dev lab install: only root may start boxes", file=sys.stderr)
        return 2
    suites = tuple(dict.fromkeys(given.suite or SUITES))
    try:
        if apart.is_apart(os.environ):
            return _measured(given, suites)
        return _prepared(given, suites, given_words)
    except LabError as error:
        print(f"./dev lab install: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return apart.INTERRUPTED


def _prepared(given: argparse.Namespace, suites: Sequence[str], words: Sequence[str]) -> int:
    """Make what needs this machine's network, then go on without."""
    from lab import deb_build, uml_install_image  # noqa: PLC0415 - not for help

    for suite in suites:
        uml_install_image.fresh(suite, runtime=given.short or given.cuts is not None)
    with tempfile.TemporaryDirectory(prefix="lab-package-") as folder:
        package = given.package
        if package is None:
            package = deb_build.build(pathlib.Path(folder), deb_build.version()).path
        os.environ[PACKAGE] = str(package.absolute())
        return apart.run_apart([sys.executable, "-m", "lab.install_main", *words])


def _measured(given: argparse.Namespace, suites: Sequence[str]) -> int:
    from lab import uml_install, uml_install_cuts  # noqa: PLC0415 - not for help
    from lab.soak_progress import Progress  # noqa: PLC0415

    package = pathlib.Path(os.environ[PACKAGE])
    output = sys.stdout
    ran: list[Any] = []
    ended = False
    with contextlib.redirect_stdout(sys.stderr):
        for suite in suites:
            if given.cuts is not None:
                cuts = Progress[Any](given.cuts, "cuts")
                apart.listen(cuts.end, lambda: None)
                ran += uml_install_cuts.cuts(suite, given.cuts, given.seed, package, cuts)
                ended |= cuts.ended
                if ended:
                    break
            else:
                ran += uml_install.install(suite, given.short, package)
    table = (uml_install_cuts if given.cuts is not None else uml_install).table(ran)
    if given.output == "json":
        each = [dataclasses.asdict(one) for one in ran]
        print(
            json.dumps({"met": all(one.met for one in ran), "table": table, "each": each}),
            file=output,
        )
    else:
        print(table, file=output)
    if ended:
        return apart.INTERRUPTED
    return 0 if ran and all(one.met for one in ran) else 1


if __name__ == "__main__":
    sys.exit(main())

"""`./dev lab packages`: the package of a box on several Debians, in roots and on whole boxes.

Of each Debian: its lintian, systemd and apparmor on the package, a build with its own tools, a whole
life in a root (installed, upgraded, cut off, removed, purged) with unattended-upgrades, and then a
box in user-mode-linux with its systemd and podman. Help needs no more than the standard library.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import tempfile
from collections.abc import Sequence

from lab import apart
from lab.processes import LabError

SUITES = ("bookworm", "trixie")
PACKAGE = "SKERRY_LAB_PACKAGE"
"""Set within: the package that was built without."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--suite",
        choices=SUITES,
        action="append",
        help="the Debian to try it on; may be given again (bookworm and trixie)",
    )
    parser.add_argument("--no-boxes", action="store_true", help="only what needs no whole box")
    parser.add_argument("--no-roots", action="store_true", help="only the whole boxes")


def main(words: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return the exit status."""
    given_words = list(sys.argv[1:] if words is None else words)
    parser = argparse.ArgumentParser(
        prog="./dev lab packages",
        description=__doc__,
        epilog="exit status: 0 all is as is asked for, 1 not, 2 wrong usage",
    )
    arguments(parser)
    given = parser.parse_args(given_words)
    if os.geteuid() != 0:
        print("./dev lab packages: only root may make roots and boxes", file=sys.stderr)
        return 2
    suites = tuple(dict.fromkeys(given.suite or SUITES))
    try:
        if apart.is_apart(os.environ):
            return _boxes(suites)
        return _all(given, suites, given_words)
    except LabError as error:
        print(f"./dev lab packages: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return apart.INTERRUPTED


def _all(given: argparse.Namespace, suites: Sequence[str], words: Sequence[str]) -> int:
    """Try it in roots; then go on apart with the boxes, whose images are made here."""
    from lab import deb_build, deb_roots, uml_install_image  # noqa: PLC0415 - not for help

    status = 0
    with tempfile.TemporaryDirectory(prefix="lab-packages-") as name:
        folder = pathlib.Path(name)
        wanted = deb_build.version()
        old, again = deb_build.build_twice(folder / "old", wanted)
        if old.sha256 != again.sha256:
            raise LabError("two builds of one commit are not the same bytes")
        print(
            f"{old.path.name}: {old.size_bytes} bytes, installed {old.installed_kib} KiB",
            flush=True,
        )
        if not given.no_roots:
            new = deb_build.build(folder / "new", deb_build.later_than(wanted))
            for suite in suites:
                seen = deb_roots.try_on(suite, folder / suite, old, new)
                status |= int(any(one.problems for one in seen))
        if given.no_boxes:
            return status
        for suite in suites:
            uml_install_image.fresh(suite, runtime=True)
        os.environ[PACKAGE] = str(old.path)
        command = [sys.executable, "-m", "lab.packages_main", *words]
        return apart.run_apart(command) or status


def _boxes(suites: Sequence[str]) -> int:
    from lab import deb_boxes, deb_cycle, uml_install_image  # noqa: PLC0415 - not for help

    status = 0
    for suite in suites:
        fresh = uml_install_image.fresh(suite, runtime=True)
        print(f"{suite}, a whole box", flush=True)
        seen = deb_boxes.try_on(fresh, pathlib.Path(os.environ[PACKAGE]))
        print(deb_cycle.table(seen), flush=True)
        status |= int(any(one.problems for one in seen))
    return status


if __name__ == "__main__":
    sys.exit(main())

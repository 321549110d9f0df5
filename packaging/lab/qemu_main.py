"""`./dev lab`: what is tried on a whole machine, in QEMU or user-mode-linux.

Help needs no more than the standard library, and comes before anything is installed.
"""

from __future__ import annotations

import argparse
import pathlib
import signal
import sys

from lab import install_main, packages_main
from lab.install import CACHE, ROOT
from lab.processes import LabError

RECORDING = ROOT / "tests" / "agent" / "recordings" / "qemu.tar.xz"


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="./dev lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    plugging = commands.add_parser("hotplug", help="plug and unplug devices, compare each time")
    plugging.add_argument("--cycles", type=int, default=200, help="how often (200)")
    plugging.add_argument("--seed", type=int, default=1, help="what makes the choices")
    recording = commands.add_parser("record", help="make the recording of the machine")
    recording.add_argument("file", nargs="?", type=pathlib.Path, default=RECORDING)
    words = "a fresh Debian becomes a box by the README's commands; power cuts while it upgrades"
    install_main.arguments(commands.add_parser("install", help=words))
    words = "the package on several Debians: lintian, a whole life in a root, a whole box"
    packages_main.arguments(commands.add_parser("packages", help=words))
    words = "the hub's image and compose file with a real box: down, up, kill -9, backup, restore"
    commands.add_parser("compose", help=words, description=f"{words}.")
    words = "a fresh Debian becomes a hub by docs/data-centre.md; stop, kill -9, a power cut"
    commands.add_parser("hub", help=words, description=f"{words}.")
    if sys.argv[1:2] == ["packages"]:
        return packages_main.main(sys.argv[2:])
    if sys.argv[1:2] == ["install"]:
        return install_main.main(sys.argv[2:])
    given = parser.parse_args()
    if given.command == "compose":
        return _compose()
    if given.command == "hub":
        from lab import uml_hub  # noqa: PLC0415 - not for help

        return uml_hub.main()
    from lab import qemu_hotplug, qemu_runs  # noqa: PLC0415 - not for help

    # As Ctrl-C does: what was started is ended, and the machine's folder goes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if given.command == "record":
            print(qemu_runs.record(given.file))
            return 0
        steps = qemu_runs.hotplug(given.cycles, given.seed)
    except LabError as error:
        print(f"./dev lab: {error}", file=sys.stderr)
        return 1
    print(qemu_hotplug.table(steps))
    return 1 if any(step.problems for step in steps) else 0


def _compose() -> int:
    """Follow the compose file's course; return the exit status."""
    from lab import compose_course  # noqa: PLC0415 - not for help

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    place = CACHE / "compose"
    place.mkdir(parents=True, exist_ok=True)
    try:
        return 0 if compose_course.run(place) else 1
    except LabError as error:
        print(f"./dev lab: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

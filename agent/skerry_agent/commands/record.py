"""`skerry-agent record`."""

from __future__ import annotations

import argparse
import pathlib
import sys

from skerry_agent.commands import settings
from skerry_agent.commands.output import complain, say

DESCRIPTION = (
    "Write the files that the probes read on this box into FILE.tar (.tar.gz, .tar.xz), "
    "without serial numbers, addresses and names of hosts and users. `capability --root "
    "FILE.tar` reads it anywhere. Look through it before you send it to anybody."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `record` takes."""
    settings.add_file(parser)
    parser.add_argument(
        "file", metavar="FILE.tar", type=pathlib.Path, help="what to write; - is standard output"
    )
    parser.add_argument(
        "--root",
        metavar="DIR|FILE.tar",
        help="record a box that is mounted in this folder, or was recorded",
    )
    parser.add_argument("--force", action="store_true", help="replace FILE.tar when it is there")


def run(given: argparse.Namespace) -> int:
    """Record the box."""
    from skerry_agent.recording import command as recording  # noqa: PLC0415

    socket = None if given.root else settings.of(given).runtime_socket
    to_standard_output = given.file == recording.STANDARD_OUTPUT
    try:
        told = recording.record(
            given.file, root=given.root, runtime_socket=socket, force=given.force
        )
        if to_standard_output:
            print(told, file=sys.stderr)
        else:
            say(told)
    except recording.RecordingError as error:
        return complain(str(error), 1)
    return 0

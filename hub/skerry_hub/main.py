"""The command `skerry-hub`: the table of its commands."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

COMMANDS = {
    "serve": "run the hub until it is told to end",
    "broker": "run a mosquitto by the files that a hub writes",
    "broker-config": "print what a broker of one's own needs",
    "ca": "print the certificate of the hub's authority, and its pin",
    "reader-certificate": "make a certificate with which another system reads the broker",
    "token": "make a token with which a box joins, on the hub's own machine",
    "access": "make, list and revoke the tokens with which the API is asked",
    "audit": "check the audit log, or move its oldest rows to a file",
    "backup": "write everything that makes this hub into one file; it may be running",
    "restore": "put a backup in a hub's place, while none runs there",
    "healthcheck": "say whether the hub on this machine is well, by the exit status",
    "key": "print the public key that boxes must trust, or change it",
    "new-password": "draw a password for a database, into a file",
    "version": "print the version",
}
"""Each is a module of `skerry_hub.commands`, with - as _."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status: 0 fine, 1 wrong, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="skerry-hub", description="Holds the fleet's state, places workloads, signs orders."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    words = sys.argv[1:] if arguments is None else arguments
    for name, about in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=about + ".")
        if name in words[:1]:  # the others' modules take long to import
            module = importlib.import_module(f"skerry_hub.commands.{name.replace('-', '_')}")
            module.add_options(command)
            command.set_defaults(run=module.run)
    given = parser.parse_args(words)
    return int(given.run(given))


if __name__ == "__main__":
    raise SystemExit(main())

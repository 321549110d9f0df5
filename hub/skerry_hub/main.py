"""The command `skerry-hub`: the table of its commands."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable, Sequence

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
    words = sys.argv[1:] if arguments is None else arguments
    given = parser(words[:1]).parse_args(words)  # the others' modules take long to import
    return int(given.run(given))


def parser(with_options: Iterable[str] = COMMANDS) -> argparse.ArgumentParser:
    """Return what reads the command line; these commands have their options."""
    made = argparse.ArgumentParser(
        prog="skerry-hub", description="Holds the fleet's state, places workloads, signs orders."
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    wanted = frozenset(with_options)
    for name, about in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=about + ".")
        if name in wanted:
            module = importlib.import_module(f"skerry_hub.commands.{name.replace('-', '_')}")
            module.add_options(command)
            command.set_defaults(run=module.run)
    return made


if __name__ == "__main__":
    raise SystemExit(main())

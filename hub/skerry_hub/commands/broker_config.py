"""`skerry-hub broker-config`."""

from __future__ import annotations

import argparse
import re
import sys

from skerry_hub import broker_access, mosquitto_conf
from skerry_hub.addresses import AddressError, host_and_port
from skerry_hub.mosquitto_conf import FOLDER, STATE

_NEXT = """\
# What else to do, for a broker of your own with the hub's certificates:
#   1. On the hub's machine:    skerry-hub serve --data DIR --broker mqtts://BROKER:{port} \\
#                                 --broker-folder {folder}
#      writes {folder}/: mosquitto.conf, acl, crl.pem, ca.pem and broker.pem (a key and a
#      certificate for the names of --name), and the lists anew at each change. Where the broker is
#      on another machine, copy the folder there at each change.
#   2. After each change of acl, crl.pem or broker.pem: send mosquitto SIGHUP.
#   3. Once mosquitto listens, remove {state}mosquitto.db: it is older than what boxes
#      and hub say again.
# docs/broker.md has it all, and what other brokers need.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `broker-config` takes."""
    parser.description = (
        "Print what a broker of one's own needs: the configuration and the access list of a "
        "mosquitto with the hub's certificates, and what else to do."
    )
    parser.add_argument(
        "part",
        nargs="?",
        choices=("all", "conf", "acl"),
        default="all",
        help="one file alone, as it is to be saved (default: all, with what else to do)",
    )
    parser.add_argument(
        "--listen", metavar="HOST:PORT", default="0.0.0.0:8883", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--folder", metavar="DIR", default=FOLDER, help="where its files are (default: %(default)s)"
    )
    parser.add_argument(
        "--reader",
        metavar="NAME",
        action="append",
        default=[],
        help="another system that may read the fleet's views; may be repeated",
    )
    parser.add_argument(
        "--removed-reader",
        metavar="NAME",
        action="append",
        default=[],
        help="one that may do so no more, and may have its certificate still; may be repeated",
    )


def run(given: argparse.Namespace) -> int:
    """Print it."""
    try:
        host, port = host_and_port("--listen", given.listen)
        if re.fullmatch(r"[^\s#]+", given.folder) is None:
            raise AddressError("--folder must be a path without spaces")
        for name in (*given.reader, *given.removed_reader):
            broker_access.reader(name)
    except ValueError as error:
        print(f"skerry-hub: {error}", file=sys.stderr)
        return 2
    folder = given.folder.rstrip("/")
    conf = mosquitto_conf.whole("" if host == "0.0.0.0" else host, port, folder)  # noqa: S104
    acl = broker_access.mosquitto_acl(given.reader, given.removed_reader)
    if given.part == "conf":
        print(conf, end="")
    elif given.part == "acl":
        print(acl, end="")
    else:
        words = _NEXT.format(port=port, folder=folder, state=STATE)
        print(
            f"{words}\n# --- {folder}/mosquitto.conf\n\n{conf}\n# --- {folder}/acl\n\n{acl}", end=""
        )
    return 0

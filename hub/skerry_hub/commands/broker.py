"""`skerry-hub broker`."""

from __future__ import annotations

import argparse
import os
import pathlib
import signal
import sys

from skerry_hub.config import PREFIX


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `broker` takes."""
    parser.description = (
        "Run a mosquitto by the files that a hub with --broker-folder writes to a folder: in a "
        "container of its own, which reads that folder. Ends with 0 by SIGTERM, with 1 when "
        "mosquitto ended."
    )
    for name, words in (
        ("folder", "where the hub writes mosquitto.conf, acl, crl.pem, ca.pem and broker.pem"),
        ("state", "where mosquitto keeps what it has over an orderly end; default: nowhere"),
    ):
        variable = f"{PREFIX}BROKER_{name.upper()}"
        parser.add_argument(
            f"--{name}",
            metavar="DIR",
            default=os.environ.get(variable),
            help=f"{words} [{variable}]",
        )


def run(given: argparse.Namespace) -> int:
    """Run it until it is told to end."""
    from skerry_hub.broker_supervisor import Supervisor  # noqa: PLC0415
    from skerry_hub.mosquitto_process import BrokerError  # noqa: PLC0415
    from skerry_hub.serving import log_to_stderr  # noqa: PLC0415

    if not given.folder:
        print("skerry-hub: --folder DIR is missing", file=sys.stderr)
        return 2
    log_to_stderr()
    state = pathlib.Path(given.state).resolve() if given.state else None
    supervisor = Supervisor(pathlib.Path(given.folder).resolve(), state)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, supervisor.end)
    try:
        return supervisor.run()
    except (BrokerError, OSError) as error:
        print(f"skerry-hub: {error}", file=sys.stderr)
        return 1

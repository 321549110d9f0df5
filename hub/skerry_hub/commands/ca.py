"""`skerry-hub ca`."""

from __future__ import annotations

import argparse
import pathlib
import sys

from skerry_hub import database_url


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `ca` takes."""
    database_url.add_data(parser)
    parser.add_argument("--pin", action="store_true", help="print only the pin")


def run(given: argparse.Namespace) -> int:
    """Print the authority's certificate on standard output, and its pin."""
    import ssl  # noqa: PLC0415

    from skerry_hub.pki.authority import PUBLIC, pin_of  # noqa: PLC0415

    path = pathlib.Path(given.data) / PUBLIC
    try:
        text = path.read_text()
        pin = pin_of(ssl.PEM_cert_to_DER_cert(text))
    except OSError as error:
        print(
            f"skerry-hub: {path}: {error.strerror}; the hub makes it at its first start",
            file=sys.stderr,
        )
        return 1
    except ValueError:
        print(f"skerry-hub: {path} is damaged: start the hub, which writes it", file=sys.stderr)
        return 1
    if given.pin:
        print(pin)
    else:
        print(text, end="")
        print(pin, file=sys.stderr)
    return 0

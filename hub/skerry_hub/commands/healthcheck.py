"""`skerry-hub healthcheck`: what a container asks whether its hub, or its broker, is well.

It speaks to this machine alone, and starts in a tenth of a second: it is run every half minute.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import sys

from skerry_hub.config import DEFAULT_LISTEN, PREFIX
from skerry_hub.database_url import add_named, usual_data

WAIT_S = 5.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `healthcheck` takes: as `serve`, of which it has the environment."""
    add_named(
        parser,
        (
            ("listen", "HOST:PORT", "where the HTTP API listens; default: as it was started"),
            ("tls", "auto|yes|no", "whether it has TLS; default: as it was started"),
        ),
    )
    words = f"the hub's data folder, with its ca.pem [{PREFIX}DATA]"
    parser.add_argument("--data", metavar="DIR", default=usual_data(), help=words)
    parser.add_argument(
        "--ready", action="store_true", help="also whether each part works: database, broker"
    )
    parser.add_argument(
        "--port", metavar="PORT", help="instead, whether something listens there, as a broker does"
    )


def run(given: argparse.Namespace) -> int:
    """Say how it is; return 0 where it is well."""
    from skerry_hub import addresses, started  # noqa: PLC0415

    try:
        if given.port is not None:
            host, port = addresses.host_and_port("--port", f"127.0.0.1:{given.port}")
            _connected(host, port)
            return 0
        options = {"listen": given.listen, "tls": given.tls}
        if given.data and given.listen is None:
            # Who may not read it can ask all the same.
            with contextlib.suppress(FileNotFoundError, PermissionError):
                options = started.filled(pathlib.Path(given.data), options)
        host, port = addresses.host_and_port("--listen", options["listen"] or DEFAULT_LISTEN)
        tls = options["tls"] == "yes" or (
            options["tls"] in (None, "auto") and not addresses.is_loopback(host)
        )
        ca = pathlib.Path(given.data, "ca.pem") if given.data and tls else None
        status, text = _asked(_near(host), port, tls, ca, "/readyz" if given.ready else "/livez")
    except addresses.AddressError as error:
        print(f"skerry-hub: {error}", file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(f"skerry-hub: it does not answer: {error}", file=sys.stderr)
        return 1
    print(text.strip())
    return 0 if status == 200 else 1


def _near(host: str) -> str:
    """Return where to reach what listens at an address, from the same machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - asked, not bound


def _connected(host: str, port: int) -> None:
    import socket  # noqa: PLC0415

    socket.create_connection((host, port), WAIT_S).close()


def _asked(host: str, port: int, tls: bool, ca: pathlib.Path | None, path: str) -> tuple[int, str]:
    import http.client  # noqa: PLC0415
    import ssl  # noqa: PLC0415

    try:
        if tls:
            context = ssl.create_default_context(cafile=None if ca is None else str(ca))
            # Of the address that it listens on, which need not be among the certificate's names.
            context.check_hostname = False
            made: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=WAIT_S, context=context
            )
        else:
            made = http.client.HTTPConnection(host, port, timeout=WAIT_S)
        made.request("GET", path)
        answer = made.getresponse()
        text = answer.read(64 * 1024).decode(errors="replace")
        made.close()
    except http.client.HTTPException as error:
        raise OSError(f"no answer in HTTP: {error}") from None
    return answer.status, text

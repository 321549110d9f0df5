"""How the hub is reached: its address, read, and a connection to what may be believed to be it."""

from __future__ import annotations

import http.client
import ssl
import urllib.parse
from collections.abc import Mapping
from typing import Any

from skerry_cli.failures import Exit, Failure, UnreachableError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
HUB_NAME = "hub.skerry.internal"
"""The name that only the hub's own certificates have, of all that its authority signs."""
BROKER_NAME = "broker.skerry.internal"
"""The name that its brokers' have."""
AUTHORITY_PREFIX = "Skerry authority "
"""With this begins the name of a hub's own authority. All three are those of
`skerry_wire.joining`, which would take each command a while to import."""


def connection_to(
    parts: urllib.parse.SplitResult, ca_file: str | None, ca: str | None, *, pinned: bool
) -> http.client.HTTPConnection:
    """Return a connection that is not open yet. Raises Failure.

    `pinned`: the authority is the hub's own, and signs others too.
    """
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port)
    try:
        context = ssl.create_default_context(cafile=ca_file, cadata=ca)
    except OSError as error:
        where = ca_file or "the authority of the context"
        raise Failure(f"{where}: cannot read certificates from it: {error}") from None
    return _OfHub(host, port, context, pinned=pinned)


def check_private(url: str, parts: urllib.parse.SplitResult) -> None:
    """Refuse to send a token where others on the way can read it."""
    if parts.scheme == "https" or parts.hostname in LOOPBACK:
        return
    raise Failure(
        f"{url}: a token goes over https alone, or to this machine: {LOOPBACK[0]}", Exit.USAGE
    )


def parsed(url: str) -> urllib.parse.SplitResult:
    """Return the parts of a hub's address. Raises Failure."""
    try:
        parts = urllib.parse.urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
        good = good and parts.port != 0 and not (parts.query or parts.fragment or parts.username)
        good = good and url.isascii() and url.isprintable() and " " not in url
    except ValueError:
        good = False
    if not good:
        raise Failure(
            f"{url!r} is not the address of a hub, such as http://127.0.0.1:8440 "
            "(--hub or SKERRY_HUB)",
            Exit.USAGE,
        )
    return parts


class _OfHub(http.client.HTTPSConnection):
    """To the hub alone: brokers and boxes have certificates of its authority too."""

    def __init__(
        self, host: str, port: int | None, context: ssl.SSLContext, *, pinned: bool
    ) -> None:
        super().__init__(host, port, context=context)
        self._pinned = pinned

    def connect(self) -> None:
        """Connect, and look at the certificate before anything is sent."""
        super().connect()
        wrong = not_the_hub(self.sock.getpeercert() or {}, pinned=self._pinned)
        if wrong is not None:
            self.close()
            raise UnreachableError(
                f"what answers at {self.host}:{self.port} is not the hub: {wrong}.\n"
                "Nothing was sent to it. Look at the address and its port: is it the broker's? If "
                "both are the hub's, somebody stands there with the key of another machine.",
                passing=False,
            )


def not_the_hub(certificate: Mapping[str, Any], *, pinned: bool) -> str | None:
    """Return why a certificate that is vouched for is not the hub's; None where it may be.

    Where an authority vouches that is no hub's, the name that was asked for must do.
    """
    names = {name.lower() for kind, name in certificate.get("subjectAltName", ()) if kind == "DNS"}
    if BROKER_NAME in names:
        return f"it shows a broker's certificate ({BROKER_NAME})"
    issuers = [
        value
        for parts in certificate.get("issuer", ())
        for kind, value in parts
        if kind == "commonName"
    ]
    own = pinned or any(value.startswith(AUTHORITY_PREFIX) for value in issuers)
    if own and HUB_NAME not in names:
        return f"its certificate is of the hub's authority, but not for {HUB_NAME}"
    return None

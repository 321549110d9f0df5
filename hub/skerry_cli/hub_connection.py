"""How the hub is reached: its address, read, and a connection to what may be believed to be it."""

from __future__ import annotations

import http.client
import ssl
import urllib.parse

from skerry_cli.failures import Exit, Failure, UnreachableError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
HUB_NAME = "hub.skerry.internal"
"""The name that only the hub's own certificates have, of all that its authority signs."""


def connection_to(
    parts: urllib.parse.SplitResult, ca_file: str | None, ca: str | None, *, pinned: bool
) -> http.client.HTTPConnection:
    """Return a connection that is not open yet. Raises Failure."""
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port)
    try:
        context = ssl.create_default_context(cafile=ca_file, cadata=ca)
    except OSError as error:
        where = ca_file or "the authority of the context"
        raise Failure(f"{where}: cannot read certificates from it: {error}") from None
    if pinned:
        return _OfHub(host, port, context=context)
    return http.client.HTTPSConnection(host, port, context=context)


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
    """To what has the hub's own name: brokers and boxes have certificates of its authority too."""

    def connect(self) -> None:
        """Connect, and look at the certificate before anything is sent."""
        super().connect()
        names = (self.sock.getpeercert() or {}).get("subjectAltName", ())
        if ("DNS", HUB_NAME) not in names:
            self.close()
            raise UnreachableError(
                f"what answers at {self.host} is of the hub's authority, but not the hub",
                passing=False,
            )

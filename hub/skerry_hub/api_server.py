"""The HTTP server of the API: on a socket that is given, with TLS where there is a certificate.

A certificate is taken up anew while it serves. Connections that there are go on with the old one.
"""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import socket
import ssl
from typing import Any

import uvicorn

from skerry_hub.api.connections import Connection
from skerry_hub.api.guarding import HEAD_BYTES

END_S = 3
MOST_AT_ONCE = 1000


class ApiServer(uvicorn.Server):
    """One server. `certificate` is a file with key and certificate; without one there is no TLS."""

    def __init__(self, app: Any, certificate: pathlib.Path | None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=END_S,
                limit_concurrency=MOST_AT_ONCE,
                h11_max_incomplete_event_size=HEAD_BYTES,
                http=Connection,
                ws="none",
            )
        )
        self._certificate = certificate
        self._context = None if certificate is None else context(certificate)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.config.load()
        self.config.ssl = self._context

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def take_up_certificate(self) -> None:
        """Show the certificate that the file holds now. Any thread."""
        if self._context is None or self._certificate is None:
            return
        if self._loop is None:
            self._context.load_cert_chain(self._certificate)
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended
            # In the loop's thread: no handshake begins between the certificate and its key.
            self._loop.call_soon_threadsafe(self._context.load_cert_chain, self._certificate)


def context(certificate: pathlib.Path) -> ssl.SSLContext:
    """Return how TLS is spoken: 1.2 or newer, for HTTP/1.1."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    made.set_alpn_protocols(["http/1.1"])
    made.load_cert_chain(certificate)
    return made

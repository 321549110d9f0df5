"""The HTTP server of the API: on a socket that is given, with TLS where there is a certificate.

A certificate is taken up anew while it serves. Connections that there are go on with the old one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import socket
import ssl
from typing import Any

import uvicorn

from skerry_hub.api.connections import Connection
from skerry_hub.api.guarding import HEAD_BYTES

END_S = 3
MOST_AT_ONCE = 1000
HANDSHAKE_S = 15.0
"""How long TLS may take to begin: until then a connection counts for none, and holds a file."""


class _Loop(asyncio.SelectorEventLoop):
    """asyncio's, with less patience: it waits a minute, and uvicorn does not say otherwise."""

    def __init__(self, handshake_s: float) -> None:
        super().__init__()
        self._handshake_s = handshake_s

    async def create_server(self, *given: Any, **options: Any) -> Any:
        if options.get("ssl") is not None:
            options.setdefault("ssl_handshake_timeout", self._handshake_s)
        return await super().create_server(*given, **options)


class ApiServer(uvicorn.Server):
    """One server. `certificate` is a file with key and certificate; without one there is no TLS."""

    def __init__(
        self, app: Any, certificate: pathlib.Path | None, handshake_s: float = HANDSHAKE_S
    ) -> None:
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
        self._handshake_s = handshake_s
        self._certificate = certificate
        self._context = None if certificate is None else context(certificate)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.config.load()
        self.config.ssl = self._context

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until it is told to end."""
        with asyncio.Runner(loop_factory=lambda: _Loop(self._handshake_s)) as runner:
            runner.run(self.serve(sockets=sockets))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def take_up_certificate(self) -> None:
        """Show the certificate that the file holds now. Any thread. Raises OSError."""
        if self._context is None or self._certificate is None:
            return
        content = self._certificate.read_bytes()
        if self._loop is None:
            load(self._context, content)
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended
            # In the loop's thread: no handshake begins between the certificate and its key.
            self._loop.call_soon_threadsafe(load, self._context, content)


def context(certificate: pathlib.Path) -> ssl.SSLContext:
    """Return how TLS is spoken: 1.2 or newer, for HTTP/1.1."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    made.set_alpn_protocols(["http/1.1"])
    load(made, certificate.read_bytes())
    return made


def load(into: ssl.SSLContext, content: bytes) -> None:
    """Have a certificate shown, given with its key. Raises OSError (and so ssl.SSLError).

    OpenSSL reads a file once for each of the two, and drops a certificate that does not fit the key
    that it has read later: so it gets a file that nobody replaces meanwhile, and nowhere on a disk.
    """
    held = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        with open(held, "wb", closefd=False) as file:
            file.write(content)
        into.load_cert_chain(f"/proc/self/fd/{held}")
    finally:
        os.close(held)

"""How a box judges servers over TLS: by an authority that it was given, at any time of any clock.

A box without a battery begins in 1970; one whose clock is ten years ahead would find every
certificate expired. Who is shut out is told by lists and by the authority, not by a box's clock.
"""

from __future__ import annotations

import contextlib
import socket
import ssl

from skerry_agent import link_endings
from skerry_agent.broker import Broker

MOST_CA_BYTES = 256 * 1024
_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, for which Python has no name."""


def any_time(context: ssl.SSLContext) -> None:
    """Have a context take certificates that are expired, or not valid yet, by this box's clock."""
    context.verify_flags |= _NO_CHECK_TIME


def context_of(ca: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """Return what a connection is secured by; all are paths. Raises OSError and ValueError.

    Only `ca` vouches for the server; without it the system's authorities do, and then times count:
    they vouch for so many that an old certificate may be anybody's by now.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        context.load_verify_locations(ca)
        any_time(context)
    if certificate is not None:
        # Never ask a terminal for a password: nobody sits there.
        context.load_cert_chain(certificate, key, password="")
    return context


def vouching(broker: Broker | None) -> bytes:
    """Return who vouches for a broker, to see whether that changes; it cannot be read: nothing."""
    if broker is None or broker.ca is None:
        return b""
    with contextlib.suppress(OSError), open(broker.ca, "rb") as file:
        return file.read(MOST_CA_BYTES)
    return b""


def shake_hands(broker: Broker, timeout_s: float) -> str | None:
    """Have a broker look at this box's certificate, and return what is wrong with it, or None.

    Nothing of MQTT is said. For `skerry-agent check`, beside an agent that is connected.
    """
    ended = link_endings.Told()
    try:
        context = context_of(broker.ca, broker.certificate, broker.key)
        place = (broker.host, broker.port)
        with (
            socket.create_connection(place, timeout=timeout_s) as plain,
            context.wrap_socket(plain, server_hostname=broker.host) as secured,
        ):
            secured.settimeout(1.0)  # with TLS 1.3 a refusal comes after the handshake
            with contextlib.suppress(TimeoutError):
                if not secured.recv(1):
                    return "ends the connection at once; its log says why"
    except (OSError, ValueError) as error:
        ended.failed(error)
        return ended.in_words(f"no TLS: {error}")
    return None

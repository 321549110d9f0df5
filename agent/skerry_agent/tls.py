"""How a box judges servers over TLS: by an authority that it was given, at any time of any clock.

A box without a battery begins in 1970; one whose clock is ten years ahead would find every
certificate expired. Who is shut out is told by lists and by the authority, not by a box's clock.
"""

from __future__ import annotations

import ssl

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

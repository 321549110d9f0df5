"""Measures a round-trip time by opening a TCP connection and closing it. Sends no byte of its own.

The time is the kernel's, of the handshake, so that a busy box measures the network and not itself;
names are looked up before. Who names targets could have boxes knock at any door: so addresses that
mean the box itself or its link are refused, or all but those that its administrator allows.
"""

from __future__ import annotations

import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from skerry_agent.effects import MeasureRoundTrip
from skerry_agent.events import RoundTripMeasured
from skerry_wire.messages import Target

log = logging.getLogger(__name__)

TIMEOUT_S = 2.0
RTT_AT, MIN_RTT_AT = 68, 148
"""Where the kernel's `struct tcp_info` has its smoothed and its least time (Linux 4.6 on)."""
NO_SAMPLE = (0, 2**32 - 1)


class RoundTripError(Exception):
    """Nothing could be measured; the text says why."""


def kernel_ms(connection: socket.socket) -> float | None:
    """Return the least round-trip time of a TCP connection in the last five minutes.

    The smoothed one where the kernel does not tell the least; None where it tells neither.
    """
    try:
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    except (OSError, ValueError):  # it is closed, or no TCP connection
        return None
    for at in (MIN_RTT_AT, RTT_AT):
        if len(told) >= at + 4:
            (microseconds,) = struct.unpack_from("=I", told, at)
            if microseconds not in NO_SAMPLE:
                return float(microseconds) / 1000
    return None


def connect(family: int, address: tuple[Any, ...]) -> float:
    """Return how long one connection took to stand, in milliseconds. Raises OSError."""
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT_S)
        began = time.monotonic()
        connection.connect(address)
        elapsed_ms = (time.monotonic() - began) * 1000
        return kernel_ms(connection) or elapsed_ms


def measure(
    target: Target,
    attempts: int,
    networks: Sequence[str] = (),
    connect: Callable[[int, tuple[Any, ...]], float] = connect,
) -> float:
    """Return the least time of so many connections, in milliseconds. Raises RoundTripError.

    Takes up to TIMEOUT_S for each, and what it takes to look up the name. `networks` are the only
    ones to which a connection is opened; without any, all but those that are never meant.
    """
    family, address = _address_of(target, networks)
    found: list[float] = []
    problem = ""
    for _ in range(attempts):
        try:
            found.append(connect(family, address))
        except TimeoutError:
            problem = f"no answer within {TIMEOUT_S:g} s"
        except OSError as error:
            problem = error.strerror or str(error)
    if not found:
        raise RoundTripError(f"{address[0]} port {address[1]}: {problem}")
    return min(found)


def _address_of(target: Target, networks: Sequence[str]) -> tuple[int, tuple[Any, ...]]:
    try:
        # An address that is named, rather than a name, is not looked up anywhere.
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RoundTripError(f"{target.host!r} cannot be resolved: {reason}") from None
    refusals = []
    for family, _, _, _, address in found:
        refusal = refused(str(address[0]), networks)
        if refusal is None:
            return family, address
        refusals.append(refusal)
    raise RoundTripError("; ".join(dict.fromkeys(refusals)) or f"{target.host!r} has no address")


def refused(address: str, networks: Sequence[str] = ()) -> str | None:
    """Say why no connection is opened to an address; None where one may be."""
    import ipaddress  # noqa: PLC0415 - boxes that measure nothing do without

    place = ipaddress.ip_address(address)
    if isinstance(place, ipaddress.IPv6Address) and place.ipv4_mapped is not None:
        place = place.ipv4_mapped
    if networks:
        allowed = any(place in ipaddress.ip_network(network) for network in networks)
        return None if allowed else f"{address} is in none of the networks that this box allows"
    # Of IPv6, what Python calls reserved holds the addresses of NAT64, which boxes may need.
    reserved = isinstance(place, ipaddress.IPv4Address) and place.is_reserved
    own = place.is_loopback or place.is_link_local or place.is_unspecified
    if own or reserved or place.is_multicast or _is_this_network(place.packed):
        return f"{address} is no address of another box"
    return None


def _is_this_network(packed: bytes) -> bool:
    """Say whether an IPv4 address is in 0.0.0.0/8, which means the box itself."""
    return len(packed) == 4 and packed[0] == 0


def start(
    effect: MeasureRoundTrip, networks: Sequence[str], post: Callable[[RoundTripMeasured], None]
) -> None:
    """Measure in a thread of its own, and post what was found, always."""

    def run() -> None:
        try:
            ms = measure(effect.target, effect.attempts, networks)
        except RoundTripError as error:
            post(RoundTripMeasured(effect.target, None, str(error)[:300]))
        except Exception as error:
            # The core waits for an answer, or it would never measure again.
            log.exception("a round-trip time could not be measured")
            post(RoundTripMeasured(effect.target, None, type(error).__name__))
        else:
            post(RoundTripMeasured(effect.target, ms))

    threading.Thread(target=run, name="round-trip", daemon=True).start()

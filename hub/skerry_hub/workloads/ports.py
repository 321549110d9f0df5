"""Published ports, in both forms, and what they reserve of a node. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Literal

from skerry_hub.workloads.keys import PORT
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import (
    Section,
    Value,
    attempt,
    choice,
    items,
    parsed,
    text,
    whole,
)
from skerry_wire.workload import PortMapping

Protocol = Literal["tcp", "udp"]

MAX_PORTS = 256
_PROTOCOLS: Mapping[str, Protocol] = {"tcp": "tcp", "udp": "udp"}
_RANGE = re.compile(r"([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?")
_EVERY = ("", "0.0.0.0", "::")  # noqa: S104 -- how files spell "every address"
_HINT = "write 8080:80, the node's port first"


def ports(value: Value) -> tuple[PortMapping, ...]:
    """Read a service's ports; each node's port only once."""
    found: list[PortMapping] = []
    for item in items(value):
        for port in attempt(item, _port) or ():
            if any(overlap(one, port) for one in found):
                item.refuse(f"{words(port)} is published twice")
                break
            found.append(port)
            if len(found) > MAX_PORTS:
                raise RefusedError(f"publishes more than {MAX_PORTS} ports")
    return tuple(found)


def reserved(published: Iterable[PortMapping]) -> tuple[str, ...]:
    """Return what the ports take of a node: `tcp/8080`, or `tcp/127.0.0.1:8080`."""
    return tuple(words(port) for port in published)


def words(port: PortMapping) -> str:
    """Return what a port takes of a node."""
    if port.host_ip in _EVERY:
        return f"{port.protocol}/{port.host}"
    address = f"[{port.host_ip}]" if ":" in port.host_ip else port.host_ip
    return f"{port.protocol}/{address}:{port.host}"


def overlap(one: PortMapping, other: PortMapping) -> bool:
    """Say whether both want the same port of a node."""
    if (one.protocol, one.host) != (other.protocol, other.host):
        return False
    return one.host_ip == other.host_ip or one.host_ip in _EVERY or other.host_ip in _EVERY


def _port(value: Value) -> tuple[PortMapping, ...]:
    return short_form(text(value)) if value.is_scalar else (_long_form(value),)


def short_form(written: str) -> tuple[PortMapping, ...]:
    """Return the ports of `[address:]host:container[/protocol]`, where both may be ranges."""
    rest, slash, word = written.partition("/")
    protocol = _PROTOCOLS.get(word if slash else "tcp")
    if protocol is None:
        raise RefusedError(f"{short(written)}: the protocol must be tcp or udp")
    host_ip, host, container = _pieces(written, rest)
    ours, theirs = _range(written, host), _range(written, container)
    if len(ours) != len(theirs):
        raise RefusedError(f"{short(written)}: the two ranges differ in length")
    if len(ours) > MAX_PORTS:
        raise RefusedError(f"{short(written)}: publishes more than {MAX_PORTS} ports")
    return tuple(
        PortMapping(host=one, container=other, protocol=protocol, host_ip=host_ip)
        for one, other in zip(ours, theirs, strict=True)
    )


def _pieces(written: str, rest: str) -> tuple[str, str, str]:
    """Return address, the node's and the container's ports as they are written."""
    if rest.startswith("["):
        address, closed, rest = rest[1:].partition("]:")
        if not closed:
            raise RefusedError(f"{short(written)}: an IPv6 address is written [::1]:8080:80")
        host_ip = address_of(address)
    elif rest.count(":") == 2:
        address, _, rest = rest.partition(":")
        host_ip = address_of(address)
    else:
        host_ip = ""
    host, colon, container = rest.partition(":")
    if not colon or not host:
        raise RefusedError(
            f"{short(written)} publishes no port of the node, which the hub must reserve: {_HINT}"
        )
    return host_ip, host, container


def address_of(written: str) -> str:
    """Return an IP address in its shortest form."""
    try:
        if "%" in written:
            raise ValueError("a scope is a matter of one node")
        return str(ipaddress.ip_address(written))
    except ValueError:
        raise RefusedError(f"{short(written)} is not an IP address") from None


def _range(written: str, piece: str) -> range:
    match = _RANGE.fullmatch(piece)
    if match is None:
        raise RefusedError(f"{short(written)}: {short(piece)} is not a port; {_HINT}")
    first, last = int(match[1]), int(match[2] or match[1])
    if not first <= last <= 65535:
        raise RefusedError(f"{short(written)}: {short(piece)} is not within 1 to 65535")
    return range(first, last + 1)


def _long_form(value: Value) -> PortMapping:
    section = Section(value, PORT)
    modes = {"host": "host"}
    section.get(
        "mode", choice(modes, {"ingress": "there is no load balancing between nodes"}), "host"
    )
    return PortMapping(
        host=section.need("published", whole(1, 65535), 1),
        container=section.need("target", whole(1, 65535), 1),
        protocol=section.get("protocol", choice(_PROTOCOLS), "tcp"),
        host_ip=section.get("host_ip", parsed(address_of), ""),
    )

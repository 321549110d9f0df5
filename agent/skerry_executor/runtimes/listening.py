"""Which ports of the box are taken, from the kernel's own tables. Pure.

https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

TABLES = {"tcp": ("tcp", "tcp6"), "udp": ("udp", "udp6")}
"""Files of /proc/net by protocol."""

_LISTENS = "0A"
_UNCONNECTED = "07"


def is_taken(tables: Iterable[str], port: int, host_ip: str) -> bool:
    """Say whether something waits on a port. `host_ip` empty: on any address."""
    wanted = _address(host_ip)
    for table in tables:
        for line in table.splitlines()[1:]:
            fields = line.split()
            if len(fields) < 4 or fields[3] not in (_LISTENS, _UNCONNECTED):
                continue
            address, _, number = fields[1].partition(":")
            if int(number, 16) != port:
                continue
            found = _read(address)
            if wanted is None or found.is_unspecified or found == wanted:
                return True
    return False


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if not text:
        return None
    found = ipaddress.ip_address(text)
    return None if found.is_unspecified else found


def _read(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the address of a line: words of four bytes, as the machine has them in memory."""
    raw = bytes.fromhex(text)
    words = [raw[at : at + 4][::-1] for at in range(0, len(raw), 4)]
    found = ipaddress.ip_address(b"".join(words))
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found

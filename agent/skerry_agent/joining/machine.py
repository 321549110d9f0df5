"""What tells this machine from another one, as digests: serial numbers and permanent addresses.

A disk that was copied, or moved, is known by it: nothing that was noted at the join is found again.
The digests are salted with the node's id, so that nobody can look for one machine in many fleets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from skerry_agent.host import Host

_DMI = "/sys/class/dmi/id"
_DMI_FIELDS = ("product_uuid", "board_serial", "product_serial")
"""Only root may read them: they are found at a join, and seldom by a running agent."""
_TREES = ("/sys/firmware/devicetree/base", "/proc/device-tree")
_NET = "/sys/class/net"
PERMANENT = "0"
"""What the kernel says of an address that the hardware has of its own."""
MOST = 64

_NOBODYS = frozenset(
    {
        "",
        "none",
        "default string",
        "to be filled by o.e.m.",
        "system serial number",
        "not specified",
        "not applicable",
        "unknown",
        "invalid",
        "o.e.m.",
        "n/a",
    }
)
"""What firmware says of what its maker did not fill in: the same on many machines."""


def traits(host: Host, node: str) -> tuple[str, ...]:
    """Return a digest of each thing that this machine alone should have."""
    found = {_digest(node, kind, value) for kind, value in _readings(host)}
    return tuple(sorted(found))[:MOST]


def is_another(noted: Iterable[str], found: Iterable[str]) -> bool:
    """Say whether nothing of what is found was noted; never where either is empty."""
    before, now = set(noted), set(found)
    return bool(before and now) and not before & now


def _digest(node: str, kind: str, value: str) -> str:
    return hashlib.sha256(f"{node}\n{kind}\n{value}".encode()).hexdigest()[:16]


def _readings(host: Host) -> Iterator[tuple[str, str]]:
    for field in _DMI_FIELDS:
        value = (host.text(f"{_DMI}/{field}") or "").strip().lower()
        if not _is_nobodys(value):
            yield field, value
    for tree in _TREES:
        value = (host.text(f"{tree}/serial-number") or "").strip("\0\n ").lower()
        if not _is_nobodys(value):
            yield "device-tree", value
            break
    for name in host.entries(_NET):
        folder = f"{_NET}/{name}"
        kind = (host.text(f"{folder}/addr_assign_type") or "").strip()
        address = (host.text(f"{folder}/address") or "").strip().lower()
        if kind == PERMANENT and host.exists(f"{folder}/device") and _is_hardwares(address):
            yield "address", address


def _is_nobodys(value: str) -> bool:
    letters = set(value) - set("-: .")
    return value in _NOBODYS or len(letters) <= 1 or value == "0123456789"


def _is_hardwares(address: str) -> bool:
    """Say whether an address is one that a maker gives, for one interface alone."""
    try:
        first = int(address[:2], 16)
    except ValueError:
        return False
    return len(address) == 17 and not first & 3 and not _is_nobodys(address)

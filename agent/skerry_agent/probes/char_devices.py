"""Character device nodes by the device that they belong to: what a container would be given.

The kernel lists every one in a folder, with its place in the tree of devices. Disks are left out:
they are block devices.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from skerry_agent.host import Host
from skerry_agent.probes.kernel_text import pairs
from skerry_wire.bus import natural, owner_of
from skerry_wire.frozen import frozen

NODES = "/sys/dev/char"
_NUMBER = re.compile(r"[0-9]{1,5}:[0-9]{1,8}\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/!-]{0,120}\Z")


@frozen()
class CharDevice:
    """One node: its number (`188:0`), its place in the tree, and the address of its device."""

    number: str
    place: str
    owner: str


def read(host: Host) -> tuple[CharDevice, ...]:
    """Return the nodes that belong to a device on PCI or USB."""
    return tuple(_each(host))


def _each(host: Host) -> Iterator[CharDevice]:
    for number in host.entries(NODES):
        place = host.target(f"{NODES}/{number}") if _NUMBER.match(number) else None
        owner = owner_of(place) if place else None
        if place and owner:
            yield CharDevice(number, place, owner)


def paths(host: Host, nodes: tuple[CharDevice, ...], owner: str) -> tuple[str, ...]:
    """Return the paths of the nodes of one device, as the kernel names them, in natural order."""
    found = []
    for node in nodes:
        if node.owner == owner:
            name = pairs(host.text(f"{node.place}/uevent")).get("DEVNAME", "")
            if _NAME.match(name) and ".." not in name:
                found.append(f"/dev/{name}")
    return tuple(sorted(found, key=natural))


def sign_of(nodes: tuple[CharDevice, ...], owner: str) -> str:
    """Return what changes when a device gets other nodes, as when it is plugged anew."""
    return " ".join(sorted(f"{one.number}={one.place}" for one in nodes if one.owner == owner))

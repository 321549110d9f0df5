"""Looks vendors and devices up in the lists `pci.ids` and `usb.ids`, where the box has them.

The lists are searched as they are, without being parsed: a box has few devices, a list 30,000.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

from skerry_agent.host import Host
from skerry_agent.probes.kernel_text import short

FOLDERS = ("/usr/share/misc", "/usr/share/hwdata", "/var/lib/usbutils")
MAX_LIST_BYTES = 8 * 1024 * 1024
_NEXT_VENDOR = re.compile(rb"\n[^\t#\n]")


@dataclasses.dataclass(frozen=True, slots=True)
class Names:
    """The names of a vendor and of one of its devices."""

    vendor: str | None = None
    device: str | None = None


UNNAMED = Names()


def read(
    host: Host, list_name: str, wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Names]:
    """Return the names of the wanted (vendor, device) ids that the box's list knows."""
    pairs = tuple(sorted(set(wanted)))
    places = (f"{folder}/{list_name}" for folder in FOLDERS)
    place = next((place for place in places if host.kind(place) == "file"), None)
    if place is None or not pairs:
        return {}
    key = place, host.stamp(place), pairs
    known = host.remembered(key)
    if isinstance(known, dict):
        return known
    content = host.read(place, MAX_LIST_BYTES)
    if not isinstance(content, bytes):
        return {}
    found = {pair: look_up(content, *pair) for pair in pairs}
    host.remember(key, found)
    return found


def look_up(content: bytes, vendor: str, device: str) -> Names:
    """Return what a list says of one device: vendors at the margin, devices behind one tab."""
    start = content.find(b"\n%s  " % vendor.encode("ascii"))
    if start < 0:
        return UNNAMED
    end = content.find(b"\n", start + 1)
    vendor_name = _name(content, start + 1)
    after = _NEXT_VENDOR.search(content, end)
    block_end = after.start() if after else len(content)
    found = content.find(b"\n\t%s  " % device.encode("ascii"), end, block_end)
    return Names(vendor_name, _name(content, found + 2) if found >= 0 else None)


def _name(content: bytes, start: int) -> str | None:
    end = content.find(b"\n", start)
    return short(content[start:end][6:].decode("utf-8", "replace")) if end > start else None

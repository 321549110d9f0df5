"""Looks vendors and devices up in the lists that the box has: udev's hwdb.bin, pci.ids, usb.ids.

hwdb.bin comes first: every box with udev has one, stable releases bring it up to date (Debian 12's
knows devices that its pci.ids does not), and it is a tree, in which one name costs microseconds.
What it leaves unnamed is looked up in the texts, which are searched as they are, without being
parsed: a box has few devices, a list 30,000.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from skerry_agent.host import Host
from skerry_agent.probes import hwdb
from skerry_agent.probes.kernel_text import short
from skerry_wire.frozen import frozen

FOLDERS = ("/usr/share/misc", "/usr/share/hwdata", "/var/lib/usbutils")
MAX_LIST_BYTES = 8 * 1024 * 1024
_NEXT_VENDOR = re.compile(rb"\n[^\t#\n]")

Ids = tuple[str, str]
"""Vendor and device, in hexadecimal."""


@frozen()
class Names:
    """The names of a vendor and of one of its devices."""

    vendor: str | None = None
    device: str | None = None


UNNAMED = Names()


def read(host: Host, bus: str, wanted: Iterable[Ids]) -> dict[Ids, Names]:
    """Return the names of the wanted ids on a bus, `pci` or `usb`, that the box's lists know."""
    ids = tuple(sorted(set(wanted)))
    places = (f"{folder}/{bus}.ids" for folder in FOLDERS)
    text = next((place for place in places if host.kind(place) == "file"), None)
    database = hwdb.place_of(host)
    if not ids or (text is None and database is None):
        return {}
    key = bus, text and host.stamp(text), database and host.stamp(database), ids
    known = host.remembered(key)
    if isinstance(known, dict):
        return known
    found = _in_database(host, database, bus, ids) if database is not None else {}
    unnamed = tuple(pair for pair in ids if not _is_whole(found.get(pair)))
    for pair, names in (_in_text(host, text, unnamed) if text is not None else {}).items():
        before = found.get(pair, UNNAMED)
        found[pair] = Names(before.vendor or names.vendor, before.device or names.device)
    host.remember(key, found)
    return found


def _is_whole(names: Names | None) -> bool:
    return names is not None and names.vendor is not None and names.device is not None


def _in_database(host: Host, place: str, bus: str, ids: tuple[Ids, ...]) -> dict[Ids, Names]:
    return {pair: Names(*names) for pair, names in hwdb.look_up(host, place, bus, ids).items()}


def _in_text(host: Host, place: str, ids: tuple[Ids, ...]) -> dict[Ids, Names]:
    content = host.read(place, MAX_LIST_BYTES) if ids else b""
    return dict(look_up(content, ids)) if isinstance(content, bytes) else {}


def look_up(content: bytes, ids: Iterable[Ids]) -> Iterator[tuple[Ids, Names]]:
    """Yield what a list says of devices: vendors at the margin, devices behind one tab."""
    for vendor, pairs in itertools.groupby(sorted(ids), lambda pair: pair[0]):
        block = _block(content, vendor)
        if block is None:
            continue
        vendor_name = _name(block)
        for pair in pairs:
            found = block.find(b"\n\t%s  " % pair[1].encode("ascii"))
            device_name = _name(block[found + 2 : found + 1024]) if found >= 0 else None
            yield pair, Names(vendor_name, device_name)


def _block(content: bytes, vendor: str) -> bytes | None:
    """Return a vendor's row and all rows below it."""
    mark = b"%s  " % vendor.encode("ascii")
    start = 0 if content.startswith(mark) else content.find(b"\n" + mark) + 1
    if not content.startswith(mark, start):
        return None
    after = _NEXT_VENDOR.search(content, start)
    return content[start : after.start() if after else None]


def _name(row: bytes) -> str | None:
    """Return the name in a row that begins with four digits and two blanks."""
    return short(row.partition(b"\n")[0][6:1024].decode("utf-8", "replace"))

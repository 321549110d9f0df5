"""Looks vendors and devices up in udev's hardware database, `hwdb.bin`.

The file is a trie over patterns such as `pci:v00008086d00001533*`, as systemd's hwdb-internal.h
lays it out; all numbers are little-endian. Only the patterns that name one vendor or one device
are looked up, letter by letter, so no wildcard is ever matched. The file may be damaged or made
to harm: whatever does not fit its own length says nothing, and every walk is bounded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from skerry_agent.host import Host
from skerry_agent.probes.kernel_text import short

PLACES = ("/etc/udev/hwdb.bin", "/usr/lib/udev/hwdb.bin", "/lib/udev/hwdb.bin")
"""In udev's own order: the administrator's replaces the distribution's."""

VENDOR = b" ID_VENDOR_FROM_DATABASE"
DEVICE = b" ID_MODEL_FROM_DATABASE"

Piece = Callable[[int, int], bytes]
Node = tuple[bytes, dict[int, int], int, int]
"""Text before the branches, offset of the node behind each letter, offset and count of values."""

_SIGNATURE = b"KSLPHHRH"
_HEADER = struct.Struct("<8s9Q")
_NODE = struct.Struct("<QB7xQ")
_CHILD = struct.Struct("<B7xQ")
_VALUE = struct.Struct("<QQ")
MAX_TEXT = 256
MAX_CHILDREN = 256
MAX_VALUES = 64
MAX_NODES = 8192
"""Most nodes that one run looks at; 300 functions need some 1,200."""


class Database:
    """One opened hwdb.bin. Nodes that were read are kept, since most keys begin alike."""

    def __init__(self, piece: Piece) -> None:
        self._piece = piece
        self._nodes: dict[int, Node | None] = {}
        header = piece(0, _HEADER.size)
        fields = _HEADER.unpack(header) if len(header) == _HEADER.size else (b"",) + (0,) * 9
        _, _, self._size, _, self._node_size, self._child_size, self._value_size = fields[:7]
        self._root = fields[7]
        self.is_one = (
            fields[0] == _SIGNATURE
            and _NODE.size <= self._node_size <= MAX_TEXT
            and _CHILD.size <= self._child_size <= MAX_TEXT
            and _VALUE.size <= self._value_size <= MAX_TEXT
        )

    def properties(self, pattern: bytes, wanted: tuple[bytes, ...]) -> tuple[str | None, ...]:
        """Return the wanted properties of exactly this pattern, None for those it does not have."""
        node = self._find(pattern) if self.is_one else None
        values = self._values(node) if node is not None else {}
        return tuple(values.get(key) for key in wanted)

    def _find(self, pattern: bytes) -> Node | None:
        offset, at = self._root, 0
        while True:
            node = self._node(offset)
            # Every step takes at least one letter of the pattern, so this ends.
            if node is None or not pattern.startswith(node[0], at):
                return None
            at += len(node[0])
            if at == len(pattern):
                return node
            below = node[1].get(pattern[at])
            if below is None:
                return None
            offset, at = below, at + 1

    def _node(self, offset: int) -> Node | None:
        if offset not in self._nodes:
            if len(self._nodes) >= MAX_NODES:
                return None
            self._nodes[offset] = self._read_node(offset)
        return self._nodes[offset]

    def _read_node(self, offset: int) -> Node | None:
        head = self._at(offset, 512)
        if len(head) < _NODE.size:
            return None
        prefix, children, values = _NODE.unpack_from(head)
        begin = offset + self._node_size
        length = children * self._child_size
        if self._node_size + length <= len(head):
            table = head[self._node_size : self._node_size + length]
        else:
            table = self._at(begin, length)
        text = self._text(prefix) if prefix else b""
        if len(table) < length or text is None:
            return None
        rows = (_CHILD.unpack_from(table, i * self._child_size) for i in range(children))
        return text, dict(rows), begin + length, min(values, MAX_VALUES)

    def _values(self, node: Node) -> dict[bytes, str | None]:
        _, _, offset, count = node
        found: dict[bytes, str | None] = {}
        table = self._at(offset, count * self._value_size)
        for place in range(0, len(table) - self._value_size + 1, self._value_size):
            key, value = _VALUE.unpack_from(table, place)
            name = self._text(key)
            if name in (VENDOR, DEVICE):
                text = self._text(value)
                found[name] = short(text.decode("utf-8", "replace")) if text is not None else None
        return found

    def _text(self, offset: int) -> bytes | None:
        text, end, _ = self._at(offset, MAX_TEXT).partition(b"\0")
        return text if end else None

    def _at(self, offset: int, size: int) -> bytes:
        return self._piece(offset, size) if 0 < offset < self._size else b""


def place_of(host: Host) -> str | None:
    """Return where the box has a database, None when it has none."""
    return next((place for place in PLACES if host.kind(place) == "file"), None)


def look_up(
    host: Host, place: str, bus: str, wanted: tuple[tuple[str, str], ...]
) -> dict[tuple[str, str], tuple[str | None, str | None]]:
    """Return the names of vendor and device of each (vendor, device) id on a bus: pci or usb."""
    with host.pieces(place) as piece:
        if piece is None:
            return {}
        database = Database(piece)
        found = {}
        for vendor, device in wanted:
            of_vendor, of_device = _patterns(bus, vendor.upper(), device.upper())
            (maker,) = database.properties(of_vendor, (VENDOR,))
            (model,) = database.properties(of_device, (DEVICE,))
            found[vendor, device] = maker, model
        return found


def _patterns(bus: str, vendor: str, device: str) -> tuple[bytes, bytes]:
    wide = 8 if bus == "pci" else 4
    begin = f"{bus}:v{vendor.rjust(wide, '0')}"
    middle = "d" if bus == "pci" else "p"
    return f"{begin}*".encode(), f"{begin}{middle}{device.rjust(wide, '0')}*".encode()

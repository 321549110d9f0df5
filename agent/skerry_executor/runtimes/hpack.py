"""Header compression of HTTP/2 as far as gRPC needs it. Pure.

What is sent is never compressed; what a server sends may be, in every way that the standard has,
except that its text is printable ASCII, as gRPC says. https://www.rfc-editor.org/rfc/rfc7541
"""

from __future__ import annotations

import collections
from collections.abc import Iterable

MAX_TABLE_BYTES = 4096
_ENTRY_BYTES = 32

_STATIC_STATUS = {8: "200", 9: "204", 10: "206", 11: "304", 12: "400", 13: "404", 14: "500"}
_STATIC_ENTRIES = 61

_LENGTHS = {
    5: "012aceiost",
    6: " %-./3456789=A_bdfghlmnpru",
    7: ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz",
    8: "&*,;XZ",
    10: '!"()?',
    11: "'+|",
    12: "#>",
    13: "\0$@[]~",
    14: "^}",
    15: "<`{",
    19: "\\",
}
"""Appendix B: its code is canonical, so that the lengths in bits say all of it."""


class HpackError(ValueError):
    """A header block that cannot be read."""


def encode(headers: Iterable[tuple[str, str]]) -> bytes:
    """Return a header block whose fields are written out, and never indexed."""
    out = bytearray()
    for name, value in headers:
        out.append(0x10)
        for part in (name.encode(), value.encode()):
            out += _integer(len(part), 7) + part
    return bytes(out)


class Decoder:
    """Reads the header blocks of one connection, in the order in which they come."""

    def __init__(self) -> None:
        """The table begins empty."""
        self._table: collections.deque[tuple[str, str]] = collections.deque()
        self._most = MAX_TABLE_BYTES

    def decode(self, block: bytes) -> dict[str, str]:
        """Return the fields of a block, by name. Raises HpackError."""
        found: dict[str, str] = {}
        at = 0
        try:
            while at < len(block):
                byte = block[at]
                if byte & 0x80:
                    index, at = _read_integer(block, at, 7)
                    name, value = self._entry(index)
                elif byte & 0xE0 == 0x20:
                    self._most, at = _read_integer(block, at, 5)
                    self._evict()
                    continue
                else:
                    kept = bool(byte & 0x40)
                    index, at = _read_integer(block, at, 6 if kept else 4)
                    name, at = (self._entry(index)[0], at) if index else _read_text(block, at)
                    value, at = _read_text(block, at)
                    if kept:
                        self._table.appendleft((name, value))
                        self._evict()
                found[name] = value
        except IndexError:
            raise HpackError("the headers end within a field") from None
        return found

    def _entry(self, index: int) -> tuple[str, str]:
        if index > _STATIC_ENTRIES:
            return self._table[index - _STATIC_ENTRIES - 1]
        if index in _STATIC_STATUS:
            return ":status", _STATIC_STATUS[index]
        # No other field of the static table means anything to a client of gRPC.
        return f"static-{index}", ""

    def _evict(self) -> None:
        if self._most > MAX_TABLE_BYTES:
            raise HpackError("the table is larger than was agreed")
        while sum(_ENTRY_BYTES + len(n) + len(v) for n, v in self._table) > self._most:
            self._table.pop()


def _integer(value: int, bits: int) -> bytes:
    most = 2**bits - 1
    if value < most:
        return bytes([value])
    out = bytearray([most])
    value -= most
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_integer(block: bytes, at: int, bits: int) -> tuple[int, int]:
    most = 2**bits - 1
    value = block[at] & most
    at += 1
    if value < most:
        return value, at
    for place in range(5):
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at
    raise HpackError("a number is too long")


def _read_text(block: bytes, at: int) -> tuple[str, int]:
    packed = bool(block[at] & 0x80)
    length, at = _read_integer(block, at, 7)
    if at + length > len(block):
        raise HpackError("the headers end within a text")
    raw = block[at : at + length]
    return _unpacked(raw) if packed else raw.decode("latin-1"), at + length


def _unpacked(raw: bytes) -> str:
    codes = _codes()
    out: list[str] = []
    length = code = 0
    for byte in raw:
        for bit in range(7, -1, -1):
            code = code << 1 | byte >> bit & 1
            length += 1
            character = codes.get((length, code))
            if character is not None:
                out.append(character)
                length = code = 0
    # What is left are the first bits of the end's own code, which are ones.
    if length > 7 or code != 2**length - 1:
        raise HpackError("a text is not printable")
    return "".join(out)


def _codes() -> dict[tuple[int, int], str]:
    found: dict[tuple[int, int], str] = {}
    code = before = 0
    for length, characters in _LENGTHS.items():
        code <<= length - before
        before = length
        for character in characters:
            found[length, code] = character
            code += 1
    return found

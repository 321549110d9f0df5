"""Protocol buffers as far as containerd's and the CRI's messages need them: fields by number.

Pure. What is written is a concatenation of fields; what is read is `Fields`, whose missing fields
have their type's zero, as proto3 says. https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_VARINT, _BYTES = 0, 2
_MASK = 2**64 - 1


class ProtobufError(ValueError):
    """Bytes that are no message."""


def number(field: int, value: int) -> bytes:
    """Return an integer, a boolean or an enumeration; nothing for zero."""
    return _varint(field << 3 | _VARINT) + _varint(value & _MASK) if value else b""


def data(field: int, value: bytes) -> bytes:
    """Return bytes, or a message within a message; an empty one too."""
    return _varint(field << 3 | _BYTES) + _varint(len(value)) + value


def text(field: int, value: str) -> bytes:
    """Return a string; nothing for an empty one."""
    return data(field, value.encode()) if value else b""


def texts(field: int, values: Iterable[str]) -> bytes:
    """Return a repeated string."""
    return b"".join(data(field, value.encode()) for value in values)


def text_map(field: int, values: Mapping[str, str]) -> bytes:
    """Return a map of strings to strings."""
    return b"".join(data(field, text(1, key) + text(2, values[key])) for key in sorted(values))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Fields:
    """A message that was read. A field of another type than it is asked for is an error."""

    def __init__(self, message: bytes) -> None:
        """Take the message apart. Raises ProtobufError."""
        self._found: dict[int, list[int | bytes]] = {}
        at = 0
        while at < len(message):
            key, at = _read_varint(message, at)
            value: int | bytes
            match key & 7:
                case 0:
                    value, at = _read_varint(message, at)
                case 1:
                    value, at = _read_bytes(message, at, 8)
                case 2:
                    length, at = _read_varint(message, at)
                    value, at = _read_bytes(message, at, length)
                case 5:
                    value, at = _read_bytes(message, at, 4)
                case kind:
                    raise ProtobufError(f"field {key >> 3} has the unknown form {kind}")
            self._found.setdefault(key >> 3, []).append(value)

    def number(self, field: int) -> int:
        """Return an integer that is never negative."""
        value = self._found.get(field, [0])[-1]
        if not isinstance(value, int):
            raise ProtobufError(f"field {field} is not a number")
        return value

    def signed(self, field: int) -> int:
        """Return an integer that may be negative."""
        value = self.number(field)
        return value - 2**64 if value >= 2**63 else value

    def text(self, field: int) -> str:
        """Return a string."""
        return self.data(field).decode(errors="replace")

    def data(self, field: int) -> bytes:
        """Return bytes."""
        values = self._all(field)
        return values[-1] if values else b""

    def message(self, field: int) -> Fields:
        """Return a message within; one without any field where there is none."""
        return Fields(self.data(field))

    def messages(self, field: int) -> tuple[Fields, ...]:
        """Return a repeated message."""
        return tuple(Fields(one) for one in self._all(field))

    def datas(self, field: int) -> tuple[bytes, ...]:
        """Return repeated bytes, or repeated messages as they came."""
        return tuple(self._all(field))

    def texts(self, field: int) -> tuple[str, ...]:
        """Return a repeated string."""
        return tuple(one.decode(errors="replace") for one in self._all(field))

    def text_map(self, field: int) -> dict[str, str]:
        """Return a map of strings to strings."""
        return {entry.text(1): entry.text(2) for entry in self.messages(field)}

    def has(self, field: int) -> bool:
        """Say whether the field is there."""
        return field in self._found

    def _all(self, field: int) -> list[bytes]:
        values = self._found.get(field, [])
        found = [value for value in values if isinstance(value, bytes)]
        if len(found) != len(values):
            raise ProtobufError(f"field {field} is a number")
        return found


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        if at + place >= len(message):
            raise ProtobufError("the message ends within a number")
        byte = message[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value & _MASK, at + place + 1
    raise ProtobufError("a number is too long")


def _read_bytes(message: bytes, at: int, length: int) -> tuple[bytes, int]:
    if at + length > len(message):
        raise ProtobufError("the message ends within a field")
    return message[at : at + length], at + length

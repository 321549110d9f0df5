"""Bytes to messages and back. Nothing that arrives is used before it has passed through here."""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

import msgpack

from skerry_wire.errors import WireError
from skerry_wire.schema import Check, Plain, reader, writer

MAX_MESSAGE_BYTES = 256 * 1024
"""Largest message of any kind, checked before decoding."""

MAX_ELEMENTS = 4096
"""Most elements of any list or map.

msgpack reserves room for as many elements as a header claims before it reads one, and nests 511
deep: this keeps that below 20 MiB.
"""

SCHEMA_VERSION = "1"
CONTENT_TYPE = "application/msgpack"

M = TypeVar("M")


# Compiled once per message class, at its first use.
_readers: dict[tuple[type, bool], Check] = {}
_writers: dict[tuple[type, bool], Plain] = {}


def _refuse_extension(code: int, _data: bytes) -> Any:
    raise WireError("", f"has the msgpack extension type {code}, which no message uses")


def encode(message: Any) -> bytes:
    """Return the bytes of a message; equal messages give equal bytes.

    Raises WireError when it is larger than MAX_MESSAGE_BYTES.
    """
    data = pack(message)
    if len(data) > MAX_MESSAGE_BYTES:
        raise WireError("", f"is {len(data)} bytes, more than {MAX_MESSAGE_BYTES}")
    return data


def pack(message: Any) -> bytes:
    """Return the bytes of a message of any size."""
    return msgpack.packb(to_plain(message), use_bin_type=True)  # type: ignore[no-any-return]


def decode(kind: type[M], data: bytes, *, strict: bool = False, most: int = MAX_MESSAGE_BYTES) -> M:
    """Return the message of `kind` that the bytes hold, or raise WireError.

    `strict` refuses unknown fields. `most` is the largest number of bytes that is looked at.
    """
    return from_plain(kind, unpack(data, most), strict=strict)


def unpack(data: bytes, most: int = MAX_MESSAGE_BYTES) -> Any:
    """Return plain data, not yet checked against any schema. Raises WireError."""
    if len(data) > most:
        raise WireError("", f"is {len(data)} bytes, more than {most}")
    try:
        return msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            max_array_len=MAX_ELEMENTS,
            max_map_len=MAX_ELEMENTS,
            max_ext_len=0,
            ext_hook=_refuse_extension,
        )
    except WireError:
        raise
    except Exception as error:  # noqa: BLE001
        # msgpack raises ValueError, its own subclasses, UnicodeDecodeError, TypeError, ...
        words = f"{type(error).__name__} {str(error)[:80]}".rstrip()
        raise WireError("", f"is not msgpack: {words}") from None


def to_plain(message: Any, *, nulls: bool = False) -> Any:
    """Return a message as maps, lists and scalars, keys as on the wire.

    What is None is left out, unless `nulls` asks for it.
    """
    kind = type(message), nulls
    write = _writers.get(kind)
    if write is None:
        write = _writers[kind] = writer(kind[0], nulls)
    return write(message)


def from_plain(kind: type[M], plain: Any, *, strict: bool = False) -> M:
    """Return the message of `kind` that plain data (of msgpack or JSON) holds, or raise."""
    read = _readers.get((kind, strict))
    if read is None:
        read = _readers[kind, strict] = reader(kind, strict)
    return read(plain)  # type: ignore[no-any-return]


def revision_of(content: Any) -> str:
    """Return 16 hexadecimal digits that tell this content from any other of its kind."""
    return hashlib.sha256(pack(content)).hexdigest()[:16]

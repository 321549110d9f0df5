"""A program's output as podman and docker send it, in frames that tell their stream. Pure.

A frame is eight bytes (the stream, three zeros, the length, big-endian) and then its bytes:
https://docs.docker.com/engine/api/v1.41/#tag/Container/operation/ContainerAttach
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Literal

from skerry_executor.runtimes.base import Written
from skerry_wire.frozen import frozen

_HEADER = struct.Struct(">B3xI")
_STREAMS: dict[int, Literal["out", "err"]] = {0: "out", 1: "out", 2: "err", 3: "err"}
"""3: what the runtime itself has to say."""


class StreamError(ValueError):
    """The bytes are no frames."""


@frozen()
class Part:
    """A part of a frame; the first one `begins` it."""

    stream: Literal["out", "err"]
    data: bytes
    begins: bool


def frames(pieces: Iterable[bytes]) -> Iterator[Written]:
    """Yield what was written, piece by piece as it comes. Raises StreamError as `parts` does."""
    return (Written(part.stream, part.data) for part in parts(pieces))


def parts(pieces: Iterable[bytes]) -> Iterator[Part]:
    """Yield the parts of frames as they come: no frame is kept until it is whole.

    Raises StreamError where something else comes, or the end in the midst of a header.
    """
    header, left, stream, begins = b"", 0, _STREAMS[1], True
    for piece in pieces:
        at = 0
        while at < len(piece):
            if left:
                part = piece[at : at + left]
                at += len(part)
                left -= len(part)
                yield Part(stream, part, begins)
                begins = False
                continue
            taken = piece[at : at + _HEADER.size - len(header)]
            at += len(taken)
            header += taken
            if len(header) == _HEADER.size:
                stream, left = _understood(header)
                header, begins = b"", True
    if header or left:
        raise StreamError("it ends in the midst of a frame")


def _understood(header: bytes) -> tuple[Literal["out", "err"], int]:
    number, length = _HEADER.unpack(header)
    if number not in _STREAMS or header[1:4] != bytes(3):
        raise StreamError(f"{header.hex()} is not the header of a frame")
    return _STREAMS[number], length

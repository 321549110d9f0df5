"""Answers to requests about instances, and input of sessions: sealed, numbered, in order. Pure.

Hub and executor alone have the key, which the hub draws for one request and sends within it, sealed
as all of it to the executor's own key. Each piece is sealed with ChaCha20-Poly1305 (RFC 8439)
under a nonce of its direction and number, so that none can be made, changed, left out, brought
twice or out of order by whoever is between. The cipher itself is a function that is given: this
package has none.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.messages import MAX_PIECE_BYTES, Terminal
from skerry_wire.schema import Items, Range, Sparse
from skerry_wire.types import Count, Line

KEY_BYTES = 32
MAX_INPUT_BYTES = 8 * 1024
"""Most bytes of input in a piece: on a link of 56 kbit/s it takes a second."""
MAX_OUTPUT_BYTES = 8 * 1024
WINDOW = 8
"""Most pieces of input that the program may have before it: more wait at the hub."""
SILENCE_S = 60.0
"""How long after it last heard of the hub the executor ends a session. While nothing is typed,
empty input says that somebody still sits there."""

_NUMBER = struct.Struct(">Q")
_DIRECTIONS = {"in": b"in\0\0", "out": b"out\0"}

Direction = Literal["in", "out"]
Cipher = Callable[[bytes, bytes], bytes]
"""Seals, or opens, some bytes under a nonce of 12. One that opens raises ValueError."""
M = TypeVar("M")


@frozen(kw_only=True)
class SessionInput:
    """Something for the program: bytes, another size of its terminal, or the end of its input.

    Without any of these it only says that somebody is still there.
    """

    data: Annotated[bytes, Items(MAX_INPUT_BYTES)] = b""
    terminal: Terminal | None = None
    eof: bool = False

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing in it for the program."""
        return not (self.data or self.terminal or self.eof)


@frozen(kw_only=True)
class SessionOutput:
    """What a program or a log wrote, or, with the last, how it ended.

    `taken` counts the pieces of input that the program was given so far, empty ones left out.
    """

    data: Annotated[bytes, Items(MAX_OUTPUT_BYTES), Sparse()] = b""
    stream: Annotated[Literal["out", "err"], Sparse()] = "out"
    taken: Annotated[Count, Sparse()] = 0
    end: Annotated[bool, Sparse()] = False
    error: Annotated[Line, Sparse()] | None = None
    exit_code: Annotated[int, Range(-(2**31), 2**31 - 1), Sparse()] | None = None


class SessionError(Exception):
    """A piece that ends the session; says why."""


class Sealer:
    """Seals what goes one way."""

    def __init__(self, direction: Direction, seal: Cipher) -> None:
        self._direction = _DIRECTIONS[direction]
        self._seal = seal
        self._next = 0

    def sealed(self, message: SessionInput | SessionOutput) -> bytes:
        """Return the next piece."""
        number = _NUMBER.pack(self._next)
        self._next += 1
        return number + self._seal(self._direction + number, codec.encode(message))


class Opener:
    """Opens what came that way: each piece once, and in its turn."""

    def __init__(self, direction: Direction, unseal: Cipher) -> None:
        self._direction = _DIRECTIONS[direction]
        self._unseal = unseal
        self._next = 0

    def opened(self, kind: type[M], piece: bytes) -> M | None:
        """Return the message of a piece; None where a piece of that number was taken before.

        A broker may bring one twice, which is no harm. Raises SessionError at any other piece than
        the next.
        """
        if not _NUMBER.size < len(piece) <= MAX_PIECE_BYTES:
            raise SessionError(f"a piece is of {len(piece)} bytes")
        number = piece[: _NUMBER.size]
        (came,) = _NUMBER.unpack(number)
        if came < self._next:
            return None
        if came > self._next:
            raise SessionError(f"piece {self._next} is missing: {came} came")
        try:
            data = self._unseal(self._direction + number, piece[_NUMBER.size :])
        except ValueError:
            raise SessionError(f"piece {came} was not sealed with the session's key") from None
        try:
            message: Any = codec.decode(kind, data, strict=True, most=MAX_PIECE_BYTES)
        except WireError as error:
            raise SessionError(f"piece {came} cannot be read: {error}") from None
        self._next += 1
        return message  # type: ignore[no-any-return]

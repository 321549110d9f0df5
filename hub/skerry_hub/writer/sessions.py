"""The hub's end of a request to a box: seals what goes there, and opens what comes back.

Belongs to the API's event loop. The key of the answer is drawn here and goes to the box within the
sealed request, so that nobody between can read along, nor type. Of a session of `exec`, which takes
input meanwhile, a client that is silent for long is gone.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from nacl.exceptions import CryptoError
from nacl.public import PublicKey, SealedBox

from skerry_hub.model import Node
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError
from skerry_wire.messages import Reply
from skerry_wire.session import (
    KEY_BYTES,
    WINDOW,
    Opener,
    Sealer,
    SessionError,
    SessionInput,
    SessionOutput,
)

ROOM_S = 15.0
"""How long a piece of input waits for a program that does not read; then it is to come again."""
CLIENT_S = 45.0
"""How long a client may say nothing; it says at least that it is there, every few seconds."""


class Session:
    """One request. `id` is what the client of one with input knows it by, and nobody else."""

    def __init__(self, node: Node) -> None:
        """Draw the key. Raises RefusedError where the node cannot be sent one."""
        key = secrets.token_bytes(KEY_BYTES)
        cipher = ChaCha20Poly1305(key)

        def unseal(nonce: bytes, data: bytes) -> bytes:
            try:
                return cipher.decrypt(nonce, data, None)
            except InvalidTag:
                raise ValueError("it does not open") from None

        self.id = secrets.token_hex(16)
        self.key = key
        self.owner = ""
        """The token of who began it: nobody else may type."""
        self._box = _box_of(node)
        self._node = node.known_as
        self._sealer = Sealer("in", lambda nonce, data: cipher.encrypt(nonce, data, None))
        self._opener = Opener("out", unseal)
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Lock()
        self._room = asyncio.Event()
        self._send: Callable[[bytes], None] | None = None
        self._next = 0
        self._sent = 0
        self._taken = 0
        self._heard_at = self._loop.time()
        self.room_s = ROOM_S

    def sealed(self, request: bytes) -> bytes:
        """Return a request that only the node can open."""
        return bytes(self._box.encrypt(request))

    def begin(self, send: Callable[[bytes], None]) -> None:
        """Let input go; `send` raises RefusedError while there is no way to the box."""
        self._send = send

    def close(self) -> None:
        """Take no more input."""
        self._send = None
        self._room.set()

    async def put(self, number: int, message: SessionInput) -> None:
        """Pass on a piece of input; one that came before is nothing. Raises RefusedError.

        It waits while the program does not read.
        """
        self._heard_at = self._loop.time()
        async with self._turn:
            if number < self._next:
                return
            if number > self._next:
                raise RefusedError(409, Problem(reason=f"input {self._next} is to come first"))
            if not message.is_empty:
                await self._wait_for_room()
            if self._send is None:
                raise RefusedError(404, Problem(reason="the session has ended"))
            self._send(self._sealer.sealed(message))
            self._next += 1
            self._sent += not message.is_empty

    def check(self) -> None:
        """Raise RefusedError when the client is gone without a word."""
        if self._loop.time() - self._heard_at > CLIENT_S:
            reason = f"its client said nothing for {CLIENT_S:g} s"
            raise RefusedError(408, Problem(reason=reason))

    def read(self, reply: Reply) -> SessionOutput:
        """Return what a part of the answer says. Raises RefusedError."""
        if not reply.body:
            # What is said without the key is no more than words, and an end.
            return SessionOutput(end=True, error=reply.error or "it was broken off on the way")
        try:
            output = self._opener.opened(SessionOutput, reply.body)
        except SessionError as error:
            raise self._not_sealed(str(error)) from None
        if output is None:
            raise self._not_sealed("a piece came twice")
        self._taken = output.taken
        self._room.set()
        return output

    def _not_sealed(self, why: str) -> RefusedError:
        reason = f"the answer is not that of {self._node}: {why}"
        return RefusedError(502, Problem(reason=reason))

    async def _wait_for_room(self) -> None:
        until = self._loop.time() + self.room_s
        while self._sent - self._taken >= WINDOW and self._send is not None:
            self._room.clear()
            left_s = until - self._loop.time()
            try:
                await asyncio.wait_for(self._room.wait(), max(0.0, left_s))
            except TimeoutError:
                # Somebody is still there, whom the box must not take for gone.
                if self._send is not None:
                    self._send(self._sealer.sealed(SessionInput()))
                reason = "the program does not read what was typed before; try again"
                raise RefusedError(503, Problem(reason=reason)) from None


def _box_of(node: Node) -> SealedBox[PublicKey]:
    if node.sealing_key is None:
        reason = (
            f"the hub does not know the key of {node.known_as} yet, to which requests are sealed: "
            "its agent tells it once it has visited the executor (of an earlier version: update it)"
        )
        raise RefusedError(409, Problem(reason=reason))
    try:
        return SealedBox(PublicKey(node.sealing_key))
    except (CryptoError, ValueError, TypeError):
        raise RefusedError(
            409, Problem(reason=f"the sealing key of {node.known_as} is none")
        ) from None

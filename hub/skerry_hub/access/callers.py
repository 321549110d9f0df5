"""Who has shown a token: the tokens in memory, as new as those of the store.

Belongs to the API's event loop, but for `load`, and for `changed`, which another thread may call.
"""

from __future__ import annotations

import asyncio
import os
import pathlib
import threading
import time

import structlog

from skerry_hub.access import token_rows
from skerry_hub.access.tokens import Caller, Token, digest_of, id_of
from skerry_hub.store import Store
from skerry_hub.store_error import StoreError

log = structlog.get_logger("access")

STAMP = "access-changed"
"""A file of the data folder that is touched when tokens were changed beside the running hub."""
LOOK_AGAIN_S = 2.0
"""How old what is in memory may get, where another machine writes to the database."""


class Callers:
    """The valid tokens of one store."""

    def __init__(self, store: Store, stamp: pathlib.Path | None = None) -> None:
        """Read them. Raises StoreError."""
        self._store = store
        self._stamp = None if stamp is None else str(stamp)
        self._tokens: dict[str, Token] = {}
        self._callers: dict[str, Caller] = {}
        self._lock = threading.Lock()
        self._seen = 0
        self._read_at = 0.0
        self._reading: asyncio.Task[None] | None = None
        self.used_at: dict[str, float] = {}
        """When a token was last shown, by its id, since this hub's start."""
        self.load()

    def load(self) -> None:
        """Read the tokens anew. Raises StoreError."""
        with self._lock:
            seen = self._stamped()
            self._read_at = time.monotonic()
            with self._store.reading() as connection:
                tokens = token_rows.every(connection)
            self._callers = {
                digest: Caller(
                    name=one.name,
                    role=one.role,
                    scope=one.scope,
                    token=one.id,
                    expires_at=one.expires_at,
                )
                for digest, one in tokens.items()
                if one.revoked_at is None
            }
            self._tokens = tokens
            self._seen = seen

    async def find(self, text: str, now: float) -> Caller | None:
        """Return who has a token of this text, None where nobody has."""
        if self._stamp is not None and self._stamped() != self._seen:
            await self._load()
        elif time.monotonic() - self._read_at > LOOK_AGAIN_S and self._reading is None:
            # Nobody waits for it: a database that hangs must not silence the API.
            self._reading = asyncio.create_task(self._load_beside())
        if id_of(text) is None:
            return None
        caller = self._callers.get(digest_of(text))
        if caller is None or (caller.expires_at is not None and now >= caller.expires_at):
            return None
        self.used_at[caller.token] = now
        return caller

    def listed(self) -> list[Token]:
        """Return all tokens, those that open nothing any more too, by name."""
        return sorted(self._tokens.values(), key=lambda one: (one.name, one.created_at))

    async def _load_beside(self) -> None:
        try:
            await self._load()
        finally:
            self._reading = None

    async def _load(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(None, self.load)
        except StoreError as error:
            # Who could ask can ask on, to see what is wrong.
            log.error("tokens cannot be read: those that were known hold", reason=str(error))

    def _stamped(self) -> int:
        if self._stamp is None:
            return 0
        try:
            return os.stat(self._stamp).st_mtime_ns
        except OSError:
            return 0


def touch(stamp: pathlib.Path) -> None:
    """Have a hub that runs read its tokens before it answers anybody again. Raises OSError."""
    stamp.touch(mode=0o600)
    os.utime(stamp, ns=(time.time_ns(), time.time_ns()))

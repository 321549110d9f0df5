"""A connection to the API, held to time: who sends a head bit by bit, or reads no answer, goes.

uvicorn bounds the size of a head and how long a connection idles after an answer. It leaves open
how long the first byte, or the rest of a head, may take. A body's time is the guard's.
"""

from __future__ import annotations

import asyncio
import ipaddress

from uvicorn.protocols.http.h11_impl import H11Protocol

from skerry_hub.access.limits import network_of

HEAD_S = 15.0
"""How long it may take until a request's head is whole, from the connection or the last answer."""
STALLED_S = 120.0
"""How long a client may read nothing of an answer that waits for it."""
MOST_OF_ADDRESS = 256
"""Connections of one address at once, but of this machine: a server before the hub is there."""


class Connection(H11Protocol):
    """uvicorn's, which ends itself."""

    head_s = HEAD_S
    stalled_s = STALLED_S
    most_of_address = MOST_OF_ADDRESS
    _head: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        if self._is_one_too_many():
            transport.abort()
            return
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Take what came; the wait is over when a request has begun to be answered."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._end_head()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        if not self.transport.is_closing() and self._is_idle:
            self._wait_for_head()

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read."""
        super().pause_writing()
        self._end_stalled()
        self._stalled = self.loop.call_later(self.stalled_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that it reads."""
        super().resume_writing()
        self._end_stalled()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._end_head()
        self._end_stalled()
        super().connection_lost(exc)

    @property
    def _is_idle(self) -> bool:
        """Say whether no request is being answered: the next may have been there already."""
        return self.cycle is None or self.cycle.response_complete

    def _wait_for_head(self) -> None:
        self._end_head()
        self._head = self.loop.call_later(self.head_s, self.transport.abort)

    def _end_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _end_stalled(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _is_one_too_many(self) -> bool:
        address = self.client[0] if self.client else ""
        if not address or _is_here(address):
            return False
        asker = network_of(address)
        others = [getattr(one, "client", None) for one in self.connections]
        count = sum(1 for one in others if one and network_of(one[0]) == asker)
        return count > self.most_of_address


def _is_here(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False

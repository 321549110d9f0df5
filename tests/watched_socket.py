"""A socket that remembers who writes to it, for the MQTT links of both sides."""

from __future__ import annotations

import socket
import threading
from typing import Any


class WatchedSocket:
    """The socket of a connection, and which threads write to it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.writers: set[threading.Thread] = set()

    def send(self, data: bytes) -> int:
        """Send as the socket does."""
        self.writers.add(threading.current_thread())
        return self._connection.send(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

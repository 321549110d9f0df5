"""A relay on the loopback address that counts the bytes that pass through it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class Relay:
    """Passes each connection on to a port, and counts both directions together."""

    def __init__(self, to_port: int) -> None:
        """`port` is where to connect; `stop` ends it."""
        self.bytes = 0
        self.connected_at = 0.0
        """When somebody last connected, in seconds since 1970."""
        self._to_port = to_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.connected_at = time.time()
                far = socket.create_connection(("127.0.0.1", self._to_port))
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.bytes += len(data)
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def stop(self) -> None:
        """Take no more connections."""
        self._listener.close()

"""What is typed, on its way to a program that runs on a box: sent by a thread, one thing at a time.

While one is on its way, what is typed meanwhile is gathered, so a slow link makes no long queue.
Every few seconds it says that somebody is there, without which the session ends.
"""

from __future__ import annotations

import base64
import os
import select
import threading
import time
from typing import Any

from skerry_cli import terminal
from skerry_cli.failures import Failure, RefusedError
from skerry_cli.hub import Hub, path

PIECE_BYTES = 8 * 1024
KEEP_S = 10.0
AGAIN_S = 0.5
BUSY = 503
"""The program does not read; or the hub is away for a moment."""


class Sender:
    """Sends to one session, over a connection of its own."""

    def __init__(self, hub: Hub, *, stdin: bool, resized: int | None = None) -> None:
        """`stdin`: send what comes there, and its end. `resized` can be read after each change."""
        self._hub = hub
        self._stdin = stdin
        self._resized = resized
        self._number = 0
        self._where = ""

    def begin(self, session: str) -> None:
        """Begin to send, in a thread that ends with the program."""
        self._where = session
        threading.Thread(target=self._run, name="input", daemon=True).start()

    def _run(self) -> None:
        try:
            if not self._stdin and self._resized is None:
                self._put(eof=True)
            while True:
                self._put(**self._next())
        except (Failure, OSError, ValueError):
            # Whoever reads the answer is told how it ended.
            return

    def _next(self) -> dict[str, Any]:
        """Return what is to be sent next; nothing once it is time to say that somebody is there."""
        waited = [fd for fd in (terminal.STDIN if self._stdin else None, self._resized)
                  if fd is not None]  # fmt: skip
        ready = select.select(waited, [], [], KEEP_S)[0]
        if self._resized in ready and self._resized is not None:
            os.read(self._resized, 4096)
            columns, rows = terminal.size()
            return {"terminal": {"columns": columns, "rows": rows}}
        if terminal.STDIN in ready:
            data = os.read(terminal.STDIN, PIECE_BYTES)
            if data:
                return {"data": base64.b64encode(data).decode()}
            self._stdin = False
            return {"eof": True}
        return {}

    def _put(self, **body: Any) -> None:
        where = path("sessions", self._where, "input", str(self._number))
        while True:
            try:
                self._hub.put(where, body)
            except RefusedError as refused:
                if refused.status != BUSY:
                    raise
                time.sleep(AGAIN_S)
            else:
                self._number += 1
                return

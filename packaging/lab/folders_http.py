"""Folders over HTTP on a network of the lab's own, as a server of packages has them."""

from __future__ import annotations

import functools
import http.server
import pathlib
import threading
import urllib.parse
from typing import Any


class Folders:
    """`add` names a folder by the first element of its path. Nothing is said of who asks what."""

    def __init__(self, address: str) -> None:
        """Listen on a free port of an address, from now on."""
        self._places: dict[str, pathlib.Path] = {}
        handler = functools.partial(_Handler, self._places)
        self._server = http.server.ThreadingHTTPServer((address, 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://{address}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def add(self, name: str, place: pathlib.Path) -> str:
        """Serve a folder; return its address."""
        self._places[name] = place
        return f"{self.url}/{name}"

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, places: dict[str, pathlib.Path], *others: Any) -> None:
        self._places = places
        super().__init__(*others)

    def translate_path(self, path: str) -> str:
        name, _, rest = urllib.parse.unquote(path).lstrip("/").partition("/")
        place = self._places.get(name)
        if place is None or ".." in rest.split("/"):
            return "/nonexistent"
        return str(place / rest)

    def log_message(self, *_words: object) -> None:
        pass

"""A hub that answers what it is told to, over real HTTP, and notes what it was asked."""

import contextlib
import dataclasses
import email.utils
import http.server
import json
import threading
import time
import urllib.parse

from skerry_wire.codec import to_plain

NOW = 1_790_000_000.0
"""The time by the canned hub's clock, so that ages are always the same."""


@dataclasses.dataclass
class Asked:
    method: str
    path: str
    query: dict
    body: object
    headers: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Raw:
    """An answer byte by byte: the connection is closed after it."""

    data: bytes
    hold_s: float = 0.0
    """How long the connection stays open after the data."""
    drip: bool = False
    """Whether a byte comes every now and then meanwhile."""


@dataclasses.dataclass
class Status:
    """An answer with a status."""

    status: int
    body: object
    headers: dict = dataclasses.field(default_factory=dict)


def problems(status, *found):
    return Status(
        status, {"problems": [{"file": None, "line": None, "field": None, **one} for one in found]}
    )


def unknown(name):
    return problems(404, {"reason": f"there is no {name}"})


def plain(content):
    """Return views as the API writes them."""
    if isinstance(content, (list, tuple)):
        return {"items": [to_plain(item, nulls=True) for item in content]}
    if dataclasses.is_dataclass(content):
        return to_plain(content, nulls=True)
    return content


class CannedHub:
    """`answers` maps "GET /api/v1/nodes" to an answer, or to Answers that follow each other.

    An answer is a view, a list of views, plain JSON, Status or Raw; a function is called with
    what was Asked. The long poll works as the real one does: `change()` is one.
    """

    def __init__(self, context=None):
        self.answers = {"GET /api/v1/version": {"version": "9.9.9"}}
        self.asked = []
        self._lock = threading.Condition()
        self._change = 1
        self._ended = False
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def date_time_string(self, timestamp=None):
                return email.utils.formatdate(NOW, usegmt=True)

            def do_GET(self):
                with contextlib.suppress(ConnectionError):
                    hub.answer(self)

            do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request, client_address):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=lambda: self._server.serve_forever(poll_interval=0.02), daemon=True
        )
        self._thread.start()

    def stop(self):
        with self._lock:
            self._ended = True
            self._lock.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def change(self):
        with self._lock:
            self._change += 1
            self._lock.notify_all()

    def wait_asked(self, test, timeout=10):
        """Wait until something was asked that passes the test."""
        with self._lock:
            assert self._lock.wait_for(lambda: any(map(test, self.asked)), timeout), self.asked

    def answer(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        length = int(handler.headers.get("Content-Length") or 0)
        body = json.loads(handler.rfile.read(length)) if length else None
        asked = Asked(handler.command, url.path, dict(urllib.parse.parse_qsl(url.query)), body)
        asked.headers = dict(handler.headers)
        with self._lock:
            self.asked.append(asked)
            self._lock.notify_all()
        found = self._find(asked)
        if isinstance(found, Raw):
            handler.close_connection = True
            handler.wfile.write(found.data)
            handler.wfile.flush()
            end = time.monotonic() + found.hold_s
            while time.monotonic() < end:
                time.sleep(0.05)
                if found.drip:
                    handler.wfile.write(b" ")
                    handler.wfile.flush()
            return
        status, content = (found.status, found.body) if isinstance(found, Status) else (200, found)
        data = json.dumps(plain(content)).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        for name, text in found.headers.items() if isinstance(found, Status) else ():
            handler.send_header(name, text)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def _find(self, asked):
        name = f"{asked.method} {asked.path}"
        found = self.answers.get(name)
        if found is None and asked.path == "/api/v1/changes":
            return self._poll(int(asked.query["after"]), float(asked.query["timeout_s"]))
        if found is None:
            return unknown(urllib.parse.unquote(asked.path.rsplit("/", 1)[-1]))
        if isinstance(found, Answers):
            return found.next()
        return found(asked) if callable(found) else found

    def _poll(self, after, timeout_s):
        with self._lock:
            self._lock.wait_for(lambda: self._change != after or self._ended, timeout_s)
            return {"change": self._change}


class Answers:
    """Answers one after the other; the last stays."""

    def __init__(self, *answers):
        self._answers = list(answers)

    def next(self):
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

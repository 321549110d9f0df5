"""A stand-in for the executor: speaks its frames on a real socket, as a test tells it to.

The real one is held to the same in tests/executor.
"""

import contextlib
import pathlib
import queue
import socket
import tempfile
import threading

from skerry_wire import codec, local
from skerry_wire.local import ExecutorReply, ExecutorRequest


class FakeExecutor:
    """Hands each visit to `answer(request, visit)`, in a thread of its own."""

    def __init__(self, answer, path=None):
        # Unix sockets have short paths; pytest's folders may be too long for them.
        self._folder = tempfile.TemporaryDirectory(prefix="sk-")
        self.path = path or str(pathlib.Path(self._folder.name) / "x.sock")
        self.requests = queue.Queue()
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.path)
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            visit = Visit(connection)
            request = visit.receive()
            self.requests.put(request)
            self._answer(request, visit)

    def close(self):
        self._listener.close()
        self._folder.cleanup()


class Visit:
    def __init__(self, connection):
        self.connection = connection

    def receive(self):
        length = local.body_length(self._exactly(local.HEADER_BYTES))
        return codec.decode(ExecutorRequest, self._exactly(length), most=local.MAX_FRAME_BYTES)

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.connection.recv(count - len(data))
            if not part:
                raise ConnectionError("the client left")
            data += part
        return data

    def say(self, kind, outcome=None, watched=(), fds=()):
        frame = local.frame(ExecutorReply(kind=kind, outcome=outcome, watched=tuple(watched)))
        if fds:
            socket.send_fds(self.connection, [frame], list(fds))
        else:
            self.connection.sendall(frame)

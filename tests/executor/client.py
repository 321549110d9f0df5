"""The agent's end of the executor's socket, for tests."""

import os
import socket

from tests.executor.orders import INCARNATION, NODE, granted

from skerry_wire import codec, local
from skerry_wire.local import ExecutorReply, ExecutorRequest


class Client:
    """One connection. `replies` are the frames so far; pidfds are counted and closed."""

    def __init__(self, path):
        self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.connection.settimeout(30)
        self.connection.connect(str(path))
        self.replies = []
        self.pidfds = 0

    def ask(self, order=None, node=NODE, incarnation=INCARNATION, **wanted):
        request = ExecutorRequest(node=node, incarnation=incarnation, order=order, **wanted)
        self.connection.sendall(local.frame(request))
        return self

    def challenge(self):
        """Return a challenge for leases."""
        self._asks(challenge="lease")
        return self.until(lambda reply: reply.kind == "done").challenge

    def grant(self, data):
        """Hand over a grant, and return the answer."""
        self._asks(grant=data)
        return self.until(lambda reply: reply.kind == "done")

    def _asks(self, **what):
        request = ExecutorRequest(node=NODE, incarnation=INCARNATION, **what)
        self.connection.sendall(local.frame(request))

    def send(self, data):
        self.connection.sendall(data)
        return self

    def next(self):
        """Return the next frame; None when the executor has closed."""
        header = self._exactly(local.HEADER_BYTES)
        if header is None:
            return None
        body = self._exactly(local.body_length(header))
        reply = codec.decode(ExecutorReply, body, strict=True, most=local.MAX_FRAME_BYTES)
        self.replies.append(reply)
        return reply

    def until(self, test):
        while True:
            reply = self.next()
            assert reply is not None, self.replies
            if test(reply):
                return reply

    def done(self):
        """Return the outcome at the end; nothing comes after it."""
        outcome = self.until(lambda reply: reply.kind == "done").outcome
        assert self.next() is None
        self.connection.close()
        return outcome

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            try:
                part, fds, _, _ = socket.recv_fds(
                    self.connection, count - len(data), local.MAX_WATCHED
                )
            except ConnectionResetError:
                return None
            for fd in fds:
                os.close(fd)
            self.pidfds += len(fds)
            if not part:
                assert not data
                return None
            data += part
        return data


def asked(path, order=None, **identity):
    """Ask once, and return how it ended."""
    return Client(path).ask(order, **identity).done()


def leased(path, **durations):
    """Have leases granted for so many seconds each (`a_0` is a-0), and return the answer."""
    given = {name.replace("_", "-"): seconds for name, seconds in durations.items()}
    return Client(path).grant(granted(Client(path).challenge(), given))

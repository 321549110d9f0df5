"""Requests under way at the executor: a thread each, which only hands over.

No more than a few parts of all answers wait to be sent; meanwhile no thread reads on, and the
executor waits, too: so an answer of any length takes no memory here, and holds up nothing else.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable

from skerry_agent import effects, executor_client
from skerry_agent.effects import AskExecutor, EndAsking, HandInput, PassOn
from skerry_agent.events import AgentEvent, AnswerEnded, PartCame
from skerry_agent.part_window import PartWindow
from skerry_wire import local
from skerry_wire.errors import WireError
from skerry_wire.local import ExecutorInput, ExecutorReply, ExecutorRequest

log = logging.getLogger(__name__)

SILENCE_S = 3900.0
"""The longest request takes an hour; an executor that says nothing for longer is taken for hung."""

Post = Callable[[AgentEvent], None]


class Asking:
    """The requests that are under way. Used by the shell's loop alone."""

    def __init__(self, path: str, node: str, incarnation: str, post: Post) -> None:
        """`path` is the executor's socket; `post` takes the parts, and how each request ended."""
        self._path = path
        self._node = node
        self._incarnation = incarnation
        self._post = post
        self._visits: dict[str, _Visit] = {}
        self._turns = _Turns()

    def perform(self, effect: effects.Asking) -> None:
        """Begin a request, give it input, let one more part of its answer come, or leave it.

        The executor ends what it does for a client that is gone.
        """
        match effect:
            case AskExecutor():
                self._ask(effect)
            case HandInput(id=name, piece=piece):
                if name in self._visits:
                    self._visits[name].hand(piece)
            case PassOn():
                self._turns.taken()
            case EndAsking(id=name):
                if name in self._visits:
                    self._visits.pop(name).leave()
                self._forget_ended()

    def _ask(self, effect: AskExecutor) -> None:
        request = ExecutorRequest(
            node=self._node,
            incarnation=self._incarnation,
            request=effect.envelope,
            challenge="request" if effect.envelope is None else None,
        )
        self._forget_ended()
        visit = _Visit(self._path, effect.id, request, self._post, self._turns)
        self._visits[effect.id] = visit
        visit.start()

    def _forget_ended(self) -> None:
        self._visits = {name: one for name, one in self._visits.items() if one.is_alive()}
        if not self._visits:
            # What a lost connection had on its way is never said to have arrived.
            self._turns = _Turns()


class _Turns:
    """Who may send a part next, of all who have one."""

    def __init__(self) -> None:
        self._window = PartWindow()
        self._news = threading.Condition()

    def wait(self, left: threading.Event) -> None:
        """Return when a part may be sent, which is then counted; or when its visit is left."""
        with self._news:
            self._news.wait_for(lambda: self._window.has_room or left.is_set())
            if not left.is_set():
                self._window.sent(time.monotonic())

    def taken(self) -> None:
        """Count a part that has reached the broker."""
        with self._news:
            self._window.taken(time.monotonic())
            self._news.notify_all()

    def look(self) -> None:
        """Have those who wait look whether they are left."""
        with self._news:
            self._news.notify_all()


class _Visit(threading.Thread):
    """One request, and its answer."""

    def __init__(
        self, path: str, name: str, request: ExecutorRequest, post: Post, turns: _Turns
    ) -> None:
        super().__init__(name="request", daemon=True)
        self._path = path
        self._id = name
        self._request = request
        self._post = post
        self._turns = turns
        self._left = threading.Event()
        self._connection: socket.socket | None = None

    def leave(self) -> None:
        self._left.set()
        self._turns.look()
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def hand(self, piece: bytes) -> None:
        """Give the executor a piece of input; one that does not take it is left.

        It reads whatever comes, so nobody waits here.
        """
        connection = self._connection
        if connection is None or self._left.is_set():
            return
        data = local.frame(ExecutorInput(piece=piece))
        try:
            # Not by the connection's own send: that waits as long as its time-out.
            with connection.dup() as sending:
                sending.setblocking(False)
                sent = sending.send(data)
        except OSError:
            sent = 0
        if sent < len(data):
            self.leave()

    def run(self) -> None:
        try:
            end = self._converse()
        except (OSError, WireError) as error:
            end = AnswerEnded(self._id, executor_client.in_words(self._path, error))
        except Exception as error:  # the core waits for an answer
            log.exception("a request broke off in an unforeseen way")
            end = AnswerEnded(self._id, f"{type(error).__name__}: {error}")
        if self._left.is_set():
            end = AnswerEnded(self._id, "it was ended")
        self._post(end)

    def _converse(self) -> AnswerEnded:
        with executor_client.connect(self._path) as connection:
            connection.sendall(local.frame(self._request))
            self._connection = connection
            connection.settimeout(SILENCE_S)
            while not self._left.is_set():
                reply = executor_client.receive(connection)
                if reply.kind == "part":
                    self._turns.wait(self._left)
                    if self._left.is_set():
                        break
                    self._post(PartCame(self._id, reply.body))
                elif reply.kind == "done":
                    return self._ended(reply)
        return AnswerEnded(self._id, "it was ended")

    def _ended(self, reply: ExecutorReply) -> AnswerEnded:
        body = reply.body if self._request.challenge is None else reply.challenge or b""
        error = reply.error
        if reply.outcome is not None:
            error = "; ".join(reply.outcome.problems) or "the executor is of an older version"
        return AnswerEnded(self._id, error and error[:1024], body, reply.visit, reply.restarted)

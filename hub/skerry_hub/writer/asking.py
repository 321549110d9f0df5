"""Questions to nodes that somebody waits for: each has an id, and is answered once or not."""

from __future__ import annotations

import concurrent.futures
import secrets
from collections.abc import Callable

from skerry_wire.messages import Reply, Request


class Asking:
    """The questions that are open. Any thread."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, concurrent.futures.Future[Reply]]] = {}

    def ask(
        self, node: str, verb: str, send: Callable[[Request], None], timeout_s: float
    ) -> Reply | None:
        """Return the node's answer, None where none came in time."""
        request = Request(id=secrets.token_hex(8), verb=verb)
        answer: concurrent.futures.Future[Reply] = concurrent.futures.Future()
        self._open[request.id] = node, answer
        try:
            send(request)
            return answer.result(timeout_s)
        except concurrent.futures.TimeoutError:
            return None
        finally:
            del self._open[request.id]

    def answered(self, node: str, reply: Reply) -> None:
        """Pass an answer on; one that nobody waits for, or of another node, is nobody's."""
        asked, answer = self._open.get(reply.id, (None, None))
        if asked == node and answer is not None and not answer.done():
            answer.set_result(reply)

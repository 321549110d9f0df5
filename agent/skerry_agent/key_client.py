"""Hands changes of the keys that sign orders to the executor, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from skerry_agent.events import AgentEvent, KeysJudged
from skerry_agent.executor_client import connect, in_words, receive
from skerry_wire import local
from skerry_wire.errors import WireError
from skerry_wire.local import ExecutorRequest

log = logging.getLogger(__name__)

OLDER = "the executor is of a version that takes none"


def start(
    path: str, request: ExecutorRequest, data: bytes, post: Callable[[AgentEvent], None]
) -> None:
    """Hand over changes, and post what became of them; always."""

    def hand() -> None:
        try:
            post(_judged(path, request, data))
        except (OSError, WireError) as error:
            post(KeysJudged(data, None, in_words(path, error), is_tried_again=True))
        except Exception as error:  # the core waits for an answer
            log.exception("changes of keys could not be handed over in an unforeseen way")
            post(KeysJudged(data, None, type(error).__name__, is_tried_again=True))

    threading.Thread(target=hand, name="keys", daemon=True).start()


def _judged(path: str, request: ExecutorRequest, data: bytes) -> KeysJudged:
    with connect(path) as connection:
        connection.sendall(local.frame(request))
        while True:
            reply = receive(connection)
            if reply.kind != "done":
                continue  # of an executor that does not know the question, and looks at its order
            if reply.outcome is not None:
                problems = "; ".join(reply.outcome.problems)
                return KeysJudged(data, None, problems or OLDER, is_tried_again=True)
            return KeysJudged(data, reply.keys, reply.error or "")

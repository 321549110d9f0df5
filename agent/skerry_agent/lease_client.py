"""Asks the executor for a challenge, and hands it the hub's grant, each in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from skerry_agent.events import AgentEvent, GrantTaken, LeaseChallenged
from skerry_agent.executor_client import connect, in_words, receive
from skerry_wire import local
from skerry_wire.errors import WireError
from skerry_wire.local import ExecutorReply, ExecutorRequest

log = logging.getLogger(__name__)

Post = Callable[[AgentEvent], None]


def start_challenge(path: str, request: ExecutorRequest, post: Post) -> None:
    """Ask for a challenge, and post it, or why there is none; always."""

    def ask() -> None:
        reply, reason = _answer(path, request)
        challenge = None if reply is None else reply.challenge
        post(LeaseChallenged(challenge, reason or "the executor is of a version without leases"))

    threading.Thread(target=ask, name="challenge", daemon=True).start()


def start_grant(path: str, request: ExecutorRequest, post: Post) -> None:
    """Hand over a grant, and post what became of it; always."""

    def hand() -> None:
        reply, reason = _answer(path, request)
        post(GrantTaken(reason, visit=reply is not None and reply.visit))

    threading.Thread(target=hand, name="grant", daemon=True).start()


def _answer(path: str, request: ExecutorRequest) -> tuple[ExecutorReply | None, str | None]:
    """Return the last frame of the answer, or why there is none."""
    try:
        with connect(path) as connection:
            connection.sendall(local.frame(request))
            while True:
                reply = receive(connection)
                if reply.kind == "done":
                    return (reply, None) if reply.error is None else (None, reply.error)
    except (OSError, WireError) as error:
        return None, in_words(path, error)
    except Exception as error:  # the core waits for an answer
        log.exception("a lease could not be renewed in an unforeseen way")
        return None, type(error).__name__

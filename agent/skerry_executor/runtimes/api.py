"""The Docker-compatible HTTP API of podman or docker, call by call, with time limits and words.

Knows nothing of what is asked for; raises RuntimeFailure, whatever went wrong.
"""

from __future__ import annotations

import contextlib
import json
import urllib.parse
from collections.abc import Iterator
from typing import Any

from skerry_executor.cancel import Cancel
from skerry_executor.runtimes import failures, unix_http
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.runtimes.http_answer import AnswerError
from skerry_executor.runtimes.unix_http import Answer

NEWEST = (1, 44)
"""The newest version of the API that this was written for; an older runtime's is used."""

LOOK_S = 30.0
CHANGE_S = 180.0


def connect(socket_path: str, look_s: float = LOOK_S) -> Api:
    """Return the API behind a socket. Raises RuntimeFailure when there is none.

    `look_s` is the longest that is waited for an answer to a question.
    """
    with failing(socket_path):
        answer = unix_http.request(socket_path, "GET", "/_ping", timeout_s=look_s)
    if answer.status != 200:
        raise failures.from_answer(f"{socket_path} does not answer", answer.status, answer.body)
    libpod = answer.headers.get("libpod-api-version")
    try:
        major, minor = answer.headers.get("api-version", "1.40").split(".")
        version = min((int(major), int(minor)), NEWEST)
    except ValueError:
        reason = f"{socket_path} is not the socket of podman or docker"
        raise RuntimeFailure(Failure.UNREACHABLE, reason) from None
    return Api(socket_path, version, libpod, look_s)


def quoted(text: str) -> str:
    """Return the text as a part of a path."""
    return urllib.parse.quote(text, safe="/:@")


@contextlib.contextmanager
def failing(path: str) -> Iterator[None]:
    """Say in words what stands in the way of reaching a runtime within the body."""
    try:
        yield
    except (OSError, AnswerError) as error:
        raise failures.unreachable(path, error) from None


class Api:
    """One podman or docker by its socket. `libpod` is podman's own version, None of docker."""

    def __init__(
        self, path: str, version: tuple[int, int], libpod: str | None, look_s: float
    ) -> None:
        self.name = "docker" if libpod is None else "podman"
        self.path = path
        self.version = version
        self.look_s = look_s
        self._prefix = f"/v{version[0]}.{version[1]}"
        self._libpod = f"/v{libpod}"
        self.limiting_version = f"{version[0]}.{version[1]}" if libpod is None else libpod
        """podman's own version, of docker that of its API: what it can do goes by these."""

    def whole(self, target: str) -> str:
        """Return the whole path of a call; what begins with /libpod/ podman alone has."""
        return (self._libpod if target.startswith("/libpod/") else self._prefix) + target

    def call(
        self,
        method: str,
        target: str,
        doing: str,
        *,
        body: Any = None,
        fine: tuple[int, ...] = (200,),
        timeout_s: float | None = None,
        cancel: Cancel | None = None,
    ) -> Answer:
        """Return the answer, whose status is one of `fine`. `doing` says in words what for."""
        if timeout_s is None:
            timeout_s = self.look_s if method == "GET" else CHANGE_S
        with failing(self.path):
            answer = unix_http.request(
                self.path, method, self.whole(target), body=body, timeout_s=timeout_s, cancel=cancel
            )
        if answer.status in fine:
            return answer
        raise failures.from_answer(doing, answer.status, answer.body)

    def parsed(self, answer: Answer, kind: type) -> Any:
        """Return what an answer says. Raises RuntimeFailure unless it is JSON of that kind."""
        try:
            plain = json.loads(answer.body)
        except (ValueError, RecursionError):
            plain = None
        if not isinstance(plain, kind):
            reason = f"{self.name} gave an answer that is not JSON of the expected form"
            raise RuntimeFailure(Failure.OTHER, reason)
        return plain

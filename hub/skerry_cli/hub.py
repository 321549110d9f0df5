"""The only door to the hub: JSON over HTTP, with time-outs, limits of size and errors in words.

It uses the standard library's client because every command starts anew: urllib3 would add 60 ms
to each.
"""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import json
import math
import re
import socket
import ssl
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from skerry_cli.failures import (
    Exit,
    Failure,
    RefusedError,
    UnexpectedAnswerError,
    UnreachableError,
)
from skerry_cli.hub_connection import check_private, connection_to, parsed

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_LINE_BYTES = 1024 * 1024
LINE_S = 30.0
"""A hub that sends lines sends at least an empty one every few seconds."""
RETRY_FIRST_S = 0.1
RETRY_FOR_S = 1.6
"""For how long a request that changes nothing is repeated while the hub is away or busy."""
RETRY_AFTER_MOST_S = 10.0
"""How long it waits at most because the hub says that it is asked too often."""
CLOCK_DIFFERS_S = 2.0
MOST_DIGITS = 20

_WARNING = re.compile(r'299 \S+ "([^"]{1,1000})"')

Query = Mapping[str, str | int | float | None]


def path(*words: str) -> str:
    """Return the path of a resource of the API; each word is one segment, whatever it holds."""
    if not all(words):
        raise Failure("a name must not be empty", Exit.USAGE)
    return "/api/v1/" + "/".join(urllib.parse.quote(word, safe="") for word in words)


class Hub:
    """One hub. Every method raises a Failure that says what is wrong and what to do about it."""

    def __init__(  # noqa: PLR0913 - all are given by name
        self,
        url: str,
        *,
        token: str | None = None,
        ca_file: str | None = None,
        ca: str | None = None,
        pinned: bool = False,
        timeout_s: float = 30.0,
        retry_for_s: float = RETRY_FOR_S,
        warn: Callable[[str], object] = lambda _: None,
    ) -> None:
        """`timeout_s` bounds a whole request, `retry_for_s` its repetitions.

        `warn` is told, once, what the hub warns of: that what it says may be old. `ca` is who
        vouches for the hub, in PEM; `pinned`: it is the hub's own authority, and signs others too.
        """
        self.url = url.rstrip("/")
        self.deadline: float | None = None
        """When everything that is asked must be over, by the monotonic clock."""
        self._parts = parsed(url)
        self._ca_file = ca_file
        self._ca = ca
        self._pinned = pinned
        self._headers = {"User-Agent": "skerry"}
        if token:
            check_private(self.url, self._parts)
            self._headers["Authorization"] = f"Bearer {token}"
        self._retry_after_s = 0.0
        self._timeout_s = timeout_s
        self._retry_for_s = retry_for_s
        self._kept: http.client.HTTPConnection | None = None
        self._ahead_s = 0.0
        self._warn = warn
        self._warned: set[str] = set()

    def now(self) -> float:
        """Return the time by the hub's clock, as far as its answers tell, in s since 1970."""
        return time.time() + self._ahead_s

    def get(self, where: str, query: Query | None = None, *, within_s: float = 0.0) -> Any:
        """Return what the hub says, asking again for a short time while it is away or busy.

        `within_s`, here and below: how long the answer may take where that is longer than usual.
        """
        timeout_s = max(self._timeout_s, within_s)
        end = time.monotonic() + self._retry_for_s
        delay_s = RETRY_FIRST_S
        while True:
            try:
                return self._ask("GET", where, query, None, timeout_s)
            except (UnreachableError, RefusedError) as failure:
                if isinstance(failure, RefusedError) and failure.status == 429:
                    end = max(end, self._end(time.monotonic() + self._retry_after_s + 1))
                    delay_s = max(delay_s, self._retry_after_s)
                    if self._retry_after_s > RETRY_AFTER_MOST_S:
                        raise
                elif not failure.passing:
                    raise
                if time.monotonic() + delay_s > min(end, self._end(end)):
                    raise
            time.sleep(delay_s)
            delay_s *= 2

    def post(
        self, where: str, body: Any = None, query: Query | None = None, *, within_s: float = 0.0
    ) -> Any:
        """Ask the hub to do something, once, and return its answer."""
        return self._ask("POST", where, query, body, max(self._timeout_s, within_s))

    def put(self, where: str, body: Any) -> Any:
        """Have the hub take what may come to it twice, over the connection that is kept."""
        return self._ask("PUT", where, None, body, self._timeout_s)

    def delete(self, where: str) -> Any:
        """Ask the hub to forget something, once, and return its answer."""
        return self._ask("DELETE", where, None, None, self._timeout_s)

    def download(self, where: str, take: Callable[[bytes], object]) -> None:
        """Hand over an answer of any size, piece by piece; each may take as long as an answer."""
        target = self._parts.path.rstrip("/") + where
        connection = self._connection()
        connection.timeout = self._timeout_s
        try:
            connection.request("GET", target, headers=self._headers)
            with connection.getresponse() as response:
                if response.status != 200:
                    data = response.read(MAX_ANSWER_BYTES)
                    self._understood(f"GET {where}", response.status, data)
                while piece := response.read1(1024 * 1024):
                    take(piece)
                if response.length:
                    raise http.client.IncompleteRead(b"", response.length)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error, self._timeout_s) from None
        finally:
            connection.close()

    @contextlib.contextmanager
    def lines(
        self, method: str, where: str, query: Query | None = None, body: Any = None
    ) -> Iterator[Iterator[Any]]:
        """Ask, and give each line of JSON of the answer as it comes; empty ones are left out.

        Leaving the context ends the answer.
        """
        question = f"{method} {where}"
        connection = self._connection()
        connection.timeout = max(self._timeout_s, LINE_S)
        data = None if body is None else json.dumps(body).encode()
        headers = {**self._headers, "Content-Type": "application/json"}
        try:
            try:
                connection.request(method, self._target(where, query), data, headers)
                response = connection.getresponse()
                refused = response.read(MAX_ANSWER_BYTES) if response.status != 200 else None
            except (OSError, http.client.HTTPException) as error:
                raise self._unreachable(error, connection.timeout) from None
            if refused is not None:
                self._understood(question, response.status, refused)
            yield self._lines_of(question, response, connection.timeout)
        finally:
            connection.close()

    def _lines_of(
        self, question: str, response: http.client.HTTPResponse, timeout_s: float
    ) -> Iterator[Any]:
        while True:
            try:
                line = response.readline(MAX_LINE_BYTES)
            except (OSError, http.client.HTTPException) as error:
                raise self._unreachable(error, timeout_s) from None
            if not line:
                return
            if line.strip():
                yield self._understood(question, 200, line)

    def _target(self, where: str, query: Query | None) -> str:
        given = {key: value for key, value in (query or {}).items() if value is not None}
        target = self._parts.path.rstrip("/") + where
        return target + ("?" + urllib.parse.urlencode(given) if given else "")

    def change(self, after: int, wait_s: float) -> int:
        """Return the number of the hub's newest change; wait up to `wait_s` for one after `after`.

        Does not ask again by itself.
        """
        query: Query = {"after": after, "timeout_s": f"{wait_s:g}"}
        answer = self._ask("GET", path("changes"), query, None, wait_s + self._timeout_s)
        number = answer.get("change") if isinstance(answer, dict) else None
        if type(number) is not int:
            raise UnexpectedAnswerError(f"{self.url} did not answer with the number of a change")
        return number

    def close(self) -> None:
        """Close the connection that is kept open between requests."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _end(self, otherwise: float) -> float:
        return otherwise if self.deadline is None else min(otherwise, self.deadline)

    def _ask(
        self, method: str, where: str, query: Query | None, body: Any, timeout_s: float
    ) -> Any:
        target = self._target(where, query)
        data = None if body is None else json.dumps(body).encode()
        end = self._end(time.monotonic() + timeout_s)
        try:
            status, answer = self._exchange(method, target, data, end)
        except Failure:
            self.close()
            raise
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._unreachable(error, timeout_s) from None
        except BaseException:
            self.close()
            raise
        return self._understood(f"{method} {where}", status, answer)

    def _exchange(
        self, method: str, target: str, data: bytes | None, end: float
    ) -> tuple[int, bytes]:
        if method not in ("GET", "PUT"):
            # The hub may have closed a kept connection, and then nobody could say whether it
            # had taken the request.
            self.close()
        if self._kept is not None:
            with contextlib.suppress(ConnectionError, http.client.HTTPException):
                return self._exchange_on(self._kept, method, target, data, end)
            self.close()
        connection = self._kept = self._connection()
        connection.timeout = _remaining(end)
        connection.connect()
        return self._exchange_on(connection, method, target, data, end)

    def _exchange_on(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        data: bytes | None,
        end: float,
    ) -> tuple[int, bytes]:
        # The answer may take the socket over; it is still needed to shorten the time-out.
        kept: socket.socket | None = connection.sock
        if kept is None:
            raise http.client.NotConnected
        kept.settimeout(_remaining(end))
        headers = {**self._headers, "Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, target, data, headers)
        with connection.getresponse() as response:
            body = bytearray()
            while True:
                kept.settimeout(_remaining(end))
                chunk = response.read1(1024 * 1024)
                if not chunk:
                    break
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise UnexpectedAnswerError(
                        f"{self.url} answered with more than {MAX_ANSWER_BYTES >> 20} MiB: "
                        "narrow the question down, for instance with -l"
                    )
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
            self._set_clock(response.headers.get("Date"))
            self._pass_on(response.headers.get("Warning"))
            self._retry_after_s = _seconds(response.headers.get("Retry-After"))
            return response.status, bytes(body)

    def _connection(self) -> http.client.HTTPConnection:
        return connection_to(self._parts, self._ca_file, self._ca, pinned=self._pinned)

    def _pass_on(self, warning: str | None) -> None:
        found = _WARNING.match(warning or "")
        if found is not None and found[1] not in self._warned:
            self._warned.add(found[1])
            self._warn(f"Warning: {found[1]}")

    def _set_clock(self, date: str | None) -> None:
        if not date:
            return
        with contextlib.suppress(ValueError, OverflowError):
            ahead_s = email.utils.parsedate_to_datetime(date).timestamp() - time.time()
            self._ahead_s = ahead_s if abs(ahead_s) > CLOCK_DIFFERS_S else 0.0

    def _understood(self, question: str, status: int, data: bytes) -> Any:
        try:
            answer = json.loads(
                data, parse_constant=_refuse, parse_float=_float, parse_int=_integer
            )
        except (ValueError, RecursionError):
            raise UnexpectedAnswerError(self._not_a_hub(question, status)) from None
        if 200 <= status < 300:
            return answer
        from skerry_cli.records import Problem, read_all  # noqa: PLC0415 - only for errors

        try:
            problems = read_all(Problem, answer["problems"])
        except (KeyError, TypeError, UnexpectedAnswerError):
            raise UnexpectedAnswerError(self._not_a_hub(question, status)) from None
        lines = [str(problem) for problem in problems]
        raise RefusedError(status, lines or [f"the hub answered {status} to {question}"], problems)

    def _not_a_hub(self, question: str, status: int) -> str:
        return (
            f"{self.url} answered {question} with status {status}, and not as a hub does.\n"
            "Is this the address of a Skerry hub? Set it with --hub or SKERRY_HUB."
        )

    def _unreachable(self, error: Exception, timeout_s: float) -> UnreachableError:
        where = f"cannot reach the hub at {self.url}"
        if isinstance(error, ssl.SSLCertVerificationError):
            return UnreachableError(
                f"{where}: its certificate is not trusted ({error.verify_message}).\n"
                "Log in with the hub's pin, which `skerry-hub ca` on its machine prints: `skerry "
                "login URL --ca-pin PIN`. Where another server's certificate stands before the "
                "hub, name the file of its authority with --ca-file or SKERRY_CA_FILE.",
                passing=False,
            )
        if isinstance(error, TimeoutError):
            return UnreachableError(
                f"{where}: no whole answer within {timeout_s:g} s (--request-timeout).",
                passing=True,
            )
        if isinstance(error, (http.client.BadStatusLine, ssl.SSLError)) and not isinstance(
            error, (ConnectionError, ssl.SSLEOFError)
        ):
            return UnreachableError(
                f"{where}: what listens there does not speak {self._parts.scheme.upper()}.",
                passing=False,
            )
        unnamed = isinstance(error, socket.gaierror)
        advice = "Is its name right?" if unnamed else "Is `skerry-hub serve` running there?"
        return UnreachableError(
            f"{where}: {_words(error)}.\n{advice} Set its address with --hub or SKERRY_HUB.",
            passing=not unnamed or error.args[:1] == (socket.EAI_AGAIN,),
        )


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isdecimal() and len(text) < 6 else 0.0


def _remaining(end: float) -> float:
    remaining = end - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return remaining


def _words(error: Exception) -> str:
    if isinstance(error, http.client.HTTPException) and not isinstance(error, ConnectionError):
        return (
            "its answer was cut off"
            if isinstance(error, http.client.IncompleteRead)
            else (f"its answer is not HTTP ({type(error).__name__})")
        )
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")


def _refuse(text: str) -> float:
    raise ValueError(f"{text[:40]} is no number of JSON that can be worked with")


def _float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _integer(text: str) -> float:
    return int(text) if len(text) <= MOST_DIGITS else _refuse(text)

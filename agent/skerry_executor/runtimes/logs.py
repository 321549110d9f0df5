"""What a container wrote, through the API of podman or docker."""

from __future__ import annotations

import dataclasses
import time
import urllib.parse
from collections.abc import Iterator

from skerry_executor.cancel import Cancel
from skerry_executor.runtimes import failures, stamped, streams, unix_http
from skerry_executor.runtimes.api import Api, failing, quoted
from skerry_executor.runtimes.base import Failure, LogMark, LogWish, RuntimeFailure, Written

FOLLOW_SILENCE_S = 86400.0
"""A container may be silent for long; who follows it ends that by the cancel."""
_BETWEEN_SIGN = "unable to read log file"
BETWEEN_S = 2.0
BETWEEN_LOOK_S = 0.05
"""podman reads no end of a log of which a line is just half written, or that is just begun anew
because it was full: a moment later it does."""


def logs(api: Api, reference: str, wish: LogWish, cancel: Cancel) -> Iterator[Written]:
    """Yield what a container wrote, oldest first. May raise Cancelled."""
    wish = dataclasses.replace(wish, after=_after(wish))
    since = _since(wish, time.time())
    if wish.follow and since is not None and wish.after is None:
        # Should nothing come before the container's next run, that goes on here.
        yield Written("out", b"", LogMark(since))
    until = time.monotonic() + BETWEEN_S
    while True:
        told = False
        try:
            for written in _logs(api, reference, wish, since, cancel):
                told = True
                yield written
        except RuntimeFailure as failure:
            if told or _BETWEEN_SIGN not in failure.reason or time.monotonic() >= until:
                raise
        else:
            return
        cancel.check()
        time.sleep(BETWEEN_LOOK_S)


def _logs(
    api: Api, reference: str, wish: LogWish, since: int | None, cancel: Cancel
) -> Iterator[Written]:
    doing = f"reading the log of {reference}"
    target = api.whole(f"/containers/{quoted(reference)}/logs?{_query(wish, since)}")
    silence_s = FOLLOW_SILENCE_S if wish.follow else api.look_s
    with (
        failing(api.path),
        unix_http.pieces(api.path, "GET", target, silence_s=silence_s, cancel=cancel) as answer,
    ):
        status, pieces = answer
        if status != 200:
            raise failures.from_answer(doing, status, b"".join(pieces))
        try:
            if wish.follow:
                yield from stamped.unstamped(streams.parts(pieces), wish.after)
            else:
                yield from streams.frames(pieces)
        except streams.StreamError as error:
            cancel.check()  # it was cut short because of that
            raise RuntimeFailure(Failure.OTHER, f"{doing}: {api.name}: {error}") from None


def _after(wish: LogWish) -> LogMark | None:
    """Return after which mark a log goes on."""
    mark, began_at = wish.after, wish.began_at
    if mark is None or began_at is None or began_at >= mark.place:
        return mark
    # The clock was set back between the two runs: a line too much is better than one too few.
    return LogMark(max(0, int(began_at) - 1))


def _since(wish: LogWish, now: float) -> int | None:
    """Return since when a log is shown, in seconds since 1970; None: from its beginning.

    Whole seconds, as both understand them; one too early is better than one too late.
    """
    if wish.after is not None:
        return wish.after.place
    if wish.since_s is not None:
        return max(0, int(now - wish.since_s))
    return int(now) if wish.tail == 0 else None


def _query(wish: LogWish, since: int | None) -> str:
    query = {
        "stdout": "true",
        "stderr": "true",
        "follow": str(wish.follow).lower(),
        "tail": "all" if wish.tail is None else str(wish.tail),
        "timestamps": str(wish.follow).lower(),
    }
    if since is not None and wish.tail != 0:
        # podman leaves out what was written in just this moment.
        query["since"] = str(since - 1 if wish.after is not None else since)
    return urllib.parse.urlencode(query)

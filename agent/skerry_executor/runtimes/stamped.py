"""A log of podman or docker that is followed: where it stands, and how it goes on there. Pure.

Both send each line in a frame of its own, a long one in several, and put a time before each if they
are asked to. podman tells whole seconds alone. So a log stands at a second, after so many frames of
that second: who goes on there asks for all since then, and leaves these out.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator

from skerry_executor.runtimes.base import LogMark, Written
from skerry_executor.runtimes.streams import Part, StreamError

MAX_STAMP_BYTES = 40
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


def unstamped(parts: Iterable[Part], after: LogMark | None = None) -> Iterator[Written]:
    """Yield what was written without the times, each piece with where the log stands then.

    `after`: what a log had until there is left out. Raises StreamError where a time is missing.
    """
    stamp, is_stamped, is_new = b"", False, True
    mark = LogMark(0)
    for part in parts:
        data = part.data
        if part.begins:
            stamp, is_stamped = b"", False
        if not is_stamped:
            stamp, space, data = (stamp + data).partition(b" ")
            second = _second(stamp) if space or len(stamp) > MAX_STAMP_BYTES else None
            if second is None:
                continue
            is_stamped = True
            mark = LogMark(second, mark.count + 1 if second == mark.place else 1)
            is_new = after is None or (mark.place, mark.count) > (after.place, after.count)
        if is_new:
            yield Written(part.stream, data, mark)


def _second(stamp: bytes) -> int:
    """Return the second of a time, since 1970."""
    found = _STAMP.fullmatch(stamp)
    try:
        if found is None:
            raise ValueError
        moment = datetime.datetime.fromisoformat((found[1] + found[2]).decode("ascii"))
    except ValueError:
        raise StreamError(f"{stamp[:MAX_STAMP_BYTES]!r} is no time") from None
    return int(moment.timestamp())

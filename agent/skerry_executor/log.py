"""One line on standard error for each thing worth knowing, as `key=value` pairs.

Where that is systemd's journal, the journal is told itself: the line as its message, with priority,
and each pair as a field, too: `journalctl SKERRY_INSTANCE=shop-web-0`.

May NOT be given values of a container's environment, commands or whole orders: only names, ids,
generations and reasons. A line that cannot be written is lost: a full disk must end no workload.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
from typing import TYPE_CHECKING, Literal

from skerry_wire import journal_entry

if TYPE_CHECKING:
    import socket

MAX_VALUE = 400
PROGRAM = "skerry-executor"


def log(
    level: Literal["debug", "info", "warning", "error"],
    msg: str,
    **fields: str | int | float | None,
) -> None:
    """Write one line, if that can be; fields that are None are left out. Raises nothing."""
    known = {name: value for name, value in fields.items() if value is not None}
    pairs = [f"{name}={_value(value)}" for name, value in known.items()]
    if not _tell_journal(level, " ".join((msg, *pairs)), known):
        _write(" ".join((f"level={level}", f"msg={_value(msg)}", *pairs)) + "\n")


def _tell_journal(level: str, text: str, fields: dict[str, str | int | float]) -> bool:
    """Tell the journal, where standard error is its stream; say whether it was told."""
    link = _journal()
    if link is None:
        return False
    short = {name: _short(str(value)) for name, value in fields.items()}
    try:
        link.sendto(journal_entry.entry(PROGRAM, level, text, short), journal_entry.SOCKET)
    except OSError:
        return False
    return True


@functools.cache
def _journal() -> socket.socket | None:
    told = os.environ.get("JOURNAL_STREAM")
    if told is None or sys.stderr is None:
        return None
    import socket  # noqa: PLC0415 - not for commands that people give

    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return None
    if not journal_entry.is_journal(told, found.st_dev, found.st_ino):
        return None
    link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    # A journal that hangs must keep no workload waiting.
    link.setblocking(False)
    return link


def _write(line: str) -> None:
    if sys.stderr is None:
        return  # it was closed at the start; by now its number may be that of a socket
    # Not by way of a buffer: what a full disk did not take would fail again at the end of the
    # process, and be its exit status.
    with contextlib.suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), line.encode(errors="backslashreplace"))


def _value(value: str | int | float) -> str:
    text = _short(str(value))
    plain = text.isprintable() and text and not any(c in text for c in ' "=')
    return text if plain else json.dumps(text, ensure_ascii=False)


def _short(text: str) -> str:
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 3] + "..."

"""One line on standard error for each thing worth knowing.

Where that is systemd's journal, the journal is told itself, with priority, node and generation as
fields: `journalctl SKERRY_GENERATION=42`. What it does not take goes to standard error after all,
as a line with its priority before it and no time, for the journal has its own.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections.abc import Mapping
from typing import TextIO

from skerry_wire import journal_entry

MAX_LINE = 2000
PROGRAM = "skerry-agent"
FIELDS = "fields"
"""What a record has beside its text comes as `extra={FIELDS: {"generation": 7}}`."""


class OneLine(logging.Formatter):
    """Puts a record, its exception included, on one line of at most MAX_LINE characters."""

    def __init__(self, *, journal: bool) -> None:
        """`journal`: for systemd's journal, which wants no time and takes a priority."""
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        text = text_of(record)
        if self._journal:
            return f"<{journal_entry.PRIORITIES.get(record.levelname.lower(), 6)}>{text}"
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(record.created))
        return f"{stamp} {record.levelname.lower()}: {text}"


class Journal(logging.StreamHandler["TextIO | _StandardError"]):
    """Tells the journal, or else a stream."""

    def __init__(self, stream: TextIO | _StandardError, path: str = journal_entry.SOCKET) -> None:
        """`path` is the journal's socket."""
        super().__init__(stream)
        self.node = ""
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        # A journal that hangs must not keep the agent from its work.
        self._socket.setblocking(False)

    def emit(self, record: logging.LogRecord) -> None:
        """Tell one record."""
        fields = {"node": self.node} if self.node else {}
        fields |= record.__dict__.get(FIELDS, {})
        level = record.levelname.lower()
        data = journal_entry.entry(PROGRAM, level, text_of(record), fields)
        try:
            self._socket.sendto(data, self._path)
        except OSError:
            super().emit(record)


def text_of(record: logging.LogRecord) -> str:
    """Return what a record says, on one line of at most MAX_LINE characters."""
    text = record.getMessage()
    if record.exc_info and record.exc_info[1] is not None:
        text = f"{text}: {_in_words(record.exc_info[1])}"
    text = " ".join(text.split())
    return text if len(text) <= MAX_LINE else text[: MAX_LINE - 3] + "..."


def _in_words(error: BaseException) -> str:
    """Return type, message and the place where an exception was raised."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = ""
    if place is not None:
        where = f" ({place.tb_frame.f_code.co_filename}:{place.tb_lineno})"
    return f"{type(error).__name__}: {error}{where}"


class _StandardError:
    """Standard error without a buffer: what a full disk did not take is lost, and no more.

    In a buffer it would be tried again with each line, and at last at the end of the process,
    whose exit status it would be.
    """

    def write(self, text: str) -> None:
        """Write a line. Raises OSError, which a handler of logs keeps to itself."""
        if sys.stderr is not None:  # else its number may be a socket's by now
            os.write(sys.stderr.fileno(), text.encode(errors="backslashreplace"))

    def flush(self) -> None:
        """Do nothing: there is no buffer."""


def start(
    environment: Mapping[str, str], level: int = logging.INFO, stream: TextIO | None = None
) -> None:
    """Send all log records to standard error, in place of where they went before."""
    journal = stream is None and _is_journal(environment)
    where = stream or _StandardError()
    handler = Journal(where) if journal else logging.StreamHandler(where)
    handler.setFormatter(OneLine(journal=journal))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.raiseExceptions = False  # a log that cannot be written must not be fatal
    # Saves asking for the thread, process and task of each record, which no line shows.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def name_node(node: str) -> None:
    """Have every entry of the journal name the node from now on."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, Journal):
            handler.node = node


def _is_journal(environment: Mapping[str, str]) -> bool:
    """Say whether standard error is the journal's own stream, and not what came of it since."""
    told = environment.get("JOURNAL_STREAM")
    if told is None or sys.stderr is None:
        return False
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return journal_entry.is_journal(told, found.st_dev, found.st_ino)

"""One line on standard error for each thing worth knowing.

Under systemd a line begins with its priority and has no time, for the journal has its own.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping
from typing import TextIO

MAX_LINE = 2000
_PRIORITY = {"CRITICAL": 2, "ERROR": 3, "WARNING": 4, "INFO": 6, "DEBUG": 7}


class OneLine(logging.Formatter):
    """Puts a record, its exception included, on one line of at most MAX_LINE characters."""

    def __init__(self, *, journal: bool) -> None:
        """`journal`: for systemd's journal, which wants no time and takes a priority."""
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{text}: {_in_words(record.exc_info[1])}"
        text = " ".join(text.split())
        if len(text) > MAX_LINE:
            text = text[: MAX_LINE - 3] + "..."
        if self._journal:
            return f"<{_PRIORITY.get(record.levelname, 6)}>{text}"
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(record.created))
        return f"{stamp} {record.levelname.lower()}: {text}"


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
    handler = logging.StreamHandler(stream or _StandardError())
    handler.setFormatter(OneLine(journal="JOURNAL_STREAM" in environment))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.raiseExceptions = False  # a log that cannot be written must not be fatal
    # Saves asking for the thread, process and task of each record, which no line shows.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False

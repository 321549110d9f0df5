"""The terminal that a person sits at: its size, and its raw mode, which always ends.

In raw mode each key goes to the program at once, Ctrl-C as well.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGHUP)
STDIN = 0


def is_terminal() -> bool:
    """Say whether a person types into standard input, and reads standard output."""
    return os.isatty(STDIN) and sys.stdout.isatty()


def size() -> tuple[int, int]:
    """Return columns and rows."""
    with contextlib.suppress(OSError):
        found = os.get_terminal_size(STDIN)
        if found.columns > 0 and found.lines > 0:
            return min(found.columns, 4096), min(found.lines, 4096)
    return 80, 24


@contextlib.contextmanager
def raw() -> Iterator[int]:
    """Put the terminal into raw mode, and give what can be read when its size changes.

    It is put back however the context is left: an end by a signal is one of the ways.
    """
    before = termios.tcgetattr(STDIN)
    news, tell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    old_wakeup = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, _end) for number in ENDING}
    handlers[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, lambda *_: None)
    try:
        tty.setraw(STDIN)
        yield news
    finally:
        termios.tcsetattr(STDIN, termios.TCSADRAIN, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(old_wakeup)
        os.close(news)
        os.close(tell)


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)

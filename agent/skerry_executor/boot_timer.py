"""A timer on the clock that counts from the box's start (`boot_clock`).

Python 3.11 has none, and a wait with a time limit counts no sleep: what fell due while the box
slept would come late by as long as it slept. So this is timerfd_create(2), called in the C library.
"""

from __future__ import annotations

import contextlib
import ctypes
import os

_CLOCK_BOOTTIME = 7
_TFD_TIMER_ABSTIME = 1
_TFD_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_NANOSECONDS = 1_000_000_000


class _TimeSpec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("it_interval", _TimeSpec), ("it_value", _TimeSpec))


class BootTimer:
    """One timer, set to one moment at a time. Its descriptor can be read once that has come."""

    def __init__(self) -> None:
        """Raises OSError where the kernel has no such timer."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = self._libc.timerfd_create(_CLOCK_BOOTTIME, _TFD_FLAGS)
        if self._fd < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._fd

    def set(self, at_s: float | None) -> None:
        """Let it be due at a moment since the box's start, in place of another; None: never."""
        seconds, nanoseconds = (0, 0)
        if at_s is not None:
            # All zeros would switch it off; what is past is due at once.
            seconds, nanoseconds = divmod(max(1, int(at_s * _NANOSECONDS)), _NANOSECONDS)
        wanted = _TimerSpec(_TimeSpec(0, 0), _TimeSpec(seconds, nanoseconds))
        done = self._libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, ctypes.byref(wanted), None)
        if done < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def take(self) -> bool:
        """Say whether it was due since this was asked last."""
        with contextlib.suppress(BlockingIOError):
            return len(os.read(self._fd, 8)) == 8
        return False

    def close(self) -> None:
        """Give it back."""
        os.close(self._fd)

"""Tells systemd that the agent is ready, alive or stopping (sd_notify(3), without a library).

Does nothing where nobody asked for it.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping


class Notifier:
    """The socket on which a service manager listens, or none."""

    def __init__(self, environment: Mapping[str, str], pid: int) -> None:
        """`environment` is the process's own: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID."""
        self._address = environment.get("NOTIFY_SOCKET", "")
        self.feed_s = _feed_s(environment, pid) if self._address else None
        """How often the watchdog wants to be fed, None when there is none."""

    def ready(self) -> None:
        """The agent works."""
        self._say("READY=1")

    def status(self, words: str) -> None:
        """Tell what `systemctl status` shows of how it works."""
        self._say(f"STATUS={words}")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._say("WATCHDOG=1")

    def stopping(self) -> None:
        """The agent is about to end."""
        self._say("STOPPING=1")

    def _say(self, text: str) -> None:
        if not self._address.startswith(("/", "@")):
            return
        address = self._address.replace("@", "\0", 1) if self._address[0] == "@" else self._address
        # A service manager that is away or slow must not keep the agent from its work.
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link,
        ):
            link.setblocking(False)
            link.sendto(text.encode(), address)


def _feed_s(environment: Mapping[str, str], pid: int) -> float | None:
    """Return half of the watchdog's time, as its manual asks, when it is meant for this process."""
    if environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    try:
        limit_s = int(environment.get("WATCHDOG_USEC", "0")) / 1e6
    except ValueError:
        return None
    return max(0.1, limit_s / 2) if limit_s > 0 else None

"""What waits for the hub's one writer: messages, calls, what the broker says. Any thread adds."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import threading
from collections.abc import Callable
from typing import Any

from skerry_hub.desired import Work
from skerry_wire.messages import Heartbeat, NodeMessage

MOST_HEARTBEATS = 200_000
MOST_CALLS = 1_000
"""More calls than this at once are answered with "busy"."""


@dataclasses.dataclass(frozen=True, slots=True)
class Incoming:
    """A decoded message of a node. `ack` tells the broker, once what it said is durable."""

    node: str
    topic: str
    message: NodeMessage
    ack: Callable[[], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """A change that somebody waits for; or, with `dry`, only the answer to what it would do."""

    change: Callable[[Work], Any]
    answer: concurrent.futures.Future[Any]
    dry: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Connected:
    """The broker is there."""


@dataclasses.dataclass(frozen=True, slots=True)
class Disconnected:
    """The broker is away."""


@dataclasses.dataclass(frozen=True, slots=True)
class Published:
    """The broker has taken a publication of the outbox."""

    seq: int


Item = Incoming | Call | Connected | Disconnected | Published


class Inbox:
    """Two queues: heartbeats, which may be very many, and all the rest."""

    def __init__(self) -> None:
        self._items: collections.deque[Item] = collections.deque()
        self._beats: collections.deque[tuple[str, Heartbeat]] = collections.deque()
        self._calls = 0
        self._condition = threading.Condition()
        self.dropped_heartbeats = 0

    def post(self, item: Item) -> bool:
        """Add, and wake the writer. False: too many calls wait already."""
        with self._condition:
            if isinstance(item, Call):
                if self._calls >= MOST_CALLS:
                    return False
                self._calls += 1
            self._items.append(item)
            self._condition.notify()
        return True

    def beat(self, node: str, heartbeat: Heartbeat) -> None:
        """Add a heartbeat. The writer is not woken: it looks by itself, soon enough."""
        if len(self._beats) >= MOST_HEARTBEATS:
            self.dropped_heartbeats += 1
            return
        self._beats.append((node, heartbeat))

    def wait(self, timeout_s: float) -> list[Item]:
        """Return all that waits, as soon as there is something or the time is over."""
        with self._condition:
            if not self._items:
                self._condition.wait(timeout_s)
            found = list(self._items)
            self._items.clear()
            self._calls = 0
        return found

    def heartbeats(self) -> list[tuple[str, Heartbeat]]:
        """Return the heartbeats that wait."""
        return [self._beats.popleft() for _ in range(len(self._beats))]

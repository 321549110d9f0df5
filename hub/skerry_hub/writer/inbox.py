"""What waits for the hub's one writer: messages, calls, what the broker says. Any thread adds."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import threading
from collections.abc import Callable
from typing import Any

from skerry_hub.work import Work
from skerry_wire.messages import Heartbeat, LeaseRequest, NodeMessage

MOST_HEARTBEATS = 200_000
MOST_LEASES = 200_000
"""Nodes whose requests wait at once, the newest of each."""
MOST_ITEMS = 100_000
"""Messages beyond are dropped: of those that the broker sends again it never sends so many."""
MOST_CALLS = 1_000
"""More calls than this at once are answered with "busy"."""


@dataclasses.dataclass(frozen=True, slots=True)
class Incoming:
    """A decoded message of a node. `ack` tells the broker, once what it said is durable."""

    node: str
    topic: str
    message: NodeMessage
    ack: Callable[[], None]
    retained: bool = False
    """Whether the broker had it, rather than passed it on as it came."""
    waited_s: float = 0.0
    """How long an event has waited at the broker, where that tells."""


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
    """The broker is away; `reason` says why."""

    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Published:
    """The broker has taken a publication of the outbox."""

    seq: int


@dataclasses.dataclass(frozen=True, slots=True)
class Beating:
    """Whether heartbeats can come: they have a connection of their own; `reason`: why not."""

    can_come: bool
    reason: str = ""


Item = Incoming | Call | Connected | Disconnected | Published | Beating


class Inbox:
    """Heartbeats and requests for leases, which may be very many, and all the rest."""

    def __init__(self) -> None:
        self._items: collections.deque[Item] = collections.deque()
        self._beats: collections.deque[tuple[str, Heartbeat]] = collections.deque()
        self._leases: dict[str, LeaseRequest] = {}
        self._calls = 0
        self._condition = threading.Condition()

    def post(self, item: Item) -> bool:
        """Add, and wake the writer. False: too many calls, or messages, wait already."""
        with self._condition:
            if isinstance(item, Incoming) and len(self._items) >= MOST_ITEMS:
                return False
            if isinstance(item, Call):
                if self._calls >= MOST_CALLS:
                    return False
                self._calls += 1
            self._items.append(item)
            self._condition.notify()
        return True

    def beat(self, node: str, heartbeat: Heartbeat) -> bool:
        """Add a heartbeat; False: too many wait already.

        The writer is not woken: it looks by itself, soon enough.
        """
        if len(self._beats) >= MOST_HEARTBEATS:
            return False
        self._beats.append((node, heartbeat))
        return True

    def lease(self, node: str, request: LeaseRequest) -> bool:
        """Add a request, in place of an older one, and wake the writer; False: too many wait."""
        with self._condition:
            if node not in self._leases and len(self._leases) >= MOST_LEASES:
                return False
            self._leases[node] = request
            self._condition.notify()
        return True

    def leases(self) -> list[tuple[str, LeaseRequest]]:
        """Return the requests for leases that wait."""
        with self._condition:
            found, self._leases = self._leases, {}
        return list(found.items())

    def wait(self, timeout_s: float) -> list[Item]:
        """Return all that waits, as soon as there is something or the time is over."""
        with self._condition:
            if not self._items and not self._leases:
                self._condition.wait(timeout_s)
            found = list(self._items)
            self._items.clear()
            self._calls = 0
        return found

    def calls(self) -> list[Call]:
        """Return the calls that wait, and leave the rest."""
        with self._condition:
            found = [item for item in self._items if isinstance(item, Call)]
            self._items = collections.deque(i for i in self._items if not isinstance(i, Call))
            self._calls = 0
        return found

    def heartbeats(self) -> list[tuple[str, Heartbeat]]:
        """Return the heartbeats that wait."""
        return [self._beats.popleft() for _ in range(len(self._beats))]

"""Which ports of which nodes are taken, and by which instances. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable

import numpy as np

from skerry_hub.fleet.arrays import Mask

EVERY_ADDRESS = ""
MAX_ASKED = 64
"""Most ports of which it is kept on which rows they are taken."""


@dataclasses.dataclass(frozen=True, slots=True)
class Port:
    """A port of a node; `address` empty: on every address."""

    protocol: str
    number: str
    address: str = EVERY_ADDRESS

    @classmethod
    def parse(cls, text: str) -> Port:
        """Return the port that `tcp/8080` or `tcp/127.0.0.1:8080` names. Raises nothing."""
        protocol, _, rest = text.partition("/")
        address, _, number = rest.rpartition(":")
        return cls(protocol, number, _plain(address))

    def conflicts(self, other: Port) -> bool:
        """Say whether two instances on one node cannot have both."""
        if (self.protocol, self.number) != (other.protocol, other.number):
            return False
        return self.address == other.address or EVERY_ADDRESS in (self.address, other.address)


def _plain(address: str) -> str:
    """Return the one spelling of an address; every address of either family is every address."""
    text = address.strip("[]")
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return text
    return EVERY_ADDRESS if parsed.is_unspecified else str(parsed)


Holders = tuple[tuple[Port, str], ...]
"""The ports of one number that are taken on one node, each with the instance that has it."""


class TakenPorts:
    """Taken ports, by protocol and number, then by row."""

    __slots__ = ("_blocked", "_taken")

    def __init__(self) -> None:
        self._taken: dict[tuple[str, str], dict[int, Holders]] = {}
        self._blocked: dict[Port, Mask] = {}
        """For ports that were asked for: the rows on which an instance has them."""

    def take(self, row: int, texts: Iterable[str], instance: str) -> None:
        """Note that an instance on this row has these ports."""
        for port in map(Port.parse, texts):
            rows = self._taken.setdefault((port.protocol, port.number), {})
            rows[row] = (*rows.get(row, ()), (port, instance))
            self._follow(port, row)

    def give_back(self, row: int, texts: Iterable[str], instance: str) -> None:
        """Forget what `take` noted."""
        for port in map(Port.parse, texts):
            key = port.protocol, port.number
            rows = self._taken.get(key, {})
            left = tuple(held for held in rows.get(row, ()) if held != (port, instance))
            if left:
                rows[row] = left
            else:
                rows.pop(row, None)
            if not rows:
                self._taken.pop(key, None)
            self._follow(port, row)

    def _follow(self, changed: Port, row: int) -> None:
        for port, blocked in self._blocked.items():
            if (port.protocol, port.number) != (changed.protocol, changed.number):
                continue
            if row < len(blocked):
                blocked[row] = self.holder(row, port) is not None

    def blocked(self, port: Port, size: int) -> Mask:
        """Say, for so many rows, on which an instance keeps others from having this port."""
        found = self._blocked.get(port)
        if found is None or len(found) < size:
            found = np.zeros(size, dtype=np.bool_)
            for row in self.rows(port):
                found[row] = self.holder(row, port) is not None
            if len(self._blocked) >= MAX_ASKED:
                del self._blocked[next(iter(self._blocked))]
            self._blocked[port] = found
        return found

    def rows(self, port: Port) -> dict[int, Holders]:
        """Return who has this number on which rows, on whatever address. Not to be changed."""
        return self._taken.get((port.protocol, port.number), {})

    def holder(self, row: int, port: Port) -> str | None:
        """Return the instance on this row that keeps another from having this port.

        Of several the first by id, in whatever order they came.
        """
        held = self.rows(port).get(row, ())
        return min((instance for other, instance in held if port.conflicts(other)), default=None)

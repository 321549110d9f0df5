"""Which nodes the hub has heard of their present state, in its own life. Pure; one thread.

A database, and the broker's retained messages beside it, may be a copy from yesterday: what they
say of a node proves nothing. A report that comes as it is sent does, and so does a kept one once
its node beats on this broker: at each connection a node reports first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator


class Heard:
    """The nodes that may be given orders: `node in heard`."""

    def __init__(self, shut_out: Callable[[str], bool] = lambda _: False) -> None:
        """`shut_out` says who is given none, although he was heard: he was revoked."""
        self._shut_out = shut_out
        self._heard: set[str] = set()
        self._kept: set[str] = set()
        """Nodes of which only a retained report has come."""
        self._beating: set[str] = set()
        self._ripening: set[str] = set()

    def __contains__(self, node: object) -> bool:
        return node in self._heard and not self._shut_out(str(node))

    def __iter__(self) -> Iterator[str]:
        return iter(self._heard)

    def __len__(self) -> int:
        return len(self._heard)

    def report(self, node: str, *, retained: bool) -> None:
        """Note a report of a node's present incarnation."""
        if not retained:
            self._heard.add(node)
            self._kept.discard(node)
        elif node not in self._heard:
            self._kept.add(node)

    def beat(self, node: str) -> None:
        """Note a heartbeat of a node's present incarnation. The hot path."""
        if node in self._kept:
            self._beating.add(node)

    def forget(self, node: str) -> None:
        """Begin anew with a node: it is gone, or has another incarnation."""
        for nodes in (self._heard, self._kept, self._beating, self._ripening):
            nodes.discard(node)

    def ripe(self) -> set[str]:
        """Return the nodes that are newly heard because they beat; called once a second.

        Heartbeats have a connection of their own and may overtake a report: one that beat before
        the last call has had the time for it.
        """
        found = self._ripening & self._kept
        self._kept -= found
        self._heard |= found
        self._ripening, self._beating = self._beating - found, set()
        return found

"""What joining wants of the broker's side: whoever has the broker gives it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class BrokerDoor(Protocol):
    """Called after what it is about is durable. Must return soon, and do the rest by itself."""

    def revoked(self, node: str) -> None:
        """End a node's session, and remove what the broker has retained of it.

        The list of revoked certificates is written by then, and must be read anew before that.
        """

    def replaced(self, node: str) -> None:
        """End the session that a node's former key has, as with one that is revoked.

        What the broker has retained of the node stays: its new key says it again.
        """

    def admitted(self, node: str) -> None:
        """Leave alone a node that was revoked, and has joined again."""

    def list_changed(self) -> None:
        """Have the broker read the list of revoked certificates anew."""

    def certificates_changed(self, files: Sequence[str]) -> None:
        """Take up certificates of hub and broker that were renewed: names in `tls`."""


class NoBroker:
    """For a hub whose broker asks for no certificates."""

    def revoked(self, node: str) -> None:
        """Do nothing."""

    def replaced(self, node: str) -> None:
        """Do nothing."""

    def admitted(self, node: str) -> None:
        """Do nothing."""

    def list_changed(self) -> None:
        """Do nothing."""

    def certificates_changed(self, files: Sequence[str]) -> None:
        """Do nothing."""

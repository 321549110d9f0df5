"""How a node is named where something is told of it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry_cli import words


class AtNode:
    """What a record has that names a node: `node` by its id, and its `hostname`."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def node(self) -> str:
            """Return the node's id."""

        @property
        def hostname(self) -> str:
            """Return its hostname, which others may have too."""

    @property
    def where(self) -> str:
        """Return the node as people know it."""
        return words.node_name(self.hostname, self.node)

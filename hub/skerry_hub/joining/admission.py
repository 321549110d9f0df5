"""Who was shut out, and which labels who joins brings along: for the writer, which asks often.

Read from the store at the start, and told of each change after that is durable. Any thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from skerry_hub.joining.records import Enrollment

_NONE: Mapping[str, str] = {}


class Admission:
    """What the writer must know of boxes that joined."""

    def __init__(self, found: Iterable[Enrollment] = ()) -> None:
        self._shut_out: set[str] = set()
        self._labels: dict[str, Mapping[str, str]] = {}
        for one in found:
            self.put(one)

    def put(self, one: Enrollment) -> None:
        """Take over what is kept of a box now."""
        self._labels[one.node] = one.content.labels
        if one.revoked_at is None:
            self._shut_out.discard(one.node)
        else:
            self._shut_out.add(one.node)

    def shut_out(self, node: str) -> bool:
        """Say whether what comes in the name of a node is not to be believed."""
        return node in self._shut_out

    def labels(self, node: str) -> Mapping[str, str]:
        """Return the labels that a node has when it first appears."""
        return self._labels.get(node, _NONE)

"""Who was shut out, and what who joins brings along: for the writer, which asks often.

Read from the store at the start, and told of each change after that is durable. Any thread.
"""

from __future__ import annotations

import base64
import types
from collections.abc import Iterable, Mapping

from skerry_hub.joining.records import Enrollment, Revocation

_NONE: Mapping[str, str] = {}


class Admission:
    """What the writer must know of boxes that joined."""

    def __init__(self, found: Iterable[Enrollment] = ()) -> None:
        self._revocations: dict[str, Revocation] = {}
        self.revocations: Mapping[str, Revocation] = types.MappingProxyType(self._revocations)
        """Who is shut out now, by id, for who shows nodes."""
        self._labels: dict[str, Mapping[str, str]] = {}
        self._sealing_keys: dict[str, bytes] = {}
        for one in found:
            self.put(one)

    def put(self, one: Enrollment) -> None:
        """Take over what is kept of a box now."""
        self._labels[one.node] = one.content.labels
        if one.content.sealing_key is not None:
            self._sealing_keys[one.node] = base64.b64decode(one.content.sealing_key)
        else:
            self._sealing_keys.pop(one.node, None)
        if one.revoked_at is None:
            self._revocations.pop(one.node, None)
        else:
            self._revocations[one.node] = Revocation(at=one.revoked_at, by=one.content.revoked_by)

    def shut_out(self, node: str) -> bool:
        """Say whether what comes in the name of a node is not to be believed."""
        return node in self._revocations

    def labels(self, node: str) -> Mapping[str, str]:
        """Return the labels that a node has when it first appears."""
        return self._labels.get(node, _NONE)

    def sealing_key(self, node: str) -> bytes | None:
        """Return the key that a node's root told at its join; None where it told none."""
        return self._sealing_keys.get(node)

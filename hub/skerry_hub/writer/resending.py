"""When an order that its node has not accepted is sent again. Pure: `mono_s` is an argument."""

from __future__ import annotations

from skerry_hub.model import Liveness, Node

BEHIND_S = 30.0
"""An order that its node has not accepted is sent again at the earliest after so long, ..."""
REFUSED_S = 600.0
"""... and after so long where the node refused it: its policy may have changed."""


class Resending:
    """When each node was last sent its order."""

    def __init__(self) -> None:
        self._sent_at: dict[str, float] = {}

    def sent(self, node: str, mono_s: float) -> None:
        """Note that a node was sent its order."""
        self._sent_at[node] = mono_s

    def forget(self, node: str) -> None:
        """Note that a node is gone."""
        self._sent_at.pop(node, None)

    def due(self, node: Node, mono_s: float) -> bool:
        """Say whether a node that can be reached has not accepted its order for too long."""
        if node.report is None or node.diverged is not None:
            return False
        if node.liveness is not Liveness.ONLINE or node.report.accepted >= node.generation:
            return False
        sent_at = self._sent_at.get(node.id)
        gap_s = BEHIND_S if node.report.refusal is None else REFUSED_S
        return sent_at is None or mono_s - sent_at >= gap_s

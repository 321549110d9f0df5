"""Who is alive, by the hub's judgement. Pure.

Losing sight is not losing: a hub that could not look itself judges nobody for the time in which it
could not. What becomes of a lost node's instances is `skerry_hub.loss`'s affair.
"""

from __future__ import annotations

from skerry_hub.fleet.listening import Listening
from skerry_hub.model import Liveness, Node
from skerry_hub.patience import Patience

__all__ = ["Patience", "judge"]


def judge(
    node: Node, last_seen: float, listening: Listening, now: float, patience: Patience
) -> Liveness:
    """Return what a node is now.

    `last_seen` is its last sign of life, by the hub's clock. `patience` is this node's own.
    """
    silent_s = now - listening.heard_one(last_seen)
    if silent_s >= patience.lost_s:
        return Liveness.LOST
    online = node.presence is not None and node.presence.online
    if online and silent_s < patience.unreachable_s:
        # A judgement made before the hub last began to listen stands until there is a new sign.
        return node.liveness if last_seen < listening.since else Liveness.ONLINE
    return Liveness.LOST if node.liveness is Liveness.LOST else Liveness.UNREACHABLE

"""Who is alive, by the hub's judgement. Pure.

Losing sight is not losing: nothing moves because of what is judged here, and a hub that could not
look itself judges nobody for the time in which it could not.
"""

from __future__ import annotations

import dataclasses

from skerry_hub.model import Liveness, Node


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """After how many silent seconds a node is unreachable, and after how many it is lost."""

    unreachable_s: float = 60.0
    lost_s: float = 600.0


def judge(
    node: Node, last_seen: float, watching_since: float, now: float, patience: Patience
) -> Liveness:
    """Return what a node is now.

    `last_seen` is its last sign of life, `watching_since` when the hub last began to listen (both
    by the hub's clock): silence from before that proves nothing.
    """
    silent_s = now - max(last_seen, watching_since)
    if silent_s >= patience.lost_s:
        return Liveness.LOST
    online = node.presence is not None and node.presence.online
    if online and silent_s < patience.unreachable_s:
        # A judgement made before the hub last began to listen stands until there is a new sign.
        return node.liveness if last_seen < watching_since else Liveness.ONLINE
    return Liveness.LOST if node.liveness is Liveness.LOST else Liveness.UNREACHABLE

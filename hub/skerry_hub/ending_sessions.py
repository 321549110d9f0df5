"""Which boxes that were revoked may still have a session on the broker, or something kept there.

Derived from when each was revoked and a mark of each that is done, so that what a broker was away
for, or a hub did not live to do, is done later. A box whose key was replaced counts as well: the
session may be its former key's. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from skerry_hub.broker_access import ACCESS
from skerry_wire import topics
from skerry_wire.topics import NodeTopic

SETTING = "ended-sessions"
"""Under which the store keeps the marks."""
AGAIN_FIRST_S = 1.0
AGAIN_MOST_S = 60.0

Marks = Mapping[str, float]
"""By node, when it or its former key was revoked: that it was revoked then is carried out."""


def shut_out(revoked: Marks, replaced: Marks) -> Marks:
    """Return whose session is to end: a box that is revoked, or that has another key since."""
    return {**replaced, **revoked}


def pending(revoked: Marks, ended: Marks) -> list[str]:
    """Return the nodes whose session is still to be ended, who waits longest first."""
    waiting = [(at, node) for node, at in revoked.items() if ended.get(node) != at]
    return [node for _, node in sorted(waiting)]


def marked(revoked: Marks, ended: Marks, node: str) -> dict[str, float]:
    """Return the marks with another that is done, and without those of who joined again."""
    kept = {one: at for one, at in ended.items() if revoked.get(one) == at}
    return {**kept, node: revoked[node]}


def said_by(node: str) -> list[str]:
    """Return the topics that a node could write on, so that the broker may keep something."""
    kinds = [rule.kind for rule in ACCESS if "write" in rule.node]
    return [str(topics.Node(node, kind)) for kind in kinds if isinstance(kind, NodeTopic)]


def said_to(node: str) -> list[str]:
    """Return the topics on which the broker may keep what the hub said to a node."""
    return [str(topics.Node(node, topic)) for topic in topics.TO_NODES]


def wait_s(failures: int) -> float:
    """Return how long to wait after so many failures, from 1, one after the other."""
    return min(AGAIN_MOST_S, AGAIN_FIRST_S * 2.0 ** min(failures - 1, 10))


def to_text(marks: Marks) -> str:
    """Return marks as they are kept."""
    return json.dumps(dict(marks), sort_keys=True, separators=(",", ":"))


def from_text(text: str) -> dict[str, float]:
    """Return marks that were kept; none where they are damaged: then sessions are ended again."""
    try:
        found = json.loads(text)
        return {str(node): float(at) for node, at in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}

"""Builds and parses every topic. No other module knows how one is spelled."""

from __future__ import annotations

import enum
import re

from skerry_wire.frozen import frozen
from skerry_wire.types import LABEL

ROOT = "skerry/v1"

_LABEL = re.compile(LABEL)


class NodeTopic(enum.StrEnum):
    """What a node says, and what is said to it."""

    PRESENCE = "presence"
    CAPABILITY = "capability"
    HEARTBEAT = "heartbeat"
    REPORT = "report"
    EVENT = "event"
    REPLY = "reply"
    ORDER = "order"
    TARGETS = "targets"
    LEASE = "lease"
    GRANT = "grant"
    KEYS = "keys"


@frozen()
class Node:
    """A topic of one node."""

    node: str
    topic: NodeTopic

    def __str__(self) -> str:
        return f"{ROOT}/nodes/{_checked(self.node)}/{self.topic}"


@frozen()
class NodeRequest:
    """Where the hub asks one node something."""

    node: str
    verb: str

    def __str__(self) -> str:
        return f"{ROOT}/nodes/{_checked(self.node)}/request/{_checked(self.verb)}"


@frozen()
class HubPresence:
    """Whether the hub is there (JSON)."""

    def __str__(self) -> str:
        return f"{ROOT}/hub/presence"


@frozen()
class NodeView:
    """The hub's view of one node (JSON)."""

    node: str

    def __str__(self) -> str:
        return f"{ROOT}/fleet/{_checked(self.node)}"


@frozen()
class NodeViewEvent:
    """An event of one node, as the hub passes it on (JSON)."""

    node: str

    def __str__(self) -> str:
        return f"{ROOT}/fleet/{_checked(self.node)}/event"


@frozen()
class WorkloadView:
    """The hub's view of one workload (JSON)."""

    workload: str

    def __str__(self) -> str:
        return f"{ROOT}/workloads/{_checked(self.workload)}"


Topic = Node | NodeRequest | HubPresence | NodeView | NodeViewEvent | WorkloadView

Kind = (
    NodeTopic
    | type[NodeRequest]
    | type[HubPresence]
    | type[NodeView]
    | type[NodeViewEvent]
    | type[WorkloadView]
)
"""Of which kind a topic is, whatever its node or workload."""

KINDS: tuple[Kind, ...] = (
    *NodeTopic,
    NodeRequest,
    HubPresence,
    NodeView,
    NodeViewEvent,
    WorkloadView,
)

TO_NODES = (NodeTopic.ORDER, NodeTopic.TARGETS, NodeTopic.GRANT, NodeTopic.KEYS)
"""What the hub says to a node."""

ALL_FROM_NODES = tuple(f"{ROOT}/nodes/+/{topic}" for topic in NodeTopic if topic not in TO_NODES)
"""Filters for everything that nodes say."""


def requests_to(node: str) -> str:
    """Return the filter for every request to one node."""
    return f"{ROOT}/nodes/{_checked(node)}/request/+"


def filter_of(kind: Kind, name: str = "+") -> str:
    """Return the filter of a kind of topics: of all of them, or of one node or workload.

    `name` may be what a broker puts the node in place of, in its access list.
    """
    if isinstance(kind, NodeTopic):
        return f"{ROOT}/nodes/{name}/{kind}"
    return f"{ROOT}/{_FILTERS[kind].format(name=name)}"


def parse(topic: str) -> Topic | None:
    """Return what a topic means, or None where it is none of ours."""
    if not topic.startswith(ROOT + "/"):
        return None
    match topic[len(ROOT) + 1 :].split("/"):
        case ["nodes", node, name] if _ok(node) and name in _NODE_TOPICS:
            return Node(node, _NODE_TOPICS[name])
        case ["nodes", node, "request", verb] if _ok(node) and _ok(verb):
            return NodeRequest(node, verb)
        case ["hub", "presence"]:
            return HubPresence()
        case ["fleet", node] if _ok(node):
            return NodeView(node)
        case ["fleet", node, "event"] if _ok(node):
            return NodeViewEvent(node)
        case ["workloads", workload] if _ok(workload):
            return WorkloadView(workload)
    return None


_FILTERS: dict[Kind, str] = {
    NodeRequest: "nodes/{name}/request/+",
    HubPresence: "hub/presence",
    NodeView: "fleet/{name}",
    NodeViewEvent: "fleet/{name}/event",
    WorkloadView: "workloads/{name}",
}

_NODE_TOPICS = {topic.value: topic for topic in NodeTopic}


def _ok(label: str) -> bool:
    return _LABEL.fullmatch(label) is not None


def _checked(label: str) -> str:
    if not _ok(label):
        raise ValueError(f"{label[:80]!r} cannot be part of a topic")
    return label

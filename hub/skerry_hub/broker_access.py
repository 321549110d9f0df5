"""Who may do what on the broker: one table, from which every broker's access list is made. Pure.

A topic that the table lacks is open to nobody. Whoever takes over a box can lie about that box; he
can neither read what another hears nor speak for it.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Iterator, Sequence
from typing import Literal

from skerry_wire import topics
from skerry_wire.topics import (
    HubPresence,
    Kind,
    NodeRequest,
    NodeTopic,
    NodeView,
    NodeViewEvent,
    WorkloadView,
)
from skerry_wire.types import LABEL

HUB = "skerry:hub"
HUB_BEATS = "skerry:hub-beats"
READER_PREFIX = "skerry:reader:"
"""Users. No node can be called so, for there is no : in a node's id."""

NODES = f"{topics.ROOT}/nodes"
COUNTERS = "$SYS/broker/#"
"""The broker's own counters, for whoever watches it. They name nobody."""


class Role(enum.StrEnum):
    """As whom somebody is on the broker."""

    NODE = "node"
    HUB = "hub"
    BEATS = "hub-beats"
    READER = "reader"


Right = Literal["read", "write", "readwrite", ""]


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """What each role may do with one kind of topic; a node with its own alone."""

    kind: Kind
    node: Right
    hub: Right
    beats: Right
    reader: Right

    def of(self, role: Role) -> Right:
        """Return what a role may do."""
        return {
            Role.NODE: self.node,
            Role.HUB: self.hub,
            Role.BEATS: self.beats,
            Role.READER: self.reader,
        }[role]


# The hub writes what nodes retain, too: it clears that when a node is deleted or revoked.
# A node reads its own presence: it sees there that another box speaks as it, a copied disk.
# fmt: off
ACCESS = (
    #    kind                   node     hub          hub-beats  reader
    Rule(NodeTopic.PRESENCE,   "readwrite", "readwrite", "",    ""),
    Rule(NodeTopic.CAPABILITY, "write", "readwrite", "",        ""),
    Rule(NodeTopic.HEARTBEAT,  "write", "",          "read",    ""),
    Rule(NodeTopic.REPORT,     "write", "readwrite", "",        ""),
    Rule(NodeTopic.EVENT,      "write", "read",      "",        ""),
    Rule(NodeTopic.REPLY,      "write", "read",      "",        ""),
    Rule(NodeTopic.LEASE,      "write", "",          "read",    ""),
    Rule(NodeTopic.ORDER,      "read",  "write",     "",        ""),
    Rule(NodeTopic.TARGETS,    "read",  "write",     "",        ""),
    Rule(NodeTopic.GRANT,      "read",  "write",     "",        ""),
    Rule(NodeTopic.KEYS,       "read",  "write",     "",        ""),
    Rule(NodeRequest,          "read",  "write",     "",        ""),
    Rule(HubPresence,          "read",  "write",     "",        "read"),
    Rule(NodeView,             "",      "write",     "",        "read"),
    Rule(NodeViewEvent,        "",      "write",     "",        "read"),
    Rule(WorkloadView,         "",      "write",     "",        "read"),
)
# fmt: on


def reader(name: str) -> str:
    """Return the user that a reader of this name is. Raises ValueError where it cannot be one."""
    if re.fullmatch(LABEL, name) is None:
        raise ValueError(
            f"{name[:80]!r} is no reader's name: 1 to 63 of a-z, 0-9 and -, no - at either end"
        )
    return READER_PREFIX + name


def rights(role: Role, name: str = "+") -> Iterator[tuple[Right, str]]:
    """Yield what a role may do, and with which filter; `name` stands for a node or a workload."""
    for rule in ACCESS:
        right = rule.of(role)
        if right:
            yield right, topics.filter_of(rule.kind, name)
    if role is Role.READER:
        yield "read", COUNTERS


def mosquitto_acl(readers: Sequence[str], removed: Sequence[str] = ()) -> str:
    """Return mosquitto's `acl_file`. `readers` may read; `removed` have a certificate of before.

    The patterns for boxes hold for every user, whatever he is called. What a user's own section
    denies counts before them, so that nobody but a box is taken for one.
    """
    lines = [
        "# Who may do what on the broker: made from the table in skerry_hub/broker_access.py.",
        "# The user is the common name of a certificate. That of a box is its node id, %u here.",
        "",
        "# Each box says what it is and does, and hears what is said to it.",
        *(f"pattern {right} {where}" for right, where in rights(Role.NODE, "%u")),
        "",
        "# The hub, and its second connection, for what comes often.",
        *_user(HUB, Role.HUB, f"{NODES}/{HUB}/#"),
        *_user(HUB_BEATS, Role.BEATS, f"{NODES}/{HUB_BEATS}/#"),
        "",
        "# Other systems, which only look: one of these for each.",
    ]
    for name in sorted(readers):
        lines += _user(reader(name), Role.READER, f"{NODES}/#")
    former = sorted({*removed} - {*readers})
    if former:
        lines += ["", "# Systems that may look no more; their certificates may hold still."]
    for name in former:
        lines += [f"user {reader(name)}", "topic deny #"]
    return "\n".join(lines) + "\n"


def _user(user: str, role: Role, denied: str) -> list[str]:
    granted = (f"topic {right} {where}" for right, where in rights(role))
    return [f"user {user}", f"topic deny {denied}", *granted]

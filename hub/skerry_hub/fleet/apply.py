"""What a message makes of a node's record: `take(node, message, now) -> Taken | Dropped`. Pure.

Per incarnation and topic only what advances is taken, so a message that is late, sent twice or
played back changes nothing. Events are known by their id instead, which is the store's affair.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from skerry_hub.model import Liveness, Node
from skerry_wire.capability import Capability
from skerry_wire.lifecycle import fingerprint_of
from skerry_wire.messages import Event, NodeMessage, Presence, Reply, Report
from skerry_wire.topics import NodeTopic

RETIRED_MOST = 64
"""How many earlier incarnations of a node are remembered, the newest."""

SEALING_KEY_BYTES = 32


@dataclasses.dataclass(frozen=True, slots=True)
class Note:
    """Something that the hub itself has to say of a node: kind, subject, detail."""

    kind: str
    subject: str = ""
    detail: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Taken:
    """The node's record after a message. `joined`: it may now take what it could not before."""

    node: Node
    notes: tuple[Note, ...] = ()
    joined: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Dropped:
    """The message changes nothing; `reason` is one of a few fixed words, for a counter."""

    reason: str


UNKNOWN = Dropped("unknown_node")
RETIRED = Dropped("retired_incarnation")
STALE = Dropped("stale")

_INTRODUCING = (Presence, Capability, Report)
"""What a node says at every connection, and so what may make it known."""


def take(node: Node | None, node_id: str, message: NodeMessage, now: float) -> Taken | Dropped:
    """Return what a decoded message of `node_id` makes of its record (None: not known yet)."""
    if node is None or node.incarnation != message.incarnation:
        if not isinstance(message, _INTRODUCING):
            return UNKNOWN
        if node is not None and message.incarnation in node.retired:
            return RETIRED
        return _introduced(node, node_id, message, now)
    return _advanced(node, message, now)


def _introduced(
    before: Node | None, node_id: str, message: NodeMessage, now: float
) -> Taken | Dropped:
    if before is None:
        fresh = Node(id=node_id, incarnation=message.incarnation, registered_at=now, last_seen=now)
        note = Note("registered", detail=f"incarnation {message.incarnation[:8]}")
    else:
        # The box was made anew. What operators said of it stays, and the generation goes on, so
        # that no order of its former life can ever pass for a new one.
        fresh = Node(
            id=before.id,
            incarnation=message.incarnation,
            registered_at=now,
            retired=(*before.retired, before.incarnation)[-RETIRED_MOST:],
            labels=before.labels,
            # Whoever can write to the broker can be a new incarnation, but not learn a secret.
            sealing_key=before.sealing_key,
            generation=before.generation,
            last_seen=now,
        )
        note = Note("reincarnated", detail=f"incarnation {message.incarnation[:8]}")
    taken = _advanced(fresh, message, now)
    if isinstance(taken, Dropped):
        return taken
    return dataclasses.replace(taken, notes=(note, *taken.notes))


def _advanced(node: Node, message: NodeMessage, now: float) -> Taken | Dropped:
    if isinstance(message, Event | Reply):
        return Taken(node)  # known by their ids
    topic = _topic_of(message)
    here = (message.boot, message.seq)
    if node.sequences.get(topic, ()) >= here:
        return STALE
    # A last will is the broker's word, and comes long after the node's own last one.
    seen = now if is_sign_of_life(message) else node.last_seen
    node = dataclasses.replace(node, sequences={**node.sequences, topic: here}, last_seen=seen)
    if isinstance(message, Presence):
        return _presence(node, message)
    if isinstance(message, Capability):
        return _capability(node, message)
    if isinstance(message, Report):
        return _report(node, message)
    return Dropped("unexpected")


def is_sign_of_life(message: NodeMessage) -> bool:
    """Say whether a message that is new shows that its node lives."""
    return not isinstance(message, Presence) or message.online


def _topic_of(message: NodeMessage) -> str:
    if isinstance(message, Presence):
        return NodeTopic.PRESENCE.value
    return NodeTopic.CAPABILITY.value if isinstance(message, Capability) else NodeTopic.REPORT.value


def _presence(node: Node, message: Presence) -> Taken:
    liveness = Liveness.ONLINE if message.online else Liveness.UNREACHABLE
    if liveness is Liveness.UNREACHABLE and node.liveness is Liveness.LOST:
        liveness = Liveness.LOST
    notes: tuple[Note, ...] = ()
    if liveness is not node.liveness:
        detail = f"agent {message.version}" if message.online else "its connection ended"
        notes = (Note(liveness.value, detail=detail),)
    joined = message.online and node.liveness is not Liveness.ONLINE
    node = dataclasses.replace(node, presence=message, liveness=liveness)
    return Taken(node, notes, joined)


def _capability(node: Node, message: Capability) -> Taken:
    before = node.capability
    changed = before is None or before.revision != message.revision
    notes = tuple(_of_policy(trouble_in(before), trouble_in(message)))
    return Taken(dataclasses.replace(node, capability=message), notes, joined=changed)


def trouble_in(capability: Capability | None) -> str:
    """Say why a box's own policy cannot be used, empty where it can."""
    policy = capability.hardware.policy if capability is not None else None
    return policy.trouble if policy is not None else ""


def _of_policy(before: str, after: str) -> Iterator[Note]:
    if before and not after:
        yield Note("policy_usable", detail="the box's policy can be used again")
    elif after != before:
        yield Note("policy_unusable", detail=after)


def _report(node: Node, message: Report) -> Taken:
    diverged = divergence(node, message)
    notes: tuple[Note, ...] = ()
    if diverged is not None and node.diverged is None:
        notes = (Note("diverged", detail=diverged),)
    told = message.sealing_key
    if told is not None and len(told) == SEALING_KEY_BYTES:
        if node.sealing_key is None:
            node = dataclasses.replace(node, sealing_key=told)
        elif told not in (node.sealing_key, _told_before(node)):
            detail = f"{fingerprint_of(told)} in place of {fingerprint_of(node.sealing_key)}"
            notes = (*notes, Note("sealing_key_changed", detail=detail))
    # A hold ends by an operator's word alone, whatever the node says later.
    node = dataclasses.replace(node, report=message, diverged=node.diverged or diverged)
    return Taken(node, notes)


def _told_before(node: Node) -> bytes | None:
    return node.report.sealing_key if node.report is not None else None


def divergence(node: Node, report: Report) -> str | None:
    """Say why a node has more, or something else, than this hub ordered; None when it has not."""
    if report.accepted > node.generation:
        return (
            f"it is ahead of this hub: it accepted order {report.accepted}, "
            f"and the newest that this hub knows is {node.generation}"
        )
    if report.accepted and report.accepted == node.generation and report.digest != node.digest:
        return f"it accepted an order {report.accepted} with another content than this hub issued"
    return None

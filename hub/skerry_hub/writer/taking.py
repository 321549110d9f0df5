"""Many messages of nodes into one draft. Changes nothing: who commits the draft does the rest."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Collection, Iterable

from skerry_hub.fleet.apply import Dropped, is_sign_of_life, take
from skerry_hub.jobs import follow
from skerry_hub.joining.admission import Admission
from skerry_hub.model import Liveness, Node
from skerry_hub.state import Draft, Known
from skerry_hub.writer.inbox import Incoming
from skerry_hub.writer.telling import Telling
from skerry_wire.capability import Capability
from skerry_wire.messages import Event, Reply, Report


@dataclasses.dataclass(slots=True)
class Batch:
    """What messages would change, and what else they say."""

    draft: Draft
    counts: collections.Counter[tuple[str, str]]
    """How many were taken, or dropped for which reason, by topic."""
    alive: set[str] = dataclasses.field(default_factory=set)
    """Nodes that gave a sign of life."""
    renewed: set[str] = dataclasses.field(default_factory=set)
    """Nodes that have come, or come anew: nothing said before is true of them."""
    reported: list[tuple[str, bool]] = dataclasses.field(default_factory=list)
    """Reports of present incarnations, old ones too, and whether the broker had kept them."""
    replies: list[tuple[str, Reply]] = dataclasses.field(default_factory=list)
    joined: bool = False
    """Whether a node may now take what it could not before."""


def take_all(
    known: Known,
    messages: Iterable[Incoming],
    seen: Collection[str],
    telling: Telling,
    now: float,
    last_heard: Callable[[str], float] = lambda _: 0.0,
    admission: Admission | None = None,
) -> Batch:
    """Return what the messages make of what is known. `seen` are events that are kept already.

    `last_heard` is when a node's last heartbeat came, which no record has; `admission` tells
    what a node has when it first appears: the labels of its token, and the key that its root told.
    """
    batch, seen = Batch(Draft(known), collections.Counter()), set(seen)
    for one in messages:
        first = batch.draft.nodes.get(one.node) is None
        _take_one(known, batch, one, seen, telling, now)
        node = batch.draft.nodes.get(one.node)
        if first and node is not None and admission is not None:
            labels = admission.labels(one.node) or node.labels
            key = admission.sealing_key(one.node) or node.sealing_key
            new = dataclasses.replace(node, labels=labels, sealing_key=key)
            batch.draft.nodes.put(one.node, new)
    for name, node in batch.draft.nodes.changes.items():
        before = known.nodes.get(name)
        if node is None or before is None or before.liveness is not Liveness.ONLINE:
            continue
        if node.liveness is not Liveness.ONLINE and last_heard(name) > node.last_seen:
            # What is shown of it from now on is as of then.
            batch.draft.nodes.put(name, dataclasses.replace(node, last_seen=last_heard(name)))
    return batch


def _take_one(
    known: Known, batch: Batch, one: Incoming, seen: set[str], telling: Telling, now: float
) -> None:
    draft, message = batch.draft, one.message
    before = draft.nodes.get(one.node)
    taken = take(before, one.node, message, now)
    node = before if isinstance(taken, Dropped) else taken.node
    if node is not None and _is_new(before, node):
        batch.renewed.add(one.node)
        batch.reported = [said for said in batch.reported if said[0] != one.node]
    if isinstance(message, Capability):
        draft.touched.add(one.node)  # its policy may ask for approvals now
    if isinstance(message, Report) and node and node.incarnation == message.incarnation:
        batch.reported.append((one.node, one.retained))
        draft.touched.add(one.node)
    if isinstance(taken, Dropped):
        batch.counts[one.topic, taken.reason] += 1
        return
    batch.counts[one.topic, "taken"] += 1
    if is_sign_of_life(message):
        batch.alive.add(one.node)
    batch.joined |= taken.joined
    if taken.node is not before:
        draft.nodes.put(one.node, taken.node)
    if isinstance(message, Report):
        follow(draft, taken.node)
    draft.events += [telling.of_hub(taken.node, note, now) for note in taken.notes]
    if isinstance(message, Event) and message.id not in seen:
        seen.add(message.id)
        draft.events.append(telling.of_node(known, taken.node, message, now - one.waited_s))
    if isinstance(message, Reply):
        batch.replies.append((one.node, message))


def _is_new(before: Node | None, after: Node) -> bool:
    return before is None or before.incarnation != after.incarnation

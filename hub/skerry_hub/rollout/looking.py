"""What is seen of the instances of a rollout: what their nodes told, and who is there. Pure."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Container, Iterable, Mapping
from typing import Protocol, TypeVar

from skerry_hub.fleet.apply import trouble_in
from skerry_hub.known_as import known_as
from skerry_hub.leases import Vacating
from skerry_hub.model import Assignment, Liveness, Node
from skerry_hub.rollout.records import Member
from skerry_wire.lifecycle import PullStatus, UpdateStatus
from skerry_wire.messages import Health, InstanceState, InstanceStatus

T_co = TypeVar("T_co", covariant=True)


class Found(Protocol[T_co]):
    """Records by their keys."""

    def get(self, key: str, /) -> T_co | None:
        """Return the record of a key, None where there is none."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One instance as it is seen now.

    `away`: why its node counts neither as at work nor as one to wait for; `unheard`: the hub has
    not heard yet, in its own life, how the node stands. `revision` is what runs, None where nothing
    is told.
    """

    node: str
    hostname: str
    away: str = ""
    unheard: bool = False
    wave: str = ""
    moved: bool = False
    """Whether it left the node on which it had its former content."""
    to_place: bool = False
    """Whether its node does not take the new content: it is placed anew when it is its turn."""
    unplaced: bool = False
    """Whether no node takes it then, as far as is known now."""
    revision: str | None = None
    made: bool = False
    """Whether containers of that are there."""
    pull: PullStatus | None = None
    running: bool = False
    health: Health = Health.NONE
    reason: str = ""
    update: UpdateStatus | None = None
    refused: str = ""
    """Why its node does not take its newest order."""
    informed: bool = False
    """Whether its node has accepted its newest order."""

    @property
    def known_as(self) -> str:
        """Return its node as people know it."""
        return known_as(self.hostname, self.node)

    @property
    def online(self) -> bool:
        """Say whether what is told of it is of now."""
        return not self.away and not self.unheard

    @property
    def available(self) -> bool:
        """Say whether it does its work, at whatever revision."""
        return self.online and self.running and self.health is not Health.UNHEALTHY

    @property
    def good(self) -> bool:
        """Say whether it runs, and is healthy where it has a health check."""
        return self.online and self.running and self.health in (Health.HEALTHY, Health.NONE)


class _EveryNode:
    def __contains__(self, node: object) -> bool:
        return True


EVERY_NODE: Container[str] = _EveryNode()
"""For showing, where what was told is shown whenever that was."""


class Records(Protocol):
    """Where nodes and assignments are looked up: what is known, or a draft."""

    @property
    def nodes(self) -> Found[Node]:
        """Return the nodes by id."""

    @property
    def assignments(self) -> Found[Assignment]:
        """Return the assignments by the ids of the instances."""

    @property
    def vacating(self) -> Found[Vacating]:
        """Return what may still run elsewhere, by the ids of the instances."""


Cache = dict[str, tuple[tuple[object, ...], Seen]]
"""What was seen at the last look, by instance, and the records that it was seen in."""


def look(
    records: Records,
    members: Iterable[Member],
    heard: Container[str],
    wave_by: str,
    revision: str,
    cache: Cache | None = None,
) -> dict[str, Seen]:
    """Return what is seen of each member that is still placed somewhere.

    `heard` are the nodes of which the hub knows, in its own life, how they stand; `revision` is the
    newest one. With a `cache`, which it brings up to date, only those are looked at of which a
    record is another one.
    """
    found = {}
    for member in members:
        assignment = records.assignments.get(member.id)
        node = None if assignment is None else records.nodes.get(assignment.node)
        if assignment is None or node is None:
            continue
        waits = records.vacating.get(member.id)
        is_waiting = member.state == "waiting" and not member.withdrawn
        asked = is_waiting, node.id in heard, wave_by, revision
        sources = node, assignment, member.former, waits, *asked
        known = None if cache is None else cache.get(member.id)
        if known is not None and all(map(operator.is_, known[0], sources)):
            found[member.id] = known[1]
            continue
        seen = _seen(member, assignment, node, node.id in heard, wave_by)
        if is_waiting and assignment.revision != revision:
            seen = dataclasses.replace(seen, to_place=True)
        place = waits.elsewhere(node.id) if waits is not None else None
        if place is not None and not seen.away:
            seen = dataclasses.replace(seen, away=f"it may still run on {place.node}, by its lease")
        found[member.id] = seen
        if cache is not None:
            cache[member.id] = sources, seen
    return found


def _seen(member: Member, assignment: Assignment, node: Node, heard: bool, wave_by: str) -> Seen:
    status = _status(node, member.id)
    seen = Seen(
        node=node.id,
        hostname=node.hostname,
        away=_why_away(node),
        unheard=node.liveness is Liveness.ONLINE and node.diverged is None and not heard,
        wave=_label(node, wave_by),
        moved=member.former is not None and member.former.node != assignment.node,
        refused=_refused(node),
        informed=node.report is not None and node.report.accepted >= node.generation,
    )
    if status is None:
        return seen
    return dataclasses.replace(
        seen,
        revision=status.revision,
        made=bool(status.container_ids),
        pull=status.pull,
        running=status.state is InstanceState.RUNNING,
        health=status.health,
        reason=status.reason or "",
        update=status.update,
    )


def _status(node: Node, instance: str) -> InstanceStatus | None:
    statuses = node.report.instances if node.report is not None else ()
    return next((one for one in statuses if one.id == instance), None)


def _why_away(node: Node) -> str:
    if node.diverged is not None:
        return "its node is held: it has diverged"
    if node.liveness is not Liveness.ONLINE:
        return f"its node is {node.liveness.value}"
    return trouble_in(node.capability)  # it takes nothing new until that is mended


def _label(node: Node, key: str) -> str:
    if not key:
        return ""
    labels: Mapping[str, str] = node.all_labels
    return labels.get(key, "")


def _refused(node: Node) -> str:
    refusal = node.report.refusal if node.report is not None else None
    if refusal is None or refusal.generation < node.generation:
        return ""
    return f"the node refused its order: {refusal.reason}"

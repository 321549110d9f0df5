"""Events as the hub keeps them: those of nodes, and its own."""

from __future__ import annotations

import itertools
import secrets

from skerry_hub.fleet.apply import Note
from skerry_hub.model import Node
from skerry_hub.rollout.advancing import Told
from skerry_hub.showing import workload_of_subject
from skerry_hub.state import Known
from skerry_hub.views import EventView
from skerry_wire.messages import Event


class Telling:
    """Makes events, and gives the hub's own their ids: no other process makes the same."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._prefix = f"hub-{secrets.token_hex(4)}"

    def of_hub(self, node: Node | None, note: Note, now: float) -> EventView:
        """Return what the hub itself has to tell of a node; without one, of the fleet."""
        return EventView(
            id=f"{self._prefix}-{next(self._numbers)}",
            node=node.id if node is not None else "",
            kind=note.kind,
            at=now,
            subject=note.subject,
            detail=note.detail,
        )

    def of_itself(
        self, node: Node | None, kind: str, detail: str, now: float, subject: str = ""
    ) -> EventView:
        """Return what the hub has done, to a node or without one."""
        return self.of_hub(node, Note(kind, subject=subject, detail=detail), now)

    def of_rollout(self, told: Told, now: float) -> EventView:
        """Return what a rollout has to tell of: an instance on its node, or the whole workload."""
        return EventView(
            id=f"{self._prefix}-{next(self._numbers)}",
            node=told.node,
            kind=told.kind,
            at=now,
            subject=told.instance or told.workload,
            detail=told.detail,
            workload=told.workload,
        )

    @staticmethod
    def of_node(known: Known, node: Node, event: Event, sent_at: float) -> EventView:
        """Return what a node told of itself, in the hub's time: a box may not know it.

        `sent_at` is when the broker had it.
        """
        at = max(0.0, sent_at - event.age_s)
        return EventView(
            id=event.id,
            node=node.id,
            kind=event.kind.value,
            at=at,
            subject=event.subject,
            detail=event.detail,
            generation=event.generation,
            workload=workload_of_subject(known, node, event.subject),
            count=event.count,
            first_at=None if event.first_at is None else at - max(0.0, event.at - event.first_at),
        )

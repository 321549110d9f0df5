"""What follows a transaction: it is published, and every part that remembers nodes hears of it.

Part of the writer's thread. Decides nothing, and changes nothing that is stored.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from skerry_hub import metrics
from skerry_hub.state import Draft, Known, Publication
from skerry_hub.store_rows import Queued
from skerry_hub.writer.changes import Changes
from skerry_hub.writer.heard import Heard
from skerry_hub.writer.leasing import Leasing
from skerry_hub.writer.measuring import Measuring
from skerry_hub.writer.publishing import Publishing
from skerry_hub.writer.rolling import Rolling
from skerry_hub.writer.trimming import Trimming
from skerry_hub.writer.watch import Watch
from skerry_wire import reconnecting


class Following:
    """Those who follow. Called once a transaction is durable."""

    def __init__(
        self,
        publishing: Publishing,
        watch: Watch,
        heard: Heard,
        rolling: Rolling,
        leasing: Leasing,
        measuring: Measuring,
        trimming: Trimming,
    ) -> None:
        self.changes = Changes()
        self._publishing = publishing
        self._watch = watch
        self._heard = heard
        self._rolling = rolling
        self._leasing = leasing
        self._measuring = measuring
        self._trimming = trimming

    def presence(self, *, online: bool) -> Publication:
        """Return what the hub says of itself."""
        return self._publishing.presence(online=online, ceiling_s=self._watch.ceiling_s)

    def loaded(self, known: Known) -> None:
        """Take over how many boxes there are: they are told how soon to come back."""
        self._watch.ceiling_s = reconnecting.ceiling_for(len(known.nodes))

    def reloaded(self, known: Known, queued: Sequence[Queued]) -> None:
        """Have everything said again: the database had something else than was thought."""
        self._publishing.send(queued)
        self._publishing.all_changed(known)
        self._watch.begin_anew(time.time())
        self.changes.bump()

    def committed(
        self,
        known: Known,
        draft: Draft,
        queued: Sequence[Queued],
        nodes: Collection[str],
        workloads: Collection[str],
    ) -> None:
        """Pass on a draft that `known` has by now; views of `nodes` and `workloads` differ."""
        for node_id, node in draft.nodes.changes.items():
            if node is None:
                self._forget(node_id)
        self._follow_size(known)
        self._rolling.committed(known, draft)
        self._trimming.committed(draft)
        for event in draft.events:
            if event.workload and event.kind.startswith(("update", "rollout_")):
                metrics.ROLLOUT_EVENTS.labels(event.kind).inc()
        for made in draft.made:
            metrics.DECISIONS.labels(made.cause).inc()
        self._publishing.send(queued)
        self._publishing.settled(known, draft, nodes, workloads)
        if self._watch.since is not None:
            self._publishing.tell(draft)
        self.changes.bump()

    def _follow_size(self, known: Known) -> None:
        """Tell boxes, of a fleet that grew or shrank by much, how soon to come back."""
        before = self._watch.ceiling_s
        self.loaded(known)
        if self._watch.ceiling_s != before:
            self._publishing.publish(self.presence(online=True))

    def _forget(self, node_id: str) -> None:
        self._heard.forget(node_id)
        self._publishing.forget(node_id)
        self._measuring.forget(node_id)
        self._leasing.forget(node_id)

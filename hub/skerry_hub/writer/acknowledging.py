"""Messages and heartbeats of nodes, many at once: made durable, then acknowledged, then followed.

Part of the writer's thread. What messages change, `taking` decides.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import structlog

from skerry_hub import jobs, metrics
from skerry_hub.joining.admission import Admission
from skerry_hub.state import Draft
from skerry_hub.store_error import reason_of
from skerry_hub.writer.asking import Asking
from skerry_hub.writer.complaints import Complaints
from skerry_hub.writer.filling import Filling
from skerry_hub.writer.heard import Heard
from skerry_hub.writer.inbox import Inbox, Incoming
from skerry_hub.writer.leasing import Leasing
from skerry_hub.writer.measuring import Measuring
from skerry_hub.writer.publishing import Publishing
from skerry_hub.writer.taking import Batch, take_all
from skerry_hub.writer.telling import Telling
from skerry_hub.writer.transactions import STORE_ERRORS, Transactions
from skerry_wire.messages import Event

log = structlog.get_logger("acknowledging")


class Acknowledging:
    """What nodes said, and what hears of it."""

    def __init__(  # noqa: PLR0913 - everybody who hears of what nodes say
        self,
        *,
        transactions: Transactions,
        inbox: Inbox,
        heard: Heard,
        asking: Asking,
        publishing: Publishing,
        measuring: Measuring,
        leasing: Leasing,
        filling: Filling,
        telling: Telling,
        complaints: Complaints,
        admission: Admission,
    ) -> None:
        """`admission` tells what a node has when it first appears."""
        self._transactions = transactions
        self._inbox = inbox
        self._heard = heard
        self._asking = asking
        self._publishing = publishing
        self._measuring = measuring
        self._leasing = leasing
        self._filling = filling
        self._telling = telling
        self._complaints = complaints
        self._admission = admission

    def heartbeats(self) -> None:
        """Take the heartbeats that wait. The hot path: nothing of it is stored."""
        beats = self._inbox.heartbeats()
        if not beats:
            return
        put, heard, taken = self._transactions.columns.heartbeat, self._heard.beat, 0
        now = time.time()
        for node, beat in beats:
            if put(node, beat, now):
                taken += 1
                heard(node)
                if beat.round_trip_ms:
                    self._measuring.told(node, beat.round_trip_ms)
        metrics.MESSAGES.labels("heartbeat", "taken").inc(taken)
        if taken < len(beats):
            metrics.MESSAGES.labels("heartbeat", "stale").inc(len(beats) - taken)

    def leases(self) -> None:
        """Answer the requests for leases that wait. Needs no store."""
        requests = self._inbox.leases()
        if not requests:
            return
        publish, mono_s, now = self._publishing.publish, time.monotonic(), time.time()
        transactions = self._transactions
        for node in self._leasing.answer(requests, transactions.known, publish, mono_s):
            transactions.columns.seen(node, now)

    def messages(self, messages: Sequence[Incoming]) -> None:
        """Make of many messages one transaction, and acknowledge them all."""
        if not messages:
            return
        try:
            if not self._transactions.retry(lambda: self._commit(messages)):
                return  # the hub ends: the broker will bring them again
        except Exception as error:
            if len(messages) > 1:
                for one in messages:
                    self.messages([one])
                return
            # It would come again and again, and take the place of others.
            known = isinstance(error, STORE_ERRORS)
            log.error(
                "a message cannot be taken",
                node=messages[0].node,
                reason=reason_of(error),
                exc_info=not known,
            )
            self._complaints.note(messages[0].topic, "failed", reason_of(error)[:200])
        for one in messages:
            one.ack()

    def look_at_jobs(self) -> None:
        """Note what of jobs was told before this hub looked for it."""
        draft = Draft(self._transactions.known)
        for node in self._transactions.known.nodes.values():
            jobs.follow(draft, node)
        self._transactions.commit(draft, time.time())
        self._follow_jobs(draft)

    def _commit(self, messages: Sequence[Incoming]) -> None:
        now, transactions = time.time(), self._transactions
        ids = [one.message.id for one in messages if isinstance(one.message, Event)]
        seen = transactions.store.seen_events(ids) if ids else set()
        heard_at = transactions.columns.last_seen
        batch = take_all(
            transactions.known,
            messages,
            seen,
            self._telling,
            now,
            heard_at,
            self._admission,
        )
        for node in batch.renewed:
            self._heard.forget(node)
        for node, retained in batch.reported:
            self._heard.report(node, retained=retained)
        rekeyed = [node for node, _ in batch.reported if _trusts_others(node, batch, transactions)]
        transactions.commit(batch.draft, now)
        for node in rekeyed:
            self._measuring.say_again_to(node)
        self._follow_jobs(batch.draft)
        self._follow(batch, now)

    def _follow(self, batch: Batch, now: float) -> None:
        for (topic, result), count in batch.counts.items():
            metrics.MESSAGES.labels(topic, result).inc(count)
        for node in batch.alive:
            self._transactions.columns.seen(node, now)
        for node, reply in batch.replies:
            self._asking.answered(node, reply)
        for node in batch.draft.nodes.changes:
            self._publishing.resend(self._transactions.known, self._heard, node)
        self._filling.due = self._filling.due or batch.joined

    def _follow_jobs(self, draft: Draft) -> None:
        """Free what finished jobs had, now that it is committed which those are."""
        for one in draft.assignments.changes.values():
            if one is not None:
                self._transactions.columns.reserve(one)
                self._filling.due = True


def _trusts_others(name: str, batch: Batch, transactions: Transactions) -> bool:
    """Say whether a node trusts other keys than before: what was signed for it may be new to it."""
    before, after = transactions.known.nodes.get(name), batch.draft.nodes.get(name)
    if before is None or after is None or before.report is None or after.report is None:
        return False
    return before.report.keys != after.report.keys

"""What is known, and the one way in which it changes: a draft becomes one transaction, or nothing.

The only part of the writer that commits. Who wants a change gives a function that makes it in a
draft; why that is wanted, and what it means, is known elsewhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import sqlalchemy.exc
import structlog
import tenacity

from skerry_hub import metrics
from skerry_hub.fleet.columns import Columns
from skerry_hub.latency import Network
from skerry_hub.rollout.advancing import turns
from skerry_hub.state import Draft
from skerry_hub.store import Store
from skerry_hub.store_error import StoreError, reason_of
from skerry_hub.work import Strategy, Work
from skerry_hub.writer.complaints import Complaints
from skerry_hub.writer.condition import Condition
from skerry_hub.writer.following import Following
from skerry_hub.writer.publishing import sides
from skerry_hub.writer.telling import Telling

log = structlog.get_logger("transactions")

STORE_ERRORS = (sqlalchemy.exc.SQLAlchemyError, StoreError)

Issue = Callable[[Draft, float], dict[str, str]]
"""Adds the orders that a draft makes due; returns why one could not be made, by node."""


class Transactions:
    """One thread changes; `known` and `columns` may be read by any."""

    def __init__(  # noqa: PLR0913 - what a transaction is made of, and who follows it
        self,
        store: Store,
        *,
        issue: Issue,
        network: Callable[[], Network],
        strategy: Strategy,
        telling: Telling,
        complaints: Complaints,
        following: Following,
        stopping: threading.Event,
    ) -> None:
        """`stopping` is set when the hub ends: nothing waits for the store then."""
        self.store = store
        self.issue = issue
        self._network = network
        self._strategy = strategy
        self._telling = telling
        self._complaints = complaints
        self._following = following
        self._stopping = stopping
        self.known = store.load()
        self.store_part = Condition("store", time.time())
        self.in_doubt = False
        """Whether a transaction failed, which a database may still have taken."""
        self.while_failing: Callable[[str], None] = lambda _reason: None
        """Called before each further try, with what the store says is wrong."""
        self._fill_columns()

    def _fill_columns(self) -> None:
        columns = Columns()
        for node in self.known.nodes.values():
            columns.put(node)
        for assignment in self.known.assignments.values():
            columns.reserve(assignment)
        self.columns = columns
        _ = self.known.inputs  # worked out now, so that the first decision need not wait for it

    def new_work(self) -> Work:
        """Return a draft of changes to what is known now."""
        return Work(Draft(self.known), self.columns, time.time(), self._network(), self._strategy)

    def settle(self, change: Callable[[Work], bool]) -> dict[str, str]:
        """Make what `change` makes of a draft durable, unless it says that there is nothing to.

        Nothing of it is where an order cannot be made; why is returned, by node.
        """
        with self.columns.trial() as trial:
            work = self.new_work()
            if not change(work):
                return {}
            failures = self.issue(work.draft, work.now)
            if not failures:
                self.commit(work.draft, work.now)
                trial.keep()
            return failures

    def commit(self, draft: Draft, now: float) -> None:
        """Make a draft durable, with the orders that it makes due, and have it followed."""
        for node_id, reason in self.issue(draft, now).items():
            self._complaints.note("order", "failed", f"{node_id}: {reason}")
        if draft.empty:
            return
        told = turns(self.known.updates.rollouts, draft.updates.rollouts.changes)
        draft.events += [self._telling.of_rollout(one, now) for one in told]
        with metrics.COMMIT_SECONDS.time():
            try:
                queued = self.store.commit(draft, self.known)
            except sqlalchemy.exc.SQLAlchemyError:
                self.in_doubt = True
                raise
        metrics.COMMITS.inc()
        self.store_part.works(now)
        changed = sides(self.known, draft)
        self.known.settle(draft)
        for node_id, node in draft.nodes.changes.items():
            if node is None:
                self.columns.remove(node_id)
            else:
                self.columns.put(node)
        self._following.committed(self.known, draft, queued, *changed)

    def resolve_doubt(self) -> None:
        """Look at what the database has, where a transaction failed that it may have taken.

        Raises StoreError.
        """
        if not self.in_doubt:
            return
        self.known = self.store.load()
        self._fill_columns()
        queued = self.store.outbox()
        self.in_doubt = False
        self._following.reloaded(self.known, queued)

    def retry(self, change: Callable[[], None]) -> bool:
        """Do it until the store takes it: what came from the broker is not given up.

        False where the hub was told to end before that.
        """

        def complain(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome is not None else None
            reason = reason_of(error) if isinstance(error, Exception) else ""
            self.failed(reason)
            self.while_failing(reason)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_heal),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
            stop=tenacity.stop_when_event_set(self._stopping),
            sleep=tenacity.sleep_using_event(self._stopping),
            before_sleep=complain,
            reraise=True,
        )
        try:
            for attempt in retrying:
                with attempt:
                    self.resolve_doubt()
                    change()
        except STORE_ERRORS as error:
            if _may_heal(error):
                return False
            raise
        return True

    def failed(self, reason: str) -> None:
        """Note that the store did not take something."""
        metrics.COMMIT_FAILURES.inc()
        log.error("the store fails", reason=reason)
        self.store_part.fails(reason, time.time())


def _may_heal(error: BaseException) -> bool:
    """Say whether a database may take later what it refused; a value it never will."""
    never = (sqlalchemy.exc.DataError, sqlalchemy.exc.IntegrityError)
    return isinstance(error, STORE_ERRORS) and not isinstance(error, never)

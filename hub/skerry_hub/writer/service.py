"""The one writer: joins broker, store and API. The only place where they meet.

Messages and calls become changes on a draft, the draft one transaction, then publications. A
message is acknowledged after the commit. Everything that decides is a pure function elsewhere.
"""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import functools
import math
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

import sqlalchemy.exc
import structlog
import tenacity

from skerry_hub import desired, jobs, metrics, vacating
from skerry_hub.decisions import Keep
from skerry_hub.documents import Key
from skerry_hub.fleet.apply import Note
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.liveness import Patience
from skerry_hub.keys import OrderKey
from skerry_hub.loss import Held
from skerry_hub.model import Liveness, Node
from skerry_hub.retrying import by_distance, in_force
from skerry_hub.rollout.advancing import cannot_roll_back, stop, turns
from skerry_hub.secret_key import SecretKey
from skerry_hub.state import Draft, Publication
from skerry_hub.store import Store, StoreError, reason_of
from skerry_hub.views import EventView, HealthView, PartView, Problem
from skerry_hub.work import RefusedError, Strategy, Work
from skerry_hub.writer.asking import Asking
from skerry_hub.writer.changes import Changes
from skerry_hub.writer.complaints import Complaints
from skerry_hub.writer.condition import Condition
from skerry_hub.writer.heard import Heard
from skerry_hub.writer.inbox import (
    Beating,
    Call,
    Connected,
    Disconnected,
    Inbox,
    Incoming,
    Item,
    Published,
)
from skerry_hub.writer.issuing import issue
from skerry_hub.writer.leasing import Leasing
from skerry_hub.writer.measuring import Measuring
from skerry_hub.writer.publishing import Publisher, Publishing, sides
from skerry_hub.writer.receiving import Receiving
from skerry_hub.writer.replacing import Replacing
from skerry_hub.writer.requesting import Requesting
from skerry_hub.writer.rolling import Rolling, begun, of_nodes
from skerry_hub.writer.sealing import Sealing
from skerry_hub.writer.taking import take_all
from skerry_hub.writer.telling import Telling
from skerry_hub.writer.watch import Watch
from skerry_wire import codec, envelope, reconnecting
from skerry_wire.errors import WireError
from skerry_wire.messages import (
    Event,
    Reply,
    Request,
)

log = structlog.get_logger("service")

T = TypeVar("T")

WAIT_S = 0.25
LOOK_S = 2.0
"""How long an answer waits for what it can do without."""
CALL_S = 20.0
"""How long a call waits for its turn and its commit."""
REPLY_S = 15.0
FILL_GAP_S = 0.2
LOOK_GAP_S = 2.0
"""How often it is looked at what changes by itself."""
RESEND_S = 30.0
ASK_STORE_S = 5.0
"""How often it is asked whether the store answers."""
TRIM_S = 3600.0
TRIM_EVENTS = 10_000
TRIM_DECISIONS = 1_000
"""Events and decisions are trimmed after so long, or after so many more."""
STORE_ERRORS = (sqlalchemy.exc.SQLAlchemyError, StoreError)


class BusyError(Exception):
    """The hub cannot answer now: too much waits, or its store fails. The text says which."""


class Service:
    """One hub's state and the thread that changes it."""

    def __init__(
        self,
        store: Store,
        key: OrderKey,
        patience: Patience | None = None,
        strategy: Strategy = "spread",
        keep: Keep | None = None,
        secret_key: SecretKey | None = None,
    ) -> None:
        self.store = store
        self.key = key
        self.secret_key = secret_key
        self._sealing = None if secret_key is None else Sealing(secret_key)
        self.known = store.load()
        self.changes = Changes()
        self._strategy = strategy
        self._keep = keep or Keep()
        self._inbox = Inbox()
        self._complaints = Complaints()
        self._publishing = Publishing(key.id)
        self.requesting = Requesting(self._way, self._node_now, key)
        self._receiving = Receiving(self._inbox, self._complaints, self.requesting.answered)
        self.on_heartbeat = self._receiving.heartbeat
        self.on_message = self._receiving.message
        self._asking = Asking()
        self._heard = Heard()
        self._todo: collections.deque[Item] = collections.deque()
        self._in_doubt = False
        """Whether a transaction failed, which a database may still have taken."""
        self._fill_due = True
        self._filled_at = self._looked_at = self._resent_at = self._trimmed_at = 0.0
        self._asked_at = 0.0
        self._watch = Watch(time.monotonic(), time.time())
        self._watch.ceiling_s = reconnecting.ceiling_for(len(self.known.nodes))
        self._store_part = Condition("store", time.time())
        self._broker_part = Condition("broker", time.time(), "not connected yet")
        self._events_added = self._decided = 0
        self._telling = Telling()
        self._leasing = Leasing(key, time.monotonic())
        self._rolling = Rolling()
        patience = patience or Patience()
        self._replacing = Replacing(self, patience, self._telling, self._complaints)
        self.measuring = Measuring(
            lambda: self.known,
            self._publishing.publish,
            lambda targets: envelope.seal_targets(targets, key.id, key.sign),
        )
        self._network = self.measuring.network
        self._in_force: frozenset[Key] = frozenset()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._fill_columns()

    def _fill_columns(self) -> None:
        columns = Columns()
        for node in self.known.nodes.values():
            columns.put(node)
        for assignment in self.known.assignments.values():
            columns.reserve(assignment)
        self.columns = columns
        _ = self.known.inputs  # worked out now, so that the first decision need not wait for it

    def start(self, publisher: Publisher) -> None:
        """Begin to work."""
        secrets = (self.known.secrets or {}).values()
        wrong = None if self._sealing is None else self._sealing.problem(secrets)
        if wrong is not None:
            log.error("secrets cannot be read: nothing is sealed", reason=wrong)
            self._complaints.note("secrets", "failed", wrong)
        self._publishing.publisher = publisher
        self._thread.start()
        self.measuring.start()

    def stop(self) -> None:
        """End the thread; what it has not committed was not acknowledged to anybody."""
        self._stopping.set()
        self._inbox.post(Disconnected())
        self._thread.join(10)
        self.measuring.stop()

    @property
    def alive(self) -> bool:
        """Say whether the writer works."""
        return self._thread.is_alive()

    def presence(self, *, online: bool) -> Publication:
        """Return what the hub says of itself."""
        return self._publishing.presence(online=online, ceiling_s=self._watch.ceiling_s)

    @property
    def held_losses(self) -> tuple[Held, ...]:
        """Return what fell silent together, so that nothing of it is moved."""
        return self._replacing.held

    @property
    def broker_part(self) -> PartView:
        """Return whether boxes can be heard, and since when."""
        return self._broker_part.view

    @property
    def health(self) -> HealthView:
        """Return how each part of the hub is."""
        writer = self._watch.writer(time.monotonic(), time.time())
        if not self.alive:
            writer = dataclasses.replace(writer, ok=False, reason="it has ended")
        parts = writer, self._store_part.view, self._broker_part.view
        return HealthView(ready=all(one.ok for one in parts), parts=parts)

    @property
    def connected(self) -> bool:
        """Say whether the broker is there."""
        return self._watch.since is not None

    # --- from the broker's threads ----------------------------------------------------------

    def on_connected(self) -> None:
        """Be told that the broker is there."""
        self._inbox.post(Connected())

    def on_disconnected(self, reason: str = "") -> None:
        """Be told that the broker is away, and why."""
        self._inbox.post(Disconnected(reason))

    def on_beating(self, can_come: bool, reason: str = "") -> None:
        """Be told whether heartbeats can come, and why not."""
        self._inbox.post(Beating(can_come, reason))

    def on_published(self, seq: int) -> None:
        """Be told that the broker has taken a publication of the outbox."""
        self._inbox.post(Published(seq))

    # --- from the API's threads -------------------------------------------------------------

    def call(
        self, change: Callable[[Work], T], *, dry: bool = False, within_s: float = CALL_S
    ) -> T:
        """Make a change durable and return its answer; with `dry`, only return the answer.

        Raises RefusedError, and BusyError when the hub cannot do it now.
        """
        answer: concurrent.futures.Future[T] = concurrent.futures.Future()
        if not self._inbox.post(Call(change, answer, dry)):
            raise BusyError("too many changes wait already; try again in a moment")
        try:
            return answer.result(within_s)
        except concurrent.futures.TimeoutError:
            if answer.cancel():
                reason = f"the hub did not get to it within {within_s:g} s; try again"
            else:
                reason = (
                    f"it takes more than {within_s:g} s; look whether it was done, and try again"
                )
            raise BusyError(reason) from None

    def _way(self) -> Publisher | None:
        """Return the way to the broker, None while there is none."""
        return self._publishing.publisher if self.connected else None

    def _node_now(self, node: str) -> Node | None:
        return self.known.nodes.get(node)

    def ask(self, node: Node, verb: str, timeout_s: float = REPLY_S) -> Reply:
        """Ask a node something and return its answer. Raises RefusedError when there is none."""
        publisher = self._way()
        if publisher is None or node.liveness is not Liveness.ONLINE:
            raise RefusedError(
                409, Problem(reason=f"{node.known_as} must be online for this: it is asked")
            )

        def send(request: Request) -> None:
            publisher.request(node.id, verb, codec.encode(request), math.ceil(timeout_s))

        reply = self._asking.ask(node.id, verb, send, timeout_s)
        if reply is None:
            reason = f"{node.known_as} did not answer within {timeout_s:g} s"
            raise RefusedError(504, Problem(reason=reason))
        return reply

    # --- the writer -------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._todo.extend(self._inbox.wait(WAIT_S))
            self._guarded(self._work)
        self._todo.extend(self._inbox.wait(0))
        self._refuse_calls("the hub is ending")

    def _guarded(self, step: Callable[[], None]) -> None:
        """Go on whatever happens: one part that fails must not silence the others."""
        try:
            step()
        except Exception:
            log.exception("the writer failed")
            self._stopping.wait(0.2)

    def _work(self) -> None:
        self._guarded(self._take_heartbeats)
        self._guarded(self._renew_leases)
        messages: list[Incoming] = []
        published: list[int] = []
        while self._todo:
            if messages and not isinstance(self._todo[0], Incoming | Published):
                # What comes next stays in the queue meanwhile: a call may have to be refused.
                self._take_messages(messages)
                messages = []
                continue
            match item := self._todo.popleft():
                case Incoming():
                    messages.append(item)
                case Published():
                    published.append(item.seq)
                case Call():
                    self._take_call(item)
                case Connected():
                    self._guarded(self._on_connected)
                case Disconnected():
                    self._watch.end(time.time(), self._newest_sign())
                    self._follow_broker(item.reason)
                case Beating():
                    self._watch.beating(item.can_come, time.time(), self._newest_sign())
                    self._follow_broker(item.reason)
        self._take_messages(messages)
        if published:
            self.retry(lambda: self.store.published(published))
        self._guarded(self._fill)
        self._guarded(self._roll)
        self._guarded(self._tick)
        if self.connected:
            self._publishing.views(self.known, self.columns)

    def _take_heartbeats(self) -> None:
        beats = self._inbox.heartbeats()
        if not beats:
            return
        now, put, heard, taken = time.time(), self.columns.heartbeat, self._heard.beat, 0
        for node, beat in beats:
            if put(node, beat, now):
                taken += 1
                heard(node)
                if beat.round_trip_ms:
                    self.measuring.told(node, beat.round_trip_ms)
        metrics.MESSAGES.labels("heartbeat", "taken").inc(taken)
        if taken < len(beats):
            metrics.MESSAGES.labels("heartbeat", "stale").inc(len(beats) - taken)

    def _renew_leases(self) -> None:
        requests = self._inbox.leases()
        if not requests:
            return
        publish, mono_s, now = self._publishing.publish, time.monotonic(), time.time()
        for node in self._leasing.answer(requests, self.known, publish, mono_s):
            self.columns.seen(node, now)

    def _take_messages(self, messages: Sequence[Incoming]) -> None:
        """Make of many messages one transaction, and acknowledge them all."""
        if not messages:
            return
        try:
            if not self.retry(lambda: self._commit_messages(messages)):
                return  # the hub ends: the broker will bring them again
        except Exception as error:
            if len(messages) > 1:
                for one in messages:
                    self._take_messages([one])
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

    def _commit_messages(self, messages: Sequence[Incoming]) -> None:
        now = time.time()
        ids = [one.message.id for one in messages if isinstance(one.message, Event)]
        seen = self.store.seen_events(ids) if ids else set()
        batch = take_all(self.known, messages, seen, self._telling, now)
        for node in batch.renewed:
            self._heard.forget(node)
        for node, retained in batch.reported:
            self._heard.report(node, retained=retained)
        self.commit(batch.draft, now)
        self._follow_jobs(batch.draft)
        for (topic, result), count in batch.counts.items():
            metrics.MESSAGES.labels(topic, result).inc(count)
        for node in batch.alive:
            self.columns.seen(node, now)
        for node, reply in batch.replies:
            self._asking.answered(node, reply)
        for node in batch.draft.nodes.changes:
            self._publishing.resend(self.known, self._heard, node)
        self._fill_due = self._fill_due or batch.joined

    def _follow_jobs(self, draft: Draft) -> None:
        """Free what finished jobs had, now that it is committed which those are."""
        for one in draft.assignments.changes.values():
            if one is not None:
                self.columns.reserve(one)
                self._fill_due = True

    def _look_at_jobs(self) -> None:
        """Note what of jobs was told before this hub looked for it."""
        draft = Draft(self.known)
        for node in self.known.nodes.values():
            jobs.follow(draft, node)
        self.commit(draft, time.time())
        self._follow_jobs(draft)

    def _take_call(self, call: Call) -> None:
        if not call.answer.set_running_or_notify_cancel():
            return
        try:
            self._resolve_doubt()
            with self.columns.trial() as trial:
                work = self.new_work()
                answer = call.change(work)
                self._advance(work, begun(work.draft))
                failures = self._issue(work.draft, work.now)
                if failures:
                    raise RefusedError(400, *(Problem(reason=text) for text in failures.values()))
                if not call.dry:
                    self.commit(work.draft, work.now)
                    trial.keep()
            if not call.dry:
                # What it freed, or allowed, others may have waited for.
                self._fill_due = True
        except (RefusedError, WireError) as error:
            call.answer.set_exception(error)
        except STORE_ERRORS as error:
            self._store_failed(reason_of(error))
            call.answer.set_exception(BusyError(f"the hub's store fails: {reason_of(error)}"))
        except Exception as error:
            log.exception("a call failed")
            call.answer.set_exception(error)
        else:
            call.answer.set_result(answer)

    def new_work(self) -> Work:
        """Return a draft of changes to what is known now."""
        return Work(
            Draft(self.known), self.columns, time.time(), self.measuring.network, self._strategy
        )

    def _refuse_calls(self, reason: str) -> None:
        """Answer whoever waits that it cannot be done now."""
        self._todo.extend(self._inbox.calls())
        calls = [item for item in self._todo if isinstance(item, Call)]
        self._todo = collections.deque(one for one in self._todo if not isinstance(one, Call))
        for call in calls:
            if call.answer.set_running_or_notify_cancel():
                call.answer.set_exception(BusyError(reason))

    def _fill(self) -> None:
        """Place what had found no node, now that one has come or changed, or is known better."""
        now = time.monotonic()
        if now - self._filled_at < FILL_GAP_S:
            return
        is_nearer = now - self._looked_at >= LOOK_GAP_S and self._look_again(now)
        if not self._fill_due and not is_nearer:
            return
        self._filled_at = now
        names = desired.wanting(Draft(self.known))
        if not self._fill_due:
            names = by_distance(Draft(self.known), names)
        if self._fill_due:
            self._replacing.again()
        self._fill_due = False
        if not names or self._filled(names):
            return
        for name in names:  # one that fits no order must not hold up the others
            self._filled([name])

    def _roll(self) -> None:
        """Go on with the rollouts of which something was told, or whose time has come."""
        if self._watch.since is None:
            return  # who cannot see gives nothing
        names = self._rolling.due(time.time())
        if names:
            self.retry(lambda: self._step(names))
        for name in sorted(self.known.updates.rolling_back):
            self.retry(functools.partial(self._roll_back, name))

    def _advance(self, work: Work, names: Iterable[str]) -> None:
        if self._watch.since is not None:
            told = self._rolling.step(work, names, self._heard, self._watch.since)
            work.draft.events += [self._telling.of_rollout(one, work.now) for one in told]

    def _step(self, names: Collection[str]) -> None:
        failures: dict[str, str] = {}
        with self.columns.trial() as trial:
            work = self.new_work()
            self._advance(work, names)
            failures = self._issue(work.draft, work.now)
            if not failures:
                self.commit(work.draft, work.now)
                trial.keep()
                return
        work = self.new_work()
        stopped = of_nodes(work.draft, names, failures)
        for name in stopped:
            stop(work, name, "; ".join(failures.values()))
        self.commit(work.draft, work.now)
        self._rolling.again(set(names) - stopped)

    def _roll_back(self, name: str) -> None:
        rollout = self.known.updates.rollouts[name]
        revision = self.store.revision(name, rollout.stable)
        try:
            if revision is None:
                reason = f"revision {rollout.stable} is not kept any more"
                raise RefusedError(409, Problem(reason=reason))
            with self.columns.trial() as trial:
                work = self.new_work()
                plan = desired.undo(work, revision, "rollback")
                if name in plan.unchanged:
                    raise RefusedError(409, Problem(reason="it has that content already"))
                self._advance(work, [name])
                failures = self._issue(work.draft, work.now)
                if failures:
                    raise RefusedError(409, *(Problem(reason=one) for one in failures.values()))
                self.commit(work.draft, work.now)
                trial.keep()
        except RefusedError as error:
            work = self.new_work()
            cannot_roll_back(work, name, str(error))
            self.commit(work.draft, work.now)

    def _look_again(self, now: float) -> bool:
        """Look what has changed by itself: times end, and distances become known.

        Return whether distances have.
        """
        self._looked_at = now
        held = in_force(self.known.documents.values(), time.time())
        self._fill_due = self._fill_due or held != self._in_force
        before, self._network = self._network, self.measuring.network
        self._in_force = held
        return self._network is not before

    def _filled(self, names: Sequence[str]) -> bool:
        failures: dict[str, str] = {}

        def settle() -> None:
            with self.columns.trial() as trial:
                work = self.new_work()
                desired.fill(work, names)
                failures.clear()
                failures.update(self._issue(work.draft, work.now))
                if work.draft.made and not failures:
                    self.commit(work.draft, work.now)
                    trial.keep()
                    # Others may have waited for those that are placed now.
                    self._fill_due = self._fill_due or bool(work.draft.assignments.changes)

        self.retry(settle)
        if len(names) == 1:
            for node, reason in failures.items():
                self._complaints.note("order", "failed", f"{names[0]} on {node}: {reason}")
        return not failures

    def _resolve_doubt(self) -> None:
        """Look at what the database has, where a transaction failed that it may have taken.

        Raises StoreError.
        """
        if not self._in_doubt:
            return
        self.known = self.store.load()
        self._fill_columns()
        queued = self.store.outbox()
        self._in_doubt = False
        self._publishing.send(queued)
        self._publishing.all_changed(self.known)
        self._watch.begin_anew(time.time())
        self.changes.bump()

    def _issue(self, draft: Draft, now: float) -> dict[str, str]:
        return issue(draft, self._heard, self.key, now, self._sealing)

    def issued(self, work: Work) -> dict[str, str]:
        """Make the orders that are due; return why one could not be made, by node."""
        return self._issue(work.draft, work.now)

    def commit(self, draft: Draft, now: float) -> None:
        """Make a draft durable, with the orders that it makes due, and tell of it."""
        for node_id, reason in self._issue(draft, now).items():
            self._complaints.note("order", "failed", f"{node_id}: {reason}")
        if draft.empty:
            return
        told = turns(self.known.updates.rollouts, draft.updates.rollouts.changes)
        draft.events += [self._telling.of_rollout(one, now) for one in told]
        with metrics.COMMIT_SECONDS.time():
            try:
                queued = self.store.commit(draft, self.known)
            except sqlalchemy.exc.SQLAlchemyError:
                self._in_doubt = True
                raise
        metrics.COMMITS.inc()
        self._store_part.works(now)
        nodes, workloads = sides(self.known, draft)
        self.known.settle(draft)
        for node_id, node in draft.nodes.changes.items():
            if node is None:
                self._forget(node_id)
            else:
                self.columns.put(node)
        self._follow_size()
        self._rolling.committed(self.known, draft)
        self._events_added += len(draft.events)
        for event in draft.events:
            if event.workload and event.kind.startswith(("update", "rollout_")):
                metrics.ROLLOUT_EVENTS.labels(event.kind).inc()
        self._decided += len(draft.made)
        for made in draft.made:
            metrics.DECISIONS.labels(made.cause).inc()
        self._publishing.send(queued)
        self._publishing.settled(self.known, draft, nodes, workloads)
        if self.connected:
            self._publishing.tell(draft)
        self.changes.bump()

    def _follow_size(self) -> None:
        """Tell boxes, of a fleet that grew or shrank by much, how soon to come back."""
        ceiling_s = reconnecting.ceiling_for(len(self.known.nodes))
        if ceiling_s != self._watch.ceiling_s:
            self._watch.ceiling_s = ceiling_s
            self._publishing.publish(self.presence(online=True))

    def _forget(self, node_id: str) -> None:
        self.columns.remove(node_id)
        self._heard.forget(node_id)
        self._publishing.forget(node_id)
        self.measuring.forget(node_id)
        self._leasing.forget(node_id)

    def _store_failed(self, reason: str) -> None:
        metrics.COMMIT_FAILURES.inc()
        log.error("the store fails", reason=reason)
        self._store_part.fails(reason, time.time())

    def retry(self, change: Callable[[], None]) -> bool:
        """Do it until the store takes it: what came from the broker is not given up.

        False where the hub was told to end before that.
        """

        def complain(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome is not None else None
            reason = reason_of(error) if isinstance(error, Exception) else ""
            self._store_failed(reason)
            self._refuse_calls(f"the hub's store fails: {reason}")
            # Needs no store: what runs by a lease must not end because a disk is full here.
            self._guarded(self._renew_leases)

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
                    self._resolve_doubt()
                    change()
        except STORE_ERRORS as error:
            if _may_heal(error):
                return False
            raise
        return True

    def _on_connected(self) -> None:
        log.info("connected to the broker")
        self._watch.begin(time.time())
        self._follow_broker("")
        self._rolling.all(self.known)
        self.retry(self._look_at_jobs)
        self._publishing.publish(self.presence(online=True))
        self.retry(lambda: self._publishing.send(self.store.outbox()))
        self._publishing.say_again(self.known, self._heard)
        self.measuring.say_again()

    # --- time -------------------------------------------------------------------------------

    def _tick(self) -> None:
        mono_s = time.monotonic()
        if not self._watch.tick(mono_s, time.time()):
            return
        self._hear()
        self._guarded(self._take_heartbeats)  # what has come by now is no silence
        self._judge()
        self._end_leases(mono_s)
        self._complaints.flush()
        if mono_s - self._asked_at > ASK_STORE_S:
            self._asked_at = mono_s
            self._ask_store()
        if mono_s - self._resent_at > RESEND_S:
            self._resent_at = mono_s
            for node_id in list(self.known.orders):
                self._publishing.resend(self.known, self._heard, node_id)
        if self._trim_due(mono_s):
            self._trimmed_at, self._events_added, self._decided = mono_s, 0, 0
            self.retry(self.store.trim_events)
            self.retry(lambda: self.store.trim_decisions(self._keep, time.time()))

    def _ask_store(self) -> None:
        """Look whether the store answers, so that it is known before somebody needs it."""
        try:
            self.store.outbox_count()
        except StoreError as error:
            self._store_part.fails(reason_of(error), time.time())
        else:
            self._store_part.seems_to_work(time.time())

    def _trim_due(self, mono_s: float) -> bool:
        many = self._events_added > TRIM_EVENTS or self._decided > TRIM_DECISIONS
        return many or mono_s - self._trimmed_at > TRIM_S

    def _hear(self) -> None:
        """Look at what is due to nodes that are newly known to be as they were reported."""
        ripe = self._heard.ripe()
        if not ripe:
            return
        self._rolling.nodes(self.known, ripe)

        def touch() -> None:
            draft = Draft(self.known)
            draft.touched |= ripe
            self.commit(draft, time.time())

        self.retry(touch)

    def _judge(self) -> None:
        listening = self._watch.listening
        if listening is None:
            return  # who cannot see judges nobody
        if self._replacing.look(listening):
            self._fill_due = True

    def _follow_broker(self, reason: str) -> None:
        """Note whether boxes can be heard."""
        now = time.time()
        if self._watch.listening is not None:
            self._broker_part.works(now)
            return
        part = self._broker_part.view
        known = part.reason if not part.ok else "it is away"
        self._broker_part.fails(reason or known or "it is away", now, self._watch.deaf_since)

    def _newest_sign(self) -> float:
        signs = self.columns.signs(self.columns.rows())
        return float(signs.max(initial=-math.inf))

    def _end_leases(self, mono_s: float) -> None:
        """Order elsewhere what has surely ended where it was."""
        leases = self._leasing.leases
        leases.sweep(mono_s)
        ended = list(leases.over(self.known.vacating.values(), mono_s))
        if not ended:
            return

        def settle() -> None:
            draft = Draft(self.known)
            vacating.end(draft, ended)
            self.commit(draft, time.time())

        self.retry(settle)

    def hub_event(
        self, node: Node | None, kind: str, detail: str, now: float, subject: str = ""
    ) -> EventView:
        """Return an event that the hub itself has to tell of; without a node, of itself."""
        return self._telling.of_hub(node, Note(kind, subject=subject, detail=detail), now)


def _may_heal(error: BaseException) -> bool:
    """Say whether a database may take later what it refused; a value it never will."""
    never = (sqlalchemy.exc.DataError, sqlalchemy.exc.IntegrityError)
    return isinstance(error, STORE_ERRORS) and not isinstance(error, never)

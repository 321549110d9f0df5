"""The one writer: joins broker, store and API. The only place where they meet.

Messages and calls become changes on a draft, the draft one transaction, then publications. A
message is acknowledged after the commit. Everything that decides is a pure function elsewhere.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import itertools
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import sqlalchemy.exc
import structlog
import tenacity

from skerry_hub import desired, metrics
from skerry_hub.broadcast import Broadcast, event_publication, to_json
from skerry_hub.changes import Changes
from skerry_hub.complaints import Complaints
from skerry_hub.desired import RefusedError, Work
from skerry_hub.fleet.apply import Dropped, Note, take
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.liveness import Patience, judge
from skerry_hub.inbox import Call, Connected, Disconnected, Inbox, Incoming, Item, Published
from skerry_hub.issuing import issue, publication
from skerry_hub.keys import OrderKey
from skerry_hub.model import Liveness, Node
from skerry_hub.showing import workload_of_subject
from skerry_hub.state import Draft, Publication
from skerry_hub.store import Queued, Store
from skerry_hub.views import EventView, HubPresence, Problem
from skerry_wire import __version__, codec, topics
from skerry_wire.errors import WireError
from skerry_wire.messages import (
    Capability,
    Event,
    Heartbeat,
    NodeMessage,
    Presence,
    Reply,
    Report,
    Request,
)
from skerry_wire.topics import NodeTopic

log = structlog.get_logger("service")

T = TypeVar("T")

WAIT_S = 0.25
TICK_S = 1.0
CALL_S = 20.0
"""How long a call waits for its turn and its commit."""
REPLY_S = 15.0
FILL_GAP_S = 0.2
BEHIND_S = 30.0
"""An order that its node has not accepted is sent again at the earliest after so long, ..."""
REFUSED_S = 600.0
"""... and after so long where the node refused it: its policy may have changed."""
TRIM_S = 3600.0

CLASSES: dict[NodeTopic, type[NodeMessage]] = {
    NodeTopic.PRESENCE: Presence,
    NodeTopic.CAPABILITY: Capability,
    NodeTopic.REPORT: Report,
    NodeTopic.EVENT: Event,
    NodeTopic.REPLY: Reply,
}


class Publisher(Protocol):
    """The way to the broker; `broker.Broker` is one."""

    def publish(self, publication: Publication, token: int | None = None) -> None:
        """Send, if there is a connection."""

    def request(self, node: str, verb: str, payload: bytes, expiry_s: int) -> None:
        """Ask a node."""


class BusyError(Exception):
    """The hub cannot answer now: too much waits, or its store fails. The text says which."""


class Service:
    """One hub's state and the thread that changes it."""

    def __init__(self, store: Store, key: OrderKey, patience: Patience | None = None) -> None:
        self.store = store
        self.key = key
        self.known = store.load()
        self.columns = Columns()
        self.changes = Changes()
        self._patience = patience or Patience()
        self._publisher: Publisher | None = None
        self._inbox = Inbox()
        self._complaints = Complaints()
        self._broadcast = Broadcast()
        self._replies: dict[str, concurrent.futures.Future[Reply]] = {}
        self._heard: set[str] = set()
        self._sent_at: dict[str, float] = {}
        self._watching_since: float | None = None
        self._since = time.time()
        self._fill_due = True
        self._filled_at = self._ticked_at = self._resent_at = self._trimmed_at = 0.0
        self._event_numbers = itertools.count()
        self._event_prefix = f"hub-{secrets.token_hex(4)}"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        for node in self.known.nodes.values():
            self.columns.put(node)
        for assignment in self.known.assignments.values():
            self.columns.reserve(assignment)

    def start(self, publisher: Publisher) -> None:
        """Begin to work."""
        self._publisher = publisher
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what it has not committed was not acknowledged to anybody."""
        self._stopping.set()
        self._inbox.post(Disconnected())
        self._thread.join(10)

    @property
    def alive(self) -> bool:
        """Say whether the writer works."""
        return self._thread.is_alive()

    @property
    def connected(self) -> bool:
        """Say whether the broker is there."""
        return self._watching_since is not None

    # --- from the broker's threads ----------------------------------------------------------

    def on_heartbeat(self, topic: str, payload: bytes) -> None:
        """Take a heartbeat."""
        where = topics.parse(topic)
        if not isinstance(where, topics.Node):
            self._complaints.note("heartbeat", "malformed", f"{topic[:100]!r} is no topic of ours")
            return
        try:
            heartbeat = codec.decode(Heartbeat, payload)
        except WireError as error:
            self._complaints.note("heartbeat", "malformed", f"{topic}: {error}")
            return
        self._inbox.beat(where.node, heartbeat)

    def on_message(self, topic: str, payload: bytes, ack: Callable[[], None]) -> None:
        """Take any other message of a node."""
        where = topics.parse(topic)
        kind = where.topic if isinstance(where, topics.Node) else None
        if not isinstance(where, topics.Node) or kind not in CLASSES:
            self._complaints.note("other", "malformed", f"{topic[:100]!r} is no topic of ours")
            ack()
            return
        try:
            message = codec.decode(CLASSES[kind], payload)
        except WireError as error:
            self._complaints.note(kind.value, "malformed", f"{topic}: {error}")
            ack()
            return
        self._inbox.post(Incoming(where.node, kind.value, message, ack))

    def on_connected(self) -> None:
        """Be told that the broker is there."""
        self._inbox.post(Connected())

    def on_disconnected(self) -> None:
        """Be told that the broker is away."""
        self._inbox.post(Disconnected())

    def on_published(self, seq: int) -> None:
        """Be told that the broker has taken a publication of the outbox."""
        self._inbox.post(Published(seq))

    # --- from the API's threads -------------------------------------------------------------

    def call(self, change: Callable[[Work], T], *, dry: bool = False) -> T:
        """Make a change durable and return its answer; with `dry`, only return the answer.

        Raises RefusedError, and BusyError when the hub cannot do it now.
        """
        answer: concurrent.futures.Future[T] = concurrent.futures.Future()
        if not self._inbox.post(Call(change, answer, dry)):
            raise BusyError("too many changes wait already; try again in a moment")
        try:
            return answer.result(CALL_S)
        except concurrent.futures.TimeoutError:
            answer.cancel()
            raise BusyError(f"the hub did not get to it within {CALL_S:g} s; try again") from None

    def ask(self, node: Node, verb: str) -> Reply:
        """Ask a node something and return its answer. Raises RefusedError when there is none."""
        if self._publisher is None or not self.connected or node.liveness is not Liveness.ONLINE:
            raise RefusedError(
                409, Problem(reason=f"{node.hostname} must be online for this: it is asked")
            )
        request = Request(id=secrets.token_hex(8), verb=verb)
        answer = self._replies[request.id] = concurrent.futures.Future()
        try:
            self._publisher.request(node.id, verb, codec.encode(request), int(REPLY_S))
            return answer.result(REPLY_S)
        except concurrent.futures.TimeoutError:
            reason = f"{node.hostname} did not answer within {REPLY_S:g} s"
            raise RefusedError(409, Problem(reason=reason)) from None
        finally:
            self._replies.pop(request.id, None)

    # --- the writer -------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            items = self._inbox.wait(WAIT_S)
            try:
                self._work(items)
            except Exception:  # the writer must not end: what went wrong is in the log
                log.exception("the writer failed")
                self._stopping.wait(1.0)

    def _work(self, items: Sequence[Item]) -> None:
        self._take_heartbeats()
        messages: list[Incoming] = []
        published: list[int] = []
        for item in items:
            if isinstance(item, Incoming):
                messages.append(item)
                continue
            if isinstance(item, Published):
                published.append(item.seq)
                continue
            self._take_messages(messages)
            messages = []
            match item:
                case Call():
                    self._take_call(item)
                case Connected():
                    self._on_connected()
                case Disconnected():
                    self._watching_since = None
        self._take_messages(messages)
        if published:
            self._retry(lambda: self.store.published(published))
        self._fill()
        self._tick()
        if self.connected:
            self._broadcast.send(self.known, self.columns, self._publish, time.monotonic())

    def _take_heartbeats(self) -> None:
        beats = self._inbox.heartbeats()
        if not beats:
            return
        now, put, taken = time.time(), self.columns.heartbeat, 0
        for node, beat in beats:
            taken += put(node, beat, now)
        metrics.MESSAGES.labels("heartbeat", "taken").inc(taken)
        if taken < len(beats):
            metrics.MESSAGES.labels("heartbeat", "stale").inc(len(beats) - taken)

    def _take_messages(self, messages: Sequence[Incoming]) -> None:
        """Make of many messages one transaction, and acknowledge them all."""
        if not messages:
            return
        self._retry(lambda: self._commit_messages(messages))
        for one in messages:
            one.ack()

    def _commit_messages(self, messages: Sequence[Incoming]) -> None:
        draft, now = Draft(self.known), time.time()
        heard: set[str] = set()
        joined: set[str] = set()
        ids = [one.message.id for one in messages if isinstance(one.message, Event)]
        seen = self.store.seen_events(ids) if ids else set()
        for one in messages:
            before = draft.nodes.get(one.node)
            taken = take(before, one.node, one.message, now)
            node = before if isinstance(taken, Dropped) else taken.node
            same = node is not None and node.incarnation == one.message.incarnation
            if same and isinstance(one.message, Report):
                heard.add(one.node)
                draft.touched.add(one.node)
            if isinstance(taken, Dropped):
                metrics.MESSAGES.labels(one.topic, taken.reason).inc()
                continue
            metrics.MESSAGES.labels(one.topic, "taken").inc()
            self.columns.seen(one.node, now)
            if taken.node is not before:
                draft.nodes.put(one.node, taken.node)
            if taken.joined:
                joined.add(one.node)
            for note in taken.notes:
                draft.events.append(self._hub_event(taken.node, note, now))
            if isinstance(one.message, Event) and one.message.id not in seen:
                seen.add(one.message.id)
                draft.events.append(self._node_event(taken.node, one.message, now))
            if isinstance(one.message, Reply):
                self._answer(one.message)
        self._heard |= heard
        self._commit(draft, now)
        for node_id in draft.nodes.changes:
            self._resend(node_id)
        if joined:
            self._fill_due = True

    def _answer(self, reply: Reply) -> None:
        waiting = self._replies.get(reply.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)

    def _take_call(self, call: Call) -> None:
        if not call.answer.set_running_or_notify_cancel():
            return
        work = Work(Draft(self.known), self.columns.copy(), time.time())
        try:
            answer = call.change(work)
            failures = issue(work.draft, self._heard, self.key, work.now)
            if failures:
                raise RefusedError(400, *(Problem(reason=text) for text in failures.values()))
            if not call.dry:
                self._commit(work.draft, work.now, work.columns)
        except (RefusedError, WireError) as error:
            call.answer.set_exception(error)
        except sqlalchemy.exc.SQLAlchemyError as error:
            metrics.COMMIT_FAILURES.inc()
            reason = str(getattr(error, "orig", None) or error).split("\n", 1)[0]
            log.error("the store fails", reason=reason)
            call.answer.set_exception(BusyError(f"the hub's store fails: {reason}"))
        except Exception as error:
            log.exception("a call failed")
            call.answer.set_exception(error)
        else:
            call.answer.set_result(answer)

    def _fill(self) -> None:
        """Place what had found no node, now that one has come or changed."""
        now = time.monotonic()
        if not self._fill_due or now - self._filled_at < FILL_GAP_S:
            return
        self._fill_due, self._filled_at = False, now
        work = Work(Draft(self.known), self.columns.copy(), time.time())
        desired.fill(work, desired.wanting(work))
        if work.draft.assignments.changes:
            self._retry(lambda: self._commit(work.draft, work.now, work.columns))

    def _commit(self, draft: Draft, now: float, columns: Columns | None = None) -> None:
        for node_id, reason in issue(draft, self._heard, self.key, now).items():
            log.error("no order", node=node_id, reason=reason)
        if draft.empty:
            return
        with metrics.COMMIT_SECONDS.time():
            queued = self.store.commit(draft, self.known)
        metrics.COMMITS.inc()
        before = self.known.assignments
        workloads = set(draft.workloads.changes)
        for key, one in draft.assignments.changes.items():
            was = before.get(key)
            workloads.update(x.workload for x in (one, was) if x is not None)
        self.known.settle(draft)
        if columns is not None:
            self.columns = columns
        for node_id, node in draft.nodes.changes.items():
            if node is None:
                self._forget(node_id)
            else:
                self.columns.put(node)
        self._log_orders(draft)
        self._send(queued)
        self._announce(draft, workloads)

    def _announce(self, draft: Draft, workloads: set[str]) -> None:
        for node_id in draft.nodes.changes:
            held = self.known.by_node.get(node_id, {})
            workloads.update(one.workload for one in held.values())
        nodes = set(draft.nodes.changes) | {
            one.node for one in draft.assignments.changes.values() if one is not None
        }
        self._broadcast.changed(nodes, workloads)
        if self.connected:
            for event in draft.events:
                if event.node:
                    self._publish(event_publication(event))
        self.changes.bump()

    def _log_orders(self, draft: Draft) -> None:
        for node_id, issued in draft.orders.changes.items():
            if issued is not None:
                revisions = sorted(
                    f"{one.id}@{one.revision[:8]}" for one in self.known.on_node(node_id)
                )
                log.info(
                    "order issued",
                    node=node_id,
                    generation=issued.generation,
                    instances=revisions[:20],
                )

    def _forget(self, node_id: str) -> None:
        self.columns.remove(node_id)
        self._heard.discard(node_id)
        self._sent_at.pop(node_id, None)

    def _retry(self, change: Callable[[], None]) -> None:
        """Do it until the store takes it: what came from the broker is not given up."""

        def complain(state: tenacity.RetryCallState) -> None:
            metrics.COMMIT_FAILURES.inc()
            error = state.outcome.exception() if state.outcome is not None else None
            log.error("the store fails", reason=str(error).split("\n", 1)[0])

        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(sqlalchemy.exc.SQLAlchemyError),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=10),
            stop=tenacity.stop_when_event_set(self._stopping),
            sleep=tenacity.sleep_using_event(self._stopping),
            before_sleep=complain,
            reraise=True,
        ):
            with attempt:
                change()

    # --- publishing -------------------------------------------------------------------------

    def _publish(self, one: Publication, token: int | None = None) -> None:
        if self._publisher is not None:
            self._publisher.publish(one, token)

    def _send(self, queued: Sequence[Queued]) -> None:
        for one in queued:
            self._publish(one.publication, one.seq)
            where = topics.parse(one.publication.topic)
            if isinstance(where, topics.Node):
                self._sent_at[where.node] = time.monotonic()

    def presence(self, *, online: bool) -> Publication:
        """Return what the hub says of itself."""
        view = HubPresence(
            online=online, since=self._since, version=__version__, order_key=self.key.id
        )
        return Publication(topic=str(topics.HubPresence()), payload=to_json(view))

    def _on_connected(self) -> None:
        log.info("connected to the broker")
        self._watching_since = time.time()
        self._publish(self.presence(online=True))
        self._send(self.store.outbox())
        # The broker may have lost everything: what is retained is said again.
        self._broadcast.changed(self.known.nodes, self.known.workloads)
        for node_id, issued in self.known.orders.items():
            node = self.known.nodes.get(node_id)
            if node is not None and node.diverged is None and node_id in self._heard:
                self._publish(publication(node_id, issued.envelope))

    def _resend(self, node_id: str) -> None:
        """Send a node's order again if the node is there and has not accepted it."""
        node, issued = self.known.nodes.get(node_id), self.known.orders.get(node_id)
        if node is None or issued is None or node.report is None:
            return
        if node.diverged is not None or node_id not in self._heard:
            return
        behind = node.report.accepted < node.generation
        if not behind or node.liveness is not Liveness.ONLINE:
            return
        gap = BEHIND_S if node.report.refusal is None else REFUSED_S
        if time.monotonic() - self._sent_at.get(node_id, 0.0) < gap:
            return
        self._sent_at[node_id] = time.monotonic()
        self._publish(publication(node_id, issued.envelope))

    # --- time -------------------------------------------------------------------------------

    def _tick(self) -> None:
        mono_s = time.monotonic()
        if mono_s - self._ticked_at < TICK_S:
            return
        self._ticked_at = mono_s
        self._judge()
        self._complaints.flush()
        if mono_s - self._resent_at > BEHIND_S:
            self._resent_at = mono_s
            for node_id in list(self.known.orders):
                self._resend(node_id)
        if mono_s - self._trimmed_at > TRIM_S:
            self._trimmed_at = mono_s
            self._retry(self.store.trim_events)

    def _judge(self) -> None:
        if self._watching_since is None:
            return  # who cannot see judges nobody
        now = time.time()
        suspects = set(self.columns.silent(now - self._patience.unreachable_s))
        suspects.update(
            node.id for node in self.known.nodes.values() if node.liveness is not Liveness.ONLINE
        )
        draft = Draft(self.known)
        for node_id in sorted(suspects):
            node = self.known.nodes.get(node_id)
            if node is None:
                continue
            seen = max(node.last_seen, self.columns.last_seen(node_id))
            liveness = judge(node, seen, self._watching_since, now, self._patience)
            if liveness is node.liveness:
                continue
            draft.nodes.put(node_id, dataclasses.replace(node, liveness=liveness, last_seen=seen))
            detail = f"last heard {now - seen:.0f} s ago" if liveness != "online" else "heard again"
            draft.events.append(self._hub_event(node, Note(liveness.value, detail=detail), now))
            self._fill_due = self._fill_due or liveness is Liveness.ONLINE
        self._retry(lambda: self._commit(draft, now))

    # --- events -----------------------------------------------------------------------------

    def hub_event(self, node: Node, kind: str, detail: str, now: float) -> EventView:
        """Return an event that the hub itself has to tell of."""
        return self._hub_event(node, Note(kind, detail=detail), now)

    def _hub_event(self, node: Node, note: Note, now: float) -> EventView:
        return EventView(
            id=f"{self._event_prefix}-{next(self._event_numbers)}",
            node=node.id,
            kind=note.kind,
            at=now,
            subject=note.subject,
            detail=note.detail,
        )

    def _node_event(self, node: Node, event: Event, now: float) -> EventView:
        return EventView(
            id=event.id,
            node=node.id,
            kind=event.kind.value,
            at=now,
            subject=event.subject,
            detail=event.detail,
            generation=event.generation,
            workload=workload_of_subject(self.known, node, event.subject),
        )

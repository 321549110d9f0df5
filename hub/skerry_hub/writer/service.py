"""The one writer: its thread, and its parts. What the broker and the API call.

Messages and calls become changes on a draft, the draft one transaction, then publications. A
message is acknowledged after the commit. Each kind of work has a module; what decides is pure.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import math
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from skerry_hub.fleet.columns import Columns
from skerry_hub.health_views import HealthView, PartView
from skerry_hub.joining.enrolling import load as admitted_by
from skerry_hub.keys import OrderKey
from skerry_hub.loss import Held, Judgement
from skerry_hub.model import Liveness, Node
from skerry_hub.order_keys import OrderKeys
from skerry_hub.patience import Patience
from skerry_hub.retention import Keep
from skerry_hub.secret_key import SecretKey
from skerry_hub.state import Known, Publication
from skerry_hub.store import Store
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError, Strategy, Work
from skerry_hub.writer.acknowledging import Acknowledging
from skerry_hub.writer.asking import Asking
from skerry_hub.writer.calling import CALL_S, Calling, refuse
from skerry_hub.writer.changes import Changes
from skerry_hub.writer.complaints import Complaints
from skerry_hub.writer.condition import Condition
from skerry_hub.writer.filling import Filling
from skerry_hub.writer.following import Following
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
from skerry_hub.writer.key_telling import KeyTelling, sealed_targets
from skerry_hub.writer.leasing import Leasing
from skerry_hub.writer.measuring import Measuring
from skerry_hub.writer.publishing import Publisher, Publishing
from skerry_hub.writer.receiving import Receiving
from skerry_hub.writer.replacing import Replacing
from skerry_hub.writer.requesting import Requesting
from skerry_hub.writer.rolling import Rolling
from skerry_hub.writer.sealing import Sealing
from skerry_hub.writer.stepping import Stepping
from skerry_hub.writer.telling import Telling
from skerry_hub.writer.ticking import Ticking
from skerry_hub.writer.transactions import Transactions
from skerry_hub.writer.trimming import Trimming
from skerry_hub.writer.watch import Watch
from skerry_wire import codec
from skerry_wire.messages import Reply, Request

log = structlog.get_logger("service")

T = TypeVar("T")

WAIT_S = 0.25
LOOK_S = 2.0
"""How long an answer waits for what it can do without."""
REPLY_S = 15.0


class Service:
    """One hub's state and the thread that changes it."""

    def __init__(
        self,
        store: Store,
        key: OrderKeys | OrderKey,
        patience: Patience | None = None,
        strategy: Strategy = "spread",
        keep: Keep | None = None,
        secret_key: SecretKey | None = None,
    ) -> None:
        self.store = store
        self.key = key
        self.secret_key = secret_key
        self._patience = patience or Patience()
        self._sealing = None if secret_key is None else Sealing(secret_key)
        self.admission = admitted_by(store)
        revoked = self.admission.revocations
        self._judgement = functools.partial(Judgement, patience=self._patience, revocations=revoked)
        self._inbox = Inbox()
        self._complaints = Complaints()
        self._telling = Telling()
        self.hub_event = self._telling.of_itself
        self._heard = heard = Heard(self.admission.shut_out)
        self._asking = Asking()
        self._publishing = publishing = Publishing(lambda: key.id)
        self._stopping = threading.Event()
        self._todo: collections.deque[Item] = collections.deque()
        self._watch = Watch(time.monotonic(), time.time())
        self._broker_part = Condition("broker", time.time(), "not connected yet")
        self.more_parts: list[Callable[[], PartView]] = []  # not its own; `health` tells them too
        self._leasing = Leasing(key, time.monotonic())
        self._rolling = Rolling()
        trimming = Trimming(store, keep or Keep())
        self.measuring = Measuring(
            lambda: self.known,
            publishing.publish,
            lambda targets: sealed_targets(targets, key, self._node_now(targets.node or "")),
        )
        self._key_telling = KeyTelling(key, publishing.publish, store)
        self._following = Following(
            publishing, self._watch, heard, self._rolling, self._leasing, self.measuring, trimming
        )
        self._transactions = transactions = Transactions(
            store,
            issue=lambda draft, now: issue(draft, heard, key, now, self._sealing),
            network=lambda: self.measuring.network,
            strategy=strategy,
            telling=self._telling,
            complaints=self._complaints,
            following=self._following,
            stopping=self._stopping,
        )
        self._following.loaded(transactions.known)
        transactions.while_failing = self._while_failing
        self._filling = filling = Filling(
            transactions, lambda: self.measuring.network, self._complaints
        )
        self._stepping = Stepping(transactions, self._rolling, heard, self._watch, self._telling)
        self._calling = Calling(self._inbox, transactions, self._stepping, filling)
        self._replacing = Replacing(transactions, self._patience, self._telling, self._complaints)
        self._acknowledging = Acknowledging(
            transactions=transactions,
            inbox=self._inbox,
            heard=heard,
            asking=self._asking,
            publishing=publishing,
            measuring=self.measuring,
            leasing=self._leasing,
            filling=filling,
            telling=self._telling,
            complaints=self._complaints,
            admission=self.admission,
        )
        self._ticking = Ticking(
            transactions=transactions,
            watch=self._watch,
            heard=heard,
            rolling=self._rolling,
            replacing=self._replacing,
            leasing=self._leasing,
            filling=filling,
            publishing=publishing,
            trimming=trimming,
            complaints=self._complaints,
        )
        self.requesting = Requesting(self._way, self._node_now, key)
        self._receiving = Receiving(
            self._inbox, self._complaints, self.requesting.answered, self.admission.shut_out
        )
        self.on_heartbeat, self.on_message = self._receiving.heartbeat, self._receiving.message
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

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

    # --- what may be read by any thread -----------------------------------------------------

    @property
    def known(self) -> Known:
        """Return what the hub knows durably."""
        return self._transactions.known

    @property
    def columns(self) -> Columns:
        """Return the fleet as placement reads it."""
        return self._transactions.columns

    @property
    def changes(self) -> Changes:
        """Return what counts changes, for those who wait for one."""
        return self._following.changes

    @property
    def alive(self) -> bool:
        """Say whether the writer works."""
        return self._thread.is_alive()

    def presence(self, *, online: bool) -> Publication:
        """Return what the hub says of itself."""
        return self._following.presence(online=online)

    @property
    def judgement(self) -> Judgement:
        """Return by what the silence of boxes is judged now."""
        return self._judgement(listening=self._watch.listening, now=time.time())

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
        own = writer, self._transactions.store_part.view, self._broker_part.view
        parts = (*own, *(part() for part in self.more_parts))
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
        return self._calling.call(change, dry=dry, within_s=within_s)

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
        self._guarded(self._acknowledging.heartbeats)
        self._guarded(self._acknowledging.leases)
        self._take_all()
        self._guarded(lambda: self._filling.fill(self._replacing.again))
        self._guarded(self._stepping.go_on)
        self._guarded(self._tick)
        if self.connected:
            self._guarded(lambda: self._key_telling.look(self.known, time.monotonic()))
            self._publishing.views(self.known, self.columns, self.judgement)

    def _take_all(self) -> None:
        """Take what waits, in its order; messages that came one after the other, together."""
        messages: list[Incoming] = []
        published: list[int] = []
        while self._todo:
            if messages and not isinstance(self._todo[0], Incoming | Published):
                # What comes next stays in the queue meanwhile: a call may have to be refused.
                self._acknowledging.messages(messages)
                messages = []
                continue
            match item := self._todo.popleft():
                case Incoming():
                    messages.append(item)
                case Published():
                    published.append(item.seq)
                case Call():
                    self._calling.take(item)
                case Connected():
                    self._guarded(self._on_connected)
                case Disconnected():
                    self._watch.end(time.time(), self._newest_sign())
                    self._follow_broker(item.reason)
                case Beating():
                    self._watch.beating(item.can_come, time.time(), self._newest_sign())
                    self._follow_broker(item.reason)
        self._acknowledging.messages(messages)
        if published:
            self._transactions.retry(lambda: self.store.published(published))

    def _tick(self) -> None:
        mono_s = time.monotonic()
        if not self._watch.tick(mono_s, time.time()):
            return
        self._ticking.hear()
        self._guarded(self._acknowledging.heartbeats)  # what has come by now is no silence
        self._ticking.tick(mono_s)

    def _while_failing(self, reason: str) -> None:
        self._refuse_calls(f"the hub's store fails: {reason}")
        # Needs no store: what runs by a lease must not end because a disk is full here.
        self._guarded(self._acknowledging.leases)

    def _refuse_calls(self, reason: str) -> None:
        """Answer whoever waits that it cannot be done now."""
        self._todo.extend(self._inbox.calls())
        calls = [item for item in self._todo if isinstance(item, Call)]
        self._todo = collections.deque(one for one in self._todo if not isinstance(one, Call))
        refuse(calls, reason)

    # --- the broker -------------------------------------------------------------------------

    def _on_connected(self) -> None:
        log.info("connected to the broker")
        self._watch.begin(time.time())
        self._follow_broker("")
        self._rolling.all(self.known)
        self._transactions.retry(self._acknowledging.look_at_jobs)
        self._publishing.publish(self.presence(online=True))
        self._transactions.retry(lambda: self._publishing.send(self.store.outbox()))
        self._publishing.say_again(self.known, self._heard)
        self.measuring.say_again()
        self._key_telling.say_again()

    def _follow_broker(self, reason: str) -> None:
        """Note whether boxes can be heard."""
        is_heard = self._watch.listening is not None
        self._broker_part.follow(is_heard, reason, time.time(), self._watch.deaf_since)

    def _newest_sign(self) -> float:
        return float(self.columns.signs(self.columns.rows()).max(initial=-math.inf))

"""Has nodes measure round-trip times, and makes of what they tell the network that placement asks.

One thread of its own: the writer hands over what a heartbeat tells and goes on, and whoever places
reads the newest picture, which never changes. Nothing is stored: after a restart each node is told
its targets once, and tells again all that it has measured.
"""

from __future__ import annotations

import collections
import dataclasses
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import structlog

from skerry_hub import metrics
from skerry_hub.documents import Endpoint, KeptDocument, of_kind
from skerry_hub.latency import NOWHERE, Network, endpoint, place_of
from skerry_hub.model import Liveness, Node
from skerry_hub.placement.coordinates import Coordinates
from skerry_hub.placement.round_trips import LIMIT_MS
from skerry_hub.state import Known, Publication
from skerry_hub.targets import Address, Choice, address_of
from skerry_wire import codec, topics
from skerry_wire.messages import BROKER, Envelope, Targets
from skerry_wire.topics import NodeTopic

log = structlog.get_logger("measuring")

ROUND_S = 1.0
CHOOSE_S = 5.0
"""Time between two looks at which nodes and endpoints there are."""
SAID_MOST = 500
"""Nodes that are told their targets in one round: a hub that starts has other things to say."""
LOOKED_AT_MOST = 2_000
"""Nodes whose targets are looked up, and tellings that are taken, in one round."""
MANY = 32
"""From so many tellings on, nodes are moved all at once."""
WAITING_MOST = 200_000
"""Tellings of nodes that wait; then the oldest goes."""
REFINE_S = 10.0
SLICE_S = 0.5
"""A fit of all places, which takes minutes for a large fleet, goes on so long in each round."""
SNAPSHOT_S = 5.0
PATIENCE = 20
"""Each of the two is done again no sooner than so many times what it took."""

Inputs = tuple[Mapping[str, Address], tuple[Endpoint, ...], int]
"""What a choice of targets is made of."""


class Measuring:
    """`network` may be read by any thread, `told`, `say_again` and `forget` be called by any."""

    def __init__(
        self,
        known: Callable[[], Known],
        publish: Callable[[Publication], None],
        seal: Callable[[Targets], Envelope],
        slice_s: float = SLICE_S,
    ) -> None:
        """`known` gives the hub's records; `publish` sends, if there is a connection.

        `seal` signs: whoever could name targets to a fleet could have it connect to anybody.
        """
        self._slice_s = slice_s
        self.network: Network = NOWHERE
        self._known = known
        self._publish = publish
        self._seal = seal
        self._told: collections.deque[tuple[str, Mapping[str, float]]] = collections.deque(
            maxlen=WAITING_MOST
        )
        self._forgotten: collections.deque[str] = collections.deque()
        self._deaf: collections.deque[str] = collections.deque()
        """Nodes that could not believe what they were told."""
        self._coordinates = Coordinates()
        self._choice = Choice({}, (), 0)
        self._chosen_from: Inputs | None = None
        self._choose_at = self._refine_at = self._snapshot_at = 0.0
        self._said: dict[str, Targets] = {}
        self._settled: set[str] = set()
        """Nodes that have been told what the present choice has for them."""
        self._due: collections.deque[str] = collections.deque()
        self._all_again = False
        self._unrefined = self._unshown = False
        self._refining: Iterator[None] | None = None
        self._refined_s = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="measuring", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, unless it is in the midst of what takes long: then it ends with us."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2 * ROUND_S)

    def told(self, node: str, round_trip_ms: Mapping[str, float]) -> None:
        """Take what a node's heartbeat tells. The hot path."""
        self._told.append((node, round_trip_ms))

    def say_again(self) -> None:
        """Tell every node its targets again: the broker may have lost them."""
        self._all_again = True

    def say_again_to(self, node: str) -> None:
        """Tell a node its targets again: it trusts another key than when it was told them."""
        self._deaf.append(node)

    def forget(self, node: str) -> None:
        """Note that a node is gone."""
        self._forgotten.append(node)

    def _run(self) -> None:
        while not self._stopping.wait(0 if len(self._told) > LOOKED_AT_MOST else ROUND_S):
            try:
                self.round(time.monotonic())
            except Exception:
                # Without new times placement goes on with those that it has.
                log.exception("the round-trip times could not be worked on")

    def round(self, mono_s: float) -> None:
        """Do what is due."""
        if mono_s >= self._choose_at:
            self._choose_at = mono_s + CHOOSE_S
            self._choose()
        self._say()
        self._take()
        self._refine(mono_s)
        if self._unshown and mono_s >= self._snapshot_at:
            self._snapshot_at = mono_s + self._spent(self._show, SNAPSHOT_S)

    @staticmethod
    def _spent(work: Callable[[], None], least_s: float) -> float:
        """Do it, and return how long to wait before it is done again."""
        began = time.monotonic()
        work()
        took_s = time.monotonic() - began
        return took_s + max(least_s, PATIENCE * took_s)

    # --- what nodes shall measure -------------------------------------------------------------

    def _choose(self) -> None:
        """See which targets there are now, and which nodes are to be told of a change."""
        nodes = list(self._known().nodes.values())
        inputs = _inputs(nodes, list(self._known().documents.values()))
        if inputs != self._chosen_from:
            for gone in set(self._chosen_from[1] if self._chosen_from else ()) - set(inputs[1]):
                self._remove(endpoint(gone.name))
            self._chosen_from, self._choice = inputs, Choice(*inputs)
            self._settled.clear()
        if self._all_again:
            self._all_again = False
            self._said.clear()
            self._settled.clear()
        while self._deaf:
            deaf = self._deaf.popleft()
            self._said.pop(deaf, None)
            self._settled.discard(deaf)
        self._due = collections.deque(
            node.id
            for node in nodes
            if node.liveness is Liveness.ONLINE and node.id not in self._settled
        )

    def _say(self) -> None:
        said = 0
        for _ in range(min(len(self._due), LOOKED_AT_MOST)):
            node = self._due.popleft()
            targets = self._choice.of(node)
            self._settled.add(node)
            if self._said.get(node) == targets:
                continue
            self._said[node] = targets
            stamped = dataclasses.replace(targets, node=node, issued_at=time.time())
            topic = str(topics.Node(node, NodeTopic.TARGETS))
            self._publish(Publication(topic=topic, payload=codec.encode(self._seal(stamped))))
            said += 1
            if said == SAID_MOST:
                return

    # --- what nodes tell ----------------------------------------------------------------------

    def _take(self) -> None:
        """Move the nodes of which something new was told."""
        nodes = self._known().nodes
        taken = []
        for _ in range(min(len(self._told), LOOKED_AT_MOST)):
            node, told = self._told.popleft()
            found = self._possible(node, told) if node in nodes else {}
            if found:
                metrics.ROUND_TRIPS.labels("taken").inc(len(found))
                taken.append((node, found))
        if taken:
            self._observe(taken)
            self._unrefined = self._unshown = True
        while self._forgotten:
            node = self._forgotten.popleft()
            self._said.pop(node, None)
            self._settled.discard(node)
            self._remove(node)

    def _observe(self, taken: Sequence[tuple[str, Mapping[str, float]]]) -> None:
        if len(taken) >= MANY:
            self._coordinates.observe_all(taken)
            return
        for node, found in taken:
            self._coordinates.observe(node, found)

    def _possible(self, node: str, told: Mapping[str, float]) -> dict[str, float]:
        """Return of what a node tells, by place, what it was asked for and what can be."""
        asked = {target.name for target in self._choice.of(node).targets} | {BROKER}
        found = {}
        for target, ms in told.items():
            place = place_of(target) if target in asked else None
            if place is None or not 0 < ms <= LIMIT_MS:
                metrics.ROUND_TRIPS.labels("refused" if place else "not_asked").inc()
            else:
                found[place] = ms
        return found

    def _remove(self, place: str) -> None:
        if place in self._coordinates:
            self._coordinates.remove(place)
            self._unshown = True

    def _refine(self, mono_s: float) -> None:
        """Fit all places anew where that is due, and for a part of a round only.

        What is left of it is done in the next rounds, so that tellings and targets never wait.
        """
        if self._refining is None:
            if not self._unrefined or mono_s < self._refine_at:
                return
            self._unrefined, self._refined_s = False, 0.0
            self._refining = self._coordinates.refining()
        began = time.monotonic()
        while not (is_done := next(self._refining, self) is self):
            if time.monotonic() - began >= self._slice_s:
                break
        self._refined_s += time.monotonic() - began
        if is_done:
            metrics.REFINE_SECONDS.observe(self._refined_s)
            self._refining, self._unshown = None, True
            self._refine_at = mono_s + max(REFINE_S, PATIENCE * self._refined_s)

    def _show(self) -> None:
        """Make a new picture, with the times that the last one was asked for at hand."""
        self._unshown = False
        network = Network(self._coordinates.copy())
        network.prepare(self.network.asked)
        self.network = network
        metrics.LOCATED.set(len(network))


def _inputs(nodes: Iterable[Node], documents: Iterable[KeptDocument]) -> Inputs:
    addresses, count = {}, 0
    for node in nodes:
        count += 1
        told = node.capability.round_trip_address if node.capability is not None else None
        address = address_of(told)
        if address is not None:
            addresses[node.id] = address
    return addresses, of_kind(documents, Endpoint), count

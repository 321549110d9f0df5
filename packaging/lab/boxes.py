"""Simulated boxes: the agent's own core, loop and link on made-up hardware, many in one process.

Real are the connection with its last will, the messages and their order, signatures, generations
and reports. Made up are the hardware, the round-trip times, and the containers: whatever the hub
orders runs at once. A box can lose a device, vanish as in a power cut, and come back.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import os
import pathlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lab import makes
from lab.makes import SITES, Make, Site
from skerry_agent import capability
from skerry_agent import events as ev
from skerry_agent.broker import broker_at
from skerry_agent.effects import (
    AskExecutor,
    Asking,
    Converge,
    HandGrant,
    HandKeys,
    MeasureRoundTrip,
    Publish,
    VerifyTargets,
)
from skerry_agent.journal import Identity, Saved
from skerry_agent.mqtt import Link
from skerry_agent.shell import Inbox, Shell
from skerry_agent.state import PresenceSeq, Settings, State, presence_seq
from skerry_executor import key_changes, lease
from skerry_executor import order as verification
from skerry_executor.key_changes import KeyRing
from skerry_executor.lifecycle import lease_s
from skerry_executor.signed import opened
from skerry_executor.targets import verify as verify_targets
from skerry_wire import __version__, envelope
from skerry_wire.errors import WireError
from skerry_wire.hardware import Hardware
from skerry_wire.local import Outcome
from skerry_wire.messages import (
    Heartbeat,
    InstanceState,
    InstanceStatus,
    Order,
    Presence,
    Refusal,
    Targets,
)
from skerry_wire.order_keys import KeyStanding
from skerry_wire.workload import Instance

HEARTBEAT_S = 2.0
GIB = 2**30
END_S = 5.0


@dataclasses.dataclass(frozen=True, slots=True)
class Distances:
    """The network as it really is: where endpoints and boxes stand, by the names of targets."""

    at: Mapping[str, Site]

    def ms(self, here: Site, target: str) -> float | None:
        """Return the round-trip time to a target, a few per cent off as measured ones are."""
        there = self.at.get(target)
        if there is None:
            return None
        noise = hashlib.blake2b(f"{here.name} {target}".encode(), digest_size=1).digest()[0] / 255
        return round(here.round_trip_ms(there) * (1 + 0.04 * noise), 3)


class _CutLink(Link):
    """A link whose cable can be pulled, and whose attempts to connect are noted."""

    def __init__(self, attempts: list[float], *words: Any, **named: Any) -> None:
        super().__init__(*words, **named)
        self._attempts_at = attempts

    def _one_connection(self, *words: Any) -> Any:
        self._attempts_at.append(time.monotonic())
        return super()._one_connection(*words)

    def cut(self) -> None:
        """End the connection without a word, and make no other: the broker sends the last will."""
        self._stopping.set()
        self._woken.set()
        client = self._client
        connection = client.socket() if client is not None else None
        if isinstance(connection, socket.socket):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(END_S)  # so that nothing more is said


class _Hand:
    """Stands in for the executor: verifies each order as it does, and takes for run what it says."""

    def __init__(self, key: str, node: str, incarnation: str) -> None:
        public = base64.b64decode(key, validate=True)
        self._by_root = {envelope.key_id_of(public): public}
        self._ring = KeyRing()
        self._node = node
        self._incarnation = incarnation
        self._order = Order(node=node, incarnation=incarnation, generation=0, issued_at=0.0)
        self._digest: str | None = None
        self._started: dict[tuple[str, str], float] = {}
        self._terms = lease.Terms(boot_id="simulated")
        self._challenges: dict[bytes, float] = {}

    @property
    def instances(self) -> tuple[Instance, ...]:
        """Return what runs."""
        return self._order.instances

    @property
    def since(self) -> Mapping[str, float]:
        """Return since when each of what runs does."""
        return {name: at for (name, _), at in self._started.copy().items()}

    @property
    def _keys(self) -> Mapping[str, bytes]:
        return key_changes.trusted(self._ring, self._by_root)

    @property
    def keys(self) -> KeyStanding:
        """Return which keys are trusted to sign orders."""
        return KeyStanding(sequence=self._ring.sequence, trusted=tuple(sorted(self._keys)))

    def change_keys(self, changes: bytes) -> str:
        """Take changes of keys; return why they are refused, empty where they are not."""
        found = key_changes.taken(changes, self._ring, self._by_root)
        if isinstance(found, str):
            return found
        self._ring = found.ring
        return found.refused or ""

    def targets(self, sealed: bytes) -> Targets | str:
        """Return the targets of round-trip times in an envelope, or why they are refused."""
        return verify_targets(sealed, self._keys, self._node)

    def challenge(self) -> bytes:
        """Return a challenge for leases."""
        challenge = os.urandom(32)
        self._challenges[challenge] = time.monotonic()
        return challenge

    def grant(self, sealed: bytes) -> tuple[str | None, bool]:
        """Take a grant; return why it is refused, and whether something may start only now."""
        identity = verification.Identity(node=self._node, incarnation=self._incarnation)
        found = lease.verified(sealed, self._keys, identity)
        if isinstance(found, str):
            return found, False
        from_s = self._challenges.pop(found.challenge, None)
        if from_s is None:
            return "it answers no challenge of this box", False
        self._challenges = {one: at for one, at in self._challenges.items() if at > from_s}
        self._terms, fresh = lease.granted(self._terms, found, from_s, self._order.instances)
        return None, bool(fresh)

    def converge(self, sealed: bytes | None) -> Outcome:
        """Carry out an order, or look again at what the last one said."""
        if sealed is None:
            return self._outcome()
        told = opened(sealed, self._keys)
        if isinstance(told, str):
            code = verification.UNKNOWN_KEY if "trusted keys" in told else "bad_signature"
            return self._outcome(Refusal(generation=0, code=code, reason=told))
        try:
            order = envelope.open_payload(told)
        except WireError as error:
            return self._outcome(Refusal(generation=0, code="malformed", reason=str(error)))
        digest = envelope.digest_of(told.payload)
        problem = self._problem(order, digest)
        if problem is not None:
            return self._outcome(Refusal(generation=order.generation, code=problem, reason=problem))
        self._order, self._digest = order, digest
        now = time.time()
        keys = {(one.id, one.revision) for one in order.instances}
        self._started = {key: self._started.get(key, now) for key in keys}
        return self._outcome()

    def _problem(self, order: Order, digest: str) -> str | None:
        if (order.node, order.incarnation) != (self._node, self._incarnation):
            return "wrong_node"
        if order.generation < self._order.generation:
            return "stale"
        if order.generation == self._order.generation and self._digest not in (None, digest):
            return "conflicting"
        return None

    def _outcome(self, refusal: Refusal | None = None) -> Outcome:
        return Outcome(
            accepted=self._order.generation,
            digest=self._digest,
            reached=True,
            refusal=refusal,
            instances=tuple(map(self._status, self._order.instances)),
            lease_s=lease_s(self._order),
        )

    def _status(self, instance: Instance) -> InstanceStatus:
        against = None
        if instance.lease is not None:
            # No timer ends it: that is seen at the next look.
            against = self._terms.against(instance.id, time.monotonic())
        return InstanceStatus(
            id=instance.id,
            workload=instance.workload,
            revision=instance.revision,
            state=InstanceState.RUNNING if against is None else InstanceState.PENDING,
            reason=against,
            runtime="simulated",
            started_at=self._started[instance.id, instance.revision],
        )


@dataclasses.dataclass(slots=True, kw_only=True)
class _Doors:
    """What the shell reaches the made-up world through."""

    box: SimulatedBox
    link: Link
    post: Callable[[ev.AgentEvent], None]

    def publish(self, effect: Publish) -> None:
        """Send a message to the broker."""
        if isinstance(effect.message, Heartbeat):
            self.box.beat_at = time.time()
        self.link.publish(effect)

    def probe(self, *, slow: bool, labels: Mapping[str, str]) -> None:  # noqa: ARG002
        """Say what hardware there is."""
        found = capability.labelled(self.box.hardware, labels)
        self.post(ev.HardwareProbed(found, capability.revision_of(found)))

    def look_for(self, paths: tuple[str, ...]) -> ev.NodesSeen:
        """Say which device nodes are there."""
        there = device_nodes(self.box.hardware)
        return ev.NodesSeen(paths, frozenset(paths) - there)

    def read_labels(self) -> ev.LabelsRead | ev.LabelsFailed:
        """Say what labels the box has."""
        return ev.LabelsRead(self.box.labels)

    def read_enrollment(self, *, again: bool) -> ev.EnrollmentRead:  # noqa: ARG002
        """Say that the box has joined nothing: it was given what it has."""
        return ev.EnrollmentRead(None)

    def renew_certificate(self) -> None:
        """Say that it cannot be renewed."""
        self.post(ev.RenewalEnded("a simulated box has none"))

    def sample(self) -> ev.LoadSampled:
        """Say how the box is doing: idle."""
        return ev.LoadSampled(
            uptime_s=int(time.monotonic()),
            cpu_percent=3.0,
            load_1m=0.1,
            memory_available_bytes=(self.box.hardware.memory.total_bytes or 0) * 3 // 4,
            storage_available_bytes=50 * GIB,
            temperature_c=41.5,
        )

    def measure_round_trip(self, effect: MeasureRoundTrip) -> None:
        """Say how far a target is."""
        ms = self.box.distances.ms(self.box.site, effect.target.name)
        problem = "" if ms is not None else "is nowhere"
        self.post(ev.RoundTripMeasured(effect.target, ms, problem))

    def ask_executor(self, effect: Asking) -> None:
        """Say that nothing really runs here."""
        if isinstance(effect, AskExecutor):
            why = "this box is simulated: it has no logs, and no programs"
            self.post(ev.AnswerEnded(effect.id, why))

    def verify_targets(self, effect: VerifyTargets) -> None:
        """Say whether targets are the hub's."""
        found = self.box.hand.targets(effect.data)
        if isinstance(found, Targets):
            self.post(ev.TargetsJudged(effect.data, found))
        else:
            self.post(ev.TargetsJudged(effect.data, None, found))

    def ask_challenge(self) -> None:
        """Say by which challenge leases are renewed."""
        self.post(ev.LeaseChallenged(self.box.hand.challenge()))

    def hand_grant(self, effect: HandGrant) -> None:
        """Take a grant."""
        error, visit = self.box.hand.grant(effect.data)
        self.post(ev.GrantTaken(error, visit))

    def converge(self, effect: Converge, watch: Callable[[str, int], None]) -> None:  # noqa: ARG002
        """Carry out an order."""
        outcome = self.box.hand.converge(effect.order)
        self.post(ev.ExecutorDone(effect.run, outcome, keys=self.box.hand.keys))

    def hand_keys(self, effect: HandKeys) -> None:
        """Take changes of keys."""
        reason = self.box.hand.change_keys(effect.data)
        self.post(ev.KeysJudged(effect.data, self.box.hand.keys, reason))

    def save(self, saved: Saved) -> None:
        """Keep what a power cut must not take."""
        self.box.saved = saved


class SimulatedBox:
    """One box with an agent of its own, in threads of this process."""

    def __init__(
        self, node: str, make: Make, site: Site, *, broker_url: str, key: str, distances: Distances,
        certificates: pathlib.Path | None = None,
    ) -> None:  # fmt: skip
        """`key` is the hub's, in base64; `start` starts the agent.

        `certificates` is a folder with who vouches for the broker (`ca.pem`), and with the box's
        own key and certificate (`<node>.pem`).
        """
        self.attempts: list[float] = []
        """When the agent tried to connect, by this machine's clock."""
        self.node = node
        self.make = make
        self.site = site
        self.distances = distances
        self.labels = {**site.labels, "make": make.name}
        self.hardware = makes.hardware_of(make, node, {})
        self.saved = Saved()
        self.settings = Settings(heartbeat_s=HEARTBEAT_S, round_trip_gap_s=0.0, order_gap_s=0.0)
        """How the agent behaves from its next start on."""
        self.beat_at = 0.0
        """When the last heartbeat was sent, by this machine's clock."""
        self._broker = broker_at(broker_url)
        if certificates is not None:
            own = str(certificates / f"{node}.pem")
            self._broker = dataclasses.replace(
                self._broker, ca=str(certificates / "ca.pem"), certificate=own, key=own
            )
        digest = hashlib.blake2b(f"{broker_url} {node}".encode(), digest_size=16).hexdigest()
        self._identity = Identity(node=node, incarnation=digest)
        self.hand = _Hand(key, node, digest)
        self._boot = 0
        self._inbox: Inbox | None = None
        self._link: _CutLink | None = None
        self._thread: threading.Thread | None = None

    @property
    def instances(self) -> tuple[str, ...]:
        """Return the ids of what runs here."""
        return tuple(sorted(one.id for one in self.hand.instances))

    def runs_since(self, instance: str) -> float | None:
        """Return since when an instance runs here, by this machine's clock; None: it does not."""
        return self.hand.since.get(instance)

    def start(self) -> None:
        """Start the agent; what ran before still does."""
        self._boot += 1
        inbox = Inbox()
        link = _CutLink(self.attempts, self._broker, self.node, self._will(self._boot), inbox.post)
        state = State(
            node=self.node,
            incarnation=self._identity.incarnation,
            boot=self._boot,
            version=__version__,
            settings=self.settings,
            round_trip_address=f"{self.node}.example:22",
            labels=self.labels,
            order=self.saved.order,
            events=self.saved.events,
        )
        shell = Shell(state, _Doors(box=self, link=link, post=inbox.post), inbox)
        self._inbox, self._link = inbox, link
        self._thread = threading.Thread(target=shell.run, name=self.node, daemon=True)
        link.start()
        self._thread.start()

    def vanish(self) -> None:
        """Lose power, or the network: no good-bye."""
        if self._link is not None:
            self._link.cut()
            self._end()

    def stop(self) -> None:
        """End the agent in good order."""
        if self._inbox is None or self._link is None:
            return
        self._inbox.post(ev.StopAsked())
        if self._thread is not None:
            self._thread.join(END_S)
        self._link.stop()
        self._link = self._inbox = self._thread = None

    def _will(self, boot: int) -> Callable[[int], Presence]:
        def will(connection: int) -> Presence:
            return Presence(
                incarnation=self._identity.incarnation,
                boot=boot,
                seq=presence_seq(connection, PresenceSeq.WILL),
                online=False,
                since=0.0,
                version=__version__,
            )

        return will

    def _end(self) -> None:
        """End the loop, whose link is cut already."""
        if self._inbox is not None and self._thread is not None:
            self._inbox.post(ev.StopAsked())
            self._thread.join(END_S)
        self._link = self._inbox = self._thread = None

    def change(self, hardware: Hardware) -> None:
        """Have other hardware from now on; the kernel announces it."""
        self.hardware = hardware
        if self._inbox is not None:
            self._inbox.post(ev.DevicesChanged("change"))

    def unplug(self, path: str) -> None:
        """Take away the device with this device node."""
        here = self.hardware
        ports = {one.address for one in here.cameras if one.path == path}
        ports |= {one.address for one in here.serial_ports if one.path == path}
        self.change(
            dataclasses.replace(
                here,
                accelerators=tuple(
                    one for one in here.accelerators if path not in one.device_nodes
                ),
                cameras=tuple(one for one in here.cameras if one.path != path),
                serial_ports=tuple(one for one in here.serial_ports if one.path != path),
                usb=tuple(one for one in here.usb if one.path not in ports),
            )
        )


def device_nodes(hardware: Hardware) -> frozenset[str]:
    """Return the device nodes, and the places, of what a box of `makes` may hand to containers."""
    found = {path for one in hardware.accelerators for path in one.device_nodes}
    found |= {one.path for one in hardware.cameras}
    found |= {f"usb {one.path}" for one in hardware.usb}
    found |= {f"pci {one.address}" for one in hardware.pci}
    return frozenset(found | {one.path for one in hardware.serial_ports})


class Boxes:
    """A fleet of simulated boxes."""

    def __init__(
        self, broker_url: str, key: str, boxes: Mapping[str, tuple[Make, Site]],
        endpoints: Mapping[str, Site], certificates: pathlib.Path | None = None,
    ) -> None:  # fmt: skip
        """`boxes` by node id; `endpoints` by name of the document."""
        at = {f"endpoint/{name}": site for name, site in endpoints.items()}
        at |= {f"node/{node}": site for node, (_, site) in boxes.items()}
        distances = Distances(at)
        self._boxes = {
            node: SimulatedBox(
                node,
                make,
                site,
                broker_url=broker_url,
                key=key,
                distances=distances,
                certificates=certificates,
            )
            for node, (make, site) in boxes.items()
        }

    def __getitem__(self, node: str) -> SimulatedBox:
        return self._boxes[node]

    def __iter__(self) -> Iterator[SimulatedBox]:
        return iter(self._boxes.values())

    def __len__(self) -> int:
        return len(self._boxes)

    def start(self) -> None:
        """Start all."""
        for box in self:
            box.start()

    def stop(self) -> None:
        """End all in good order."""
        for box in self:
            box.stop()


def standing(
    count: int | None = None, sites: Sequence[Site] = SITES
) -> dict[str, tuple[Make, Site]]:
    """Return boxes as `makes.STANDING` has them; more than these begin again with new names."""
    once = [
        (make, site, number)
        for site in sites
        for number, make in enumerate(makes.STANDING[site.name])
    ]
    found = {}
    for at in range(len(once) if count is None else count):
        turn, place = divmod(at, len(once))
        make, site, number = once[place]
        found[f"{site.name}-{make}-{number + 8 * turn}"] = (makes.MAKES[make], site)
    return found

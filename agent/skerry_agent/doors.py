"""The real world behind the shell: broker, hardware, executor, state folder.

Everything that takes time is done in a thread, which hands over what it found as an event. May NOT
decide anything.
"""

from __future__ import annotations

import dataclasses
import logging
import pathlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from skerry_agent import (
    capability,
    enrolled,
    executor_client,
    fitting,
    heap,
    load,
    tcp_round_trip,
)
from skerry_agent import effects as asked
from skerry_agent.capability import Collected
from skerry_agent.effects import (
    Converge,
    HandGrant,
    HandKeys,
    MeasureRoundTrip,
    Publish,
    VerifyTargets,
)
from skerry_agent.events import (
    AgentEvent,
    EnrollmentRead,
    HardwareProbed,
    LabelsFailed,
    LabelsRead,
    LoadSampled,
    NodesSeen,
    ProbeAnswered,
)
from skerry_agent.guard import Guard
from skerry_agent.host import Gone, Host
from skerry_agent.journal import Identity, Journal, Saved
from skerry_agent.operator_labels import LabelsError
from skerry_agent.probes import cdi, char_devices
from skerry_agent.slow.looks import SlowLooks
from skerry_wire.hardware import Hardware, ProbeStatus
from skerry_wire.local import ExecutorRequest

if TYPE_CHECKING:
    from skerry_agent.asking import Asking

log = logging.getLogger(__name__)

Post = Callable[[AgentEvent], None]


class Publisher(Protocol):
    """What the doors need of the link to the broker."""

    @property
    def round_trip_ms(self) -> float | None:
        """Return the round-trip time to the broker, None where it is not known."""

    def publish(self, effect: Publish) -> None:
        """Send a message."""

    def look_again(self) -> None:
        """Go on with the broker and the certificate that there are by now."""


class Prober:
    """Reads the hardware, in threads of its own; one look at a time."""

    def __init__(
        self, look: Callable[[Collected | None], Collected], slow: SlowLooks, post: Post
    ) -> None:
        """`look` is the quick look, which gets what it found before."""
        self._look = look
        self._slow = slow
        self._post = post
        self._turn = threading.Lock()
        self._quick: Collected | None = None
        self._asking = threading.Lock()
        self._asked = 0
        self._again = False

    def start(self, *, slow: bool) -> None:
        """Begin a look; the quick part is posted first, then each slow part that is not known.

        `slow` has slow looks that failed taken again at once.
        """
        threading.Thread(target=self._run, args=(slow,), name="probe", daemon=True).start()

    def _run(self, slow: bool) -> None:
        self._quickly()
        self._slowly(slow)
        heap.give_back()  # a look takes, for a moment, a megabyte more than what it found

    def _quickly(self) -> None:
        with self._turn:
            try:
                self._quick = self._look(self._quick)
                self._slow.settle(self._quick.hardware)
                self._tell()
            except Exception as error:
                # The core waits for an answer, or it would never ask again.
                log.exception("the look at the hardware broke off")
                failed = ProbeStatus(status="failed", reason=f"{type(error).__name__}"[:300])
                before = self._quick.hardware if self._quick else Hardware()
                probes = {**before.probes, "all": failed}
                self._post_hardware(dataclasses.replace(before, probes=probes))

    def _slowly(self, again: bool) -> None:
        """Take the slow looks that are due; one thread does, and sees to what others ask for."""
        with self._asking:
            self._asked += 1
            self._again |= again
            if self._asked > 1:
                return
        while True:
            with self._asking:
                asked, again, self._again = self._asked, self._again, False
            for look in self._slow.due(again=again):
                self._slow.look(look)
                with self._turn:
                    self._tell()
            with self._asking:
                if self._asked == asked:
                    self._asked = 0
                    return

    def _tell(self) -> None:
        quick = self._quick.hardware if self._quick else Hardware()
        self._post_hardware(capability.merge_slow(quick, self._slow.answers))

    def _post_hardware(self, hardware: Hardware) -> None:
        hardware = fitting.fitted(hardware)
        self._post(HardwareProbed(hardware, capability.revision_of(hardware)))


@dataclasses.dataclass(slots=True)
class Labels:
    """The labels that people gave this box, as the core last said: a look takes them from here."""

    current: Mapping[str, str] = dataclasses.field(default_factory=dict)


def prober(host: Host, cache: pathlib.Path, labels: Labels, post: Post) -> Prober:
    """Return the prober of a running box; `cache` is the file that keeps the slow part."""

    def late(name: str) -> None:
        post(ProbeAnswered(name))

    guard = capability.guard_for(host, late)

    def look(before: Collected | None) -> Collected:
        return capability.collect(host, before, operator_labels=labels.current, guard=guard)

    return Prober(look, SlowLooks(host, cache), post)


@dataclasses.dataclass(slots=True, kw_only=True)
class RealDoors:
    """What the shell reaches the world through.

    `executor` is the path of its socket, `state` the folder whose free space is told.
    """

    link: Publisher
    prober: Prober
    host: Host
    journal: Journal
    identity: Identity
    executor: str
    state: pathlib.Path
    post: Post
    labels: Labels = dataclasses.field(default_factory=Labels)
    labels_now: Callable[[], Mapping[str, str]] = dict
    """Reads the labels that people gave this box. Raises LabelsError."""
    round_trip_networks: Sequence[str] = ()
    """The only networks to which round-trip times are measured; none: all that are fit for it."""
    _run: executor_client.Run | None = None
    _asking: Asking | None = None
    _guard: Guard = dataclasses.field(default_factory=load.guard)

    def publish(self, effect: Publish) -> None:
        """Send a message to the broker."""
        self.link.publish(effect)

    def probe(self, *, slow: bool, labels: Mapping[str, str]) -> None:
        """Start to read the hardware."""
        self.labels.current = labels
        self.prober.start(slow=slow)

    def look_for(self, paths: tuple[str, ...]) -> NodesSeen:
        """Look whether devices are there; no node is opened."""
        places = [path for path in paths if " " in path and not path.startswith("/")]
        named = [path for path in paths if "=" in path and not path.startswith("/")]
        offered = cdi.offered(self.host) if named else None
        nodes = char_devices.read(self.host) if places else ()
        signs = {one: char_devices.sign_of(nodes, one.partition(" ")[2]) for one in places}
        gone = {one for one in paths if one not in named and self._is_gone(one)}
        if offered is not None:
            gone |= set(named) - offered
        return NodesSeen(paths, frozenset(gone), signs)

    def _is_gone(self, path: str) -> bool:
        bus, _, address = path.partition(" ")
        if address:
            return not self.host.exists(f"/sys/bus/{bus}/devices/{address}")
        # A node is never opened for this, and what may not be looked at is not said to be gone.
        return isinstance(self.host.read(path, 1), Gone)

    def read_labels(self) -> LabelsRead | LabelsFailed:
        """Read the labels that people gave this box."""
        try:
            return LabelsRead(self.labels_now())
        except LabelsError as error:
            return LabelsFailed(str(error))

    def read_enrollment(self, *, again: bool) -> EnrollmentRead:
        """Read what is kept of having joined a hub."""
        if again:
            self.link.look_again()
        return enrolled.read(self.state, self.identity.node, self.host)

    def renew_certificate(self) -> None:
        """Start to have the certificate renewed, by a child process."""
        enrolled.start_renewing(self.host, self.state, self.post)

    def sample(self) -> LoadSampled:
        """Measure what a heartbeat says."""
        now = load.sample(self.host, str(self.state), self._guard)
        return LoadSampled(
            uptime_s=now.uptime_s,
            cpu_percent=now.cpu_percent,
            load_1m=now.load_1m,
            memory_available_bytes=now.memory_available_bytes,
            storage_available_bytes=now.storage_available_bytes,
            temperature_c=now.temperature_c,
            battery_percent=now.battery_percent,
            on_battery=now.on_battery,
            power_w=now.power_w,
            filesystems_available_bytes=now.filesystems_available_bytes,
            broker_round_trip_ms=self.link.round_trip_ms,
        )

    def measure_round_trip(self, effect: MeasureRoundTrip) -> None:
        """Start to measure a round-trip time."""
        tcp_round_trip.start(effect, self.round_trip_networks, self.post)

    def verify_targets(self, effect: VerifyTargets) -> None:
        """Start to ask the executor; the run under way goes on beside it."""
        request = ExecutorRequest(
            node=self.identity.node, incarnation=self.identity.incarnation, targets=effect.data
        )
        executor_client.start_verifying(self.executor, request, effect.data, self.post)

    def ask_executor(self, effect: asked.Asking) -> None:
        """Begin a request, give it input, let more come, or end it. A run goes on beside it."""
        if self._asking is None:
            # Most boxes are never asked anything.
            from skerry_agent.asking import Asking  # noqa: PLC0415

            self._asking = Asking(
                self.executor, self.identity.node, self.identity.incarnation, self.post
            )
        self._asking.perform(effect)

    def converge(self, effect: Converge, watch: Callable[[str, int], None]) -> None:
        """Start a run of the executor; the one under way is left alone with what it does."""
        if self._run is not None:
            self._run.leave()
        request = ExecutorRequest(
            node=self.identity.node, incarnation=self.identity.incarnation, order=effect.order
        )
        run = executor_client.Run(self.executor, effect.run, request, self.post, watch)
        self._run = run
        run.start()

    def _plain_request(self) -> ExecutorRequest:
        return ExecutorRequest(node=self.identity.node, incarnation=self.identity.incarnation)

    def ask_challenge(self) -> None:
        """Start to ask the executor; the run under way goes on beside it."""
        from skerry_agent import lease_client  # noqa: PLC0415 - few boxes have leases

        request = dataclasses.replace(self._plain_request(), challenge="lease")
        lease_client.start_challenge(self.executor, request, self.post)

    def hand_grant(self, effect: HandGrant) -> None:
        """Start to hand over a grant; the run under way goes on beside it."""
        from skerry_agent import lease_client  # noqa: PLC0415 - few boxes have leases

        request = dataclasses.replace(self._plain_request(), grant=effect.data)
        lease_client.start_grant(self.executor, request, self.post)

    def hand_keys(self, effect: HandKeys) -> None:
        """Start to hand over changes of order keys; the run under way goes on beside it."""
        from skerry_agent import key_client  # noqa: PLC0415 - they change once in months

        request = dataclasses.replace(self._plain_request(), keys=effect.data)
        key_client.start(self.executor, request, effect.data, self.post)

    def save(self, saved: Saved) -> None:
        """Write the journal; raises OSError."""
        self.journal.save(saved)

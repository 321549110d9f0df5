"""The real world behind the shell: broker, hardware, executor, state folder.

Everything that takes time is done in a thread, which hands over what it found as an event. May NOT
decide anything.
"""

from __future__ import annotations

import dataclasses
import logging
import pathlib
import threading
from collections.abc import Callable, Mapping
from typing import Protocol

from skerry_agent import capability, executor_client, load, slow
from skerry_agent.capability import SlowValues
from skerry_agent.effects import Converge, Publish
from skerry_agent.events import AgentEvent, HardwareProbed, LoadSampled
from skerry_agent.host import Host
from skerry_agent.journal import Identity, Journal, Saved
from skerry_agent.probes.result import Failed, Found
from skerry_wire.hardware import Hardware, ProbeStatus
from skerry_wire.local import ExecutorRequest

log = logging.getLogger(__name__)

Post = Callable[[AgentEvent], None]
SlowLook = Found[SlowValues] | Failed


class Publisher(Protocol):
    """What the doors need of the link to the broker."""

    def publish(self, effect: Publish) -> None:
        """Send a message."""


class Prober:
    """Reads the hardware, in threads of its own; one look at a time."""

    def __init__(
        self,
        look: Callable[[Hardware | None], Hardware],
        look_slowly: Callable[[], SlowLook],
        known: Callable[[], SlowLook | None],
        post: Post,
    ) -> None:
        """`look` gets what was found before; `known` is what a slow look of this boot found."""
        self._look = look
        self._look_slowly = look_slowly
        self._known = known
        self._post = post
        self._turn = threading.Lock()
        self._quick: Hardware | None = None
        self._slow: SlowLook | None = None

    def start(self, *, slow: bool) -> None:
        """Begin a look; the quick part is posted first, the whole once the slow part is there."""
        threading.Thread(target=self._run, args=(slow,), name="probe", daemon=True).start()

    def _run(self, slow: bool) -> None:
        if slow and self._slow is None:
            self._slow = self._guarded(self._known)
        self._quickly()
        if slow and not isinstance(self._slow, Found):
            self._slow = self._guarded(self._look_slowly) or Failed("the slow look broke off")
            with self._turn:
                self._tell(self._quick or Hardware())

    def _guarded(self, look: Callable[[], SlowLook | None]) -> SlowLook | None:
        try:
            return look()
        except Exception as error:
            log.exception("the slow look at the hardware broke off")
            return Failed(f"{type(error).__name__}: {error}")

    def _quickly(self) -> None:
        with self._turn:
            try:
                self._quick = self._look(self._quick)
            except Exception as error:
                # The core waits for an answer, or it would never ask again.
                log.exception("the look at the hardware broke off")
                failed = ProbeStatus(status="failed", reason=f"{type(error).__name__}"[:300])
                before = self._quick or Hardware()
                probes = {**before.probes, "all": failed}
                self._tell(dataclasses.replace(before, probes=probes))
                return
            self._tell(self._quick)

    def _tell(self, quick: Hardware) -> None:
        whole = quick if self._slow is None else capability.merge_slow(quick, self._slow)
        self._post(HardwareProbed(whole, capability.revision_of(whole)))


def prober(host: Host, cache: pathlib.Path, labels: Mapping[str, str], post: Post) -> Prober:
    """Return the prober of a running box; `cache` is the file that keeps the slow part."""

    def look(before: Hardware | None) -> Hardware:
        return capability.collect(host, before, operator_labels=labels).hardware

    return Prober(
        look, lambda: slow.read_slow(host, cache), lambda: slow.read_cached(host, cache), post
    )


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
    _run: executor_client.Run | None = None

    def publish(self, effect: Publish) -> None:
        """Send a message to the broker."""
        self.link.publish(effect)

    def probe(self, *, slow: bool) -> None:
        """Start to read the hardware."""
        self.prober.start(slow=slow)

    def sample(self) -> LoadSampled:
        """Measure what a heartbeat says."""
        now = load.sample(self.host, str(self.state))
        return LoadSampled(
            uptime_s=now.uptime_s,
            cpu_percent=now.cpu_percent,
            load_1m=now.load_1m,
            memory_available_bytes=now.memory_available_bytes,
            storage_available_bytes=now.storage_available_bytes,
            temperature_c=now.temperature_c,
        )

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

    def save(self, saved: Saved) -> None:
        """Write the journal; raises OSError."""
        self.journal.save(saved)

"""The shell around the core: one queue in, effects out; it owns the clock, chance and the threads.

Every thread of the agent does one thing: put events into the queue. Only this loop calls
`core.step`, and only it performs what comes back. It sleeps until something happens or the state's
next deadline.
"""

from __future__ import annotations

import collections
import contextlib
import logging
import os
import random
import select
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from skerry_agent import core, effects
from skerry_agent import events as ev
from skerry_agent.journal import Saved
from skerry_agent.state import NEVER, State

log = logging.getLogger(__name__)

MOST_WAITING = 4096
"""Events beyond this are dropped, the newest first: a flood must not eat the box's memory."""
MOST_WAITING_BYTES = 8 * 1024 * 1024
"""Likewise of what others send, which may be large."""

FROM_OTHERS = (
    ev.OrderArrived,
    ev.RequestArrived,
    ev.TargetsArrived,
    ev.GrantArrived,
    ev.KeysArrived,
)


class Inbox:
    """The one queue. `post` may be called from every thread; it never blocks and never raises."""

    def __init__(self) -> None:
        self._waiting: collections.deque[ev.AgentEvent] = collections.deque()
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.dropped = 0
        self._bytes = 0
        # Taken only for what came from the broker: a signal's handler posts in the loop's thread.
        self._bytes_lock = threading.Lock()

    def post(self, event: ev.AgentEvent) -> None:
        """Put an event at the end, and wake the loop."""
        if len(self._waiting) >= MOST_WAITING or not self._has_room_for(event):
            self.dropped += 1
            return
        self._waiting.append(event)
        with contextlib.suppress(OSError):  # the loop has ended
            os.eventfd_write(self.fd, 1)

    def drain(self) -> list[ev.AgentEvent]:
        """Return everything that waits."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.fd)
        found = []
        while self._waiting:
            event = self._waiting.popleft()
            if isinstance(event, FROM_OTHERS):
                with self._bytes_lock:
                    self._bytes -= len(event.data)
            found.append(event)
        return found

    def _has_room_for(self, event: ev.AgentEvent) -> bool:
        if not isinstance(event, FROM_OTHERS):
            return True
        with self._bytes_lock:
            if self._bytes + len(event.data) > MOST_WAITING_BYTES:
                return False
            self._bytes += len(event.data)
        return True


class Doors(Protocol):
    """What the shell reaches the world through. `main` wires the real ones, tests their own."""

    def publish(self, effect: effects.Publish) -> None:
        """Send a message to the broker."""

    def probe(self, *, slow: bool, labels: Mapping[str, str]) -> None:
        """Start to read the hardware; post `HardwareProbed`."""

    def look_for(self, paths: tuple[str, ...]) -> ev.NodesSeen:
        """Look whether device nodes are there."""

    def read_labels(self) -> ev.LabelsRead | ev.LabelsFailed:
        """Read the labels that people gave this box."""

    def read_enrollment(self, *, again: bool) -> ev.EnrollmentRead:
        """Read what is kept of having joined a hub; `again`: the link goes on with it."""

    def renew_certificate(self) -> None:
        """Start to have the certificate renewed; post `RenewalEnded`."""

    def sample(self) -> ev.LoadSampled:
        """Measure what a heartbeat says."""

    def measure_round_trip(self, effect: effects.MeasureRoundTrip) -> None:
        """Start to measure a round-trip time; post `RoundTripMeasured`."""

    def verify_targets(self, effect: effects.VerifyTargets) -> None:
        """Ask the executor whether targets are the hub's; post `TargetsJudged`."""

    def ask_executor(self, effect: effects.Asking) -> None:
        """Begin a request, give it input, let more come, or end it; post how it goes."""

    def converge(self, effect: effects.Converge, watch: Callable[[str, int], None]) -> None:
        """Start a run of the executor; post how it goes, and hand over pidfds to watch."""

    def hand_keys(self, effect: effects.HandKeys) -> None:
        """Give the executor changes of order keys; post `KeysJudged`."""

    def ask_challenge(self) -> None:
        """Ask the executor for a challenge for leases; post `LeaseChallenged`."""

    def hand_grant(self, effect: effects.HandGrant) -> None:
        """Give the executor a grant; post `GrantTaken`."""

    def save(self, saved: Saved) -> None:
        """Write the journal; raises OSError."""


class Shell:
    """Runs one agent until it is asked to stop."""

    def __init__(self, state: State, doors: Doors, inbox: Inbox) -> None:
        """`state` is where the core starts from."""
        self.state = state
        self._doors = doors
        self._inbox = inbox
        self._poll = select.epoll()
        self._poll.register(inbox.fd, select.EPOLLIN)
        self._exits: dict[int, str] = {}
        self._exits_lock = threading.Lock()
        self._others: dict[int, Callable[[], None]] = {}
        self._often: Callable[[], None] | None = None
        self._often_s = 0.0
        self._often_at = NEVER
        self._running = True

    def listen(self, fd: int, ready: Callable[[], None]) -> None:
        """Call `ready` from the loop whenever `fd` can be read."""
        self._others[fd] = ready
        self._poll.register(fd, select.EPOLLIN)

    def every(self, interval_s: float, call: Callable[[], None]) -> None:
        """Call from the loop at least this often: proof that the loop goes round."""
        self._often, self._often_s = call, interval_s
        self._often_at = self._mono()

    def watch(self, instance: str, pidfd: int) -> None:
        """Post `InstanceExited` once the process of a pidfd has ended. Any thread."""
        with self._exits_lock:
            self._exits[pidfd] = instance
            self._poll.register(pidfd, select.EPOLLIN)

    def run(self) -> None:
        """Work until `Exit`."""
        self._handle(ev.Started())
        while self._running:
            for fd, _ in self._poll.poll(self._patience_s()):
                self._ready(fd)
            saves: list[effects.Save] = []
            for event in self._inbox.drain():
                self._handle(event, saves)
            if self._mono() >= self.state.next_deadline:
                self._handle(ev.Tick(), saves)
            if saves:
                self._save(saves[-1])
            self._prove()

    def _prove(self) -> None:
        # Whatever woke the loop, half an interval is reason enough: so it is not woken for this.
        now = self._mono()
        if self._often is not None and now >= self._often_at - self._often_s / 2:
            self._often()
            self._often_at = now + self._often_s

    def _patience_s(self) -> float | None:
        deadline = min(self.state.next_deadline, self._often_at)
        if deadline == NEVER:
            return None
        # A millisecond more: waking up just before the deadline would mean to wake up twice.
        return max(0.0, deadline - self._mono() + 0.001)

    @staticmethod
    def _mono() -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def _ready(self, fd: int) -> None:
        with self._exits_lock:
            instance = self._exits.pop(fd, None)
            if instance is not None:
                self._poll.unregister(fd)
                os.close(fd)
        if instance is not None:
            self._inbox.post(ev.InstanceExited(instance))
        elif fd in self._others:
            self._others[fd]()

    def _forget_exits(self) -> None:
        with self._exits_lock:
            for fd in self._exits:
                self._poll.unregister(fd)
                os.close(fd)
            self._exits.clear()

    def _handle(self, event: ev.AgentEvent, saves: list[effects.Save] | None = None) -> None:
        now = ev.Now(self._mono(), time.time(), random.random())  # noqa: S311
        self.state, done = core.step(self.state, event, now)
        for effect in done:
            if isinstance(effect, effects.Save) and saves is not None:
                saves.append(effect)  # of many in a row, only the last is worth a write
            else:
                self._perform(effect)

    def _perform(self, effect: effects.Effect) -> None:
        match effect:
            case effects.Publish():
                self._doors.publish(effect)
            case effects.Probe(slow=slow, labels=labels):
                self._doors.probe(slow=slow, labels=labels)
            case effects.LookForNodes(paths=paths):
                self._inbox.post(self._doors.look_for(paths))
            case effects.ReadLabels():
                self._inbox.post(self._doors.read_labels())
            case effects.ReadEnrollment(again=again):
                self._inbox.post(self._doors.read_enrollment(again=again))
            case effects.RenewCertificate():
                self._doors.renew_certificate()
            case effects.SampleLoad():
                self._inbox.post(self._doors.sample())
            case effects.MeasureRoundTrip():
                self._doors.measure_round_trip(effect)
            case effects.Save():
                self._save(effect)
            case effects.Log(level=level, text=text, generation=generation):
                extra = "" if generation is None else f" generation={generation}"
                fields = {} if generation is None else {"generation": generation}
                number = logging.getLevelNamesMapping()[level.upper()]
                log.log(number, "%s%s", text, extra, extra={"fields": fields})
            case effects.Exit():
                self._running = False
            case _:
                self._have_executor(effect)

    def _have_executor(self, effect: effects.ToExecutor) -> None:
        match effect:
            case effects.VerifyTargets():
                self._doors.verify_targets(effect)
            case effects.AskChallenge():
                self._doors.ask_challenge()
            case effects.HandGrant():
                self._doors.hand_grant(effect)
            case effects.HandKeys():
                self._doors.hand_keys(effect)
            case effects.Converge():
                self._forget_exits()  # the run hands over new ones
                self._doors.converge(effect, self.watch)
            case _:
                self._doors.ask_executor(effect)

    def _save(self, effect: effects.Save) -> None:
        try:
            self._doors.save(Saved(order=effect.order, events=effect.events))
        except OSError as error:
            self._inbox.post(ev.JournalFailed(error.strerror or str(error)))
        else:
            self._inbox.post(ev.JournalSaved())

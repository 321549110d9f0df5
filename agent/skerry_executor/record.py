"""What a run has seen and done so far, shared by its threads; tells each change of it.

Decides nothing: the picture is `outcome`'s, what is to be done `reconcile`'s.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from skerry_executor.actual import Actual
from skerry_executor.backoffs import BackOffs
from skerry_executor.halt import NO_HALTS, Halts
from skerry_executor.log import log
from skerry_executor.outcome import Doing, Seen, outcome_of
from skerry_executor.runtimes.base import RuntimeFailure
from skerry_executor.switching import Aim
from skerry_wire.lifecycle import PullStatus
from skerry_wire.local import Outcome
from skerry_wire.messages import InstanceState, Order
from skerry_wire.workload import Instance

GAP_S_PER_INSTANCE = 0.005
"""Progress frames hold every instance; with many they are sent less often."""


class Tell(Protocol):
    """Where progress goes. Never raises: whoever asked may be gone, the work goes on."""

    def progress(self, outcome: Outcome) -> None:
        """Say how far it is."""

    def watch(self, watched: Sequence[tuple[str, int]]) -> None:
        """Hand over pidfds by instance; they stay the caller's to close."""


class Record:
    """The containers by id, what is being done by instance, and what failed by instance."""

    def __init__(
        self,
        order: Order,
        digest: str,
        runtime: str,
        tell: Tell,
        halts: Halts = NO_HALTS,
        backoffs: BackOffs | None = None,
    ) -> None:
        self._order = order
        self._digest = digest
        self._runtime = runtime
        self._tell = tell
        self._halts = halts
        self._backoffs = backoffs or BackOffs()
        self._lock = threading.Lock()
        self._actual: dict[str, Actual] = {}
        self._doing: dict[str, Doing] = {}
        self._failures: dict[str, RuntimeFailure] = {}
        self._setbacks: dict[str, RuntimeFailure] = {}
        self._aims: Mapping[str, Aim] = {}
        self._told_at = 0.0

    @property
    def instances(self) -> tuple[Instance, ...]:
        """Return those of the order, and what they are to be by now where that is another."""
        with self._lock:
            earlier = [one.instance for one in self._aims.values()]
        return (*self._order.instances, *earlier)

    def saw(self, actual: Iterable[Actual]) -> None:
        """Begin anew with all that the runtime has."""
        with self._lock:
            self._actual = {one.id: one for one in actual}

    def put(self, one: Actual) -> None:
        """Take over how one container is now."""
        one = self._backoffs.counted(one)
        with self._lock:
            self._actual[one.id] = one

    def gone(self, reference: str) -> None:
        """Forget a container that is no longer there."""
        with self._lock:
            self._actual.pop(reference, None)

    def actual(self) -> tuple[Actual, ...]:
        """Return the containers as they were seen last."""
        with self._lock:
            return tuple(self._actual.values())

    def doing(self, instance: str, state: InstanceState, reason: str | None = None) -> None:
        """Tell what is being done about an instance."""
        self._does(instance, Doing(state=state, reason=reason))

    def pulling(self, instance: str, pull: PullStatus, reason: str) -> None:
        """Tell how far the pull of an image for an instance is."""
        self._does(instance, Doing(state=InstanceState.PULLING, reason=reason, pull=pull))

    def _does(self, instance: str, doing: Doing) -> None:
        with self._lock:
            if self._doing.get(instance) == doing:
                return
            self._doing[instance] = doing
        self.tell()

    def finished(self, instance: str) -> None:
        """Tell that nothing is being done about an instance any more."""
        with self._lock:
            self._doing.pop(instance, None)
        self.tell()

    def failed(self, instance: str, failure: RuntimeFailure) -> None:
        """Keep what went wrong with an instance."""
        log("warning", "failed", generation=self._order.generation, instance=instance,
            kind=failure.kind, reason=failure.reason)  # fmt: skip
        with self._lock:
            self._failures[instance] = failure

    def recall(self, instance: str, failure: RuntimeFailure) -> None:
        """Tell what went wrong with an instance in an earlier run, where this one does nothing."""
        with self._lock:
            self._failures.setdefault(instance, failure)

    def failures(self) -> dict[str, RuntimeFailure]:
        """Return what went wrong, by instance."""
        with self._lock:
            return dict(self._failures)

    def setbacks(self) -> dict[str, RuntimeFailure]:
        """Return the same, and what an instance was to be before this run made it another."""
        with self._lock:
            return {**self._setbacks, **self._failures}

    def aimed(self, aims: Mapping[str, Aim]) -> None:
        """Take over what each instance is to be by now; what is another now, has not failed."""
        with self._lock:
            for instance, found in aims.items():
                before = self._aims.get(instance)
                if before is None or before.instance == found.instance:
                    continue
                failure = self._failures.pop(instance, None)
                if failure is not None:
                    self._setbacks[instance] = failure
            self._aims = aims

    def failure(self, instance: str) -> RuntimeFailure | None:
        """Return what went wrong with an instance in this run."""
        with self._lock:
            return self._failures.get(instance)

    def log(self, msg: str, name: str, reason: str | None = None) -> None:
        """Log something about a container or an image."""
        log("info", msg, generation=self._order.generation, name=name, reason=reason)

    def tell(self) -> None:
        """Tell the picture as it is now, unless it was told a moment ago."""
        with self._lock:
            now = time.monotonic()
            if now - self._told_at < GAP_S_PER_INSTANCE * (len(self._order.instances) - 8):
                return
            self._told_at = now
            # Within the lock, so that an older picture never overtakes a newer one.
            self._tell.progress(dataclasses.replace(self._picture(), reached=False))

    def picture(self) -> Outcome:
        """Return how the order stands, as far as is known now."""
        with self._lock:
            return self._picture()

    def _picture(self) -> Outcome:
        seen = Seen(
            actual=tuple(self._actual.values()),
            doing=self._doing,
            failures=self._failures,
            halts=self._halts,
            aims=self._aims,
            looping=self._backoffs.looping(),
            wall_s=time.time(),
        )
        return outcome_of(self._order, self._digest, self._runtime, seen)

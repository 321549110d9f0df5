"""Carries an order out: the shell around `reconcile`, on a real runtime.

Every instance goes its own way: one that fails, or pulls for hours, holds up no other. Whatever
is begun here may be cut off at any point by kill -9; deciding again finds what is left to do.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from skerry_executor import reconcile as rec
from skerry_executor.actual import Actual, Phase
from skerry_executor.cancel import Cancel, Cancelled
from skerry_executor.hardware import Node, looked, text_of, with_nodes
from skerry_executor.log import log
from skerry_executor.runtimes.base import Failure, Runtime, RuntimeFailure
from skerry_executor.specs import labels_of, name_of, spec_of
from skerry_executor.status import standings, unwanted_status
from skerry_wire.images import parse_image
from skerry_wire.local import MAX_WATCHED, Outcome
from skerry_wire.messages import InstanceState, InstanceStatus, Order
from skerry_wire.workload import Container, Instance

WORKERS = 4
EXIT_LOOK_S = 0.1
"""How long what was just started is watched for an immediate end."""
GAP_S_PER_INSTANCE = 0.005
"""Progress frames hold every instance; with many they are sent less often."""
MAX_PROBLEMS = 16

_RETRY_S = {
    Failure.PORT_IN_USE: 5.0,
    Failure.PULL: 15.0,
    Failure.DISK_FULL: 30.0,
    Failure.ABSENT: 30.0,
}
DEFAULT_RETRY_S = 5.0


class Tell(Protocol):
    """Where progress goes. Never raises: whoever asked may be gone, the work goes on."""

    def progress(self, outcome: Outcome) -> None:
        """Say how far it is."""

    def watch(self, watched: Sequence[tuple[str, int]]) -> None:
        """Hand over pidfds by instance; they stay the caller's to close."""


class Convergence:
    """One run towards one order.

    `object_to` says what the box has against a container now; `devices_of` which device nodes it
    gets for its devices on a bus, and raises RuntimeFailure where it gets none.
    """

    def __init__(
        self,
        order: Order,
        digest: str,
        runtime: Runtime,
        cancel: Cancel,
        tell: Tell,
        object_to: Callable[[Container], RuntimeFailure | None],
        devices_of: Callable[[Container], tuple[Node, ...]] = lambda _: (),
    ) -> None:
        self._order = order
        self._digest = digest
        self._runtime = runtime
        self._cancel = cancel
        self._tell = tell
        self._object_to = object_to
        self._devices_of = devices_of
        self._lock = threading.Lock()
        self._actual: dict[str, Actual] = {}
        self._doing: dict[str, tuple[InstanceState, str | None]] = {}
        self._failures: dict[str, RuntimeFailure] = {}
        self._fresh: list[tuple[int, str]] = []
        self._told_at = 0.0

    def run(self) -> Outcome:
        """Do what is to be done and return how it ended. Raises Cancelled."""
        try:
            plan = self._look()
        except RuntimeFailure as failure:
            return self._blind(failure)
        if plan.changes:
            self._carry_out(plan)
        return self.stands()

    def survey(self) -> Outcome:
        """Only look, change nothing, and return how the order stands."""
        try:
            self._look()
        except RuntimeFailure as failure:
            return self._blind(failure)
        return self.stands()

    def _look(self) -> rec.Plan:
        actual = self._runtime.containers(self._order.node)
        self._actual = {one.id: one for one in actual}
        self._watch(actual)
        devices = looked(self._order.instances, self._devices_of)
        needed = rec.images_needed(self._order.instances, actual, devices)
        present = {image for image in needed if self._runtime.has_image(image)}
        return rec.reconcile(self._order.instances, actual, present, devices)

    def _carry_out(self, plan: rec.Plan) -> None:
        by_instance: dict[str, list[rec.Action]] = {}
        for action in plan.first:
            by_instance.setdefault(action.actual.instance, []).append(action)
        try:
            self._each([(name, tuple(actions)) for name, actions in by_instance.items()])
            changing = [one for one in plan.instances if one.changes]
            self._each([(one.instance.id, one.actions) for one in changing])
            self._see_immediate_ends()
        finally:
            for fd, _ in self._fresh:
                os.close(fd)
            self._fresh.clear()

    def _each(self, jobs: list[tuple[str, tuple[rec.Action, ...]]]) -> None:
        """Work through the actions of several instances, a few instances at a time."""
        left = list(reversed(jobs))

        def work() -> None:
            # A list's pop is atomic; the number of workers does not matter for the result.
            with contextlib.suppress(IndexError):
                while not self._cancel.asked:
                    self._one(*left.pop())

        threads = [
            threading.Thread(target=work, name=f"instances-{number}", daemon=True)
            for number in range(min(WORKERS, len(jobs)) - 1)
        ]
        for thread in threads:
            thread.start()
        work()
        for thread in threads:
            thread.join()
        self._cancel.check()

    def _one(self, instance: str, actions: tuple[rec.Action, ...]) -> None:
        if instance in self._failures:
            return
        try:
            # Before anything is stopped that cannot be replaced.
            for action in actions:
                if isinstance(action, rec.Create):
                    self._check_box(action.container)
            for action in actions:
                self._cancel.check()
                self._do(instance, action)
        except Cancelled:
            return
        except RuntimeFailure as failure:
            self._failed(instance, failure)
        except Exception as error:  # noqa: BLE001 - one instance never takes the others with it
            reason = f"executor: {type(error).__name__}: {error}"
            self._failed(instance, RuntimeFailure(Failure.OTHER, reason))
        with self._lock:
            self._doing.pop(instance, None)
        self._progress()

    def _failed(self, instance: str, failure: RuntimeFailure) -> None:
        log("warning", "failed", generation=self._order.generation, instance=instance,
            kind=failure.kind, reason=failure.reason)  # fmt: skip
        with self._lock:
            self._failures[instance] = failure

    def _check_box(self, container: Container) -> None:
        found = self._object_to(container)
        if found is not None:
            raise found
        self._devices_of(container)

    def _do(self, instance: str, action: rec.Action) -> None:
        match action:
            case rec.Missing(reason=reason):
                raise RuntimeFailure(Failure.NOT_FOUND, reason)
            case rec.Lacking(reason=reason):
                raise RuntimeFailure(Failure.NO_DEVICE, reason)
            case rec.Pull():
                self._pull(instance, action)
            case rec.Stop(actual=actual):
                self._now(instance, InstanceState.STOPPING)
                self._runtime.stop(actual.id, actual.stop_grace_s, self._cancel)
                self._log("stopped", actual.name)
            case rec.Remove(actual=actual):
                self._now(instance, InstanceState.STOPPING)
                self._remove(actual)
            case rec.Create(instance=wanted, container=container):
                self._now(instance, InstanceState.CREATING)
                self._create(wanted, container)
            case rec.Start(reference=reference):
                self._now(instance, InstanceState.CREATING)
                self._start(reference)
            case rec.Keep():
                pass

    def _pull(self, instance: str, action: rec.Pull) -> None:
        self._now(instance, InstanceState.PULLING, action.image)

        def told(amount: str) -> None:
            self._now(instance, InstanceState.PULLING, f"{action.image}: {amount}")

        try:
            self._runtime.pull(action.image, None, self._cancel, told)
        except RuntimeFailure as failure:
            if not action.cached or failure.kind is not Failure.PULL:
                raise
            # A registry that is away must not keep a box from starting what it has.
            self._log("using the image on the box", action.image, failure.reason)
            return
        self._log("pulled", action.image)

    def _create(self, instance: Instance, container: Container) -> None:
        name = name_of(instance.id, container.name)
        try:
            self._create_once(name, instance, container)
        except RuntimeFailure as failure:
            if failure.kind is not Failure.NAME_TAKEN:
                raise
            self._take_over(name, instance, container, failure)

    def _create_once(self, name: str, instance: Instance, container: Container) -> None:
        self._check_box(container)
        nodes = self._devices_of(container)
        labels = labels_of(self._order.node, instance, container, text_of(nodes))
        image = parse_image(container.image).full
        self._runtime.create(name, image, with_nodes(container, nodes), labels, instance)
        self._log("created", name, text_of(nodes) or None)

    def _take_over(
        self, name: str, instance: Instance, container: Container, failure: RuntimeFailure
    ) -> None:
        """Adopt what has the name if it has the spec; replace it if it is ours; else give up."""
        found = self._runtime.container(name)
        if found is None or found.node != self._order.node:
            reason = f"a container that is not ours has the name {name}: {failure.reason}"
            raise RuntimeFailure(Failure.NAME_TAKEN, reason)
        if found.spec == spec_of(instance, container) and found.phase is not Phase.REMOVING:
            self._log("adopted", name)
            return
        self._runtime.stop(found.id, found.stop_grace_s, self._cancel)
        self._remove(found)
        self._create_once(name, instance, container)

    def _remove(self, actual: Actual) -> None:
        self._runtime.remove(actual.id)
        with self._lock:
            self._actual.pop(actual.id, None)
        self._log("removed", actual.name)

    def _start(self, reference: str) -> None:
        self._runtime.start(reference)
        started = self._runtime.container(reference)
        if started is None:
            raise RuntimeFailure(Failure.OTHER, f"{reference} vanished while it was started")
        with self._lock:
            self._actual[started.id] = started
        self._log("started", started.name)
        self._watch((started,), fresh=True)

    # --- telling -------------------------------------------------------------------------

    def _now(self, instance: str, state: InstanceState, reason: str | None = None) -> None:
        with self._lock:
            if self._doing.get(instance) == (state, reason):
                return
            self._doing[instance] = state, reason
        self._progress()

    def _progress(self) -> None:
        with self._lock:
            now = time.monotonic()
            if now - self._told_at < GAP_S_PER_INSTANCE * (len(self._order.instances) - 8):
                return
            self._told_at = now
            # Within the lock, so that an older picture never overtakes a newer one.
            self._tell.progress(dataclasses.replace(self._picture(), reached=False))

    def stands(self) -> Outcome:
        """Return how the order stands, as far as is known now."""
        with self._lock:
            return self._picture()

    def _picture(self) -> Outcome:
        """Return the outcome as it stands now; called with the lock held."""
        found = standings(self._order.instances, self._actual.values(), self._runtime.name)
        desired = {instance.id for instance in self._order.instances}
        left = unwanted_status(desired, self._actual.values(), self._runtime.name)
        problems = [
            f"{instance} cannot be removed: {failure.reason}"
            for instance, failure in self._failures.items()
            if instance not in desired
        ]
        reached = all(one.reached for one in found) and not self._failures and not left
        waits = [_RETRY_S.get(f.kind, DEFAULT_RETRY_S) for f in self._failures.values()]
        statuses = [*(one.status for one in found), *left]
        return Outcome(
            accepted=self._order.generation,
            digest=self._digest,
            reached=reached,
            problems=tuple(problem[:1024] for problem in problems[:MAX_PROBLEMS]),
            instances=tuple(self._overlaid(status) for status in statuses),
            retry_after_s=None if reached else min(waits, default=DEFAULT_RETRY_S),
        )

    def _overlaid(self, status: InstanceStatus) -> InstanceStatus:
        """Return the status with what is being done about the instance, or what went wrong."""
        failure = self._failures.get(status.id)
        if failure is not None:
            runs = status.state in (InstanceState.RUNNING, InstanceState.STOPPING)
            state = status.state if runs else InstanceState.FAILED
            return dataclasses.replace(status, state=state, reason=failure.reason[:1024])
        if status.id in self._doing:
            state, reason = self._doing[status.id]
            return dataclasses.replace(status, state=state, reason=reason)
        return status

    def _blind(self, failure: RuntimeFailure) -> Outcome:
        """Return what can be said when the runtime cannot even be asked."""
        log("error", "the runtime fails", generation=self._order.generation, reason=failure.reason)
        reason = failure.reason[:1024]
        return Outcome(
            accepted=self._order.generation,
            digest=self._digest,
            problems=(reason,),
            instances=tuple(
                InstanceStatus(
                    id=instance.id,
                    workload=instance.workload,
                    revision=instance.revision,
                    state=InstanceState.UNKNOWN,
                    reason=reason[:200],
                )
                for instance in self._order.instances
            ),
            retry_after_s=_RETRY_S.get(failure.kind, 10.0),
            unseen=reason,
        )

    def _log(self, msg: str, name: str, reason: str | None = None) -> None:
        log("info", msg, generation=self._order.generation, name=name, reason=reason)

    # --- exits ---------------------------------------------------------------------------

    def _watch(self, actual: Iterable[Actual], fresh: bool = False) -> None:
        """Hand over pidfds of what runs; of what is fresh, keep one for ourselves."""
        opened: list[tuple[str, int]] = []
        for one in actual:
            if one.phase is not Phase.RUNNING or one.pid is None:
                continue
            try:
                opened.append((one.instance, os.pidfd_open(one.pid)))
            except OSError:
                continue  # it has just ended; the next look says so
            if fresh:
                with self._lock:
                    self._fresh.append((os.dup(opened[-1][1]), one.id))
        try:
            for begin in range(0, len(opened), MAX_WATCHED):
                self._tell.watch(opened[begin : begin + MAX_WATCHED])
        finally:
            for _, fd in opened:
                os.close(fd)

    def _see_immediate_ends(self) -> None:
        """Look again at what was just started and has already ended."""
        poll = select.poll()
        waiting = dict(self._fresh)
        for fd in waiting:
            poll.register(fd, select.POLLIN)
        until = time.monotonic() + EXIT_LOOK_S
        ended: list[str] = [
            one.id for one in self._actual.values() if one.phase is not Phase.RUNNING
        ]
        while waiting and (left_s := until - time.monotonic()) > 0:
            for fd, _ in poll.poll(left_s * 1000):
                poll.unregister(fd)
                ended.append(waiting.pop(fd))
        for reference in ended:
            try:
                found = self._runtime.container(reference)
            except RuntimeFailure:
                continue  # what was seen before stays on show
            with self._lock:
                if found is None:
                    self._actual.pop(reference, None)
                else:
                    self._actual[reference] = found

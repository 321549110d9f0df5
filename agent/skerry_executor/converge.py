"""Carries an order out: the shell around `reconcile`, on a real runtime.

Every instance goes its own way: one that fails, or pulls for hours, holds up no other. Whatever
is begun here may be cut off at any point by kill -9; deciding again finds what is left to do.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from skerry_executor import reconcile as rec
from skerry_executor.cancel import Cancel, Cancelled
from skerry_executor.contents import NOWHERE, Contents
from skerry_executor.exits import Exits
from skerry_executor.halt import OPEN, Gate
from skerry_executor.hardware import Node, looked
from skerry_executor.log import log
from skerry_executor.outcome import blind_outcome
from skerry_executor.record import Record, Tell
from skerry_executor.runtimes.base import Failure, Runtime, RuntimeFailure
from skerry_executor.steps import Steps
from skerry_wire.local import Outcome
from skerry_wire.messages import Order
from skerry_wire.workload import Container

WORKERS = 4


class Convergence:
    """One run towards one order.

    `object_to` says what the box has against a container now; `devices_of` which device nodes it
    gets for its devices on a bus, and raises RuntimeFailure where it gets none; `gate` which
    instances may run at all; `contents` has the files and secrets of containers.
    """

    def __init__(  # noqa: PLR0913 - what a run is made of, each from another place
        self,
        order: Order,
        digest: str,
        runtime: Runtime,
        cancel: Cancel,
        tell: Tell,
        object_to: Callable[[Container], RuntimeFailure | None],
        devices_of: Callable[[Container], tuple[Node, ...]] = lambda _: (),
        *,
        gate: Gate = OPEN,
        contents: Contents = NOWHERE,
    ) -> None:
        self._order = order
        self._digest = digest
        self._runtime = runtime
        self._cancel = cancel
        self._devices_of = devices_of
        self._halts = gate.halts
        self._contents = contents
        self._record = Record(order, digest, runtime.name, tell, gate.halts)
        self._exits = Exits(tell)
        self._steps = Steps(
            order.node,
            runtime,
            cancel,
            self._record,
            self._exits,
            object_to,
            devices_of,
            gate=gate,
            contents=contents,
        )

    def run(self) -> Outcome:
        """Do what is to be done and return how it ended. Raises Cancelled."""
        try:
            plan = self._look()
        except RuntimeFailure as failure:
            return self._blind(failure)
        self._contents.mend(self._order.instances)
        if plan.changes:
            self._carry_out(plan)
        self._contents.tidy(self._order.instances, self._record.actual())
        return self.stands()

    def survey(self) -> Outcome:
        """Only look, change nothing, and return how the order stands."""
        try:
            self._look()
        except RuntimeFailure as failure:
            return self._blind(failure)
        return self.stands()

    def stands(self) -> Outcome:
        """Return how the order stands, as far as is known now."""
        return self._record.picture()

    def _look(self) -> rec.Plan:
        actual = self._runtime.containers(self._order.node)
        self._record.saw(actual)
        self._exits.watch(actual)
        devices = looked(self._order.instances, self._devices_of)
        needed = rec.images_needed(self._order.instances, actual, devices, self._halts)
        present = {image for image in needed if self._runtime.has_image(image)}
        return rec.reconcile(self._order.instances, actual, present, devices, self._halts)

    def _blind(self, failure: RuntimeFailure) -> Outcome:
        log("error", "the runtime fails", generation=self._order.generation, reason=failure.reason)
        return blind_outcome(self._order, self._digest, failure)

    def _carry_out(self, plan: rec.Plan) -> None:
        by_instance: dict[str, list[rec.Action]] = {}
        for action in plan.first:
            by_instance.setdefault(action.actual.instance, []).append(action)
        try:
            self._each([(name, tuple(actions)) for name, actions in by_instance.items()])
            changing = [one for one in plan.instances if one.changes]
            self._each([(one.instance.id, one.actions) for one in changing])
            self._exits.see_immediate_ends(self._runtime, self._record)
        finally:
            self._exits.close()

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
        if self._record.failure(instance) is not None:
            return
        try:
            # Before anything is stopped that cannot be replaced.
            for action in actions:
                if isinstance(action, rec.Create):
                    self._steps.check_box(action.container)
            for action in actions:
                self._cancel.check()
                self._steps.do(instance, action)
        except Cancelled:
            return
        except RuntimeFailure as failure:
            self._record.failed(instance, failure)
        except Exception as error:  # noqa: BLE001 - one instance never takes the others with it
            reason = f"executor: {type(error).__name__}: {error}"
            self._record.failed(instance, RuntimeFailure(Failure.OTHER, reason))
        self._record.finished(instance)

"""Carries an order out: the shell around `reconcile`, on a real runtime.

Every instance goes its own way: one that fails, or pulls for hours, holds up no other. Whatever
is begun here may be cut off at any point by kill -9; deciding again finds what is left to do.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence

from skerry_executor import pulled_images
from skerry_executor import reconcile as rec
from skerry_executor.actual import Actual
from skerry_executor.backoff import LOOK_S
from skerry_executor.backoffs import BackOffs
from skerry_executor.cancel import Cancel, Cancelled
from skerry_executor.contents import NOWHERE, Contents
from skerry_executor.exits import Exits
from skerry_executor.halt import OPEN, Gate
from skerry_executor.hardware import Node, looked
from skerry_executor.log import log
from skerry_executor.mends import Mends
from skerry_executor.outcome import blind_outcome
from skerry_executor.pulled_images import PulledImages
from skerry_executor.record import Record, Tell
from skerry_executor.runtimes.base import Failure, Runtime, RuntimeFailure
from skerry_executor.steps import Steps, impossible
from skerry_executor.switches import Switches
from skerry_executor.switching import Aim
from skerry_wire.images import parse_image
from skerry_wire.local import Outcome
from skerry_wire.messages import Order
from skerry_wire.workload import Container, Instance

WORKERS = 4
PATIENCE_S = 2.0
"""How long a run stays with what comes up only slowly; then the agent is to come again."""
LEAST_WAIT_S = 0.1
AWAIT_S = 0.25
TOUCHING = (rec.Stop, rec.Remove, rec.Create, rec.Start)

Checked = Callable[[Sequence[Instance], tuple[Actual, ...]], tuple[Actual, ...]]


class Convergence:
    """One run towards one order.

    `object_to` says what the box has against a container now; `devices_of` which device nodes it
    gets for its devices on a bus, and raises RuntimeFailure where it gets none; `gate` which
    instances may run at all; `contents` has the files and secrets of containers; `pulled` remembers
    what was pulled, `mends` how often what is damaged was made anew, `backoffs` what failed or
    keeps ending;
    `switches` tell what each instance is to be by now; `checked` returns containers with what
    their own checks say; `no_room` says what room an image lacks, None where it may be pulled.
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
        pulled: PulledImages = pulled_images.NOWHERE,
        mends: Mends | None = None,
        backoffs: BackOffs | None = None,
        switches: Switches | None = None,
        checked: Checked = lambda _, actual: actual,
        no_room: Callable[[], str | None] = lambda: None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._order = order
        self._digest = digest
        self._runtime = runtime
        self._cancel = cancel
        self._devices_of = devices_of
        self._halts = gate.halts
        self._switches = switches
        self._checked = checked
        self._patience_s = patience_s
        self._aims: dict[str, Aim] = {}
        self._contents = contents
        self._pulled = pulled
        self._backoffs = backoffs or BackOffs()
        self._record = Record(order, digest, runtime.name, tell, gate.halts, self._backoffs)
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
            pulled=pulled,
            mends=mends,
            backoffs=self._backoffs,
            no_room=no_room,
        )

    def run(self) -> Outcome:
        """Do what is to be done and return how it ended. Raises Cancelled."""
        try:
            plan = self._look()
            self._contents.mend(self._desired())
            self._carry_out(plan)
            self._go_on(plan)
        except RuntimeFailure as failure:
            return self._blind(failure)
        self._contents.tidy(self._desired(), self._record.actual())
        return self.stands()

    def survey(self) -> Outcome:
        """Only look, change nothing, and return how the order stands."""
        try:
            self._recall(self._look(keep=False))
        except RuntimeFailure as failure:
            return self._blind(failure)
        return self.stands()

    def end_unwanted(self) -> Outcome:
        """End what the order does not have, only look at the rest. Raises Cancelled."""
        wanted = {one.id for one in self._order.instances}
        try:
            plan = self._look(keep=False)
            ends = tuple(one for one in plan.first if one.actual.instance not in wanted)
            self._carry_out(rec.Plan(first=ends, instances=()))
            self._recall(plan)
        except RuntimeFailure as failure:
            return self._blind(failure)
        return self.stands()

    def _recall(self, plan: rec.Plan) -> None:
        """Have what is not tried now told with why it failed before, or would fail."""
        for one in plan.instances:
            if not one.changes:
                continue
            failure = self._backoffs.failing(one.instance)
            failure = failure or next(filter(None, map(impossible, one.actions)), None)
            if failure is not None:
                self._record.recall(one.instance.id, failure)

    def stands(self) -> Outcome:
        """Return how the order stands, as far as is known now."""
        return self._record.picture()

    def _look(self, *, keep: bool = True) -> rec.Plan:
        order, halts = self._order, self._halts
        actual = self._runtime.containers(order.node)
        actual = self._exits.looked(self._runtime, actual)
        earlier = [] if self._switches is None else self._switches.earlier()
        actual = self._backoffs.look(
            [*order.instances, *earlier],
            actual,
            spaces_restarts=self._runtime.spaces_restarts,
            counts_retries=self._runtime.counts_retries,
        )
        actual = self._checked([*order.instances, *earlier], actual)
        self._record.saw(actual)
        if self._switches is not None:
            failures = self._record.setbacks()
            self._aims = self._switches.aims(order.instances, actual, failures, halts, keep=keep)
            self._record.aimed(self._aims)
        frozen = {name for name, found in self._aims.items() if found.frozen}
        desired = [one for one in self._desired() if one.id not in frozen]
        actual = tuple(one for one in actual if one.instance not in frozen)
        devices = looked(desired, self._devices_of)
        whole = self._runtime.whole_instances
        needed = rec.images_needed(desired, actual, devices, halts, whole=whole)
        present = {image for image in needed if self._has_image(image)}
        resting = {name for name, one in self._backoffs.looping().items() if one.rests}
        return rec.reconcile(desired, actual, present, devices, halts, whole=whole, resting=resting)

    def _has_image(self, image: str) -> bool:
        try:
            has = self._runtime.has_image(image)
        except RuntimeFailure as failure:
            if failure.kind is not Failure.DAMAGED:
                raise
            log("warning", "an image is damaged", image=image, reason=failure.reason)
            # One damaged image must not hide all others. It is pulled anew before anything is
            # touched; of one that nobody pulls, making the container says so.
            return parse_image(image).local
        return has and not self._pulled.is_doubtful(self._runtime, image)

    def _desired(self) -> list[Instance]:
        """Return what the instances of the order are to be by now."""
        aims = self._aims
        return [aims[one.id].instance if one.id in aims else one for one in self._order.instances]

    def _go_on(self, plan: rec.Plan) -> None:
        """Stay for a while with what is under way. Raises RuntimeFailure and Cancelled."""
        until = time.monotonic() + self._patience_s
        going = self._awaiting(plan) | self._just_started()
        wait_s = self._next_look_s(plan)
        # What has just begun is looked at once more in any case, and put back where it failed.
        while wait_s is not None and (wait_s == 0 or time.monotonic() + wait_s <= until):
            self._wait(wait_s)
            plan = self._look()
            # The rest was tried already, and is tried again at the next visit.
            going |= {name for name, found in self._aims.items() if found.entry is not None}
            rest = tuple(one for one in plan.instances if one.instance.id in going)
            self._carry_out(rec.Plan(first=(), instances=rest))
            going |= self._awaiting(plan) | self._just_started()
            wait_s = self._next_look_s(plan)
            if wait_s is not None:
                wait_s = max(wait_s, LEAST_WAIT_S)

    def _next_look_s(self, plan: rec.Plan) -> float | None:
        """Return when to look again within this run; None where nothing is under way."""
        failures = self._record.failures()
        under_way = self._awaiting(plan) | self._just_started()
        waits = [AWAIT_S for instance in under_way if instance not in failures]
        for found in self._aims.values():
            if found.begin is not None:
                waits.append(0.0)
            elif found.update is not None and found.update.state == "switching":
                waits.append(found.look_after_s or 0.0)
        return min(waits, default=None)

    def _just_started(self) -> set[str]:
        """Return the instances of which something was started that has kept ending before."""
        loops = self._backoffs.looping()
        fresh = {name for name, one in loops.items() if not one.rests and one.look_s <= LOOK_S}
        return {one.instance for one in self._record.actual() if one.id in fresh}

    @staticmethod
    def _awaiting(plan: rec.Plan) -> set[str]:
        return {one.instance.id for one in plan.instances if one.awaits}

    def _wait(self, wait_s: float) -> None:
        woken = threading.Event()
        with self._cancel.waking(woken.set):
            woken.wait(wait_s)

    def _blind(self, failure: RuntimeFailure) -> Outcome:
        log("error", "the runtime fails", generation=self._order.generation, reason=failure.reason)
        return blind_outcome(self._order, self._digest, failure)

    def _carry_out(self, plan: rec.Plan) -> None:
        if not plan.changes:
            return
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
            begun = False
            for action in actions:
                self._cancel.check()
                if not begun and isinstance(action, TOUCHING):
                    self._begin(instance, actions)
                    begun = True
                self._steps.do(instance, action)
        except Cancelled:
            return
        except RuntimeFailure as failure:
            self._record.failed(instance, failure)
        except Exception as error:  # noqa: BLE001 - one instance never takes the others with it
            reason = f"executor: {type(error).__name__}: {error}"
            self._record.failed(instance, RuntimeFailure(Failure.OTHER, reason))
        self._record.finished(instance)

    def _begin(self, instance: str, actions: tuple[rec.Action, ...]) -> None:
        """Have the journal know of a switch before the first container is touched."""
        found = self._aims.get(instance)
        if self._switches is None or found is None or found.begin is None:
            return
        ending = [action.actual.id for action in actions if isinstance(action, rec.Stop)]
        self._switches.begin(found.instance, ending)

"""Visits: an order is admitted, and carried out in its turn; whoever asks sees how it goes.

One convergence runs at a time. An order that is accepted while another is carried out cancels
it; whoever asks for the same one waits, and sees its progress meanwhile.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Collection, Sequence

from skerry_executor import box, checks, hardware, leftovers, room, state, switches
from skerry_executor.admission import Admitted, admit, order_of
from skerry_executor.backoffs import BackOffs
from skerry_executor.cancel import Cancel, Cancelled
from skerry_executor.contents import Contents
from skerry_executor.converge import Convergence
from skerry_executor.job import LOOK_LEAST_S
from skerry_executor.journal import Journal
from skerry_executor.leasing import Leasing
from skerry_executor.lifecycle import Lifecycle, Prepared, lease_s
from skerry_executor.log import log
from skerry_executor.mends import Mends
from skerry_executor.pulled_images import PulledImages
from skerry_executor.runtimes.base import Failure, Runtime, RuntimeFailure
from skerry_executor.runtimes.none import NoRuntime
from skerry_executor.settings import Settings
from skerry_executor.state import StateError
from skerry_executor.talk import Talk
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.frozen import frozen
from skerry_wire.local import ExecutorRequest, Outcome
from skerry_wire.messages import Order
from skerry_wire.runtime_limits import RuntimeInUse
from skerry_wire.workload import Instance

HAND_BACK_S = 1.0
"""How long an executor that ends waits for a visit that hangs, to hand back what rests."""


class Visits:
    """Those of one socket. Any thread."""

    def __init__(
        self,
        settings: Settings,
        open_runtime: Callable[[], Runtime],
        leasing: Leasing,
        lifecycle: Lifecycle,
        backoffs: BackOffs,
    ) -> None:
        """`open_runtime` is called anew for each convergence: the runtime may come and go."""
        self._settings = settings
        self._open_runtime = open_runtime
        self._leasing = leasing
        self._lifecycle = lifecycle
        self._backoffs = backoffs
        self._contents = Contents(settings.state)
        self._pulled = PulledImages(settings.state, settings.root)
        self._mends = Mends(settings.run)
        self._journal = Journal(settings.state)
        self._admission = threading.Lock()
        self.turn = threading.Lock()
        """Held by whoever changes what runs."""
        self._talks_lock = threading.Lock()
        self._talks: list[Talk] = []
        self._cancel = Cancel()
        self._newest = 0
        self._under_way: tuple[int, Convergence, Prepared] | None = None
        self._ending = False
        self._are_leftovers_gone = False
        self._in_use: RuntimeInUse | None = None

    def end(self) -> None:
        """Give up what is under way, and begin nothing more."""
        self._ending = True
        self._cancel.ask()

    def visit(self, request: ExecutorRequest, talk: Talk) -> Outcome:
        """Admit a request, carry the accepted order out, and tell all of it."""
        with self._admission:
            admitted = talk.admitted = admit(request, self._settings, self._journal)
            if admitted.newer and admitted.accepted is not None:
                self._newest = admitted.accepted.generation
                self._cancel.ask()
            with self._talks_lock:
                self._talks.append(talk)
        try:
            if admitted.refusal is not None:
                talk.progress(_standing(admitted))
            else:
                self._catch_up(talk)
            with self.turn:
                outcome = self._converged(admitted, talk)
                talk.done(outcome, self._in_use)
                # A runtime that hangs is not asked again: the next visit would wait for that.
                may_clean = admitted.allowed and outcome.unseen is None and not self._ending
                if admitted.order is not None and may_clean:
                    self._clean(admitted.order, admitted.policy)
            return outcome
        finally:
            with self._talks_lock:
                self._talks.remove(talk)

    def _clean(self, order: Order, policy: BoxPolicy) -> None:
        """Remove what neither the order nor a way back from it needs. Nobody waits.

        Also while the order is not reached: it may be for want of the room that this makes.
        """
        entries, _ = self._journal.load()
        needed = [*order.instances, *(entry.earlier for entry in entries.values())]
        if not self._are_leftovers_gone:
            self._remove_leftovers(self._open_runtime(), needed)
        self._pulled.clean(self._open_runtime(), needed, policy, time.time())

    def _remove_leftovers(self, runtime: Runtime, needed: Sequence[Instance]) -> None:
        """Free names of ours that a power cut left in the runtime's storage alone."""
        try:
            found = leftovers.ours(runtime.leftovers(), needed)
            due = leftovers.removable(found)
            for one in due:
                runtime.remove(one.id)
                log("info", "removed from storage, where it was left", name=one.name)
        except RuntimeFailure as failure:
            log("warning", "what is left in storage stays", reason=failure.reason)
            return
        # Of a run that goes on, none is left behind any more.
        self._are_leftovers_gone = len(due) == len(found)

    def _catch_up(self, talk: Talk) -> None:
        """Tell a client that has to wait how far the run is, if it is towards the same order."""
        accepted, under_way = talk.admitted.accepted, self._under_way
        if under_way is not None and accepted is not None and under_way[0] == accepted.generation:
            _, work, prepared = under_way
            talk.progress(dataclasses.replace(prepared.told(work.stands()), reached=False))

    def _converged(self, admitted: Admitted, talk: Talk) -> Outcome:
        """Carry out the accepted order, or only look at it where it is not to be done."""
        if admitted.order is None or admitted.accepted is None:
            if self._in_use is None:
                self._opened()  # who places workloads is told before the first order
            return _standing(admitted)
        generation = admitted.accepted.generation
        if generation < self._newest:
            return _overtaken(admitted, self._newest)
        with self._admission:
            # Asked between admission and here, it would be forgotten: so look again.
            if generation < self._newest:
                return _overtaken(admitted, self._newest)
            cancel = self._cancel = Cancel()
            if self._ending:
                cancel.ask()
        prepared, runtime = self._prepared(admitted, admitted.order, self._opened())
        outcome = self._carried_out(admitted, prepared, runtime, cancel, talk)
        if admitted.allowed and prepared.has_ended(outcome):
            # An attempt of a job ended meanwhile: that is kept before anybody is told.
            judged, _ = self._prepared(admitted, admitted.order, runtime)
            outcome = dataclasses.replace(judged.told(outcome), look_after_s=LOOK_LEAST_S)
        return outcome

    def _opened(self) -> Runtime:
        """Return the runtime, and remember which one it is."""
        runtime = self._open_runtime()
        self._in_use = runtime.in_use
        return runtime

    def _prepared(
        self, admitted: Admitted, order: Order, runtime: Runtime
    ) -> tuple[Prepared, Runtime]:
        """Return what may run now, and the runtime, or what stands in for one that fails."""
        try:
            return self._lifecycle.prepare(order, runtime, only_look=not admitted.allowed), runtime
        except (RuntimeFailure, StateError) as error:
            # The run then says so of each instance, and changes nothing.
            kind = error.kind if isinstance(error, RuntimeFailure) else Failure.OTHER
            return Prepared(order=order), NoRuntime(str(error), kind)

    def _carried_out(
        self,
        admitted: Admitted,
        prepared: Prepared,
        runtime: Runtime,
        cancel: Cancel,
        talk: Talk,
    ) -> Outcome:
        generation = prepared.order.generation
        standing = _standing(admitted)
        its_room = room.on_box(self._settings.root, admitted.policy, runtime)
        work = Convergence(
            prepared.order,
            standing.digest or "",
            runtime,
            cancel,
            _Everyone(self._listening, self._leasing, prepared, talk),
            lambda container: box.objection(container, admitted.policy),
            lambda container: hardware.given(
                container.bus_devices, admitted.policy, self._settings.root
            ),
            gate=prepared.gate,
            contents=self._contents,
            pulled=self._pulled,
            mends=self._mends,
            backoffs=self._backoffs,
            switches=switches.on_box(
                generation, self._journal, self._settings, admitted.policy, its_room
            ),
            checked=checks.on_box(self._settings, runtime),
            no_room=its_room.lacking_for_pull,
        )
        if not admitted.allowed:
            look = work.end_unwanted if admitted.ends else work.survey
            return dataclasses.replace(prepared.told(look()), reached=False)
        self._under_way = generation, work, prepared
        try:
            outcome = prepared.told(work.run())
        except Cancelled:
            return _overtaken(admitted, self._newest, prepared.told(work.stands()))
        finally:
            self._under_way = None
        log("info", "done", generation=generation, reached=str(outcome.reached).lower())
        return outcome

    def hand_back(self) -> None:
        """Have the runtime see again to what rests: nobody is there to start it."""
        resting = self._backoffs.resting()
        if not resting:
            return
        if not self.turn.acquire(timeout=HAND_BACK_S):
            log("warning", "what rests is not handed back", reason="a visit does not end")
            return
        try:
            self._hand_back(resting)
        except (RuntimeFailure, StateError) as error:
            log("warning", "what rests is not handed back", reason=str(error))
        finally:
            self.turn.release()

    def _hand_back(self, resting: Collection[str]) -> None:
        accepted = state.load(self._settings.state)
        if accepted is None:
            return
        # Not what has a lease: the runtime would not start it again, and nobody would end it.
        supervised = {one.id for one in order_of(accepted).instances if one.lease is None}
        runtime = self._open_runtime()
        for one in runtime.containers(accepted.node):
            if one.id not in resting or one.instance not in supervised:
                continue
            try:
                runtime.start(one.id)
            except RuntimeFailure as failure:
                log("warning", "is not handed back", name=one.name, reason=failure.reason)
                continue
            self._backoffs.started(runtime.container(one.id) or one)

    def _listening(self, generation: int) -> list[Talk]:
        """Return the clients to which the progress of a generation means something."""
        with self._talks_lock:
            return [
                talk
                for talk in self._talks
                if talk.admitted.accepted is not None
                and talk.admitted.accepted.generation == generation
            ]


@frozen()
class _Everyone:
    """Tells progress to all who wait for it; pidfds go to the one whose turn it is.

    What has a lease or a deadline, the executor itself keeps a pidfd of too.
    """

    listening: Callable[[int], list[Talk]]
    leasing: Leasing
    prepared: Prepared
    talk: Talk

    def progress(self, outcome: Outcome) -> None:
        outcome = self.prepared.told(outcome)
        for talk in self.listening(self.prepared.order.generation):
            talk.progress(outcome)

    def watch(self, watched: Sequence[tuple[str, int]]) -> None:
        self.leasing.watch(watched)
        self.talk.watch(watched)


def _standing(admitted: Admitted) -> Outcome:
    if admitted.accepted is None:
        return Outcome()
    return Outcome(
        accepted=admitted.accepted.generation,
        digest=admitted.accepted.digest,
        lease_s=None if admitted.order is None else lease_s(admitted.order),
    )


def _overtaken(admitted: Admitted, newest: int, stands: Outcome | None = None) -> Outcome:
    why = f"a newer order came, generation {newest}"
    accepted = admitted.accepted
    if accepted is None or newest <= accepted.generation:
        why = "the executor was told to end"
    stands = stands or _standing(admitted)
    problems = (f"superseded: {why}", *stands.problems)[:16]
    return dataclasses.replace(stands, reached=False, problems=problems)

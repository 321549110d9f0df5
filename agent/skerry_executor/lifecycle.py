"""What of an order may run at this visit, by its leases and as its jobs go; and what is told of it.

A run or an attempt of a job is kept before anything is started for it: after a power cut the same
one goes on.
"""

from __future__ import annotations

import dataclasses
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence

from skerry_executor import job_store
from skerry_executor.actual import Actual
from skerry_executor.challenges import boot_id
from skerry_executor.halt import OPEN, Gate, Halt
from skerry_executor.job import (
    Clock,
    Decision,
    JobRecord,
    attempted,
    decide,
    is_worth_keeping,
)
from skerry_executor.lease import ENDED, grace_of
from skerry_executor.leasing import Leasing
from skerry_executor.log import log
from skerry_executor.runtimes.base import Runtime
from skerry_executor.state import StateError
from skerry_wire.frozen import frozen
from skerry_wire.lifecycle import JobStatus
from skerry_wire.local import Outcome
from skerry_wire.messages import InstanceState, Order
from skerry_wire.workload import Instance


@frozen(kw_only=True)
class Prepared:
    """An order as it is carried out at one visit: jobs as their present attempt."""

    order: Order
    gate: Gate = OPEN
    jobs: Mapping[str, JobStatus] = dataclasses.field(default_factory=dict)
    look_after_s: float | None = None
    problems: tuple[str, ...] = ()

    def told(self, outcome: Outcome) -> Outcome:
        """Return an outcome with what is told of jobs and leases beside what was seen."""
        wishes = (self.look_after_s, outcome.look_after_s)
        waits = [one for one in wishes if one is not None]
        return dataclasses.replace(
            outcome,
            instances=tuple(
                dataclasses.replace(status, job=self.jobs[status.id])
                if status.id in self.jobs
                else status
                for status in outcome.instances
            ),
            problems=(*outcome.problems, *self.problems)[:16],
            lease_s=lease_s(self.order),
            look_after_s=min(waits, default=None),
        )

    def has_ended(self, outcome: Outcome) -> bool:
        """Say whether an attempt of a job has ended since all was decided."""
        return any(
            status.state is InstanceState.EXITED
            and status.id in self.jobs
            and status.id not in self.gate.halts
            for status in outcome.instances
        )


class Lifecycle:
    """Decides about one box's leases and jobs. Only one visit at a time may prepare."""

    def __init__(
        self,
        folder: pathlib.Path,
        leasing: Leasing,
        root: pathlib.Path = pathlib.Path("/"),
        clock: Callable[[], Clock] | None = None,
    ) -> None:
        """`folder` is the executor's state; `clock` tells both clocks."""
        self._folder = folder
        self._leasing = leasing
        self._clock = clock or (lambda: clock_of(root))

    def prepare(self, order: Order, runtime: Runtime, *, only_look: bool = False) -> Prepared:
        """Return what of an order may run now.

        With `only_look` nothing is begun, kept or forgotten. Raises RuntimeFailure where the
        runtime cannot be asked, StateError where it is not known what was done before.
        """
        leased = self._leased(order.instances)
        jobs, problems = self._jobs(order, runtime, leased, only_look)
        halts = {name: one.halt for name, one in jobs.items() if one.halt is not None}
        halts.update(leased)
        if not only_look:
            problems = (*problems, *self._note_terms(order, jobs, halts))
        waits = [one.look_after_s for one in jobs.values() if one.look_after_s is not None]
        with_lease = {one.id for one in order.instances if one.lease is not None}
        instances = tuple(
            attempted(one, jobs[one.id].record) if one.id in jobs else one
            for one in order.instances
        )
        return Prepared(
            order=dataclasses.replace(order, instances=instances),
            gate=Gate(
                halts=halts,
                permit=lambda name: self._leasing.against(name) if name in with_lease else None,
            ),
            jobs={name: one.status for name, one in jobs.items()},
            look_after_s=min(waits, default=None),
            problems=problems,
        )

    def permit(self, instance: Instance) -> str | None:
        """Return why an instance may not be started now."""
        return None if instance.lease is None else self._leasing.against(instance.id)

    def _leased(self, instances: Sequence[Instance]) -> dict[str, Halt]:
        """Return those that have no lease now, and why."""
        halts = {}
        for one in instances:
            reason = self.permit(one)
            if reason is not None:
                state = InstanceState.EXITED if reason == ENDED else InstanceState.PENDING
                halts[one.id] = Halt(state=state, reason=reason)
        return halts

    def _jobs(
        self, order: Order, runtime: Runtime, leased: Mapping[str, Halt], only_look: bool
    ) -> tuple[dict[str, Decision], tuple[str, ...]]:
        wanted = [one for one in order.instances if one.job is not None]
        before = job_store.load(self._folder)
        if not wanted:
            if before and not only_look:
                job_store.save(self._folder, {})
            return {}, ()
        actual = self._containers(order, runtime, before)
        clock = self._clock()
        decided = {
            one.id: decide(
                one,
                before.get(one.id),
                actual.get(one.id, ()),
                clock,
                may_begin=not only_look and one.id not in leased,
            )
            for one in wanted
        }
        return (decided, ()) if only_look else self._kept(before, decided)

    @staticmethod
    def _containers(
        order: Order, runtime: Runtime, before: Mapping[str, JobRecord]
    ) -> dict[str, list[Actual]]:
        if all(one.state != "running" for one in before.values()):
            return {}
        found: dict[str, list[Actual]] = {}
        for one in runtime.containers(order.node):
            found.setdefault(one.instance, []).append(one)
        return found

    def _kept(
        self, before: Mapping[str, JobRecord], decided: Mapping[str, Decision]
    ) -> tuple[dict[str, Decision], tuple[str, ...]]:
        """Keep the records; what cannot be kept is not begun."""
        after = {name: one.record for name, one in decided.items()}
        for name, record in after.items():
            old = before.get(name)
            if old is None or (old.state, old.attempts) != (record.state, record.attempts):
                log("info", "job", instance=name, state=record.state, run=record.runs,
                    attempt=record.attempts, reason=record.reason)  # fmt: skip
        changed = {name for name, one in after.items() if is_worth_keeping(before.get(name), one)}
        if not changed and after.keys() == before.keys():
            return dict(decided), ()
        try:
            job_store.save(self._folder, after)
        except StateError as error:
            return _unkept(before, decided, changed, str(error)), (str(error)[:1024],)
        return dict(decided), ()

    def _note_terms(
        self, order: Order, jobs: Mapping[str, Decision], halts: Mapping[str, Halt]
    ) -> tuple[str, ...]:
        """Have the deadlines kept by the timer; return what is wrong with that."""
        deadlines = {
            one.id: (end_s, grace_of(one))
            for one in order.instances
            if one.id in jobs and one.id not in halts
            if (end_s := jobs[one.id].ends_at_s) is not None
        }
        try:
            self._leasing.order(order.node, [one.id for one in order.instances], deadlines)
        except StateError as error:
            return (f"deadlines are kept by visits alone: {error}"[:1024],)
        return ()


def lease_s(order: Order) -> float | None:
    """Return the shortest lease of an order, in seconds; None where nothing has one."""
    found = (one.lease.duration_s for one in order.instances if one.lease is not None)
    return min(found, default=None)


def clock_of(root: pathlib.Path) -> Clock:
    """Return what the box's clocks say. Raises StateError."""
    return Clock(
        boot_id=boot_id(root),
        boot_s=time.clock_gettime(time.CLOCK_BOOTTIME),
        wall_s=time.time(),
    )


def _unkept(
    before: Mapping[str, JobRecord],
    decided: Mapping[str, Decision],
    changed: set[str],
    reason: str,
) -> dict[str, Decision]:
    """Return the decisions without what was to begin and would be forgotten by a power cut."""
    halt = Halt(state=InstanceState.PENDING, reason=f"it is not begun: {reason}"[:400])
    kept = {}
    for name, one in decided.items():
        old = before.get(name)
        begins = name in changed and one.record.state == "running"
        if begins and (old is None or (old.runs, old.attempts) != _number(one.record)):
            record = old or dataclasses.replace(one.record, state="idle", runs=0, attempts=0)
            one = dataclasses.replace(one, record=record, halt=halt, ends_at_s=None)  # noqa: PLW2901
        kept[name] = one
    return kept


def _number(record: JobRecord) -> tuple[int, int]:
    return record.runs, record.attempts

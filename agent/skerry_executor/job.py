"""Jobs: when a run or another attempt of one begins, when it has failed, and what is told. Pure.

Times on the box's own clock (`boot_s`, seconds since its start `boot_id`, asleep ones included)
decide about deadlines and about waiting between attempts: nobody sets that clock. Only a schedule
needs the wall clock, and takes it for what it is now: a moment of a schedule is run at most once,
however often the clock comes past it, and one that lies behind by more than half the time to the
next moment is left out.

What an attempt's containers are made of contains its number, so that a container of an earlier
attempt is never taken for one of this: an attempt that was noted before the power went is the same
attempt after.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Literal

from skerry_executor.actual import Actual, Phase
from skerry_executor.halt import Halt
from skerry_executor.specs import spec_of
from skerry_wire import codec
from skerry_wire.frozen import frozen
from skerry_wire.lifecycle import Job, JobStatus
from skerry_wire.messages import InstanceState
from skerry_wire.schedule import Schedule, parse
from skerry_wire.schema import Items, Range, Text
from skerry_wire.types import InstanceId, Line
from skerry_wire.workload import Instance

BACKOFF_FIRST_S = 10.0
BACKOFF_MOST_S = 360.0
"""Kubernetes' times between the attempts of a job: each twice the one before."""
START_WITHIN = 0.5
"""How much of the time to a schedule's next moment may have gone when a missed one is run."""
MOST_MOMENTS = 8
"""So many moments that were run are remembered, should the wall clock go back over them."""
SEEN_STEP_S = 300.0
"""How exactly it is kept how long a run took before the power went; finer would wear the disk."""
LOOK_MOST_S = 600.0
"""A wall clock that was set is noticed within this."""
LOOK_LEAST_S = 0.05

ATTEMPT = "io.skerry.attempt"
"""The label with the number of run and attempt, as `3.1`."""

Moment = Annotated[float, Range(0, 2**40)]
Since = Annotated[float, Range(0, 2**40)]


@frozen(kw_only=True)
class Clock:
    """Both clocks at one moment."""

    boot_id: str
    boot_s: float
    wall_s: float


@frozen(kw_only=True)
class JobRecord:
    """What is remembered of a job. `content` tells which one: another content is another job."""

    instance: InstanceId
    content: Annotated[str, Text(64)]
    state: Literal["idle", "running", "waiting", "succeeded", "failed"] = "idle"
    """`waiting`: for the next attempt; `idle`: for the first run."""
    runs: Annotated[int, Range(0, 2**32 - 1)] = 0
    attempts: Annotated[int, Range(0, 2**32 - 1)] = 0
    """Of the newest run."""
    succeeded: bool | None = None
    """Whether the newest run that ended did."""
    exit_code: Annotated[int, Range(-(2**31), 2**31 - 1)] | None = None
    reason: Line | None = None
    boot_id: Annotated[str, Text(64)] = ""
    """The start of the box in which `begun_s`, `retry_at_s` and `seen_s` count."""
    begun_s: Since = 0.0
    """When the run began, or the box started, whichever was later."""
    spent_s: Since = 0.0
    """What the run had taken before that, as far as it was seen."""
    seen_s: Since = 0.0
    retry_at_s: Since = 0.0
    passed_s: Moment = 0.0
    """The schedule's moment that was decided about last; or when the job came."""
    moments: Annotated[tuple[Moment, ...], Items(MOST_MOMENTS)] = ()
    """Those that were run last."""


@frozen(kw_only=True)
class Decision:
    """What holds for a job now: it runs, unless there is a `halt`.

    `look_after_s`: when to decide again although nothing happens; `ends_at_s`: when on the box's
    own clock the deadline of the run is over.
    """

    record: JobRecord
    halt: Halt | None = None
    look_after_s: float | None = None
    ends_at_s: float | None = None
    next_at: float | None = None

    @property
    def status(self) -> JobStatus:
        """Return what is told of the job."""
        record = self.record
        return JobStatus(
            runs=record.runs,
            attempts=record.attempts,
            succeeded=record.succeeded,
            next_at=self.next_at,
        )


def content_of(instance: Instance) -> str:
    """Return what tells this job from another that has the same id; its limits do not."""
    schedule = "" if instance.job is None else instance.job.schedule
    specs = [spec_of(instance, container) for container in instance.containers]
    return codec.revision_of([instance.revision, schedule, specs])


def attempted(instance: Instance, record: JobRecord) -> Instance:
    """Return the instance as its newest attempt is carried out."""
    number = f"{record.runs}.{record.attempts}"
    containers = tuple(
        dataclasses.replace(
            container,
            restart="no",
            restart_retries=0,
            labels={**container.labels, ATTEMPT: number},
        )
        for container in instance.containers
    )
    return dataclasses.replace(instance, containers=containers, switch=None)


def is_finished(instance: Instance, record: JobRecord | None) -> bool:
    """Say whether it is a job that has succeeded, or failed for good: it is not run again."""
    if instance.job is None or instance.job.schedule or record is None:
        return False
    return record.state in ("succeeded", "failed") and record.content == content_of(instance)


def is_worth_keeping(before: JobRecord | None, after: JobRecord) -> bool:
    """Say whether a record is written: not for each look at a run that goes on."""
    if before is None or after.seen_s - before.seen_s >= SEEN_STEP_S:
        return True
    return dataclasses.replace(after, seen_s=before.seen_s) != before


def backoff_s(attempts: int) -> float:
    """Return how long to wait after so many attempts that failed."""
    return min(BACKOFF_MOST_S, BACKOFF_FIRST_S * 2.0 ** min(max(attempts, 1) - 1, 30))


def decide(
    instance: Instance,
    record: JobRecord | None,
    actual: Sequence[Actual],
    clock: Clock,
    *,
    may_begin: bool = True,
) -> Decision:
    """Return how a job goes on. `actual` are the containers of its instance.

    Without `may_begin` no run and no attempt is begun, as while a lease is over.
    """
    job = instance.job or Job()
    content = content_of(instance)
    if record is None or record.content != content:
        record = JobRecord(instance=instance.id, content=content, passed_s=max(0.0, clock.wall_s))
    if record.state == "running":
        record = _judged(instance, job, record, actual, clock)
    if record.state == "waiting" and _spent_s(record, clock) >= (job.deadline_s or float("inf")):
        record = _failed(record, _over(job))
    if may_begin:
        record = _begun(job, record, clock)
    return _told(job, record, clock)


# --- the run under way -----------------------------------------------------------------------


def _judged(
    instance: Instance, job: Job, record: JobRecord, actual: Sequence[Actual], clock: Clock
) -> JobRecord:
    """Return the record after a look at the containers of the attempt under way."""
    given = attempted(instance, record)
    wanted = {container.name: spec_of(given, container) for container in given.containers}
    own = [one for one in actual if wanted.get(one.container) == one.spec]
    runs = any(one.phase in (Phase.RUNNING, Phase.PAUSED, Phase.RESTARTING) for one in own)
    spent_s = _spent_s(record, clock)
    if record.boot_id != clock.boot_id:
        if not runs:
            # Whatever the runtime says of them: it has not seen how they ended.
            return _attempt_failed(job, _counted(record, clock), clock, None, "the box restarted")
        record = _counted(record, clock)
    if job.deadline_s is not None and spent_s >= job.deadline_s:
        return _failed(record, _over(job))
    ended = [one for one in own if one.phase is Phase.EXITED]
    bad = next((one for one in ended if one.exit_code != 0), None)
    if bad is not None:
        reason = f"{bad.container} ended with {bad.exit_code}"
        if bad.error:
            reason = f"{reason}: {bad.error}"
        return _attempt_failed(job, record, clock, bad.exit_code, reason)
    if len({one.container for one in ended}) == len(instance.containers):
        return dataclasses.replace(
            record, state="succeeded", succeeded=True, exit_code=0, reason=None
        )
    return dataclasses.replace(record, seen_s=clock.boot_s)


def _attempt_failed(
    job: Job, record: JobRecord, clock: Clock, exit_code: int | None, reason: str
) -> JobRecord:
    record = dataclasses.replace(record, exit_code=exit_code, reason=reason[:1000])
    if record.attempts > job.retries:
        return _failed(record, reason)
    return dataclasses.replace(
        record, state="waiting", retry_at_s=clock.boot_s + backoff_s(record.attempts)
    )


def _failed(record: JobRecord, reason: str) -> JobRecord:
    return dataclasses.replace(record, state="failed", succeeded=False, reason=reason[:1000])


def _over(job: Job) -> str:
    return f"its deadline of {job.deadline_s:g} s is over"


def _spent_s(record: JobRecord, clock: Clock) -> float:
    """Return how long the run has taken so far, its waits included."""
    counted = _counted(record, clock)
    return counted.spent_s + clock.boot_s - counted.begun_s


def _counted(record: JobRecord, clock: Clock) -> JobRecord:
    """Return the record in the times of this start of the box."""
    if record.boot_id == clock.boot_id:
        return record
    return dataclasses.replace(
        record,
        boot_id=clock.boot_id,
        spent_s=record.spent_s + max(0.0, record.seen_s - record.begun_s),
        begun_s=0.0,
        seen_s=clock.boot_s,
        # Most of the wait went by while the box was off, or not; nobody knows.
        retry_at_s=clock.boot_s,
    )


# --- the next one ----------------------------------------------------------------------------


def _begun(job: Job, record: JobRecord, clock: Clock) -> JobRecord:
    """Return the record with the run or attempt that is due now."""
    match record.state:
        case "running":
            return record
        case "waiting":
            record = _counted(record, clock)
            if clock.boot_s < record.retry_at_s:
                return record
            return dataclasses.replace(
                record, state="running", attempts=record.attempts + 1, seen_s=clock.boot_s
            )
    if not job.schedule:
        return _next_run(record, clock) if record.state == "idle" else record
    return _by_schedule(parse(job.schedule), record, clock)


def _next_run(record: JobRecord, clock: Clock) -> JobRecord:
    return dataclasses.replace(
        record,
        state="running",
        runs=record.runs + 1,
        attempts=1,
        boot_id=clock.boot_id,
        begun_s=clock.boot_s,
        seen_s=clock.boot_s,
        spent_s=0.0,
    )


def _by_schedule(schedule: Schedule, record: JobRecord, clock: Clock) -> JobRecord:
    """Return the record with the run whose moment has come, if it was not run before."""
    record = _with_clock_as_it_is(schedule, record, clock)
    moment = schedule.latest(clock.wall_s)
    if moment is None or moment <= record.passed_s:
        return record
    record = dataclasses.replace(record, passed_s=moment)
    following = schedule.after(moment)
    late_s = clock.wall_s - moment
    is_late = following is not None and late_s > START_WITHIN * (following - moment)
    if is_late or moment in record.moments:
        return record
    moments = (*record.moments, moment)[-MOST_MOMENTS:]
    return _next_run(dataclasses.replace(record, moments=moments), clock)


def _with_clock_as_it_is(schedule: Schedule, record: JobRecord, clock: Clock) -> JobRecord:
    """Return the record for a wall clock that may have gone back.

    By a little: the moments up to the last one were decided about. By more than the schedule's next
    moment is away: the job would stand still until then, so it counts from the clock as it is now.
    """
    back_s = record.passed_s - clock.wall_s
    if back_s <= 0:
        return record
    following = schedule.after(record.passed_s)
    if following is not None and back_s <= following - record.passed_s:
        return record
    return dataclasses.replace(record, passed_s=max(0.0, clock.wall_s))


# --- what is told ----------------------------------------------------------------------------


def _told(job: Job, record: JobRecord, clock: Clock) -> Decision:
    next_at = None
    if job.schedule:
        next_at = parse(job.schedule).after(max(clock.wall_s, record.passed_s))
    if record.state == "running":
        ends_at = None
        if job.deadline_s is not None:
            ends_at = clock.boot_s + max(0.0, job.deadline_s - _spent_s(record, clock))
        return Decision(record=record, ends_at_s=ends_at, next_at=next_at)
    if record.state == "waiting":
        left_s = max(LOOK_LEAST_S, record.retry_at_s - clock.boot_s)
        halt = Halt(
            state=InstanceState.PENDING,
            reason=f"attempt {record.attempts} of {job.retries + 1}: {record.reason}; the next "
            f"begins {backoff_s(record.attempts):g} s later",
            exit_code=record.exit_code,
            reached=True,
        )
        return Decision(record=record, halt=halt, look_after_s=left_s, next_at=next_at)
    look_s = None
    if next_at is not None:
        look_s = min(LOOK_MOST_S, max(LOOK_LEAST_S, next_at - clock.wall_s))
    return Decision(record=record, halt=_rest(record), look_after_s=look_s, next_at=next_at)


def _rest(record: JobRecord) -> Halt:
    """Return how a job stands of which nothing is to run now."""
    match record.state:
        case "succeeded":
            return Halt(state=InstanceState.EXITED, exit_code=0, reached=True)
        case "failed":
            return Halt(
                state=InstanceState.FAILED,
                reason=f"failed at attempt {record.attempts}: {record.reason}",
                exit_code=record.exit_code,
                reached=True,
            )
        case _:
            reason = "its schedule's next moment has not come yet"
            return Halt(state=InstanceState.PENDING, reason=reason, reached=True)

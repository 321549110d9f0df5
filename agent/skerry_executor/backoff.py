"""When what fails again and again is tried again: pulls, starts, containers that keep ending. Pure.

As a kubelet does it: 10 s after the first failure, then twice as long each time, up to 5 min, and a
little more by chance, so that the boxes of a fleet do not ask a registry all at once.

A container that keeps ending (a crash loop) rests in between: it is stopped, and started again by
the executor. That is for runtimes that restart without such a pause, and for what has a lease,
which the executor alone starts. Its ends are counted here, because a runtime counts from its last
start by somebody. So are those of what is to be started again only so many times, where nobody
else counts: it does not rest, and gives up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Annotated

from skerry_executor.actual import Actual, Phase
from skerry_wire.frozen import frozen
from skerry_wire.schema import Items, Range, Text
from skerry_wire.types import Count
from skerry_wire.workload import Container, Instance

FIRST_S = 10.0
MOST_S = 300.0
SPREAD = 0.1
"""So much of a wait is added to it at most, by chance."""
APART_S = 1.0
"""Rests end so long after one another: what fails for one reason all at once is not started so."""
CALM_S = 600.0
"""What has run for so long is calm: its waits begin anew. So are failures that lie so far back."""
LOOP_S = 60.0
"""What ends sooner than this after its start, or its last end, is on the way to a loop, ..."""
LOOP_ENDS = 3
"""... and rests after so many of these; after its first rest, with each."""
LOOK_S = 1.0
"""How soon after its start it is looked at again; then after twice the time, until it is calm."""
LATE_LOOK_S = 30.0
"""How soon is looked where it could not be started when its rest was over."""
MOST = 512
"""So many of each are remembered; of more the oldest is forgotten."""
MOST_COUNT = 2**31 - 1

BootSeconds = Annotated[float, Range(0, 2**40)]
Wait = Annotated[float, Range(0, 2 * MOST_S)]


@frozen(kw_only=True)
class Failing:
    """Something that failed and waits: `asked` tells who wants it how, others begin anew."""

    key: Annotated[str, Text(1024)]
    asked: Annotated[str, Text(64)]
    kind: Annotated[str, Text(32)]
    what: Annotated[str, Text(32)]
    """`image pull` or `start`."""
    reason: Annotated[str, Text(1024)]
    failures: Count = 0
    until_s: BootSeconds = 0.0


@frozen(kw_only=True)
class Ending:
    """How often a container has ended: `before` its last start by the executor, `seen` since.

    While it rests, `until_s` says until when. `at_s` is when it was started or ended last.
    """

    id: Annotated[str, Text(128)]
    before: Count = 0
    seen: Count = 0
    streak: Count = 0
    """Ends of which each came soon after the one before."""
    rests: Count = 0
    """How often in a row it has rested."""
    at_s: BootSeconds = 0.0
    until_s: BootSeconds | None = None
    wait_s: Wait = 0.0
    exit_code: Annotated[int, Range(-(2**31), 2**31 - 1)] | None = None
    pid: Annotated[int, Range(0, 2**31 - 1)] | None = None
    """The process that ended last, where that is known."""

    @property
    def restarts(self) -> int:
        """Return how often it was started again, so far."""
        return min(MOST_COUNT, self.before + self.seen)


@frozen(kw_only=True)
class Kept:
    """What is remembered within one start of the box."""

    boot_id: Annotated[str, Text(64)]
    failing: Annotated[tuple[Failing, ...], Items(MOST)] = ()
    endings: Annotated[tuple[Ending, ...], Items(MOST)] = ()


@frozen(kw_only=True)
class Looping:
    """What is told of a container that keeps ending.

    `rests`: it is not to run now. `look_s`: when to look at it again.
    """

    reason: str
    exit_code: int | None
    rests: bool
    look_s: float


def wait_after(failures: int) -> float:
    """Return how long to wait after so many failures in a row, but for chance."""
    return min(MOST_S, FIRST_S * 2.0 ** min(max(failures, 1) - 1, 30))


def _spread(wait_s: float, draw: float) -> float:
    """Return a wait made longer by chance, `draw` from 0 to 1."""
    return wait_s * (1.0 + SPREAD * draw)


def in_words(wait_s: float) -> str:
    """Return a wait as people read it."""
    return f"{wait_s:.0f} s" if wait_s < 2 * 60 else f"{wait_s / 60:.0f} min"


# --- what fails ------------------------------------------------------------------------------


def failed(before: Failing | None, again: Failing, now_s: float, draw: float) -> Failing:
    """Return what holds after another failure; `again` tells of what, and why.

    Its reason is completed with what the wait is, as it stays until the next try: a text that
    counted down would be news all the time.
    """
    is_same = before is not None and before.asked == again.asked
    failures = 1
    if before is not None and is_same and now_s - before.until_s < CALM_S:
        failures = min(MOST_COUNT, before.failures + 1)
    wait_s = wait_after(failures)
    reason = f"{again.what} back-off of {in_words(wait_s)}: {again.reason}"
    return dataclasses.replace(
        again, reason=reason[:1024], failures=failures, until_s=now_s + _spread(wait_s, draw)
    )


def left_s(failing: Failing | None, asked: str, now_s: float) -> float | None:
    """Return how long to wait until it is tried again; None: it may be tried now."""
    if failing is None or failing.asked != asked or now_s >= failing.until_s:
        return None
    return failing.until_s - now_s


# --- what ends -------------------------------------------------------------------------------


def counts_by_executor(
    instance: Instance, container: Container, *, spaces_restarts: bool, counts_retries: bool
) -> bool:
    """Say whether the executor counts the ends of a container, as the runtime does not.

    Not those of an attempt of a job. What has a lease or devices on a bus, no runtime starts again.
    """
    if instance.job is not None or container.restart == "no":
        return False
    is_left_to_runtime = instance.lease is None and not container.bus_devices
    sees_to_it = counts_retries if gives_up(container) else spaces_restarts
    return not (sees_to_it and is_left_to_runtime)


def gives_up(container: Container) -> bool:
    """Say whether a container is started again only so many times; it does not rest meanwhile."""
    return container.restart == "on-failure" and container.restart_retries > 0


def looked(before: Ending | None, one: Actual, now_s: float, draw: float | None) -> Ending | None:
    """Return what is known of a container's ends after a look at it; None: it never ended.

    Without a `draw` it does not rest, however often it ends.
    """
    count = one.restarts + (one.phase in (Phase.EXITED, Phase.RESTARTING))
    if before is None:
        return _first(one, count, now_s) if count else None
    if before.until_s is not None:
        # It has been stopped for its rest, and that is no end of its own.
        is_over = now_s >= before.until_s
        if is_over and one.phase is Phase.RUNNING:
            return started(before, one, now_s)
        if now_s >= before.until_s + CALM_S:
            # Nobody wants it to run, as without its lease.
            return dataclasses.replace(started(before, one, now_s), streak=0, rests=0, seen=count)
        return before
    is_other = one.ended_pid is not None and one.ended_pid != before.pid
    if count < before.seen or (count == before.seen and is_other):
        # Somebody started it: the runtime counts anew, or not at all.
        before = dataclasses.replace(before, before=before.restarts, seen=0)
    rise = count - before.seen
    if rise <= 0:
        is_calm = one.phase is Phase.RUNNING and now_s - before.at_s >= CALM_S
        return dataclasses.replace(before, streak=0, rests=0) if is_calm else before
    return _ended(before, one, rise, now_s, draw)


def _first(one: Actual, count: int, now_s: float) -> Ending:
    return Ending(
        id=one.id, seen=count, streak=1, at_s=now_s, exit_code=one.exit_code, pid=one.ended_pid
    )


def _ended(before: Ending, one: Actual, rise: int, now_s: float, draw: float | None) -> Ending:
    is_soon = now_s - before.at_s <= LOOP_S * rise
    streak = before.streak + rise if is_soon else 1
    after = dataclasses.replace(
        before,
        seen=min(MOST_COUNT, before.seen + rise),
        streak=min(MOST_COUNT, streak),
        at_s=now_s,
        exit_code=before.exit_code if one.exit_code is None else one.exit_code,
        pid=one.ended_pid,
    )
    if draw is None or not is_soon or (streak < LOOP_ENDS and not before.rests):
        return after
    wait_s = wait_after(before.rests + 1)
    # What runs at the moment is about to be stopped: that is one end more.
    stops = one.phase is Phase.RUNNING
    return dataclasses.replace(
        after,
        seen=after.seen + stops,
        streak=0,
        rests=min(MOST_COUNT, before.rests + 1),
        until_s=now_s + _spread(wait_s, draw),
        wait_s=wait_s,
    )


def apart(after: Ending, taken: Iterable[float]) -> Ending:
    """Return an ending whose rest ends apart from those that end at `taken`."""
    until_s = after.until_s
    if until_s is None:
        return after
    for other_s in sorted(taken):
        if abs(until_s - other_s) < APART_S:
            until_s = other_s + APART_S
    return dataclasses.replace(after, until_s=until_s)


def started(before: Ending, one: Actual, now_s: float) -> Ending:
    """Return what holds once the executor has started a container, as it is then."""
    return dataclasses.replace(
        before, before=before.restarts, seen=one.restarts, at_s=now_s, until_s=None
    )


def looping(ending: Ending, now_s: float) -> Looping | None:
    """Return what is told of a container that rests, or has rested and may be about to end."""
    if ending.until_s is None and (not ending.rests or now_s - ending.at_s >= LOOP_S):
        return None
    code = "" if ending.exit_code is None else f"exit {ending.exit_code}, "
    times = "1 restart" if ending.restarts == 1 else f"{ending.restarts} restarts"
    rests = ending.until_s is not None and now_s < ending.until_s
    if ending.until_s is None:
        look_s = max(LOOK_S, now_s - ending.at_s)
    else:
        look_s = max(LOOK_S, ending.until_s - now_s) if rests else LATE_LOOK_S
    return Looping(
        reason=f"crash loop back-off of {in_words(ending.wait_s)}: {code}{times}",
        exit_code=ending.exit_code,
        rests=rests,
        look_s=look_s,
    )


def due_s(ending: Ending, now_s: float) -> float | None:
    """Return when to start a container, or to look whether it has ended again; None: not at all."""
    if ending.until_s is not None:
        return ending.until_s
    is_tried = ending.rests and now_s - ending.at_s < LOOP_S
    return ending.at_s + LOOK_S if is_tried else None


def counted(ending: Ending | None, one: Actual) -> Actual:
    """Return a container with all of its restarts, and while it rests with its own exit code."""
    if ending is None:
        return one
    restarts = ending.before + one.restarts
    if ending.until_s is None:
        return dataclasses.replace(one, restarts=min(MOST_COUNT, restarts))
    code = one.exit_code
    if one.phase is Phase.EXITED:
        # How it ended when it was stopped says nothing; an end that is not known was a failure.
        code = 1 if ending.exit_code is None else ending.exit_code
    return dataclasses.replace(one, restarts=ending.restarts, exit_code=code)

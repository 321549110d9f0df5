"""A log that is followed over the runs of a container, also where it is made anew.

Whoever follows it sees each line once, until its instance is wanted no more or the container is
not started again. What happens between two runs is said among what was written to standard error.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from skerry_executor.actual import Actual, Phase
from skerry_executor.cancel import Cancel
from skerry_executor.runtimes.base import Failure, LogWish, Runtime, RuntimeFailure, Written
from skerry_executor.start_order import should_start
from skerry_executor.streaming import Write
from skerry_wire.workload import Instance

LOOK_FIRST_S = 0.1
LOOK_MOST_S = 2.0
"""How soon, and how often at last, it is looked whether what ended runs again, while anybody reads:
nothing announces it to whoever reads."""
BROKEN_OFF_S = 1.0
"""A runtime still takes for running, for a moment, what has ended."""
OVER_S = 3.0
"""What ended well is over after this time: a restart, or a switch, is between its end and start."""
_UP = (Phase.RUNNING, Phase.RESTARTING, Phase.PAUSED)


class LogFollowing:
    """Follows one container's log. `follow` belongs to the thread of one request."""

    def __init__(
        self,
        runtime: Runtime,
        ordered: Callable[[], Instance | None],
        cancel: Cancel,
        write: Write,
        over_s: float = OVER_S,
    ) -> None:
        """`ordered` returns the instance as the accepted order has it now, None without it.

        `over_s`: after how long what ended well is over.
        """
        self._runtime = runtime
        self._ordered = ordered
        self._cancel = cancel
        self._write = write
        self._over_s = over_s

    def follow(self, run: Actual, wish: LogWish) -> None:
        """Pass on what a container writes, from its present run on. Raises RuntimeFailure."""
        last: Written | None = None
        while True:
            try:
                for written in self._runtime.logs(run.id, wish, self._cancel):
                    self._write(written.stream, written.data)
                    last = written
            except RuntimeFailure as failure:
                if failure.kind is not Failure.NOT_FOUND:
                    raise
            following = self._next(run)
            if following is None:
                return
            if following.id != run.id:
                self._say(f"{run.container} was made anew")
                last, wish = None, LogWish(follow=True)
            else:
                is_later = following.started_at != run.started_at
                if is_later:
                    self._say(f"{run.container} runs anew")
                wish = LogWish(
                    follow=True,
                    after=None if last is None else last.mark,
                    began_at=following.started_at if is_later else None,
                )
            run = following

    def _next(self, run: Actual) -> Actual | None:
        """Wait for the next run of a container; say what it waits for, or that there is none."""
        began, wait_s, is_told = time.monotonic(), LOOK_FIRST_S, False
        while True:
            self._cancel.check()
            found = self._runtime.container(run.name)
            waited_s = time.monotonic() - began
            if found is not None and (_runs_anew(run, found) or _runs_on(found, waited_s)):
                return found
            why = _over(self._ordered(), run, found, is_late=waited_s >= self._over_s)
            if why is not None:
                self._say(why)
                return None
            if not is_told and (found is None or found.phase not in _UP):
                self._say(f"{_ended(run, found)}; its next run is waited for")
                is_told = True
            self._wait(wait_s)
            wait_s = min(2 * wait_s, LOOK_MOST_S)

    def _say(self, words: str) -> None:
        self._write("err", f"skerry: {words}\n".encode())

    def _wait(self, seconds: float) -> None:
        woken = threading.Event()
        with self._cancel.waking(woken.set):
            woken.wait(seconds)


def _runs_anew(before: Actual, now: Actual) -> bool:
    """Say whether a container runs, or has run, another time than before."""
    if now.phase is Phase.CREATED:
        return False
    return now.id != before.id or now.started_at not in (None, before.started_at)


def _runs_on(found: Actual, waited_s: float) -> bool:
    """Say whether what is read anew has not ended: the runtime broke its log off."""
    return found.phase is Phase.RUNNING and waited_s >= BROKEN_OFF_S


def _over(
    instance: Instance | None, run: Actual, found: Actual | None, *, is_late: bool
) -> str | None:
    """Return why a container will not run again, None where it may."""
    if found is not None and found.phase in _UP:
        return None
    container = None
    if instance is not None:
        container = next((one for one in instance.containers if one.name == run.container), None)
    if container is None:
        return f"{run.instance} has no {run.container} on this box any more"
    if found is None or found.phase is not Phase.EXITED or not is_late:
        return None
    if should_start(container, found):
        return None
    return f"{_ended(run, found)}, and is not started again"


def _ended(run: Actual, found: Actual | None) -> str:
    if found is None:
        return f"{run.container} was removed"
    if found.exit_code is None:
        return f"{run.container} is {found.phase}"
    return f"{run.container} ended with {found.exit_code}"

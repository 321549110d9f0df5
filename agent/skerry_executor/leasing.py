"""Ends what may not run any longer: keeps the terms, their timer, and a pidfd of each process.

The terms are kept on tmpfs, so that a run of the executor that was killed is followed by one that
knows them. Nothing here waits for a runtime: it is asked to stop in threads, and what it has not
stopped by then is killed by the pidfd that is held open.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import select
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from skerry_executor import lease, overdue, processes, whole_file
from skerry_executor.actual import Phase
from skerry_executor.boot_clock import since_boot_s
from skerry_executor.cancel import Cancel
from skerry_executor.challenges import boot_id
from skerry_executor.lease import Process, Terms
from skerry_executor.log import log
from skerry_executor.runtimes.base import Runtime, RuntimeFailure
from skerry_executor.state import StateError, prepare
from skerry_executor.whole_file import DamagedError
from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.messages import Grant
from skerry_wire.workload import Instance

if TYPE_CHECKING:
    from skerry_executor.boot_timer import BootTimer

FILE = "terms"
MAX_FILE_BYTES = 1024 * 1024
STOPPERS = 16
"""So many instances are stopped at once. What waits longer than its grace for its turn is killed
unstopped."""
_OVER = (Phase.CREATED, Phase.EXITED, Phase.REMOVING, Phase.DAMAGED)


def kept(folder: pathlib.Path, root: pathlib.Path = pathlib.Path("/")) -> Terms:
    """Return the terms of this start of the box. Raises StateError."""
    found = None
    try:
        data = whole_file.read(folder / FILE, MAX_FILE_BYTES)
        if data is not None:
            found = codec.decode(Terms, data, strict=True, most=MAX_FILE_BYTES)
    except (DamagedError, WireError) as error:
        # Nothing of it counts: what has a lease is then stopped at the next look at the runtime.
        log("error", "the terms are damaged", file=str(folder / FILE), reason=str(error))
    except OSError as error:
        raise StateError(f"{folder / FILE} cannot be read: {error.strerror}") from None
    return lease.of_this_boot(found, boot_id(root))


class Leasing:
    """The terms of this box. `fileno` can be read when there is something to `attend` to."""

    def __init__(
        self,
        folder: pathlib.Path,
        open_runtime: Callable[[], Runtime],
        root: pathlib.Path = pathlib.Path("/"),
        clock: Callable[[], float] = since_boot_s,
    ) -> None:
        """Raises StateError where the terms cannot be kept."""
        self._folder = folder
        self._open_runtime = open_runtime
        self._clock = clock
        self._lock = threading.RLock()
        self._terms = kept(folder, root)
        self._fds: dict[str, dict[Process, int]] = {}
        self._names: dict[int, str] = {}
        self._stopping: set[str] = set()
        self._again: dict[str, float] = {}
        self._closed = False
        self._timer: BootTimer | None = None
        self._poll = select.epoll()
        for term in self._terms.terms:
            for process in term.processes:
                fd = processes.opened(process)
                if fd is not None:
                    self._hold(term.instance, process, fd)
        self._arm()

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._poll.fileno()

    @property
    def terms(self) -> Terms:
        """Return the terms as they are now."""
        return self._terms

    @property
    def are_held(self) -> bool:
        """Whether there is anything that will have to be ended."""
        return self._terms.held()

    def against(self, instance: str) -> str | None:
        """Return why a leased instance may not start now."""
        return self._terms.against(instance, self._clock())

    def renew(self, grant: Grant, from_s: float, instances: Sequence[Instance]) -> frozenset[str]:
        """Take a grant, and return the instances that may start only now. Raises StateError."""
        with self._lock:
            terms, fresh = lease.granted(self._terms, grant, from_s, instances)
            self._keep(terms)
        return fresh

    def order(
        self, node: str, ordered: Collection[str], deadlines: Mapping[str, tuple[float, float]]
    ) -> None:
        """Take over what is ordered, and the deadlines (end and grace) of the jobs that run.

        Raises StateError.
        """
        with self._lock:
            terms = lease.without_others(self._terms, ordered)
            if deadlines or any(one.kind == "deadline" for one in terms.terms):
                terms = lease.with_deadlines(terms, deadlines, node)
            if terms != self._terms:
                self._keep(terms)

    def watch(self, watched: Sequence[tuple[str, int]]) -> None:
        """Hold on to pidfds of instances that have a term. The given ones stay the caller's."""
        with self._lock:
            changed = set()
            for instance, given in watched:
                if not any(self._terms.of(instance)):
                    continue
                process = processes.of_pidfd(given)
                if process is not None and process not in self._fds.get(instance, {}):
                    self._hold(instance, process, os.dup(given))
                    changed.add(instance)
            if changed:
                now = {instance: tuple(self._fds[instance]) for instance in changed}
                self._try_to_keep(lease.with_processes(self._terms, now))

    def attend(self) -> frozenset[str]:
        """Do what is due, and return the instances of which a process has ended since."""
        with self._lock:
            now_s = self._clock()
            # Before all else: on a busy box each step takes its time.
            killed = self._kill(now_s)
            if self._timer is not None:
                self._timer.take()
            if killed:
                log("warning", "killed: its time is over", instances=",".join(killed)[:1000])
            ended = self._take_ends()
            self._begin_to_stop(now_s)
            self._arm()
        return ended

    def close(self) -> None:
        """Give everything back; the terms stay kept."""
        with self._lock:
            self._closed = True
            for fd in self._names:
                os.close(fd)
            self._names.clear()
            self._fds.clear()
            self._poll.close()
            if self._timer is not None:
                self._timer.close()

    # --- processes -----------------------------------------------------------------------

    def _hold(self, instance: str, process: Process, fd: int) -> None:
        self._fds.setdefault(instance, {})[process] = fd
        self._names[fd] = instance
        self._poll.register(fd, select.EPOLLIN)

    def _take_ends(self) -> frozenset[str]:
        ended = set()
        for fd, _ in self._poll.poll(0):
            instance = self._names.pop(fd, None)
            if instance is None:
                continue
            self._poll.unregister(fd)
            os.close(fd)
            left = {one: other for one, other in self._fds[instance].items() if other != fd}
            self._fds[instance] = left
            ended.add(instance)
        if ended:
            left_of = {instance: tuple(self._fds[instance]) for instance in ended}
            self._try_to_keep(lease.with_processes(self._terms, left_of))
        return frozenset(ended)

    def _kill(self, now_s: float) -> tuple[str, ...]:
        """End what has not stopped by now, and return the instances."""
        over = [
            one.instance
            for one in self._terms.due(now_s)
            if one.kill_s <= now_s and self._fds.get(one.instance)
        ]
        for instance in over:
            for fd in self._fds[instance].values():
                processes.kill(fd)
        return tuple(over)

    # --- the runtime ---------------------------------------------------------------------

    def _begin_to_stop(self, now_s: float) -> None:
        names = {one.instance for one in self._terms.due(now_s)}
        names = {one for one in names - self._stopping if self._again.get(one, 0.0) <= now_s}
        if not names:
            return
        self._stopping |= names
        log("info", "time is over", instances=",".join(sorted(names))[:1000])
        threading.Thread(
            target=self._stop_all, args=(names, self._terms.node), name="ends", daemon=True
        ).start()

    def _stop_all(self, names: Collection[str], node: str) -> None:
        """Have the runtime stop whatever runs of some instances."""
        stopped: set[str] = set()
        try:
            runtime = self._open_runtime()
            found = [
                one
                for one in runtime.containers(node)
                if one.instance in names and one.phase not in _OVER
            ]
            failed: set[str] = set()
            left = list(found)

            def work() -> None:
                with contextlib.suppress(IndexError):
                    while True:
                        one = left.pop()
                        try:
                            runtime.stop(one.id, one.stop_grace_s, Cancel())
                        except RuntimeFailure as failure:
                            failed.add(one.instance)
                            log("error", "cannot be stopped", name=one.name, reason=str(failure))

            threads = [
                threading.Thread(target=work, name="end", daemon=True)
                for _ in range(min(STOPPERS, len(found)))
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            stopped = set(names) - failed
        except Exception as error:  # noqa: BLE001 - it is tried again, and killed meanwhile
            log("error", "the runtime cannot stop what is over", reason=str(error))
        self._stopped(names, stopped)

    def _stopped(self, tried: Collection[str], stopped: Collection[str]) -> None:
        with self._lock:
            if self._closed:
                return  # the next run finds out by itself
            now_s = self._clock()
            self._stopping -= set(tried)
            for one in set(tried) - set(stopped):
                self._again[one] = now_s + lease.STOP_AGAIN_S
            for one in stopped:
                self._again.pop(one, None)
            self._try_to_keep(lease.with_stopped(self._terms, stopped, now_s))
            self._arm()

    # --- what is kept --------------------------------------------------------------------

    def _keep(self, terms: Terms) -> None:
        """Keep the terms before they count: what is not kept is not granted."""
        prepare(self._folder)
        ends = [
            (one.kill_s, process.pid, process.started)
            for one in terms.terms
            if not one.stopped
            for process in one.processes
        ]
        try:
            # First, as most terms get longer: what is not over must not be taken for it.
            overdue_lines = overdue.lines(terms.boot_id, ends)
            whole_file.write(self._folder / overdue.FILE, overdue_lines, durable=False)
            whole_file.write(self._folder / FILE, codec.pack(terms), durable=False)
        except OSError as error:
            raise StateError(f"{self._folder / FILE} cannot be written: {error.strerror}") from None
        self._terms = terms
        self._arm()

    def _try_to_keep(self, terms: Terms) -> None:
        before = self._terms
        if terms == before:
            return
        try:
            self._keep(terms)
        except StateError as error:
            log("error", "the terms are only in memory", reason=str(error))
            self._terms = terms

    def _arm(self) -> None:
        now_s = self._clock()
        moments = [self._terms.next_s(now_s)]
        for term in self._terms.due(now_s):
            again_s = self._again.get(term.instance, 0.0)
            if term.instance not in self._stopping:
                moments.append(max(now_s, again_s))
            if now_s >= term.kill_s and self._fds.get(term.instance):
                moments.append(now_s + lease.KILL_AGAIN_S)
        at_s = min((one for one in moments if one is not None), default=None)
        if at_s is not None and self._timer is None:
            self._timer = self._new_timer()
        if self._timer is not None:
            self._timer.set(at_s)

    def _new_timer(self) -> BootTimer:
        from skerry_executor.boot_timer import BootTimer  # noqa: PLC0415 - few boxes have leases

        timer = BootTimer()
        self._poll.register(timer.fileno(), select.EPOLLIN)
        return timer

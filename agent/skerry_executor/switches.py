"""The switches of one run: what each instance is to be by now, with journal, clock and room.

Deciding is `switching`'s; here its decisions become durable before anything is done about them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from skerry_executor.actual import Actual
from skerry_executor.boot_clock import since_boot_s
from skerry_executor.challenges import boot_id
from skerry_executor.hold_files import read_holds
from skerry_executor.holding import held
from skerry_executor.log import log
from skerry_executor.room import Room
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.settings import Settings
from skerry_executor.state import StateError
from skerry_executor.switching import Aim, Entry, Held, Moment, Situation, aim
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.lifecycle import UpdateStatus
from skerry_wire.workload import Instance

_PASSING = (
    Failure.PORT_IN_USE,
    Failure.UNREACHABLE,
    Failure.TIMED_OUT,
    Failure.ABSENT,
    Failure.NOT_PERMITTED,
)
"""What may be over in a moment: a trial goes on until its deadline."""


class Entries(Protocol):
    """Where entries are kept: a journal, or a test's."""

    def load(self) -> tuple[dict[str, Entry], tuple[str, ...]]:
        """Return them by instance, and what is wrong with others."""

    def put(self, entries: Mapping[str, Entry], generation: int) -> None:
        """Keep some for the order of a generation. Raises StateError."""

    def drop(self, instance: str, generation: int) -> None:
        """Forget one. Raises StateError."""


class Switches:
    """Aims of one run. `begin` may be called from several threads."""

    def __init__(
        self,
        generation: int,
        journal: Entries,
        now: Callable[[], Moment],
        held: Callable[[str], Held | None] = lambda _: None,
        lacking: Callable[[Instance, Instance, Sequence[str]], str | None] = lambda *_: None,
    ) -> None:
        """`held` is asked by workload; `lacking` what room there is not for an instance."""
        self._generation = generation
        self._journal = journal
        self._now = now
        self._held = held
        self._lacking = lacking
        self._lock = threading.Lock()
        self._entries, self.problems = journal.load()
        self._aims: dict[str, Aim] = {}

    def aims(
        self,
        wanted: Iterable[Instance],
        actual: Sequence[Actual],
        failures: Mapping[str, RuntimeFailure],
        halted: Collection[str],
        *,
        keep: bool = True,
    ) -> dict[str, Aim]:
        """Decide what each instance is to be by now, and keep that unless it is only looked at."""
        now = self._now()
        there: dict[str, list[Actual]] = {}
        for one in actual:
            there.setdefault(one.instance, []).append(one)
        self._aims = {}
        for instance in wanted:
            entry = self._entries.get(instance.id)
            if instance.id in halted or instance.job is not None:
                # Nothing of it runs, or it runs to its end: there is nothing to switch.
                self._aims[instance.id] = Aim(instance=instance, entry=entry)
                continue
            failure = failures.get(instance.id)
            seen = Situation(
                there=there.get(instance.id, ()),
                now=now,
                held=self._held(instance.workload),
                failure=None if failure is None else failure.reason,
                passing=failure is not None and failure.kind in _PASSING,
            )
            self._aims[instance.id] = aim(instance, entry, seen)
        if keep:
            self._keep(there)
        return self._aims

    def earlier(self) -> list[Instance]:
        """Return what may be gone back to."""
        return [entry.earlier for entry in self._entries.values()]

    def begin(self, wanted: Instance, running: Sequence[str]) -> None:
        """Note that an instance is switched from now on. Raises RuntimeFailure: nothing is begun.

        `running` are the containers that will end.
        """
        found = self._aims[wanted.id]
        if found.begin is None:
            return
        lack = self._lacking(wanted, found.begin.earlier, running)
        if lack is not None:
            raise RuntimeFailure(Failure.DISK_FULL, lack)
        try:
            with self._lock:
                self._journal.put({wanted.id: found.begin}, self._generation)
                self._entries[wanted.id] = found.begin
        except StateError as error:
            raise RuntimeFailure(Failure.DISK_FULL, str(error)) from None
        update = UpdateStatus(revision=wanted.revision, state="switching")
        self._aims[wanted.id] = Aim(instance=wanted, entry=found.begin, update=update)
        log("info", "switching", instance=wanted.id, revision=wanted.revision)

    def _keep(self, there: Mapping[str, Sequence[Actual]]) -> None:
        """Make the journal hold what was decided; what cannot be kept is decided again later."""
        changed: dict[str, Entry] = {}
        for instance, found in self._aims.items():
            before = self._entries.get(instance)
            if found.entry is not None and found.entry != before:
                changed[instance] = found.entry
                if before is None or found.entry.phase != before.phase:
                    log("info", f"switch: {found.entry.phase}", instance=instance,
                        reason=found.entry.reason or None)  # fmt: skip
        gone = [
            instance
            for instance in self._entries
            if (instance in self._aims and self._aims[instance].entry is None)
            or (instance not in self._aims and instance not in there)
        ]
        self._entries.update(changed)
        try:
            self._journal.put(changed, self._generation)
            for instance in gone:
                del self._entries[instance]
                self._journal.drop(instance, self._generation)
        except StateError as error:
            log("error", "the journal of switches", reason=str(error))


def on_box(
    generation: int, journal: Entries, settings: Settings, policy: BoxPolicy, room: Room
) -> Switches:
    """Return the switches of a run on this box."""
    updates = policy.updates
    try:
        boot = boot_id(settings.root)
    except StateError as error:
        log("warning", "a start of the box cannot be told", reason=str(error))
        boot = "unknown"
    holds = read_holds(settings, updates)
    found = Switches(
        generation,
        journal,
        lambda: Moment(boot=boot, boot_s=since_boot_s(), wall_s=time.time()),
        lambda workload: held(workload, holds),
        room.lacking,
    )
    for problem in found.problems:
        log("error", problem)
    return found

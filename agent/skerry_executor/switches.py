"""The switches of one run: what each instance is to be by now, with journal, clock and room.

Deciding is `switching`'s; here its decisions become durable before anything is done about them.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from skerry_executor.actual import Actual
from skerry_executor.journal import Journal
from skerry_executor.log import log
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.state import StateError
from skerry_executor.switching import Aim, Entry, Held, Moment, Situation, aim, content_of
from skerry_wire.messages import Order
from skerry_wire.workload import Instance

_PASSING = (Failure.PORT_IN_USE, Failure.UNREACHABLE, Failure.ABSENT)
"""What may be over in a moment: a trial goes on until its deadline."""


class Entries(Protocol):
    """Where entries are kept: a journal, or a test's."""

    def load(self) -> tuple[dict[str, Entry], tuple[str, ...]]:
        """Return them by instance, and what is wrong with others."""

    def put(self, entries: Mapping[str, Entry]) -> None:
        """Keep some. Raises StateError."""

    def drop(self, instance: str) -> None:
        """Forget one. Raises StateError."""


class Switches:
    """Aims of one run. `begin` may be called from several threads."""

    def __init__(
        self,
        journal: Entries,
        now: Callable[[], Moment],
        held: Callable[[str], Held | None] = lambda _: None,
        lacking: Callable[[Instance, Instance, Sequence[str]], str | None] = lambda *_: None,
    ) -> None:
        """`held` is asked by workload; `lacking` what room there is not for an instance."""
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
                self._journal.put({wanted.id: found.begin})
                self._entries[wanted.id] = found.begin
        except StateError as error:
            raise RuntimeFailure(Failure.DISK_FULL, str(error)) from None
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
            self._journal.put(changed)
            for instance in gone:
                del self._entries[instance]
                self._journal.drop(instance)
        except StateError as error:
            log("error", "the journal of switches", reason=str(error))


def earlier_of(
    before: Order | None, after: Order, entries: Mapping[str, Entry]
) -> dict[str, Entry]:
    """Return the new entries that an order makes needed which takes the place of another. Pure.

    Where a switch was not over, what was there before it stays what is gone back to.
    """
    if before is None:
        return {}
    known = {instance.id: instance for instance in before.instances}
    found = {}
    for instance in after.instances:
        earlier = known.get(instance.id)
        if instance.switch is None or instance.job is not None or instance.id in entries:
            continue
        if earlier is not None and content_of(earlier) != content_of(instance):
            found[instance.id] = Entry(earlier=dataclasses.replace(earlier, origin=None))
    return found


def note(journal: Journal, before: Order | None, after: Order) -> None:
    """Keep what may have to be gone back to, before an order is accepted. Raises StateError."""
    if before is None or all(instance.switch is None for instance in after.instances):
        return
    entries, _ = journal.load()
    journal.put(earlier_of(before, after, entries))

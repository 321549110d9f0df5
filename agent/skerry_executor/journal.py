"""Keeps what is remembered of switches: a file for each instance that is being changed.

Each file is written whole and synced, as the accepted order is: it holds what it held before or
all of the new content, also after a power cut. One that is damaged is an entry less: the instance
then goes on to what the order says, and cannot go back.
"""

from __future__ import annotations

import contextlib
import pathlib
import threading
from collections.abc import Iterator, Mapping

from skerry_executor.state import StateError, read_record, write_record
from skerry_executor.switching import Entry, earlier_of
from skerry_executor.whole_file import DamagedError
from skerry_wire.messages import Order

FOLDER = "switches"
SUFFIX = ".switch"
MAX_ENTRY_BYTES = 4 * 2**20
"""As many as an order may have, decompressed."""
_MAGIC = b"skerry-executor switch 1\n"


class Journal:
    """The entries by instance. For one process at a time: whoever holds the state's lock.

    Several threads may use it. What a run keeps for an order that is no longer the newest is not
    taken: it would be in the way of what the newer one goes back to.
    """

    def __init__(self, state: pathlib.Path) -> None:
        """`state` is the executor's folder; the journal has one within."""
        self._folder = state / FOLDER
        self._lock = threading.Lock()
        self._newest = 0

    def load(self) -> tuple[dict[str, Entry], tuple[str, ...]]:
        """Return the entries, and what is wrong with those that cannot be read."""
        found: dict[str, Entry] = {}
        problems = []
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            try:
                entry = read_record(Entry, path, _MAGIC, MAX_ENTRY_BYTES)
            except (StateError, DamagedError) as error:
                problems.append(f"{path} cannot be used, so that there is no way back: {error}")
                continue
            if entry is not None:
                found[path.name.removesuffix(SUFFIX)] = entry
        return found, tuple(problems)

    @contextlib.contextmanager
    def accepting(self, before: Order | None, after: Order) -> Iterator[None]:
        """Keep what may have to be gone back to; the body makes the order the newest.

        Raises StateError.
        """
        with self._lock:
            if before is not None and any(one.switch is not None for one in after.instances):
                entries, _ = self.load()
                self._put(earlier_of(before, after, entries))
            yield
            self._newest = after.generation

    def put(self, entries: Mapping[str, Entry], generation: int) -> None:
        """Keep entries, durably, beside those of other instances. Raises StateError."""
        with self._lock:
            self._check(generation)
            self._put(entries)

    def drop(self, instance: str, generation: int) -> None:
        """Forget an instance's entry. Raises StateError.

        A power cut may bring it back: it then says of a settled revision that it is being tried.
        """
        with self._lock:
            self._check(generation)
            self._remove(self._folder / (instance + SUFFIX))

    def clear(self) -> None:
        """Forget all. Raises StateError."""
        for path in self._folder.glob(f"*{SUFFIX}*"):
            self._remove(path)

    def _check(self, generation: int) -> None:
        if generation < self._newest:
            raise StateError(f"a newer order came, generation {self._newest}")

    @staticmethod
    def _remove(path: pathlib.Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StateError(f"{path} cannot be removed: {error.strerror}") from None

    def _put(self, entries: Mapping[str, Entry]) -> None:
        for instance, entry in entries.items():
            write_record(self._folder / (instance + SUFFIX), _MAGIC, entry)

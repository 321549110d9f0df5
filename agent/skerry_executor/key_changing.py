"""Takes the hub's changes of the keys that this box trusts: verified, kept, then told."""

from __future__ import annotations

import threading

from skerry_executor import key_ring
from skerry_executor.key_changes import taken, trusted
from skerry_executor.keys import read_keys
from skerry_executor.log import log
from skerry_executor.settings import Settings
from skerry_executor.state import StateError
from skerry_executor.talk import Talk
from skerry_wire.local import ExecutorRequest


class KeyChanging:
    """Takes changes of keys, one after the other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()

    def answer(self, asked: ExecutorRequest, talk: Talk) -> None:
        """Take what of the changes is the hub's and new, and say which keys are trusted."""
        try:
            with self._lock:
                refused = self._changed(asked.keys or b"")
        except StateError as error:
            refused = str(error)
        if refused is not None:
            log("warning", "change of keys refused", reason=refused)
        talk.keys(key_ring.standing(self._settings), refused)

    def _changed(self, data: bytes) -> str | None:
        """Take them, kept before anybody is told; return why none was. Raises StateError."""
        folder = self._settings.state
        before = key_ring.load(folder)
        found = taken(data, before, read_keys(self._settings.keys).by_id)
        if isinstance(found, str):
            return found
        if found.ring == before:
            return found.refused
        key_ring.save(folder, found.ring)
        keys = trusted(found.ring, read_keys(self._settings.keys).by_id)
        log("info", "order keys changed", sequence=found.ring.sequence,
            trusted=",".join(sorted(keys)))  # fmt: skip
        return None

"""Writes the audit log: what is to be changed, before that, and what came of it.

One thread, which puts together what waits: many changes at once cost as few commits. `record` is
for any other part of the hub, which has something changed without the API's routes; `noted` for
what happens seldom, in a thread of its own or in none of a hub.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import queue
import threading
import time
from collections.abc import Iterator, Mapping

from skerry_hub.access import audit_rows
from skerry_hub.access.audit_rows import Entry
from skerry_hub.access.tokens import without_secrets
from skerry_hub.store import Store
from skerry_hub.store_error import StoreError
from skerry_wire.audit_chain import MOST_CONTENT, Row

MOST_TOGETHER = 200
WAIT_S = 20.0

_Waiting = tuple[Entry, "concurrent.futures.Future[Row]"]


class Audit:
    """The log of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def record(self, who: str, action: str, **facts: str) -> Row:
        """Write what is done, or about to be, and return the row. Any thread but an event loop's.

        Raises StoreError: then it must not be done.
        """
        try:
            return self._post(entry_of(who, action, facts)).result(WAIT_S)
        except concurrent.futures.TimeoutError:
            raise StoreError(f"the audit log was not written within {WAIT_S:g} s") from None

    async def write(self, who: str, action: str, facts: Mapping[str, str]) -> Row:
        """Do the same from an event loop."""
        future = asyncio.wrap_future(self._post(entry_of(who, action, facts)))
        try:
            return await asyncio.wait_for(future, WAIT_S)
        except TimeoutError:
            raise StoreError(f"the audit log was not written within {WAIT_S:g} s") from None

    def stop(self) -> None:
        """Write what waits, and end."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join(WAIT_S)

    def _post(self, entry: Entry) -> concurrent.futures.Future[Row]:
        future: concurrent.futures.Future[Row] = concurrent.futures.Future()
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
                self._thread.start()
            self._queue.put((entry, future))
        return future

    def _run(self) -> None:
        while True:
            waiting = [self._queue.get()]
            while len(waiting) < MOST_TOGETHER and not self._queue.empty():
                waiting.append(self._queue.get())
            self._write([one for one in waiting if one is not None])
            if None in waiting:
                return

    def _write(self, waiting: list[_Waiting]) -> None:
        """Write rows for whoever still waits for one: nobody acts on a row that came too late."""
        live = [one for one in waiting if one[1].set_running_or_notify_cancel()]
        if not live:
            return
        try:
            with self._store.aside() as connection:
                entries = [entry for entry, _ in live]
                rows = audit_rows.append(connection, entries, int(time.time() * 1000))
        except Exception as error:  # noqa: BLE001 - whoever waits must be told whatever it is
            for _, future in live:
                future.set_exception(error)
            return
        for (_, future), row in zip(live, rows, strict=True):
            future.set_result(row)


@contextlib.contextmanager
def noted(store: Store, who: str, action: str, **facts: str) -> Iterator[dict[str, str]]:
    """Have the log say what is about to be done, and then what came of it.

    Gives a place for what is only known by then. Raises StoreError: of the first row before
    anything is done, of the second when it is.
    """
    row = _append(store, who, action, {"phase": "intent", **facts})
    outcome = {"phase": "outcome", "of": str(row), "status": "done"}
    try:
        yield outcome
    except BaseException as error:
        outcome |= {"status": "refused", "reason": str(error) or type(error).__name__}
        raise
    finally:
        _append(store, who, action, outcome)


def _append(store: Store, who: str, action: str, facts: Mapping[str, str]) -> int:
    with store.aside() as connection:
        entry = entry_of(who, action, facts)
        (row,) = audit_rows.append(connection, [entry], int(time.time() * 1000))
    return row.seq


def entry_of(who: str, action: str, facts: Mapping[str, str]) -> Entry:
    """Return a row's content: texts within limits, and without anything that looks like a token."""
    content = {
        key: without_secrets(_printable(text))[:MOST_CONTENT] for key, text in facts.items() if text
    }
    return Entry(without_secrets(_printable(who)), without_secrets(_printable(action)), content)


def _printable(text: str) -> str:
    """Return a text that any database keeps as it is: PostgreSQL has no place for a zero byte."""
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")[:MOST_CONTENT]

"""The snapshot over HTTP: its route, and what it answers, piece by piece."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse

from skerry_hub.api.bodies import JSON, answered
from skerry_hub.snapshot import Snapshot, pieces, snapshot_of
from skerry_hub.work import Work
from skerry_hub.writer.calling import BusyError
from skerry_hub.writer.service import Service

AT_ONCE = 2
"""Snapshots that are sent at the same time: each takes a thread for as long as it takes."""

_LIST = {"type": "array", "items": {"type": "object"}}
_SCHEMA = {
    "type": "object",
    "description": "All that placement decides from, for `skerry simulate`.",
    "properties": {
        "snapshot": {"type": "integer", "description": "The number of this format."},
        "version": {"type": "string", "description": "The hub's."},
        "at": {"type": "number", "description": "By the hub's clock, in s since 1970."},
        "strategy": {"type": "string"},
        "nodes": _LIST,
        "workloads": _LIST,
        "assignments": _LIST,
        "documents": _LIST,
        "round_trips": _LIST,
        "inputs": {"type": "string", "description": "The digest of all but the round trips."},
    },
    "required": ["snapshot", "at", "nodes", "workloads", "assignments", "documents", "inputs"],
}


class SnapshotAnswers:
    """One method for each thing that can be asked. Any thread."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._sending = threading.BoundedSemaphore(AT_ONCE)

    def snapshot(self) -> Iterator[bytes]:
        """Return the JSON of one moment, in pieces. Raises BusyError."""
        if not self._sending.acquire(blocking=False):
            raise BusyError(f"{AT_ONCE} snapshots are being sent already; try again in a moment")
        try:
            found = self._service.call(self._look, dry=True)
        except BaseException:
            self._sending.release()
            raise
        sent = self._sent(found)
        next(sent)  # begun, it gives back its place even if nobody ever reads on
        return sent

    def _look(self, work: Work) -> Snapshot:
        # In the writer's thread, where no record comes or goes meanwhile.
        return snapshot_of(self._service.known, work)

    def _sent(self, snapshot: Snapshot) -> Iterator[bytes]:
        try:
            yield b""
            yield from pieces(snapshot)
        finally:
            self._sending.release()


def add_routes(app: FastAPI, service: Service | None) -> None:
    """Add it to the application. Without a service there is only its document."""
    answers: Any = SnapshotAnswers(service) if service is not None else None

    @app.get("/api/v1/snapshot", responses=answered(_SCHEMA), response_class=Response)
    def snapshot() -> Response:
        """Send everything that placement decides from, as one JSON document."""
        return StreamingResponse(answers.snapshot(), media_type=JSON)

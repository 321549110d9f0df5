"""The decisions over HTTP: their routes, and what these answer."""

from __future__ import annotations

import threading
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query, Response

from skerry_hub.api.bodies import items_of, json_of, shown, shown_in_part
from skerry_hub.decision_list import (
    DecisionDetail,
    DecisionView,
    ReplayView,
    decision_detail,
    decision_view,
    replay_view,
)
from skerry_hub.decisions import Estimates, KeptDecision
from skerry_hub.fleet_log import LogError, Past, unpacked
from skerry_hub.recording import read_estimates
from skerry_hub.replaying import Replay, replay
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError, Work
from skerry_hub.writer.calling import BusyError
from skerry_hub.writer.service import Service
from skerry_wire import __version__

LISTED = 50
MOST_LISTED = 1_000
SCHEMAS = (DecisionView, DecisionDetail, ReplayView)

Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="The decision's number.")]
Name = Annotated[str | None, Query(max_length=253, description="Only about this workload.")]
Before = Annotated[
    int | None, Query(ge=1, le=2**63 - 1, description="Only older ones than this number.")
]
Scores = Annotated[
    bool, Query(description="With the scores by which nodes are chosen, which takes longer.")
]


class DecisionAnswers:
    """One method for each thing that can be asked. Any thread."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._replaying = threading.Lock()

    def listed(
        self, workload: str | None, before: int | None, limit: int
    ) -> tuple[list[DecisionView], bool]:
        """Return the newest decisions, newest first, and whether there are older ones."""
        found = self._service.store.decisions(workload=workload, before=before, limit=limit + 1)
        return [decision_view(one) for one in found[:limit]], len(found) > limit

    def one(self, seq: int) -> DecisionDetail:
        """Return all about one decision."""
        kept = self._kept(seq)
        return decision_detail(kept, self._service.store.documents_at(kept.record.at))

    def replay(self, seq: int, *, scored: bool) -> ReplayView:
        """Make a decision again, and say whether the same comes of it.

        One at a time: a large fleet's takes a while, and much memory.
        """
        kept = self._kept(seq)
        if not self._replaying.acquire(blocking=False):
            raise BusyError("another decision is being replayed; try again in a moment")
        try:
            found = self._replay(kept, scored)
        except LogError as error:
            found = Replay(result="other_inputs", difference=str(error))
        finally:
            self._replaying.release()
        return replay_view(kept, found, __version__)

    def _kept(self, seq: int) -> KeptDecision:
        kept = self._service.store.decision(seq)
        if kept is None:
            raise RefusedError(404, Problem(reason=f"there is no decision {seq}"))
        return kept

    def _replay(self, kept: KeptDecision, scored: bool) -> Replay:
        store = self._service.store

        def look(_work: Work) -> tuple[Past, int]:
            # Between two commits, so that the two belong together.
            return Past(self._service.known), store.newest_log()

        past, newest = self._service.call(look, dry=True)
        oldest = None
        for oldest, content in store.fleet_log(kept.log, newest):
            what = f"fleet's log at {oldest}"
            entries = unpacked(content, what)
            first = kept.record.position if oldest == kept.log else 0
            past.take_back(entries[first:], what)
        if oldest != kept.log:
            return Replay(result="not_kept", difference="its inputs are not kept any more")
        if kept.record.estimates_lost:
            lost = f"of its round-trip times: {kept.record.estimates_lost}"
            return Replay(result="not_kept", difference=lost)
        estimates = self._estimates(kept.record.estimates)
        return replay(kept, past.known(store.blobs), estimates, scored=scored)

    def _estimates(self, digest: str) -> Estimates | None:
        if not digest:
            return None
        found = self._service.store.blobs({digest})
        if digest not in found:
            raise LogError("the round-trip times that it was made from are not kept any more")
        return read_estimates(digest, found[digest])


def add_routes(app: FastAPI, service: Service | None) -> None:
    """Add them to the application. Without a service there is only their document."""
    answers: Any = DecisionAnswers(service) if service is not None else None

    @app.get("/api/v1/decisions", responses=shown_in_part(DecisionView), response_class=Response)
    def decisions(
        workload: Name = None,
        before: Before = None,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = LISTED,
    ) -> Response:
        """List the newest decisions, newest first; `more` says that there are older ones."""
        found, more = answers.listed(workload, before, limit)
        return items_of(found, more=more)

    path = "/api/v1/decisions/{seq}"

    @app.get(path, responses=shown(DecisionDetail), response_class=Response)
    def decision(seq: Number) -> Response:
        """Show one decision: what was decided, why, and from what."""
        return json_of(answers.one(seq))

    @app.get(path + "/replay", responses=shown(ReplayView), response_class=Response)
    def replay_decision(seq: Number, scores: Scores = False) -> Response:
        """Make a decision again from what it was made from. Nothing is changed by it."""
        return json_of(answers.replay(seq, scored=scores))

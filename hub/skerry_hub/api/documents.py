"""The documents over HTTP: their routes, and what these answer.

A document's JSON is its record, field by field, as `content` beside what the hub keeps of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from skerry_hub import documenting, views
from skerry_hub.api.bodies import JSON, REF, json_of, plain_of, shown
from skerry_hub.api.callers import By
from skerry_hub.document_checks import DocumentError, document_of
from skerry_hub.documents import KINDS, Document, DocumentChange, KeptDocument, kind_of
from skerry_hub.views import DocumentPlan, DocumentVersionView, DocumentView, Problem
from skerry_hub.work import RefusedError, Work
from skerry_hub.writer.service import Service
from skerry_wire import codec

HISTORY = 50
MOST_HISTORY = 1_000
SCHEMAS = (*KINDS.values(), DocumentView, DocumentVersionView, DocumentPlan)

KindName = Annotated[str, Path(max_length=32, description=f"One of {', '.join(KINDS)}.")]
Name = Annotated[str, Path(max_length=253)]


class DocumentAnswers:
    """One method for each thing that can be asked. Any thread."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def listed(self, kind: str | None) -> list[KeptDocument]:
        """Return all documents, or those of a kind, by kind and name."""
        if kind is not None and kind not in KINDS:
            raise RefusedError(400, Problem(reason=_unknown(kind), field="kind"))
        kept = sorted(self._service.known.documents.copy().items())
        return [one for key, one in kept if kind in (None, key[0])]

    def one(self, kind: str, name: str) -> KeptDocument:
        """Return one document."""
        _check_kind(kind)
        kept = self._service.known.documents.get((kind, name))
        if kept is None:
            raise RefusedError(404, Problem(reason=f"there is no {kind} {name[:80]}"))
        return kept

    def history(
        self, kind: str, name: str, limit: int
    ) -> list[tuple[DocumentChange, DocumentChange | None]]:
        """Return the newest changes of a document that is or was, newest first.

        Each with the one before it, None where it is the first.
        """
        _check_kind(kind)
        found = self._service.store.document_history((kind, name), limit + 1)
        if not found:
            raise RefusedError(404, Problem(reason=f"there never was a {kind} {name[:80]}"))
        before = (*found[1:], None)
        return list(zip(found, before, strict=True))[:limit]

    def put(self, kind: str, name: str, plain: Any, who: str = "") -> KeptDocument:
        """Keep a document."""
        _check_kind(kind)
        try:
            document = document_of(KINDS[kind], plain)
        except DocumentError as error:
            problems = (Problem(reason=f.reason, field=f.field or None) for f in error.faults)
            raise RefusedError(400, *problems) from None
        if document.name != name:
            reason = f"must be {name[:80]}, as the address says, and not {document.name}"
            raise RefusedError(400, Problem(reason=reason, field="name"))

        def change(work: Work) -> KeptDocument | None:
            put_all(self._service, dataclasses.replace(work, who=who), [document])
            return work.draft.documents.get((kind, name))

        kept = self._service.call(change)
        return kept if kept is not None else self.one(kind, name)

    def delete(self, kind: str, name: str, who: str = "") -> DocumentPlan:
        """Take a document away."""
        _check_kind(kind)

        def change(work: Work) -> DocumentPlan:
            done = documenting.delete(dataclasses.replace(work, who=who), kind, name)
            _tell(self._service, work, done)
            return done

        return self._service.call(change)


def put_all(
    service: Service, work: Work, documents: Iterable[Document]
) -> tuple[DocumentPlan, ...]:
    """Keep documents, and have the hub tell of those that change."""
    done = tuple(documenting.put(work, document) for document in documents)
    for one in done:
        _tell(service, work, one)
    return done


def _tell(service: Service, work: Work, done: DocumentPlan) -> None:
    if done.action == "unchanged":
        return
    kind = "document_deleted" if done.action == "deleted" else "document_put"
    detail = "; ".join((f"version {done.version}", *done.changes))[:1024]
    subject = f"{done.kind}/{done.name}"
    work.draft.events.append(service.hub_event(None, kind, detail, work.now, subject))


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise RefusedError(404, Problem(reason=_unknown(kind)))


def _unknown(kind: str) -> str:
    return f"there is no kind of document {kind[:32]}: there are {', '.join(KINDS)}"


# --- JSON ---------------------------------------------------------------------------------


def _plain(view: DocumentView | DocumentVersionView, document: Document) -> dict[str, Any]:
    content = codec.to_plain(document, nulls=True)
    return {**codec.to_plain(view, nulls=True), "content": content}


def document_json(kept: KeptDocument) -> dict[str, Any]:
    """Return what is shown of a document, its content included."""
    view = DocumentView(
        kind=kind_of(kept.document),
        name=kept.document.name,
        version=kept.version,
        created_at=kept.created_at,
        updated_at=kept.updated_at,
    )
    return _plain(view, kept.document)


def version_json(change: DocumentChange, before: DocumentChange | None) -> dict[str, Any]:
    """Return what is shown of a version, given the one before it."""
    old = None if before is None or before.action == "delete" else before.document
    view = DocumentVersionView(
        kind=kind_of(change.document),
        name=change.document.name,
        version=change.version,
        action=change.action,
        at=change.at,
        who=change.who,
        changes=() if old is None else tuple(documenting.differences(old, change.document)),
    )
    return _plain(view, change.document)


def _json(plain: Any) -> Response:
    return Response(orjson.dumps(plain), media_type=JSON)


def _items(found: Sequence[dict[str, Any]]) -> Response:
    return _json({"items": found})


def add_content(schemas: dict[str, Any]) -> None:
    """Say in the API's schemas that a document's content stands in its views."""
    for view in (DocumentView, DocumentVersionView):
        found = schemas[view.__name__]
        found["properties"]["content"] = _ANY_KIND
        found["required"].append("content")


_ANY_KIND = {
    "description": "As its kind has it.",
    "anyOf": [{"$ref": REF + record.__name__} for record in KINDS.values()],
}
_BODY = {"requestBody": {"required": True, "content": {JSON: {"schema": _ANY_KIND}}}}


# --- routes -------------------------------------------------------------------------------


def add_routes(app: FastAPI, answers: DocumentAnswers) -> None:
    """Add them to the application."""
    path = "/api/v1/documents/{kind}/{name}"

    @app.get(
        "/api/v1/documents",
        responses=shown(views.DocumentView, many=True),
        response_class=Response,
    )
    def documents(
        kind: Annotated[
            str | None, Query(max_length=32, description=f"One of {', '.join(KINDS)}.")
        ] = None,
    ) -> Response:
        """List policies, prices, datasets, endpoints, reservations and maintenance windows."""
        return _items([document_json(one) for one in answers.listed(kind)])

    @app.get(path, responses=shown(views.DocumentView), response_class=Response)
    def document(kind: KindName, name: Name) -> Response:
        """Show one document."""
        return _json(document_json(answers.one(kind, name)))

    @app.put(
        path,
        responses=shown(views.DocumentView),
        response_class=Response,
        openapi_extra=_BODY,
    )
    async def put(kind: KindName, name: Name, by: By, request: Request) -> Response:
        """Keep a document; one that says the same already keeps its version."""
        plain = await plain_of(request)
        return _json(
            document_json(await run_in_threadpool(answers.put, kind, name, plain, by.known_as))
        )

    @app.delete(path, responses=shown(views.DocumentPlan), response_class=Response)
    def delete(kind: KindName, name: Name, by: By) -> Response:
        """Take a document away; its history stays."""
        return json_of(answers.delete(kind, name, by.known_as))

    @app.get(
        path + "/history",
        responses=shown(views.DocumentVersionView, many=True),
        response_class=Response,
    )
    def history(
        kind: KindName,
        name: Name,
        limit: Annotated[int, Query(ge=1, le=MOST_HISTORY)] = HISTORY,
    ) -> Response:
        """List the newest versions of a document that is or was, newest first."""
        return _items([version_json(*pair) for pair in answers.history(kind, name, limit)])

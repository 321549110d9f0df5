"""Approvals over HTTP: what there is to approve, and approvals that were given elsewhere."""

from __future__ import annotations

import base64
import binascii
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from skerry_hub import approvals, planning
from skerry_hub.api.apply_files import asked_for
from skerry_hub.api.bodies import asked, body_of, items_of, shown
from skerry_hub.api.requests import ApplyRequest
from skerry_hub.approval_records import KeptApprovals
from skerry_hub.model import Workload
from skerry_hub.state import Draft
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError, Work
from skerry_hub.writer.service import Service
from skerry_wire import approval, codec, envelope
from skerry_wire.errors import WireError
from skerry_wire.messages import Envelope
from skerry_wire.schema import Items, Text
from skerry_wire.types import Line

PATH = "/api/v1/approvals"
MOST = 256
MAX_TEXT = 4 * approval.MAX_APPROVAL_BYTES // 3 + 4


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ContentView:
    """What there is to approve of a workload. `content` is an ApprovedContent, in base64.

    Whoever approves signs what he himself makes of it: its digest is shown for comparison alone.
    """

    workload: Line
    digest: Line
    content: Annotated[str, Text(8 * 2**20)]
    approved_by: tuple[Line, ...] = ()
    """The ids of the keys by which it is approved."""
    refused_by: tuple[Line, ...] = ()
    """Nodes where it is to run that ask for an approval and have none by a key that they know."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalView:
    """An approval that the hub keeps, and sends along with orders."""

    workload: Line
    digest: Line
    key_id: Line
    at: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GivenApproval:
    """An approval as it was signed, and the public key that signed it; both in base64."""

    envelope: Annotated[str, Text(MAX_TEXT)]
    public: Annotated[str, Text(64)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ApproveRequest:
    """Approvals to keep."""

    approvals: Annotated[tuple[GivenApproval, ...], Items(MOST)]


SCHEMAS = (ContentView, ApprovalView, ApproveRequest, GivenApproval)


class ApprovalAnswers:
    """One method for each thing that can be asked. Any thread."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def all(self) -> list[ApprovalView]:
        """Return the approvals that are kept, by workload, the newest last."""
        kept = sorted(
            self._service.known.approvals.copy().values(),
            key=lambda one: (one.workload, one.approvals[-1].at),
        )
        return [view for one in kept for view in _views(one)]

    def contents(self, request: ApplyRequest) -> list[ContentView]:
        """Return what there would be to approve after an apply. Raises RefusedError."""
        wish = asked_for(request)

        def look(work: Work) -> list[ContentView]:
            planning.decide(work, wish)
            return [*_contents(work.draft, {one.name for one in wish.workloads})]

        return self._service.call(look, dry=True)

    def wanted(self) -> list[ContentView]:
        """Return what nodes refuse for want of an approval."""
        draft = Draft(self._service.known)
        found = _contents(draft, {kept.workload.name for kept in draft.workloads.values()})
        return [one for one in found if one.refused_by]

    def keep(self, request: ApproveRequest) -> list[ApprovalView]:
        """Keep approvals, and order anew what they are about. Raises RefusedError."""
        given = [_checked(one, number) for number, one in enumerate(request.approvals)]

        def change(work: Work) -> list[ApprovalView]:
            kept = [approvals.keep(work.draft, data, work.now) for data in given]
            return [next(_newest_first(one)) for one in kept]

        return self._service.call(change)


def _contents(draft: Draft, names: Iterable[str]) -> Iterator[ContentView]:
    for name in sorted(names):
        kept = draft.workloads.get(name)
        if kept is not None:
            yield _content(draft, kept.workload)


def _content(draft: Draft, workload: Workload) -> ContentView:
    content = approvals.content_of(workload)
    return ContentView(
        workload=workload.name,
        digest=approval.digest_of(content),
        content=base64.b64encode(codec.pack(content)).decode(),
        approved_by=tuple(one.key_id for one in approvals.of_content(draft, content)),
        refused_by=tuple(node.known_as for node in approvals.lacking(draft, workload)),
    )


def _views(kept: KeptApprovals) -> Iterator[ApprovalView]:
    for one in kept.approvals:
        yield ApprovalView(workload=kept.workload, digest=kept.digest, key_id=one.key_id, at=one.at)


def _newest_first(kept: KeptApprovals) -> Iterator[ApprovalView]:
    yield from reversed([*_views(kept)])


def _checked(given: GivenApproval, number: int) -> bytes:
    """Return an approval that its key has really signed. Raises RefusedError."""
    field = f"approvals[{number}]"
    try:
        data = base64.b64decode(given.envelope, validate=True)
        public = base64.b64decode(given.public, validate=True)
        sealed = codec.decode(Envelope, data, most=approval.MAX_APPROVAL_BYTES)
        envelope.open_approval(sealed)
        if sealed.key_id != envelope.key_id_of(public):
            raise RefusedError(400, Problem(reason="another key signed it", field=field))
        Ed25519PublicKey.from_public_bytes(public).verify(
            sealed.signature, envelope.signing_bytes(sealed.type, sealed.payload)
        )
    except (binascii.Error, WireError, ValueError, InvalidSignature) as error:
        reason = f"it is no approval, or was damaged on its way: {error}".rstrip(": ")
        raise RefusedError(400, Problem(reason=reason, field=field)) from None
    return data


def add_routes(app: FastAPI, service: Service | None) -> None:
    """Add them to the application. Without a service there is only their document."""
    answers: Any = ApprovalAnswers(service) if service is not None else None

    @app.get(PATH, responses=shown(ApprovalView, many=True), response_class=Response)
    def list_approvals() -> Response:
        """List the approvals that were given."""
        return items_of(answers.all())

    @app.get(f"{PATH}/wanted", responses=shown(ContentView, many=True), response_class=Response)
    def approvals_wanted() -> Response:
        """List what nodes refuse because nobody whose key they have approved it."""
        return items_of(answers.wanted())

    @app.post(
        f"{PATH}/contents",
        responses=shown(ContentView, many=True),
        response_class=Response,
        openapi_extra=asked(ApplyRequest),
    )
    async def contents_to_approve(request: Request) -> Response:
        """Show what there would be to approve after an apply of the same; changes nothing."""
        wanted = await body_of(request, ApplyRequest)
        return items_of(await run_in_threadpool(answers.contents, wanted))

    @app.post(
        PATH,
        responses=shown(ApprovalView, many=True),
        response_class=Response,
        openapi_extra=asked(ApproveRequest),
    )
    async def approve(request: Request) -> Response:
        """Keep approvals that were signed elsewhere, and send them along with orders."""
        given = await body_of(request, ApproveRequest)
        return items_of(await run_in_threadpool(answers.keep, given))

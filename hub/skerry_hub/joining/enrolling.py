"""Lets boxes in, renews their certificates, and shuts them out: what is decided becomes durable.

Any thread. The order of things is always the same: the store, then the writer's knowledge, then the
list of revoked certificates, then the broker. Whatever a killed hub has not done of the later steps
is done at its next start.
"""

from __future__ import annotations

import dataclasses
import pathlib
import secrets
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from skerry_hub.enrollment_rows import EnrollmentRows
from skerry_hub.joining import forgetting, join, renew, tokens
from skerry_hub.joining.admission import Admission
from skerry_hub.joining.audit_log import AuditLog, NoAudit, noted
from skerry_hub.joining.broker_door import BrokerDoor, NoBroker
from skerry_hub.joining.join import Admitted, Again, Asked
from skerry_hub.joining.records import Certificate, Enrollment, JoinToken, TokenContent
from skerry_hub.joining.terms import Terms
from skerry_hub.joining.views import (
    EnrolledView,
    EnrollmentView,
    JoinTokenMade,
    JoinTokenRequest,
    JoinTokenView,
    enrollment_view,
    token_view,
)
from skerry_hub.pki import crl, csr, leaves
from skerry_hub.pki.authority import Authority
from skerry_hub.pki.csr import CsrError
from skerry_hub.pki.leaves import PublicKey
from skerry_hub.store import Store
from skerry_hub.store_error import StoreError
from skerry_hub.views import Problem
from skerry_hub.whole_file import write_whole
from skerry_hub.work import RefusedError
from skerry_wire.joining import Enrolled, JoinRequest, RenewRequest
from skerry_wire.labels import wrong

log = structlog.get_logger("joining")

T = TypeVar("T")


class Enrolling:
    """One hub's boxes that join."""

    def __init__(
        self,
        store: Store,
        authority: Authority,
        terms: Terms,
        admission: Admission,
        folder: pathlib.Path,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`folder` is where the list of revoked certificates is written."""
        self.authority = authority
        self.terms = terms
        self.door: BrokerDoor = NoBroker()
        self.audit: AuditLog = NoAudit()
        self.trust: Callable[[Enrollment], object] = lambda _: None
        """Has a node that the hub knows already get its secrets sealed to the key of its join."""
        self._store = store
        self._admission = admission
        self._list = folder / crl.FILE
        self._clock = clock
        self._one_list = threading.Lock()
        self._one_belief = threading.Lock()

    # --- boxes ----------------------------------------------------------------------------

    def join(self, request: JoinRequest) -> Enrolled:
        """Let a box in that has a token. Raises RefusedError and StoreError."""
        now = self._clock()
        id_ = tokens.id_of(request.token)
        if id_ is None:
            raise join.not_valid()
        # Whoever has no token has no work done for him.
        if not join.is_valid(self._look(lambda rows: _token(rows, id_, request)), now):
            raise join.not_valid()
        public = _public_key(request.csr)
        asked = Asked(
            key_digest=csr.key_digest(public),
            node=request.node,
            machine=request.machine,
            sealing_key=request.sealing_key,
            keeps_id=request.keeps_id,
        )
        judged = self._look(lambda rows: _judged(rows, asked, _token(rows, id_, request), now))
        if isinstance(judged, Again):
            # What follows on a join may have been broken off, which is why the box asks again.
            self._take_up(judged.enrollment.node)
            self.trust(judged.enrollment)
            return self.terms.answer(self.authority, judged.certificate, now)
        node = judged.enrollment.node
        with noted(self.audit, "join", node, token=id_, key=asked.key_digest) as outcome:
            found, admitted = self._with_rows(
                lambda rows: self._joined(rows, asked, _token(rows, id_, request), public, now)
            )
            outcome["serial"] = found.serial
        if admitted is not None:
            log.info("a box has joined", node=found.node, serial=found.serial, token=id_)
            self._follow(admitted.enrollment, admitted.replaces_key)
        return self.terms.answer(self.authority, found, now)

    def _joined(
        self,
        rows: EnrollmentRows,
        asked: Asked,
        token: JoinToken | None,
        public: PublicKey,
        now: float,
    ) -> tuple[Certificate, Admitted | None]:
        judged = _judged(rows, asked, token, now)
        if isinstance(judged, Again):
            return judged.certificate, None
        if token is None or not rows.use_token(token.id, now):
            raise join.not_valid()
        if judged.replaces_key:
            rows.revoke_certificates(judged.enrollment.node, now)
        rows.put_enrollment(judged.enrollment)
        return self._issued(rows, judged.enrollment, public, now, token.id), judged

    def renew(self, request: RenewRequest) -> Enrolled:
        """Give a box a new certificate for its key. Raises RefusedError and StoreError."""
        now = self._clock()
        public = _public_key(request.csr)
        digest = csr.key_digest(public)

        def still(rows: EnrollmentRows) -> tuple[Enrollment, Certificate | None]:
            known = renew.check(rows.enrollment_of_key(digest))
            newest = rows.newest_certificate(digest, now)
            return known, newest if renew.still_new(newest, now, self.terms.life_s) else None

        def change(rows: EnrollmentRows) -> Certificate:
            known, newest = still(rows)
            return newest or self._issued(rows, known, public, now)

        known, found = self._look(still)
        if found is None:
            with noted(self.audit, "renew", known.node, key=digest) as outcome:
                found = self._with_rows(change)
                outcome["serial"] = found.serial
            log.info("a certificate was renewed", node=found.node, serial=found.serial)
        return self.terms.answer(self.authority, found, now)

    def revoke(self, node: str, by: str = "") -> EnrollmentView:
        """Shut a box out, for good or until it joins again. Raises RefusedError and StoreError.

        `by` is who has it done.
        """
        now = self._clock()

        def change(rows: EnrollmentRows) -> Enrollment:
            # Also where it is revoked: tokens that were made for it since are no way back.
            found = _revoked(_known(rows, node), now, by)
            rows.put_enrollment(found)
            rows.revoke_certificates(node, now)
            return found

        found = self._with_rows(change)
        log.warning("a box was revoked", node=node, by=by)
        self._take_up(node, found)
        self._try_to_write_list()
        self.door.revoked(node)
        return self.enrollment(node)

    def has_joined(self, node: str) -> bool:
        """Say whether a node has joined, revoked or not. Raises StoreError."""
        return self._look(lambda rows: rows.enrollment(node)) is not None

    def enrollments(self) -> list[EnrolledView]:
        """Return all boxes that have joined, by id. Raises StoreError."""

        def read(rows: EnrollmentRows) -> list[EnrolledView]:
            until = rows.last_until()
            return [
                EnrolledView(
                    node=one.node,
                    joined_at=one.joined_at,
                    let_in_by=one.content.let_in_by,
                    revoked_at=one.revoked_at,
                    expires_at=until.get(one.node),
                )
                for one in rows.enrollments()
            ]

        return self._look(read)

    def enrollment(self, node: str) -> EnrollmentView:
        """Return what is kept of a box. Raises RefusedError and StoreError."""
        return self._look(lambda rows: enrollment_view(_known(rows, node), rows.certificates(node)))

    def _issued(
        self,
        rows: EnrollmentRows,
        known: Enrollment,
        public: PublicKey,
        now: float,
        token: str | None = None,
    ) -> Certificate:
        stamp = leaves.stamp(now, self.terms.life_s)
        made = leaves.node(self.authority, known.node, public, stamp)
        certificate = Certificate(
            serial=f"{made.serial_number:x}",
            node=known.node,
            key_digest=known.key_digest,
            issued_at=now,
            expires_at=leaves.expires_at(made),
            join_token=token,
            pem=leaves.pem(made),
        )
        rows.add_certificate(certificate)
        return certificate

    def _follow(self, one: Enrollment, replaced: bool) -> None:
        """Have everybody know of a join. Raises what `trust` does: the box asks again then."""
        if replaced:
            self._try_to_write_list()
            self.door.replaced(one.node)
        self._take_up(one.node)
        self.door.admitted(one.node)
        self.trust(one)  # last, for it waits for the writer, which may be busy

    def _take_up(self, node: str, otherwise: Enrollment | None = None) -> None:
        """Have the hub believe of a box what the store says now, whoever else changes it.

        Where the store does not answer: `otherwise`, or StoreError is raised.
        """
        with self._one_belief:
            try:
                found = self._look(lambda rows: rows.enrollment(node))
            except StoreError:
                if otherwise is None:
                    raise
                found = otherwise
            if found is not None:
                self._admission.put(found)

    # --- tokens ---------------------------------------------------------------------------

    def make_token(
        self, asked: JoinTokenRequest, made_by: str = "", *, may_replace: bool = False
    ) -> JoinTokenMade:
        """Make a token. Raises RefusedError and StoreError.

        `may_replace` says that who asks may have a node that is there get another key: that says
        whom the hub trusts, secrets are sealed to who joins.
        """
        for key, value in asked.labels.items():
            reason = wrong(key, value)
            if reason is not None:
                raise RefusedError(400, Problem(reason=reason, field=f"labels.{key}"))
        if asked.node is not None and not may_replace:
            self._check_is_new(asked.node)
        id_ = secrets.token_bytes(tokens.ID_BYTES)
        text = tokens.text_of(id_, secrets.token_bytes(tokens.SECRET_BYTES))
        now = self._clock()
        token = JoinToken(
            id=id_.hex(),
            digest=tokens.digest_of(text),
            created_at=now,
            expires_at=now + asked.ttl_s,
            uses=asked.uses,
            node=asked.node,
            content=TokenContent(labels=asked.labels, made_by=made_by, replaces=may_replace),
        )
        self._with_rows(lambda rows: rows.add_token(token))
        return JoinTokenMade(
            token=text,
            view=token_view(token, now),
            hub=self.terms.hub,
            ca_pin=self.authority.pin,
        )

    def _check_is_new(self, node: str) -> None:
        def is_there(rows: EnrollmentRows) -> bool:
            return rows.knows_node(node) or rows.enrollment(node) is not None

        if self._look(is_there):
            reason = (
                f"node {node} is there already, and a box that joins with this token would take "
                "its place: that needs the role admin"
            )
            raise RefusedError(403, Problem(reason=reason, field="node"))

    def tokens(self) -> list[JoinTokenView]:
        """Return the tokens that are kept, the oldest first. Raises StoreError."""
        now = self._clock()
        return [token_view(one, now) for one in self._look(lambda rows: rows.tokens())]

    def revoke_token(self, id_: str) -> JoinTokenView:
        """Make a token invalid. Raises RefusedError and StoreError."""
        now = self._clock()

        def change(rows: EnrollmentRows) -> JoinToken | None:
            rows.revoke_token(id_, now)
            return rows.token(id_)

        found = self._with_rows(change)
        if found is None:
            raise RefusedError(404, Problem(reason=f"there is no join token {id_}"))
        return token_view(found, now)

    # --- files ----------------------------------------------------------------------------

    def write_list(self) -> None:
        """Write the list of revoked certificates. Raises StoreError, and OSError."""
        with self._one_list:
            revoked = self._look(lambda rows: list(rows.revoked()))
            write_whole(self._list, crl.make(self.authority, revoked, self._clock()))

    def _try_to_write_list(self) -> None:
        """Go on where it cannot be written: what was asked for is durable by now.

        The broker's side makes one of its own from the store, and this is written at each start.
        """
        try:
            self.write_list()
        except (OSError, StoreError) as error:
            log.error("the list of revoked certificates cannot be written", reason=str(error))

    def tidy(self) -> None:
        """Forget what has long expired, here and in the list. Raises StoreError, and OSError.

        To be called once a day: by that it is known when the clock is wrong.
        """
        now = self._clock()
        self._with_rows(lambda rows: forgetting.forget(rows, now))
        self.write_list()
        self.door.list_changed()

    def _look(self, look: Callable[[EnrollmentRows], T]) -> T:
        """Return what `look` reads: strangers ask for that, and must keep nobody waiting."""
        with self._store.reading() as connection:
            return look(EnrollmentRows(connection, looking=True))

    def _with_rows(self, change: Callable[[EnrollmentRows], T]) -> T:
        with self._store.aside() as connection:
            return change(EnrollmentRows(connection))


def load(store: Store) -> Admission:
    """Return what the writer must know of boxes that joined. Raises StoreError."""
    with store.reading() as connection:
        return Admission(EnrollmentRows(connection, looking=True).enrollments())


def _judged(
    rows: EnrollmentRows, asked: Asked, token: JoinToken | None, now: float
) -> Again | Admitted:
    """Return what becomes of a box that asks, by what is kept. Raises RefusedError."""
    if token is None:
        raise join.not_valid()
    node = join.id_for(asked, token)
    return join.decide(
        asked,
        token,
        of_key=rows.enrollment_of_key(asked.key_digest),
        of_node=rows.enrollment(node),
        earlier=rows.newest_certificate(asked.key_digest, now, token.id),
        now=now,
        is_known=rows.knows_node(node),
    )


def _token(rows: EnrollmentRows, id_: str, request: JoinRequest) -> JoinToken | None:
    found = rows.token(id_)
    return found if found is not None and tokens.is_same(request.token, found.digest) else None


def _known(rows: EnrollmentRows, node: str) -> Enrollment:
    found = rows.enrollment(node)
    if found is None:
        raise RefusedError(404, Problem(reason=f"node {node} has not joined with a token"))
    return found


def _revoked(one: Enrollment, now: float, by: str) -> Enrollment:
    content = dataclasses.replace(one.content, revoked_by=by)
    return dataclasses.replace(one, revoked_at=now, content=content)


def _public_key(text: str) -> PublicKey:
    try:
        return csr.public_key_of(text)
    except CsrError as error:
        raise RefusedError(400, Problem(reason=f"the request {error}", field="csr")) from None

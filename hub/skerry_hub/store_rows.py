"""Records of the database as rows, and back. Asks the database for versions of documents alone.

Records are kept as the bytes of the wire's codec, so that a new field needs no migration; what is
looked up by has a column.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import sqlalchemy as sa

from skerry_hub import tables
from skerry_hub.approval_records import KeptApprovals
from skerry_hub.documents import KINDS, DocumentChange, KeptDocument, Key, key_of
from skerry_hub.model import Node, Workload
from skerry_hub.state import Draft, Kept, Publication
from skerry_hub.store_error import StoreError
from skerry_wire import codec
from skerry_wire.capability import Capability
from skerry_wire.errors import WireError
from skerry_wire.messages import Presence, Report

MAX_RECORD_BYTES = 4 * 1024 * 1024

M = TypeVar("M")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A publication that the broker has not acknowledged yet."""

    seq: int
    publication: Publication


_LARGE: dict[str, type[Any]] = {"presence": Presence, "capability": Capability, "report": Report}


def read(kind: type[M], data: bytes, what: str) -> M:
    """Return a record. Raises StoreError where it is damaged."""
    try:
        return codec.decode(kind, data, most=MAX_RECORD_BYTES)
    except WireError as error:
        raise StoreError(f"the {what} in the database is damaged: {error}") from None


def node(row: Any) -> Node:
    """Return a node. Raises StoreError."""
    node = read(Node, row.record, f"record of node {row.id}")
    large = {
        name: read(kind, getattr(row, name), f"{name} of node {row.id}")
        for name, kind in _LARGE.items()
        if getattr(row, name) is not None
    }
    return dataclasses.replace(node, **large)


def node_values(node: Node, before: Node | None) -> dict[str, Any]:
    """Return the columns to write; a large one only when it is another object than before."""
    bare = dataclasses.replace(node, presence=None, capability=None, report=None)
    values: dict[str, Any] = {"record": codec.pack(bare)}
    for name in _LARGE:
        now = getattr(node, name)
        if before is None or now is not getattr(before, name):
            values[name] = None if now is None else codec.pack(now)
    return values


def kept(row: Any) -> Kept:
    """Return a workload. Raises StoreError."""
    return Kept(
        workload=read(Workload, row.content, f"workload {row.name}"),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def workload_rows(draft: Draft) -> Iterable[tuple[str, dict[str, Any] | None]]:
    """Give what a draft changes of workloads, None for those that go."""
    for name, kept in draft.workloads.changes.items():
        yield (
            name,
            None
            if kept is None
            else {
                "content": codec.pack(kept.workload),
                "created_at": kept.created_at,
                "updated_at": kept.updated_at,
            },
        )


def assignment_rows(draft: Draft) -> Iterable[tuple[str, dict[str, Any] | None]]:
    """Give what a draft changes of assignments."""
    for key, one in draft.assignments.changes.items():
        yield (
            key,
            None
            if one is None
            else {
                "workload": one.workload,
                "node": one.node,
                "content": codec.pack(one),
            },
        )


def packed(changes: Mapping[str, Any]) -> Iterable[tuple[str, dict[str, Any] | None]]:
    """Give records that have no columns of their own."""
    for key, record in changes.items():
        yield key, None if record is None else {"content": codec.pack(record)}


def secret_rows(draft: Draft) -> Iterable[tuple[str, dict[str, Any] | None]]:
    """Give what a draft changes of secrets."""
    for name, secret in draft.secrets.changes.items() if draft.secrets is not None else ():
        yield name, None if secret is None else {"content": codec.pack(secret)}


def approvals(connection: sa.Connection) -> dict[str, KeptApprovals]:
    """Return what people beside the hub approved. Raises StoreError."""
    return {
        row.id: read(KeptApprovals, row.content, f"approvals {row.id}")
        for row in connection.execute(sa.select(tables.approvals))
    }


def document(row: Any) -> KeptDocument:
    """Return a document. Raises StoreError."""
    return KeptDocument(
        document=read(_kind(row), row.content, f"{row.kind} {row.name}"),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def document_versions(connection: sa.Connection) -> dict[Key, int]:
    """Return the newest version of each document that is or was."""
    table = tables.document_history
    newest = sa.select(table.c.kind, table.c.name, sa.func.max(table.c.version))
    found = connection.execute(newest.group_by(table.c.kind, table.c.name))
    return {(kind, name): version for kind, name, version in found}


def _kind(row: Any) -> type[Any]:
    if row.kind not in KINDS:
        raise StoreError(f"the {row.kind} {row.name} in the database is of no known kind")
    return KINDS[row.kind]


def history_row(change: DocumentChange) -> dict[str, Any]:
    """Return a change of a document as it is kept."""
    kind, name = key_of(change.document)
    return {
        "kind": kind,
        "name": name,
        "version": change.version,
        "action": change.action,
        "at": change.at,
        "who": change.who,
        "content": codec.pack(change.document),
    }


def history(row: Any) -> DocumentChange:
    """Return a change of a document. Raises StoreError."""
    return DocumentChange(
        document=read(_kind(row), row.content, f"version {row.version} of {row.kind} {row.name}"),
        version=row.version,
        action=row.action,
        at=row.at,
        who=row.who,
    )

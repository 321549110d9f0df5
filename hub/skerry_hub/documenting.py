"""What is asked for of documents, and what that changes: put and delete. Pure.

Like all that is asked for, it works on a `Work`: whether its draft is committed or thrown away (a
plan) is the caller's affair. Nothing that is placed moves because of a document; what a new
document allows is placed by the fill that follows every commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from skerry_hub.documents import (
    MOST_OF_A_KIND,
    Document,
    DocumentChange,
    KeptDocument,
    key_of,
)
from skerry_hub.views import DocumentPlan, Problem
from skerry_hub.work import RefusedError, Work
from skerry_wire import codec

_LONGEST_VALUE = 120


def put(work: Work, document: Document) -> DocumentPlan:
    """Keep a document; one that says the same already is unchanged, and its version stays.

    Raises RefusedError where there are too many of its kind.
    """
    key = kind, name = key_of(document)
    before = work.draft.documents.get(key)
    if before is not None and before.document == document:
        return DocumentPlan(kind=kind, name=name, action="unchanged", version=before.version)
    if before is None:
        _check_room(work, kind)
    version = work.draft.document_version(key) + 1
    kept = KeptDocument(
        document=document,
        version=version,
        created_at=work.now if before is None else before.created_at,
        updated_at=work.now,
    )
    work.draft.documents.put(key, kept)
    work.draft.document_changes.append(
        DocumentChange(document=document, version=version, action="put", at=work.now, who=work.who)
    )
    return DocumentPlan(
        kind=kind,
        name=name,
        action="created" if before is None else "updated",
        version=version,
        changes=() if before is None else tuple(differences(before.document, document)),
    )


def delete(work: Work, kind: str, name: str) -> DocumentPlan:
    """Take a document away; its history stays. Raises RefusedError where there is none."""
    before = work.draft.documents.get((kind, name))
    if before is None:
        raise RefusedError(404, Problem(reason=f"there is no {kind} {name[:80]}"))
    version = work.draft.document_version((kind, name)) + 1
    work.draft.documents.remove((kind, name))
    work.draft.document_changes.append(
        DocumentChange(
            document=before.document,
            version=version,
            action="delete",
            at=work.now,
            who=work.who,
        )
    )
    return DocumentPlan(kind=kind, name=name, action="deleted", version=version)


def _check_room(work: Work, kind: str) -> None:
    count = sum(key_of(kept.document)[0] == kind for kept in work.draft.documents.values())
    if count >= MOST_OF_A_KIND:
        reason = f"there are {count} documents of the kind {kind} already, and no more may be"
        raise RefusedError(409, Problem(reason=reason, field="kind"))


def differences(before: Document, after: Document) -> Iterator[str]:
    """Yield what another version says otherwise, by field: `cpu_hour: 0.03 -> 0.05`."""
    yield from leaf_differences(before, after, places=False)


def leaf_differences(before: object, after: object, *, places: bool = True) -> Iterator[str]:
    """Yield in which fields two records of a kind differ.

    With `places` the records of a list are compared one by one: `containers.0.image: a -> b`.
    """
    old = dict(_leaves("", codec.to_plain(before, nulls=True), places))
    new = dict(_leaves("", codec.to_plain(after, nulls=True), places))
    for field in sorted(old.keys() | new.keys()):
        if old.get(field) != new.get(field):
            yield f"{field}: {_shown(old.get(field))} -> {_shown(new.get(field))}"


def _leaves(path: str, value: Any, places: bool) -> Iterator[tuple[str, Any]]:
    if places and isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        value = {str(index): one for index, one in enumerate(value)}
    if not isinstance(value, Mapping):
        yield path, value
        return
    for key, inner in value.items():
        yield from _leaves(f"{path}.{key}" if path else key, inner, places)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        value = "[" + ", ".join(map(_shown, value)) + "]"
    elif isinstance(value, Mapping):
        value = "{" + ", ".join(f"{key}: {_shown(one)}" for key, one in value.items()) + "}"
    text = "-" if value in (None, "") else str(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."

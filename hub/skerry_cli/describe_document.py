"""One document, and every version of it."""

from __future__ import annotations

import contextlib
from typing import Any

from skerry_cli.document_kinds import VERSION
from skerry_cli.document_records import DocumentVersion
from skerry_cli.failures import RefusedError
from skerry_cli.hub import Hub, path
from skerry_cli.kind import Kind
from skerry_cli.records import items_of, read
from skerry_cli.screen import Screen
from skerry_cli.sheets import tell_list

VERSIONS = 50
"""Most versions that are told, the newest; the API tells more."""


def describe_document(hub: Hub, screen: Screen, kind: Kind, name: str, form: str | None) -> None:
    """Tell what a document says and how it came to say so; in a form, as the hub tells it.

    Raises RefusedError where there is none, after its versions where there was one.
    """
    try:
        answer = hub.get(path(*kind.where(name)))
    except RefusedError as failure:
        if failure.unknown_name:
            with contextlib.suppress(RefusedError):  # there never was one
                _show(hub, screen, kind, None, _history(hub, kind, name), form)
        raise
    _show(hub, screen, kind, answer, _history(hub, kind, name), form)


def _show(
    hub: Hub, screen: Screen, kind: Kind, answer: Any, history: list[Any], form: str | None
) -> None:
    if form is not None:
        screen.document({"document": answer, "history": history}, form)
        return
    if answer is not None:
        record: Any = read(kind.record, answer)
        columns = kind.shown(wide=True)
        screen.facts([(one.title.capitalize(), one.cell(record, hub.now())) for one in columns])
    versions = [read(DocumentVersion, item) for item in history]
    tell_list(screen, "Versions, the newest first", VERSION, versions, hub.now())


def _history(hub: Hub, kind: Kind, name: str) -> list[Any]:
    return items_of(hub.get(path(*kind.where(name), "history"), {"limit": VERSIONS}))

"""One document, and every version of it."""

from __future__ import annotations

from typing import Any

from skerry_cli.document_kinds import VERSION
from skerry_cli.document_records import DocumentVersion
from skerry_cli.hub import Hub, path
from skerry_cli.kind import Kind
from skerry_cli.records import items_of, read
from skerry_cli.screen import Screen
from skerry_cli.sheets import tell_list

VERSIONS = 50
"""Most versions that are told, the newest; the API tells more."""


def describe_document(hub: Hub, screen: Screen, kind: Kind, name: str, form: str | None) -> None:
    """Tell what a document says and how it came to say so; in a form, as the hub tells it."""
    answer = hub.get(path(*kind.where(name)))
    history = items_of(hub.get(path(*kind.where(name), "history"), {"limit": VERSIONS}))
    if form is not None:
        screen.document({"document": answer, "history": history}, form)
        return
    record: Any = read(kind.record, answer)
    facts = [(one.title.capitalize(), one.cell(record, hub.now())) for one in kind.shown(wide=True)]
    screen.facts(facts)
    versions = [read(DocumentVersion, item) for item in history]
    tell_list(screen, "Versions, the newest first", VERSION, versions, hub.now())

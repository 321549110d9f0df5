"""What one workload may name of others: workloads, selectors, topologies, places. Pure.

Each takes a text and raises RefusedError; files and the API share them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Literal

from skerry_hub import selector as selectors
from skerry_hub.terms import NODE
from skerry_hub.workloads.problems import RefusedError, short
from skerry_wire.labels import wrong_key
from skerry_wire.types import LABEL

Siblings = Mapping[str, str]
"""The workloads of the services of one file, by the services' names."""

To = Literal["node", "site", "endpoint", "workload"]

_NAME = re.compile(LABEL)
_TOS: Mapping[str, To] = {
    "node": "node",
    "site": "site",
    "endpoint": "endpoint",
    "workload": "workload",
}
_PLACES = ", ".join(f"{word}/<name>" for word in _TOS)
_LABELS = "node.labels."
_MOST_PLACE = 128
_MOST_SELECTOR = 1024


def topology(text: str) -> str:
    """Return a topology: `node`, or a label's key."""
    if text.startswith(_LABELS):
        raise RefusedError(f"write {short(text.removeprefix(_LABELS))}, without {_LABELS}")
    reason = None if text == NODE else wrong_key(text)
    if reason is not None:
        raise RefusedError(reason)
    return text


def selector(text: str) -> str:
    """Return a selector of workloads' labels, as kubectl writes it."""
    if len(text) > _MOST_SELECTOR:
        raise RefusedError(f"must have at most {_MOST_SELECTOR} characters")
    try:
        terms = selectors.parse(text)
    except selectors.SelectorError as error:
        raise RefusedError(str(error)) from None
    if not terms:
        raise RefusedError("is empty: write tier=db")
    return text.strip()


def name(text: str) -> str:
    """Return a name of the hub's own: of a dataset, an endpoint, a gang."""
    if _NAME.fullmatch(text) is None:
        raise RefusedError(
            f"{short(text)} is not a name: lower-case letters, digits and inner hyphens, at most 63"
        )
    return text


def workload(text: str, siblings: Siblings) -> str:
    """Return the name of a workload: that of a service of the same file, or any other's."""
    if text in siblings:
        return siblings[text]
    name(text)
    if "-" not in text:
        close = difflib.get_close_matches(text, siblings, n=1)
        guess = f"; did you mean {close[0]}?" if close else ""
        here = "a service of this file or " if siblings else ""
        raise RefusedError(f"{short(text)} is not {here}a workload, <project>-<service>{guess}")
    return text


def place(text: str, siblings: Siblings) -> tuple[To, str]:
    """Return what a latency is to: `site/quay-3`, `node/box-1`, `endpoint/erp`, `workload/db`."""
    word, slash, called = text.partition("/")
    to = _TOS.get(word)
    if to is None or not slash or not called:
        raise RefusedError(f"{short(text)} is not a place: write {_PLACES}")
    if to == "workload":
        return to, workload(called, siblings)
    if to == "endpoint":
        return to, name(called)
    if len(called) > _MOST_PLACE:
        raise RefusedError(f"must have at most {_MOST_PLACE} characters after {to}/")
    return to, called

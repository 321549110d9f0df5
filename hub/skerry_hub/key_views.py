"""What is shown of the order keys, and how far a change of them is. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from skerry_hub.model import Node
from skerry_hub.rotation import KeysRecord
from skerry_wire.schema import Items
from skerry_wire.types import Count, Line

KeyPhase = Literal["steady", "changing", "stolen"]
"""`stolen`: it is being changed, and boxes distrust the old key at once."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KeyLagView:
    """A node that does not trust the wanted key yet, and why."""

    node: Line
    hostname: Line
    reason: Line


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KeyChangeView:
    """A change of the order key that was told to boxes."""

    sequence: Annotated[int, Count]
    at: float
    retires: tuple[Line, ...] = ()
    """The ids of the keys that it has boxes distrust."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OrderKeysView:
    """The keys by which boxes know this hub, by id. `public` is what a box must trust, in base64.

    While the key is changed, `next` is the one that every box shall trust; of `nodes` so many do
    (`trusting`), and the others are listed.
    """

    phase: KeyPhase
    current: Line
    public: Line
    next: Line | None = None
    next_public: Line | None = None
    began_at: float | None = None
    nodes: int = 0
    trusting: int = 0
    lagging: Annotated[tuple[KeyLagView, ...], Items(100_000)] = ()
    changes: tuple[KeyChangeView, ...] = ()
    """The newest, oldest first."""


SHOWN_CHANGES = 20


def view_of(
    record: KeysRecord,
    public: str,
    next_public: str | None,
    nodes: Mapping[str, Node],
    without: Mapping[str, str],
) -> OrderKeysView:
    """Return what is shown; `without` are the nodes that lack the wanted key, each with why."""
    phase: KeyPhase = "steady"
    if next_public is not None:
        phase = "stolen" if record.stolen else "changing"
    return OrderKeysView(
        phase=phase,
        current=record.current,
        public=public,
        next=record.next if next_public is not None else None,
        next_public=next_public,
        began_at=record.began_at if next_public is not None else None,
        nodes=len(nodes),
        trusting=len(nodes) - len(without),
        lagging=tuple(_lagging(nodes, without)),
        changes=tuple(
            KeyChangeView(sequence=one.sequence, at=one.at, retires=one.retires)
            for one in record.changes[-SHOWN_CHANGES:]
        ),
    )


def _lagging(nodes: Mapping[str, Node], without: Mapping[str, str]) -> Iterable[KeyLagView]:
    for name, reason in sorted(without.items()):
        yield KeyLagView(node=name, hostname=nodes[name].hostname, reason=reason[:1024])

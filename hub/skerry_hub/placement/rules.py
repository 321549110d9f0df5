"""What the hub's documents say to placement, put in order once. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from skerry_hub.documents import (
    Dataset,
    Document,
    Endpoint,
    Policy,
    Prices,
    Reservation,
    Window,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """The documents by what they are, each sort by name. `version` changes with any of them."""

    policies: tuple[Policy, ...] = ()
    prices: tuple[Prices, ...] = ()
    datasets: Mapping[str, Dataset] = dataclasses.field(default_factory=dict)
    endpoints: Mapping[str, Endpoint] = dataclasses.field(default_factory=dict)
    reservations: tuple[Reservation, ...] = ()
    windows: tuple[Window, ...] = ()
    version: int = 0


NO_RULES = Rules()


def rules_of(documents: Iterable[Document], version: int) -> Rules:
    """Return documents by what they are."""
    ordered = sorted(documents, key=lambda one: one.name)
    return Rules(
        policies=tuple(one for one in ordered if isinstance(one, Policy)),
        prices=tuple(one for one in ordered if isinstance(one, Prices)),
        datasets={one.name: one for one in ordered if isinstance(one, Dataset)},
        endpoints={one.name: one for one in ordered if isinstance(one, Endpoint)},
        reservations=tuple(one for one in ordered if isinstance(one, Reservation)),
        windows=tuple(one for one in ordered if isinstance(one, Window)),
        version=version,
    )

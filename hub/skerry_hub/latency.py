"""Round-trip times as placement asks for them: a picture of the network that never changes.

Names: a node is its id; an endpoint and the broker are what `endpoint` and `BROKER_PLACE` give,
which are no node's id. Times and their errors are float64 arrays in milliseconds, NaN where
nothing is known. What is asked for once is kept for the next request. Pure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from skerry_hub.placement.coordinates import Coordinates
from skerry_wire.messages import BROKER

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Estimates = tuple[Floats, Floats]
"""Times and their errors."""

BROKER_PLACE = f"{BROKER}/"
ENDPOINT = "endpoint/"
NODE = "node/"
MOST_ORIGINS = 16
"""Origins of which the nearest counts; of more, as many, evenly chosen by name."""
MOST_KEPT = 64
"""Origins whose times to all nodes are kept: 16 bytes each a node."""


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """What one node measured itself: the smoothed time, and its mean deviation."""

    ms: float
    deviation_ms: float


def endpoint(name: str) -> str:
    """Return the name of an endpoint's place."""
    return f"{ENDPOINT}{name}"


def place_of(target: str) -> str | None:
    """Return the place that the name of a target means; None where it means none."""
    if target == BROKER:
        return BROKER_PLACE
    if target.startswith(NODE) and "/" not in target[len(NODE) :]:
        return target[len(NODE) :]
    return target if target.startswith(ENDPOINT) else None


def target_of(place: str) -> str:
    """Return the name of a target from that of its place."""
    if place == BROKER_PLACE:
        return BROKER
    return place if place.startswith(ENDPOINT) else f"{NODE}{place}"


class Network:
    """All times at one moment. Any thread may ask."""

    def __init__(self, coordinates: Coordinates | None = None) -> None:
        """`coordinates` must not be changed any more."""
        self._coordinates = coordinates or Coordinates()
        self._kept: dict[str, Estimates] = {}

    @staticmethod
    def of(measured: Mapping[str, Mapping[str, float]], *, seed: int = 0) -> Network:
        """Return the network of what nodes measured: milliseconds by node and place.

        Raises ValueError for a time that is not in (0, 60,000] or of a node to itself.
        """
        coordinates = Coordinates(seed=seed)
        for node in sorted(measured):
            coordinates.observe(node, dict(sorted(measured[node].items())))
        coordinates.refine()
        return Network(coordinates)

    def __len__(self) -> int:
        return len(self._coordinates)

    def __contains__(self, place: str) -> bool:
        return place in self._coordinates

    def rows(self, nodes: Sequence[str]) -> Rows:
        """Return what stands for nodes in this very network, to be given in place of their ids.

        To find them by name takes longer than all the rest, and a fleet's names seldom change.
        """
        return self._coordinates.rows(nodes)

    @property
    def naming(self) -> object:
        """Equal ones of two networks say that what `rows` gives is the same in both."""
        return self._coordinates.naming

    def to_endpoint(self, name: str, nodes: Sequence[str] | Rows) -> Estimates:
        """Return the times of nodes to an endpoint, by the endpoint's name."""
        return self.between(endpoint(name), nodes)

    def between(self, place: str, nodes: Sequence[str] | Rows) -> Estimates:
        """Return the times of nodes to a node, or another place; 0 from a node to itself."""
        rows = nodes if isinstance(nodes, np.ndarray) else self.rows(nodes)
        if place not in self._coordinates:
            return np.full(len(rows), np.nan), np.full(len(rows), np.nan)
        all_ms, all_errors = self._of_all(place)
        known = rows >= 0
        at = np.where(known, rows, 0)
        return np.where(known, all_ms[at], np.nan), np.where(known, all_errors[at], np.nan)

    def nearest(self, origins: Iterable[str], nodes: Sequence[str] | Rows) -> Estimates:
        """Return the times of nodes to whichever of the origins is nearest to each.

        Looks at MOST_ORIGINS of them at most: a site's nodes are all about as far from others.
        """
        rows = nodes if isinstance(nodes, np.ndarray) else self.rows(nodes)
        ms, error = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
        for place in some(sorted(set(origins))):
            here, doubt = self.between(place, rows)
            closer = ~(here >= ms) & ~np.isnan(here)
            ms, error = np.where(closer, here, ms), np.where(closer, doubt, error)
        return ms, error

    def nearest_one(self, origins: Iterable[str], node: str) -> str | None:
        """Return the origin that `nearest` looks at for a node; None where no time is known."""
        times = (
            (float(self.between(one, [node])[0][0]), one) for one in some(sorted(set(origins)))
        )
        return min((one for one in times if one[0] >= 0), default=(0.0, None))[1]

    def is_measured(self, one: str, other: str) -> bool:
        """Say whether one of two places measured the other."""
        return self._coordinates.is_measured(one, other)

    def few(self, place: str, others: Sequence[str]) -> Estimates:
        """Return the times of a few places to one: as `between`, and nothing is kept of it."""
        return self._coordinates.estimates(place, self.rows(others))

    def measured(self, nodes: Sequence[str]) -> list[dict[str, Measured]]:
        """Return what each of the nodes measured itself, by place."""
        found = self._coordinates.measured(nodes)
        return [{place: Measured(*told) for place, told in one.items()} for one in found]

    @property
    def asked(self) -> tuple[str, ...]:
        """The places to which times were asked for, the latest last, at most MOST_KEPT."""
        return tuple(self._kept)

    def prepare(self, places: Iterable[str]) -> None:
        """Find out the times to places before somebody waits for them."""
        for place in places:
            if place in self._coordinates:
                self._of_all(place)

    def _of_all(self, place: str) -> Estimates:
        """Return the times of every row, used or not."""
        kept = self._kept.pop(place, None)
        if kept is None:
            kept = self._coordinates.estimates(place, np.arange(self._coordinates.capacity))
        self._kept[place] = kept
        for oldest in list(self._kept)[:-MOST_KEPT]:
            self._kept.pop(oldest, None)
        return kept


NOWHERE = Network()
"""Nothing is known of any time."""


def some(names: list[str]) -> list[str]:
    """Return MOST_ORIGINS of the sorted names of origins, evenly chosen, or all of fewer."""
    count = min(len(names), MOST_ORIGINS)
    return [names[index * len(names) // count] for index in range(count)]

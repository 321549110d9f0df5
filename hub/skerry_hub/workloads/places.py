"""Where in a file the fields of a workload stand, by the record's paths. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

from skerry_hub.model import Workload
from skerry_hub.workloads.reading import Placed, Value
from skerry_hub.workloads.x_placement import XPlacement

Places = Mapping[str, Value]
"""A field's place, by the record's path, as `expressions[2]`."""


def beside_places(found: Workload, beside: XPlacement) -> Iterator[tuple[str, Value]]:
    """Give the places of what `x-placement` asks for."""
    if beside.priority is not None:
        yield "placement.priority", beside.priority
    expressions = ((place, str(one)) for place, one in beside.expressions)
    yield from _listed("expressions", found.expressions, expressions)
    yield from _listed("placement.at_most", found.placement.at_most, beside.at_most)
    yield from _listed("placement.affinity", found.placement.affinity, beside.affinity)


def _listed(
    path: str, kept: Sequence[Hashable], written: Iterable[Placed[Hashable]]
) -> Iterator[tuple[str, Value]]:
    """Give the place of each item of a list: the first where it is written."""
    first: dict[Hashable, Value] = {}
    for place, one in written:
        first.setdefault(one, place)
    for index, one in enumerate(kept):
        yield f"{path}[{index}]", first[one]


def nearest(places: Places, path: str) -> tuple[Value | None, str]:
    """Return the place of a field, or of what it is within; and what of its path is below that."""
    above = path
    while above:
        if above in places:
            return places[above], path[len(above) :].lstrip(".")
        above = above[: max(above.rfind("."), above.rfind("["), 0)]
    return None, path

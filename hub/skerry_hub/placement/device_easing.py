"""What a workload would have to give up of its devices so that those of one node suffice. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from skerry_hub.fleet.device_states import WHOLE
from skerry_hub.placement.device_choice import States, choose, fits
from skerry_hub.terms import DeviceRequest

MOST_STEPS = 64
"""Devices that are given up one by one; after so many, all that is left is given up."""


@dataclasses.dataclass(frozen=True, slots=True)
class Eased:
    """Requests that a node meets; `given_up`: which part of each request, added up.

    A request's conditions, and one NUMA node for all, count 1 each.
    """

    requests: tuple[DeviceRequest, ...]
    single_numa: bool
    given_up: float
    changes: tuple[str, ...]


def eased(
    states: States, requests: Sequence[DeviceRequest], *, single_numa: bool
) -> tuple[Eased, ...]:
    """Return the ways to give up something of requests that these devices do not meet.

    The least comes first; of equal ones that which leaves more of what the workload is: its
    devices before what they have to be like.
    """
    others = (_any_of_them(states, requests), _smaller(states, requests))
    found = [
        dataclasses.replace(one, single_numa=single_numa)
        for one in others
        if one is not None and _suffices(states, one.requests, single_numa=single_numa)
    ]
    if single_numa and choose(states, requests) is not None:
        found.append(Eased(tuple(requests), False, 1.0, ("drop numa: single",)))
    found.append(_fewer(states, requests, single_numa=single_numa))
    return tuple(sorted(found, key=lambda one: one.given_up))


def _fewer(states: States, requests: Sequence[DeviceRequest], *, single_numa: bool) -> Eased:
    """Return as many devices of each request as there are."""
    counts = [min(one.count, len(_idle(states, one))) for one in requests]
    for _ in range(MOST_STEPS):
        if _suffices(states, _with(requests, counts), single_numa=single_numa):
            break
        counts = _one_less(states, requests, counts, single_numa=single_numa)
    else:
        counts = [0] * len(counts)
    changes = [
        f"ask for {count or 'no'} {_what(one)}" + (f" instead of {one.count}" if count else "")
        for one, count in zip(requests, counts, strict=True)
        if count < one.count
    ]
    given_up = sum((one.count - n) / one.count for one, n in zip(requests, counts, strict=True))
    return Eased(_with(requests, counts), single_numa, given_up, tuple(changes))


def _one_less(
    states: States, requests: Sequence[DeviceRequest], counts: list[int], *, single_numa: bool
) -> list[int]:
    """Return the counts with one device less: one with which it is enough, if there is one."""
    # What is the smallest part of its request is the least to give up.
    order = sorted(
        (at for at, count in enumerate(counts) if count), key=lambda at: -requests[at].count
    )
    ways = [[count - (at == one) for at, count in enumerate(counts)] for one in order]
    enough = (
        way for way in ways if _suffices(states, _with(requests, way), single_numa=single_numa)
    )
    return next(enough, ways[0])


def _smaller(states: States, requests: Sequence[DeviceRequest]) -> Eased | None:
    """Return the shares that are too large as large as they may be; None where none may be."""
    smaller, changes, given_up = list(requests), [], 0.0
    for at, one in enumerate(requests):
        idle = _idle(states, one)
        if one.share_milli == WHOLE or len(idle) >= one.count:
            continue
        left = sorted(_left(states, one), reverse=True)[: one.count]
        if len(left) < one.count or not left[-1]:
            return None
        smaller[at] = dataclasses.replace(one, share_milli=left[-1])
        given_up += (one.share_milli - left[-1]) / one.share_milli
        changes.append(
            f"ask for {left[-1] / WHOLE:g} of {one.count} {_what(one)}"
            f" instead of {one.share_milli / WHOLE:g}"
        )
    return Eased(tuple(smaller), False, given_up, tuple(changes)) if changes else None


def _any_of_them(states: States, requests: Sequence[DeviceRequest]) -> Eased | None:
    """Return the requests that are not met without their conditions; None where none has any."""
    plain, changes = list(requests), []
    for at, one in enumerate(requests):
        if one.expressions and len(_idle(states, one)) < one.count:
            plain[at] = dataclasses.replace(one, expressions=())
            changes.append(f"drop {', '.join(one.expressions)} of {one.count} {_what(one)}")
    if not changes:
        return None
    return Eased(tuple(plain), False, float(len(changes)), tuple(changes))


def _suffices(states: States, requests: Sequence[DeviceRequest], *, single_numa: bool) -> bool:
    return not requests or choose(states, requests, single_numa=single_numa) is not None


def _with(requests: Sequence[DeviceRequest], counts: Sequence[int]) -> tuple[DeviceRequest, ...]:
    return tuple(
        dataclasses.replace(one, count=count)
        for one, count in zip(requests, counts, strict=True)
        if count
    )


def _left(states: States, request: DeviceRequest) -> Iterator[int]:
    """Give what is left of each device that would do, were enough of it left."""
    devices, free = states[request.kind]
    return (left for one, left in zip(devices, free, strict=True) if fits(request, one))


def _idle(states: States, request: DeviceRequest) -> list[int]:
    return [left for left in _left(states, request) if left >= request.share_milli]


def _what(request: DeviceRequest) -> str:
    return f"{request.vendor} {request.kind}" if request.vendor else request.kind

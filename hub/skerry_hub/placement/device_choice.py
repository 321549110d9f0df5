"""Which devices an instance gets: whole ones or a share of each, each by its name. Pure.

Every unit that is asked for is a device of its own: a matching of units and devices, found exactly
(by augmenting paths), so that a request for any device never takes what another one needs. What is
physically one device has one place, and may be told as several kinds: an adapter on USB is its
serial port. It answers one request, as one kind.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from skerry_hub.devices import Device
from skerry_hub.fleet.device_states import WHOLE, State, device_id, place_of
from skerry_hub.model import Hold
from skerry_hub.placement.device_expression import device_expression
from skerry_hub.placement.reading import ExpressionError
from skerry_hub.terms import DeviceRequest
from skerry_wire.workload import BusDevice, DeviceMapping

MAX_NODES = 128
"""Most device nodes of one instance; an assignment can hold no more."""
MAX_CDI = 64
"""Most CDI names of one instance, likewise."""
MOST_TRIES = 256
"""How often it is tried what a port is given as that has several devices of one kind."""

Chosen = tuple[tuple[Device, int], ...]
"""Devices, each with how many thousandths of it."""

NO_COSTS: Mapping[str, Sequence[int]] = {}
States = Mapping[str, State]
"""By kind: the devices of a node, and what of them is free."""


@functools.lru_cache(maxsize=65536)
def fits(request: DeviceRequest, device: Device) -> bool:
    """Say whether a device is one of those that a request asks for, free or not."""
    if device.kind != request.kind:
        return False
    if device.usable is False and not (device.only_reserved and request.only_reserved):
        return False
    if request.vendor is not None:
        vendor = (device.vendor or "").casefold()
        if vendor != request.vendor.casefold():
            return False
    return all(_holds(text, device) for text in request.expressions)


def _holds(text: str, device: Device) -> bool:
    try:
        return device_expression(text).holds(device)
    except ExpressionError:
        return False  # of another version of the hub: nothing is given on a guess


def choose(
    states: States,
    requests: Sequence[DeviceRequest],
    *,
    single_numa: bool = False,
    prefer: Collection[str] = (),
    costs: Mapping[str, Sequence[int]] = NO_COSTS,
) -> Chosen | None:
    """Return devices for all requests, None where they do not suffice.

    With `single_numa` all of them are on one NUMA node, but those that are on none; without it they
    are where that is possible.
    Devices whose ids are in `prefer` come first: an instance keeps what it has. A share comes from
    the device with the least that suffices, so that whole ones stay whole, or with the least of
    `costs` where some are given.
    """
    offers = [
        _Offer(request, states.get(request.kind), prefer, costs.get(request.kind, ()))
        for request in requests
    ]
    if prefer:
        kept = _choose([offer.among(prefer) for offer in offers], prefer, single_numa=single_numa)
        if kept is not None:
            return kept
    return _choose(offers, prefer, single_numa=single_numa)


def _choose(
    offers: Sequence[_Offer], prefer: Collection[str], *, single_numa: bool
) -> Chosen | None:
    nodes = _numa_nodes(offers, prefer)
    if len(nodes) <= 1 or _is_one_share(offers):
        return _match(offers, None)
    for node in nodes:
        chosen = _match(offers, node)
        if chosen is not None:
            return chosen
    return None if single_numa else _match(offers, None)


def _is_one_share(offers: Sequence[_Offer]) -> bool:
    """Say whether all that is wanted is a share of one device: it is on one NUMA node anyway."""
    requests = [offer.request for offer in offers]
    return len(requests) == 1 and requests[0].count == 1 and requests[0].share_milli < WHOLE


class _Offer:
    """A request, and the devices that it could have, the best first."""

    def __init__(
        self,
        request: DeviceRequest,
        state: State | None,
        prefer: Collection[str],
        costs: Sequence[int],
    ) -> None:
        self.request = request
        devices, free = state or ((), ())
        share = request.share_milli
        found = [
            (device_id(device) not in prefer, left, index, device)
            for index, (device, left) in enumerate(zip(devices, free, strict=True))
            if left >= share and fits(request, device)
        ]
        if share == WHOLE:
            found.sort(key=lambda one: (one[0], one[2]))
        elif costs:
            found.sort(key=lambda one: (one[0], costs[one[2]], one[2]))
        else:
            found.sort(key=lambda one: one[:3])
        self.devices = [one[3] for one in found]

    def among(self, ids: Collection[str]) -> _Offer:
        """Return the same request, offered only these of its devices."""
        found = _Offer(self.request, None, (), ())
        found.devices = [one for one in self.devices if device_id(one) in ids]
        return found


def _numa_nodes(offers: Iterable[_Offer], prefer: Collection[str]) -> list[int]:
    """Return the NUMA nodes of all that is offered.

    Those with the most of `prefer` first, and of equal ones those with the fewest devices.
    """
    counts: dict[int, int] = {}
    preferred: dict[int, int] = {}
    for name, device in {device_id(one): one for offer in offers for one in offer.devices}.items():
        if device.numa_node is not None:
            counts[device.numa_node] = counts.get(device.numa_node, 0) + 1
            of_those = preferred.get(device.numa_node, 0)
            preferred[device.numa_node] = of_those + (name in prefer)
    return sorted(counts, key=lambda node: (-preferred[node], counts[node], node))


def _match(offers: Sequence[_Offer], numa_node: int | None) -> Chosen | None:
    """Give every unit a device of its own, on one NUMA node where one is named."""
    given = [
        [one for one in offer.devices if numa_node is None or one.numa_node in (None, numa_node)]
        for offer in offers
    ]
    return _apart(offers, given, iter(range(MOST_TRIES)))


def _apart(
    offers: Sequence[_Offer], given: Sequence[Sequence[Device]], tries: Iterator[int]
) -> Chosen | None:
    """Match units and devices so that nothing physical is given as two kinds of device."""
    chosen = _matched(offers, given)
    if chosen is None:
        return None
    kinds = _kinds_by_place(device for device, _ in chosen)
    twice = next((place for place, there in kinds.items() if len(there) > 1), None)
    if twice is None:
        return chosen
    # What is here is of one of these kinds: each is tried.
    for kind in kinds[twice]:
        if next(tries, None) is None:
            break
        left = [[one for one in some if one.kind == kind or _at(one) != twice] for some in given]
        found = _apart(offers, left, tries)
        if found is not None:
            return found
    return None


def _at(device: Device) -> str | None:
    return place_of(device.address) if device.address else None


def _kinds_by_place(devices: Iterable[Device]) -> dict[str, dict[str, int]]:
    """Return how many devices of each kind there are at each place."""
    found: dict[str, dict[str, int]] = {}
    for one in devices:
        place = _at(one)
        if place is not None:
            kinds = found.setdefault(place, {})
            kinds[one.kind] = kinds.get(one.kind, 0) + 1
    return found


def _matched(offers: Sequence[_Offer], given: Sequence[Sequence[Device]]) -> Chosen | None:
    """Give every unit one of the devices that its request is given.

    A place that has one device of each of several kinds is one thing, under whatever name.
    """
    if any(len(some) < one.request.count for one, some in zip(offers, given, strict=True)):
        return None
    every = {device_id(one): one for some in given for one in some}
    kinds = _kinds_by_place(every.values()) if len({one.kind for one in every.values()}) > 1 else {}
    single = {
        place for place, there in kinds.items() if len(there) > 1 and max(there.values()) == 1
    }
    ids: list[list[str]] = []
    known: dict[tuple[int, str], Device] = {}
    for index, some in enumerate(given):
        names = [f"@{at}" if (at := _at(one)) in single else device_id(one) for one in some]
        known.update(((index, name), one) for name, one in zip(names, some, strict=True))
        ids.append(names)
    holder: dict[str, int] = {}
    # Those with the least choice first: then few have to give way.
    for index in sorted(range(len(offers)), key=lambda one: (len(ids[one]), one)):
        for _ in range(offers[index].request.count):
            if not _give(index, ids, holder, set()):
                return None
    found = [(known[index, name], index, _place(ids, name)) for name, index in holder.items()]
    found.sort(key=lambda one: (one[0].kind, one[2], device_id(one[0])))
    return tuple((device, offers[index].request.share_milli) for device, index, _ in found)


def _place(ids: Sequence[Sequence[str]], name: str) -> int:
    return min(names.index(name) for names in ids if name in names)


def _give(
    index: int, ids: Sequence[Sequence[str]], holder: dict[str, int], tried: set[str]
) -> bool:
    """Give one unit of a request a device; its holder looks for another one."""
    for name in ids[index]:
        if name not in holder:
            holder[name] = index
            return True
    for name in ids[index]:
        if name in tried or holder[name] == index:
            continue
        tried.add(name)
        if _give(holder[name], ids, holder, tried):
            holder[name] = index
            return True
    return False


def holds(chosen: Chosen) -> tuple[Hold, ...]:
    """Return devices as an assignment has them."""
    return tuple(Hold(device=device_id(device), milli=share) for device, share in chosen)


def bus_devices(chosen: Chosen) -> tuple[BusDevice, ...]:
    """Return the devices whose nodes their box looks up, each once."""
    found = (one.on_bus for one, _ in chosen if one.cdi is None)
    return tuple(dict.fromkeys(one for one in found if one is not None))


def cdi_names(chosen: Chosen) -> tuple[str, ...]:
    """Return the names of the devices whose nodes, and what else they need, CDI knows."""
    return tuple(dict.fromkeys(one.cdi for one, _ in chosen if one.cdi is not None))[:MAX_CDI]


def mappings(chosen: Chosen) -> tuple[DeviceMapping, ...]:
    """Return the device nodes of all others, each once, at the same place in the container."""
    return tuple(
        DeviceMapping(host=path, container=path) for path in dict.fromkeys(_paths(chosen))
    )[:MAX_NODES]


def _paths(chosen: Chosen) -> Iterator[str]:
    for device, _ in chosen:
        if device.on_bus is not None or device.cdi is not None:
            continue
        yield from (path for path in device.paths if path.startswith("/"))

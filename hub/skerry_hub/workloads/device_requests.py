"""Requests for devices of any kind: compose's own, and those of `x-placement`. Pure."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from skerry_hub.devices import KINDS
from skerry_hub.placement.contradiction import contradictions, reason
from skerry_hub.placement.device_expression import device_field, of_vendor
from skerry_hub.placement.effort import Effort
from skerry_hub.placement.expression import Expression, quoted
from skerry_hub.placement.reading import expression
from skerry_hub.terms import DeviceRequest
from skerry_hub.workloads.expressions import expressions
from skerry_hub.workloads.keys import RESERVED_DEVICE
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import (
    Reader,
    Section,
    Value,
    boolean,
    choice,
    items,
    listed,
    parsed,
    text,
    whole,
    word,
)
from skerry_hub.workloads.units import share_milli
from skerry_hub.workloads.x_placement_keys import DEVICES

MAX_COUNT = 128
_KINDS: Mapping[str, str] = {kind: kind for kind in KINDS}
_ALL = (
    "all is not supported: nodes differ in how many they have, so what an instance gets, and what"
    " is left for others, would be an accident; write a number"
)
_NUMBER = "numbers of devices change when a box restarts; write the address or name that"
_MOST_VENDOR = 128
_VENDOR = 2
"""Where the test of the vendor is among those of a request, if there is one."""


def x_devices(within: Effort) -> Reader[tuple[DeviceRequest, ...]]:
    """Read the devices of `x-placement`; `within`: what looking for contradictions may spend."""
    return listed(lambda value: _wanted(value, within))


def reserved_devices(value: Value) -> tuple[DeviceRequest, ...]:
    """Read the devices of a reservation."""
    return listed(_request(None))(value)


def gpus(value: Value) -> tuple[DeviceRequest, ...]:
    """Read a service's `gpus`: a number, or a list of requests of which each is for a GPU."""
    if not value.is_scalar:
        return listed(_request("gpu"))(value)
    return (DeviceRequest(kind="gpu", count=_count(value)),)


def merged(requests: Iterable[DeviceRequest]) -> tuple[DeviceRequest, ...]:
    """Return one request for all that differ in their count alone: no device answers two."""
    counts: Counter[DeviceRequest] = Counter()
    for one in requests:
        counts[dataclasses.replace(one, count=1)] += one.count
    return tuple(dataclasses.replace(one, count=count) for one, count in counts.items())


def impossible(
    kind: str, vendor: str | None, tests: Sequence[Expression], within: Effort
) -> Iterator[tuple[int, str]]:
    """Give each test, by its index, that no usable device of a kind passes beside the others."""
    sure = [expression(one, device_field) for one in (f"kind == {kind}", "usable != false")]
    if vendor:
        sure.append(of_vendor(vendor))
    every = [*sure, *tests]

    def named(index: int) -> str:
        return f"vendor: {vendor}" if index == _VENDOR and vendor else str(every[index])

    for found in contradictions(every, within):
        yield found.index - len(sure), reason(every, found, what="device", named=named)


def _wanted(value: Value, within: Effort) -> DeviceRequest:
    section = Section(value, DEVICES)
    kind = section.need("kind", choice(_KINDS), "")
    vendor = section.get("vendor", parsed(_vendor), None)
    tests = section.get("constraints", lambda one: expressions(one, device_field), ())
    for index, why in impossible(kind, vendor, [test for _, test in tests], within) if kind else ():
        tests[index][0].refuse(f"contradicts: {why}")
    return DeviceRequest(
        kind=kind,
        count=section.get("count", _count, 1),
        vendor=vendor,
        share_milli=section.get("share", parsed(share_milli), 1000),
        expressions=tuple(dict.fromkeys(str(test) for _, test in tests)),
        only_reserved=section.get("reserveOnly", boolean, False),
    )


def _request(implied: str | None) -> Reader[DeviceRequest]:
    def read(value: Value) -> DeviceRequest:
        section = Section(value, RESERVED_DEVICE)
        kind = implied or "gpu"
        if implied is None or "capabilities" in section:
            kind = section.need("capabilities", _kind, kind)
        if implied is not None and kind != implied:
            section.refuse("capabilities", f"must be [{implied}] here")
        ids = section.get("device_ids", _device_ids, ())
        is_named = "device_ids" in section
        if is_named and "count" in section:
            section.refuse("count", "is not for device_ids, which are so many as they are")
        return DeviceRequest(
            kind=kind,
            count=max(len(ids), 1) if is_named else section.need("count", _count, 1),
            vendor=section.get("driver", parsed(_vendor), None),
            expressions=(_one_of(ids),) if ids else (),
        )

    return read


def _device_ids(value: Value) -> tuple[str, ...]:
    """Read names or addresses, each once."""
    if not 1 <= sum(1 for _ in items(value)) <= MAX_COUNT:
        raise RefusedError(f"must be 1 to {MAX_COUNT} addresses or names of devices")
    found = listed(_device_id)(value)
    twice = next((one for one, times in Counter(found).items() if times > 1), None)
    if twice is not None:
        raise RefusedError(f"has {short(twice)} twice")
    return found


def _device_id(value: Value) -> str:
    found = word(value)
    if found.isdecimal() or found == "all":
        raise RefusedError(f"{short(found)}: {_NUMBER} `skerry get devices` shows")
    return found


def _one_of(ids: Sequence[str]) -> str:
    listing = f"[{', '.join(map(quoted, ids))}]"
    return str(expression(f"any(address in {listing}, name in {listing})", device_field))


def _kind(value: Value) -> str:
    words = listed(text)(value)
    kinds = [word for word in words if word in _KINDS]
    others = [word for word in words if word not in _KINDS]
    if len(kinds) != 1 or len(words) != 1 + len(others):
        raise RefusedError(f"must have one of {', '.join(_KINDS)}")
    if others:
        raise RefusedError(f"{short(others[0])} is not supported beside {kinds[0]}: remove it")
    return kinds[0]


def _vendor(written: str) -> str:
    if not 1 <= len(written) <= _MOST_VENDOR:
        raise RefusedError(f"must have 1 to {_MOST_VENDOR} characters" if written else "is empty")
    return written


def _count(value: Value) -> int:
    if text(value) == "all":
        raise RefusedError(_ALL)
    return whole(1, MAX_COUNT)(value)

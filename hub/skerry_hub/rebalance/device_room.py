"""Devices as dimensions: how many, and how much of them, instances that move can have. Pure.

A **class** is what requests ask of a device: its kind, and perhaps a vendor and attributes. Each
class has a dimension of whole devices and, where shares are asked for, one of thousandths. The
class of any device of a kind counts every request of the kind, another one only its own.

That says less than placement asks, never more: which device an instance gets, and whether all are
on one NUMA node, is not looked at. So a bound holds, and the engine judges each move.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np

from skerry_hub.balance.problem import Ints
from skerry_hub.devices import Device
from skerry_hub.fleet.arrays import Mask, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.device_states import WHOLE, device_id
from skerry_hub.model import Workload
from skerry_hub.placement.device_choice import choose, fits
from skerry_hub.terms import DeviceRequest


@dataclasses.dataclass(frozen=True, slots=True)
class _Dimension:
    """A class of devices, as a request for one of them, and whether thousandths are counted."""

    one: DeviceRequest
    in_milli: bool

    def takes(self, request: DeviceRequest) -> int:
        """Return how much a request takes."""
        of_any = self.one.kind == request.kind and not _is_narrow(self.one)
        if not of_any and _class_of(request) != self.one:
            return 0
        if self.in_milli:
            return request.count * request.share_milli
        return request.count if request.share_milli == WHOLE else 0

    def has(self, device: Device, held_milli: int) -> int:
        """Return how much of it a device is of which so much is held by what stays."""
        if not fits(self.one, device):
            return 0
        return max(0, WHOLE - held_milli) if self.in_milli else int(held_milli == 0)


class DeviceRoom:
    """The dimensions that the requests of some workloads have."""

    def __init__(self, workloads: Iterable[Workload]) -> None:
        requests = {one for load in workloads for one in load.resources.devices}
        self._dimensions = tuple(_dimensions(requests))
        self._kinds = sorted({one.kind for one in requests})

    def __len__(self) -> int:
        return len(self._dimensions)

    def demand(self, requests: Sequence[DeviceRequest]) -> list[int]:
        """Return how much of each dimension the requests of one instance take."""
        return [sum(map(one.takes, requests)) for one in self._dimensions]

    def capacity(self, columns: Columns, rows: Rows, moving: Collection[str]) -> Ints:
        """Return how much of each nodes have, [B, D], without what the `moving` instances hold."""
        found = np.zeros((len(rows), len(self._dimensions)), np.int64)
        for kind in self._kinds:
            at = [number for number, one in enumerate(self._dimensions) if one.one.kind == kind]
            some = [self._dimensions[number] for number in at]
            states = columns.states(kind)
            numbers = states.numbers.take(rows)
            with_any = np.array([bool(devices) for devices, _ in states.records], np.bool_)
            for bin_ in np.flatnonzero(with_any.take(numbers)).tolist():
                devices = states.records[numbers[bin_]][0]
                held = _held(columns, columns.facts(int(rows[bin_])).id, moving)
                for number, one in zip(at, some, strict=True):
                    found[bin_, number] = sum(
                        one.has(device, held.get(device_id(device), 0)) for device in devices
                    )
        return found


def could_hold(workload: Workload, columns: Columns, rows: Rows) -> Mask:
    """Say which nodes have the devices that a workload asks for, were nothing of them taken."""
    requests = workload.resources.devices
    if not requests:
        return np.ones(len(rows), np.bool_)
    kinds = sorted({one.kind for one in requests})
    states = [columns.states(kind) for kind in kinds]
    numbers = np.stack([one.numbers.take(rows) for one in states])
    single = workload.placement.numa == "single"
    pairs, which = np.unique(numbers, axis=1, return_inverse=True)
    truth = []
    for pair in pairs.T.tolist():
        records = [one.records[number] for one, number in zip(states, pair, strict=True)]
        whole = {
            kind: (devices, (WHOLE,) * len(devices))
            for kind, (devices, _) in zip(kinds, records, strict=True)
        }
        truth.append(choose(whole, requests, single_numa=single) is not None)
    return np.array(truth, np.bool_).take(which.reshape(-1))


def _dimensions(requests: Collection[DeviceRequest]) -> Iterator[_Dimension]:
    """Give those of all classes, in the same order whatever the order of the requests."""
    of_any = {DeviceRequest(kind=one.kind) for one in requests}
    for one in sorted(of_any | {_class_of(one) for one in requests}, key=_order):
        counted = [other for other in requests if _Dimension(one, in_milli=True).takes(other)]
        if any(other.share_milli == WHOLE for other in counted):
            yield _Dimension(one, in_milli=False)
        if any(other.share_milli < WHOLE for other in counted):
            yield _Dimension(one, in_milli=True)


def _class_of(request: DeviceRequest) -> DeviceRequest:
    """Return a request for one of the same devices."""
    vendor = request.vendor.casefold() if request.vendor is not None else None
    return DeviceRequest(kind=request.kind, vendor=vendor, expressions=request.expressions)


def _order(one: DeviceRequest) -> tuple[str, str, tuple[str, ...]]:
    return one.kind, one.vendor or "", tuple(one.expressions)


def _is_narrow(one: DeviceRequest) -> bool:
    return one.vendor is not None or bool(one.expressions)


def _held(columns: Columns, node: str, moving: Collection[str]) -> Mapping[str, int]:
    """Return how many thousandths of which device what stays on a node holds."""
    found: dict[str, int] = {}
    for one in columns.assigned(node):
        if one.held and one.id not in moving:
            for hold in one.held:
                found[hold.device] = found.get(hold.device, 0) + hold.milli
    return found

"""Devices that a workload asks for, as a constraint over nodes. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np

from skerry_hub.devices import ACCELERATORS, READS, Device
from skerry_hub.fleet.arrays import Mask, Rows, Shares
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.device_states import WHOLE, State
from skerry_hub.model import Workload
from skerry_hub.placement.device_choice import States, choose, fits
from skerry_hub.placement.device_easing import Eased, eased
from skerry_hub.placement.refusal import IN_THE_WAY, Refusal
from skerry_hub.terms import DeviceRequest

MOST_REASONS = 4
"""Most reasons why devices are not usable that are told of one node."""

Key = tuple[int, ...]
"""The numbers of the states of devices of each kind."""


class DeviceNeeds:
    """So many usable devices, whole or shares, with the attributes that are asked for.

    What a state of devices says is remembered, so that a request is worked out once for each state
    of the fleet.
    """

    is_used_up: ClassVar[bool] = True
    binds: ClassVar[bool] = True
    gives_way: ClassVar[bool] = True
    name: ClassVar[str] = "devices"

    def __init__(self, requests: Sequence[DeviceRequest], *, single_numa: bool) -> None:
        self.requests = tuple(requests)
        self.single_numa = single_numa
        self.kinds = tuple(dict.fromkeys(request.kind for request in requests))
        self._answers: dict[Key, bool] = {}
        self._lacks: dict[Key, float] = {}
        self._eased: dict[Key, tuple[Eased, ...]] = {}
        self._epochs: tuple[int, ...] = ()

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        keys, which = self._states_of(columns, rows)
        truth = np.fromiter((self._passes(columns, key) for key in keys), np.bool_, len(keys))
        return truth if which is None else truth.take(which)

    def lack(self, columns: Columns, rows: Rows) -> Shares:
        """Return what part of the devices that are wanted is missing, 0 (none) to 1."""
        keys, which = self._states_of(columns, rows)
        lacks = np.fromiter((self._lack(columns, key) for key in keys), np.float64, len(keys))
        return lacks if which is None else lacks.take(which)

    def _states_of(self, columns: Columns, rows: Rows) -> tuple[list[Key], Rows | None]:
        """Return the states of devices on some rows, and which of them each row has.

        None: the one row has the one.
        """
        states = [columns.states(kind) for kind in self.kinds]
        epochs = tuple(one.epoch for one in states)
        if epochs != self._epochs:
            self._answers, self._lacks, self._eased, self._epochs = {}, {}, {}, epochs
        numbers = [one.numbers.take(rows) for one in states]
        if len(rows) == 1:
            return [tuple(int(one[0]) for one in numbers)], None
        if len(numbers) == 1:
            found, which = np.unique(numbers[0], return_inverse=True)
            return [(number,) for number in found.tolist()], which.reshape(-1)
        pairs, which = np.unique(np.stack(numbers), axis=1, return_inverse=True)
        return [tuple(pair) for pair in pairs.T.tolist()], which.reshape(-1)

    def _records(self, columns: Columns, key: Key) -> dict[str, State]:
        return {
            kind: columns.states(kind).records[number]
            for kind, number in zip(self.kinds, key, strict=True)
        }

    def _passes(self, columns: Columns, key: Key) -> bool:
        answer = self._answers.get(key)
        if answer is None:
            states = self._records(columns, key)
            found = choose(states, self.requests, single_numa=self.single_numa)
            answer = self._answers[key] = found is not None
        return answer

    def _lack(self, columns: Columns, key: Key) -> float:
        if self._passes(columns, key):
            return 0.0
        lack = self._lacks.get(key)
        if lack is None:
            states = self._records(columns, key)
            short = [_share(states, one) for one in self.requests]
            if not any(short):
                short = [one.share for one in self._together(states, would=False)]
            lack = self._lacks[key] = max(short)
        return lack

    def given_up(self, columns: Columns, rows: Rows) -> Shares:
        """Return what has to be given up where rows do not pass, 0 where they do: see `eased`."""
        keys, which = self._states_of(columns, rows)
        parts = (self._eased_for(columns, key) for key in keys)
        found = np.fromiter((one[0].given_up if one else 0.0 for one in parts), np.float64)
        return found if which is None else found.take(which)

    def eased(self, columns: Columns, row: int) -> tuple[Eased, ...]:
        """Return the ways to give up something for one row, the least first; none: it passes."""
        (key,), _ = self._states_of(columns, np.array([row], dtype=np.intp))
        return self._eased_for(columns, key)

    def _eased_for(self, columns: Columns, key: Key) -> tuple[Eased, ...]:
        if self._passes(columns, key):
            return ()
        found = self._eased.get(key)
        if found is None:
            states = self._records(columns, key)
            found = eased(states, self.requests, single_numa=self.single_numa)
            self._eased[key] = found
        return found

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give how many there are, are taken, and cannot be used."""
        states = {kind: columns.state(kind, row) for kind in self.kinds}
        if choose(states, self.requests, single_numa=self.single_numa) is not None:
            return
        facts = columns.facts(row)
        would = self._would_do(states)
        told = False
        for request in self.requests:
            there = [one for one in states[request.kind][0] if _is_meant(one, request)]
            usable = [one for one in there if fits(request, one)]
            idle = _idle(states, request)
            if idle >= request.count:
                continue
            told = True
            failed = _failed(facts.failed_probes, request.kind)
            if failed is not None and not there:
                what = "accelerators" if request.kind in ACCELERATORS else f"{request.kind} devices"
                yield Refusal(f"{what} are unknown: {failed}", is_unknown=True)
                continue
            yield Refusal(
                too_few(request, idle, len(usable), there),
                float(request.count - idle),
                share=_share(states, request),
                is_unknown=not facts.is_known,
                is_shortage=would,
            )
        if not told:
            yield from self._together(states, would=would)

    def _would_do(self, states: States) -> bool:
        """Say whether the devices would suffice, were nothing of them taken."""
        whole = {kind: (devices, (WHOLE,) * len(devices)) for kind, (devices, _) in states.items()}
        return choose(whole, self.requests, single_numa=self.single_numa) is not None

    def _together(self, states: States, *, would: bool) -> Iterator[Refusal]:
        """Give why the requests are not met together, each of which would be alone.

        Free devices on several NUMA nodes are nearer than one that is taken, which is half of one.
        """
        wanted = " and ".join(map(str, self.requests))
        if choose(states, self.requests) is not None:
            text = f"{wanted}: there, but not on one NUMA node"
            yield Refusal(text, share=IN_THE_WAY / 2, is_shortage=would)
            return
        told = False
        for kind in self.kinds:
            short = _too_few_of(states[kind], [one for one in self.requests if one.kind == kind])
            if short is not None:
                told = True
                yield dataclasses.replace(short, is_shortage=would)
        if not told:
            text = f"no devices left for both {wanted}"
            yield Refusal(text, share=IN_THE_WAY, is_shortage=would)


def _idle(states: States, request: DeviceRequest) -> int:
    """Return how many devices would do for a request and have enough left."""
    devices, free = states[request.kind]
    return sum(
        left >= request.share_milli and fits(request, one)
        for one, left in zip(devices, free, strict=True)
    )


def _share(states: States, request: DeviceRequest) -> float:
    """Return what part of a request is missing, 0 to 1.

    A device that is there and taken, or not quite what is asked for, is half of one.
    """
    idle = _idle(states, request)
    missing = max(0, request.count - idle)
    others = sum(_is_meant(one, request) for one in states[request.kind][0]) - idle
    return (missing - min(missing, others) / 2) / request.count


def _too_few_of(state: State, requests: Sequence[DeviceRequest]) -> Refusal | None:
    """Return why requests of one kind want more than all that any of them could have."""
    count = sum(request.count for request in requests)
    devices, free = state
    usable = [one for one in devices if any(fits(request, one) for request in requests)]
    idle = sum(
        any(left >= request.share_milli and fits(request, one) for request in requests)
        for one, left in zip(devices, free, strict=True)
    )
    if idle >= count:
        return None
    vendors = {request.vendor for request in requests}
    vendor = vendors.pop() if len(vendors) == 1 else None
    all_of_them = DeviceRequest(kind=requests[0].kind, count=count, vendor=vendor)
    there = [one for one in devices if _is_meant(one, all_of_them)]
    text = too_few(all_of_them, idle, len(usable), there)
    return Refusal(text, float(count - idle), share=(count - idle) / count)


def _is_meant(device: Device, request: DeviceRequest) -> bool:
    """Say whether a device is of the kind and vendor, usable or not, whatever else is asked."""
    if device.kind != request.kind:
        return False
    vendor = request.vendor
    return vendor is None or (device.vendor or "").casefold() == vendor.casefold()


def _failed(probes: object, kind: str) -> str | None:
    """Return why a node cannot tell its devices of a kind, None where it can."""
    if not isinstance(probes, dict):
        return None
    return next((probes[name] for name in READS.get(kind, ()) if name in probes), None)


def too_few(request: DeviceRequest, free: int, usable: int, there: Sequence[Device]) -> str:
    """Return `no usable gpu free: 1 there, 1 taken`, and why others are not usable."""
    count, vendor = request.count, f"{request.vendor} " if request.vendor else ""
    what = f"{vendor}{request.kind}"
    share = f" ({request.share_milli / WHOLE:g} of each)" if request.share_milli < WHOLE else ""
    first = f"no usable {what} free" if free == 0 else f"{free} usable {what} free < {count}"
    parts = [f"{len(there)} there" if there else "none there"]
    if usable > free:
        parts.append(f"{usable - free} taken")
    broken = [one for one in there if one.usable is False]
    if broken:
        # Of those that are asked for by name, not of whatever else the node has of the kind.
        meant = [one for one in broken if fits(request, dataclasses.replace(one, usable=None))]
        reasons = list(dict.fromkeys(one.reason for one in meant or broken if one.reason))
        if len(reasons) > MOST_REASONS:
            reasons[MOST_REASONS:] = [f"and {len(reasons) - MOST_REASONS} more"]
        why = f" ({'; '.join(reasons)})" if reasons else ""
        parts.append(f"{len(broken)} not usable{why}")
    other = len(there) - len(broken) - usable
    if other > 0 and request.expressions:
        parts.append(f"{other} other than {', '.join(request.expressions)}")
    if free == 0 and count > 1:
        parts.append(f"{count} wanted")
    return f"{first}{share}: {', '.join(parts)}"


def device_needs_of(workload: Workload) -> list[DeviceNeeds]:
    """Return what a workload requires of a node's devices."""
    requests = workload.resources.devices
    if not requests:
        return []
    return [DeviceNeeds(requests, single_numa=workload.placement.numa == "single")]

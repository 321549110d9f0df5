"""Which devices of a kind each node has, and how much of each is free: a state, interned. Pure.

Nodes with the same devices of which as much is free are in the same state; so whether a request
can be met is worked out once for each state, and looked up for each node.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from skerry_hub.devices import READS, Device, devices_of
from skerry_hub.fleet.arrays import Rows
from skerry_hub.fleet.facts import Facts
from skerry_hub.fleet.interned import Interned
from skerry_hub.model import Assignment

WHOLE = 1000
"""A whole device, in thousandths."""

State = tuple[tuple[Device, ...], tuple[int, ...]]
"""The devices by their order on the node, and what of each no instance holds."""

NOTHING: State = ((), ())
_INTERFACE = re.compile(r":\d+\.\d+$")


class DeviceStates:
    """The states of one kind of device, over all rows.

    `sections` are the columns of the hardware that say which devices there are.
    """

    def __init__(self, kind: str, size: int, sections: Mapping[str, Interned]) -> None:
        self._kinds = frozenset({kind})
        self._sections = tuple(sections[name] for name in READS[kind])
        self._epochs = tuple(one.epoch for one in self._sections)
        self._devices: dict[tuple[int, ...], tuple[Device, ...]] = {}
        self.states = Interned(size, NOTHING)

    def put(self, row: int, facts: Facts, held: Sequence[Assignment]) -> bool:
        """Take over what a node has and what is held of it; say whether that changed."""
        devices = self._devices_on(row, facts)
        if not devices:
            return self.states.put(row, NOTHING)
        return self.states.put(row, state_of(devices, facts, held))

    def put_all(self, rows: Rows, facts: Sequence[Facts | None]) -> None:
        """Take over what nodes have of which nothing is held; `facts` are by row."""
        if not len(rows):
            return
        numbers = np.stack([section.numbers[rows] for section in self._sections])
        _, first, which = np.unique(numbers, axis=1, return_index=True, return_inverse=True)
        found = []
        for at in rows[first].tolist():
            one = facts[at]
            if one is None:
                raise LookupError(f"row {at} has no node")
            self.states.put(at, state_of(self._devices_on(at, one), one, ()))
            found.append(self.states.numbers[at])
        self.states.numbers[rows] = np.array(found, dtype=np.int32)[which.reshape(-1)]

    def _devices_on(self, row: int, facts: Facts) -> tuple[Device, ...]:
        """Return a node's devices of the kind; nodes whose hardware is equal there share them."""
        if facts.hardware is None:
            return ()
        epochs = tuple(one.epoch for one in self._sections)
        if epochs != self._epochs:
            self._epochs = epochs
            self._devices.clear()
        key = tuple(int(section.numbers[row]) for section in self._sections)
        devices = self._devices.get(key)
        if devices is None:
            # Whatever a node says, one device is never two: the first counts.
            found: dict[str, Device] = {}
            for one in devices_of(facts.hardware, self._kinds):
                found.setdefault(device_id(one), one)
            devices = self._devices[key] = tuple(found.values())
        return devices


def state_of(devices: tuple[Device, ...], facts: Facts, held: Iterable[Assignment]) -> State:
    """Return devices of one kind with what the instances on their node leave of each.

    A device that cannot be used has nothing left, nor has a part of a physical one that is held
    as another kind of device.
    """
    taken: dict[str, int] = {}
    for one in held:
        for hold in one.held:
            taken[hold.device] = taken.get(hold.device, 0) + hold.milli
    elsewhere = _places(taken, devices, facts) if taken else frozenset()
    free = tuple(
        0
        if not has_free(one) or (one.address and place_of(one.address) in elsewhere)
        else max(0, WHOLE - taken.get(device_id(one), 0))
        for one in devices
    )
    return devices, free


def has_free(device: Device) -> bool:
    """Say whether anything of a device can be held: it is usable, or can at least be reserved."""
    return device.usable is not False or device.only_reserved


def device_id(device: Device) -> str:
    """Return what tells a device from all others of its node: `gpu/0000:01:00.0`.

    Of ports and cameras on a bus that is their place, for their names change with each plug.
    """
    if device.on_bus is not None and device.on_bus.subsystem is not None:
        return f"{device.kind}/{device.on_bus.address}#{device.on_bus.number}"
    return f"{device.kind}/{device.name}"


def place_of(address: str) -> str:
    """Return where a physical device is: its port without the interface of it."""
    return _INTERFACE.sub("", address) if "-" in address else address


def _places(taken: Mapping[str, int], devices: Iterable[Device], facts: Facts) -> frozenset[str]:
    """Return the places of the devices of other kinds that are held."""
    own = {one.kind for one in devices}
    others = frozenset(kind for one in taken if (kind := one.partition("/")[0]) not in own)
    if not others or facts.hardware is None:
        return frozenset()
    found = devices_of(facts.hardware, others)
    return frozenset(
        place_of(one.address) for one in found if one.address and device_id(one) in taken
    )

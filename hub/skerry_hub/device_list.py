"""The devices of the whole fleet, as people are shown them. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping

from skerry_hub.devices import Device, devices_of
from skerry_hub.fleet.device_states import device_id, place_of
from skerry_hub.model import Assignment, Node
from skerry_hub.showing import instance_order
from skerry_hub.state import Known
from skerry_hub.views import DeviceView
from skerry_wire.hardware import Hardware


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which devices are asked for. `kinds` None: those that operators see every day.

    `vendor` is a part of the vendor's name, in any case. `usable` None: whether or not.
    """

    kinds: frozenset[str] | None = None
    vendor: str | None = None
    usable: bool | None = None

    def fits(self, device: Device) -> bool:
        """Say whether a device of the right kind is asked for."""
        if self.usable is not None and device.usable is not self.usable:
            return False
        if self.vendor is None:
            return True
        return device.vendor is not None and self.vendor.casefold() in device.vendor.casefold()


def device_views(known: Known, nodes: Iterable[Node], wanted: Wanted) -> Iterator[DeviceView]:
    """Give the devices of the nodes, in the order of the nodes, then by kind and address."""
    for node in nodes:
        if node.capability is None:
            continue
        found = devices_of(node.capability.hardware, wanted.kinds, wanted.fits)
        users: Users | None = None
        for device in found:
            users = users or Users(known, node)
            yield _view(node, device, users)


def _view(node: Node, device: Device, users: Users) -> DeviceView:
    return DeviceView(
        id=f"{node.id}/{device.kind}/{device.name}",
        node=node.id,
        hostname=node.hostname,
        liveness=node.liveness,
        kind=device.kind,
        name=device.name,
        vendor=device.vendor,
        model=device.model,
        size_bytes=device.size_bytes,
        bus=device.bus,
        address=device.address,
        paths=device.paths,
        driver=device.driver,
        usable=device.usable,
        reason=device.reason,
        used_by=users.of(device),
        held_milli=users.held_milli(device),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Holder:
    """An instance, and what it is given."""

    name: str
    held_milli: Mapping[str, int]
    """By the device's id."""
    paths: frozenset[str]
    places: frozenset[tuple[str, str]]
    """The kind, and the place on a bus, of each device that it holds."""

    def has(self, device: Device) -> bool:
        """Say whether it is given a device: as such, by a path of it, or as one of another kind.

        What stands at one place is one physical device, whatever kinds it is listed as.
        """
        if device_id(device) in self.held_milli:
            return True
        if any(_within(path, self.paths) for path in device.paths):
            return True
        if not device.address:
            return False
        place = place_of(device.address)
        return any(kind != device.kind and there == place for kind, there in self.places)


class Users:
    """Which instances that are placed on a node are given which of its devices."""

    def __init__(self, known: Known, node: Node) -> None:
        hardware = node.capability.hardware if node.capability is not None else None
        self._holders = [
            _Holder(one.id, held, _paths(known, one), _places(hardware, held))
            for one in sorted(known.on_node(node.id), key=instance_order)
            if one.finished is None
            for held in ({hold.device: hold.milli for hold in one.held},)
        ]

    def of(self, device: Device) -> tuple[str, ...]:
        """Return the instances that are given a device."""
        return tuple(one.name for one in self._holders if one.has(device))

    def held_milli(self, device: Device) -> dict[str, int]:
        """Return how many thousandths of a device each instance holds, of those that hold any."""
        key = device_id(device)
        return {one.name: one.held_milli[key] for one in self._holders if key in one.held_milli}


def _places(hardware: Hardware | None, held: Collection[str]) -> frozenset[tuple[str, str]]:
    """Return the kind and the place of each device that is held and stands on a bus."""
    if hardware is None or not held:
        return frozenset()
    kinds = frozenset(one.partition("/")[0] for one in held)
    return frozenset(
        (one.kind, place_of(one.address))
        for one in devices_of(hardware, kinds)
        if one.address and device_id(one) in held
    )


def _paths(known: Known, one: Assignment) -> frozenset[str]:
    """Return the device nodes that an instance is given, for its accelerators and by name."""
    kept = known.workloads.get(one.workload)
    containers = kept.workload.containers if kept is not None else ()
    named = (device.host for container in containers for device in container.devices)
    return frozenset((*named, *(device.host for device in one.devices)))


def _within(path: str, given: Collection[str]) -> bool:
    """Say whether a path is given, itself or by a folder that holds it."""
    return path in given or any(path.startswith(f"{folder}/") for folder in given)

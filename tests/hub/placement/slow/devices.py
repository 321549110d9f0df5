"""Devices of a node, and every way in which an instance could have those that it asks for."""

import dataclasses
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from tests.hub.placement.slow import box_policy, box_runtime
from tests.hub.placement.slow.expressions import holds
from tests.hub.placement.slow.fleet import Fleet, Reason

from skerry_hub.model import Hold, Node, Workload
from skerry_hub.terms import DeviceRequest


@dataclasses.dataclass(frozen=True)
class Device:
    """One device of a node, with its fields as texts; `place` is where it is plugged in."""

    id: str
    kind: str
    usable: bool | None
    numa: int | None
    place: str | None
    fields: Mapping[str, str]

    def told(self, path: str) -> list[str]:
        """Return the values of a field."""
        return [self.fields[path]] if path in self.fields else []


def devices(node: Node) -> list[Device]:
    """Return a node's accelerators, cameras, and what is plugged into its USB ports."""
    if node.capability is None:
        return []
    hardware = node.capability.hardware
    found = [
        _device(
            one.kind,
            one.address,
            one.usable and all(box_policy.gives(node, path) for path in one.device_nodes),
            one.address,
            one.numa_node,
            vendor=one.vendor,
            model=one.model,
            memory_bytes=one.memory_bytes,
            driver=one.driver,
        )
        for one in hardware.accelerators
    ]
    behind: dict[str | None, list[str]] = {}
    for camera in hardware.cameras:
        # What stands at a USB port is named by it: the kernel's names change with each plug.
        port, name = _port(camera.address), camera.path.rpartition("/")[2]
        there = behind.setdefault(port, [])
        name = f"{port}#{len(there)}" if port else name
        there.append(camera.path)
        usable = box_policy.gives(node, camera.path)
        usable = usable and (port is None or box_runtime.gives_on_bus(node))
        found.append(_device("camera", name, usable, camera.address, None, model=camera.name))
    for usb in hardware.usb:
        vendor, model = usb.vendor_name or usb.vendor, usb.product_name or usb.product
        bus = f"/dev/bus/usb/{int(usb.path.partition('-')[0]):03}/001"
        # Any one of its device nodes will do.
        usable = any(box_policy.gives(node, path) for path in (bus, *behind.get(usb.path, ())))
        usable = usable and box_runtime.gives_on_bus(node)
        found.append(_device("usb", usb.path, usable, usb.path, None, vendor=vendor, model=model))
    return sorted(found, key=lambda one: (one.kind, _numbers(one.place or one.id), one.id))


def _numbers(text: str) -> list[int]:
    return [int(one) for one in re.findall(r"\d+", text)]


def _device(
    kind: str,
    name: str,
    usable: bool | None,
    address: str | None,
    numa: int | None,
    **fields: object,
) -> Device:
    fields |= {"kind": kind, "numa_node": numa}
    texts = {key: str(value) for key, value in fields.items() if value is not None}
    return Device(f"{kind}/{name}", kind, usable, numa, _port(address), texts)


def _port(address: str | None) -> str | None:
    """Return a place without the interface that a device on USB may name: 1-2 of 1-2:1.0."""
    return re.sub(r"^(\d+-[\d.]+):.*", r"\1", address) if address else None


def free_of(fleet: Fleet, node: Node) -> dict[str, int]:
    """Return how many thousandths of each device of a node could be given out."""
    there = devices(node)
    taken: Counter[str] = Counter()
    for one in fleet.on(node):
        for hold in one.held:
            taken[hold.device] += hold.milli
    found = {}
    for device in there:
        as_another = any(
            taken[other.id] and other.kind != device.kind and other.place == device.place
            for other in there
            if device.place is not None
        )
        usable = device.usable is not False and not as_another
        found[device.id] = max(0, 1000 - taken[device.id]) if usable else 0
    return found


def fits(request: DeviceRequest, device: Device) -> bool:
    """Say whether a device is of the sort that is asked for."""
    if device.kind != request.kind or device.usable is False:
        return False
    if request.vendor and request.vendor.lower() != device.fields.get("vendor", "").lower():
        return False
    return all(holds(text, device.told) for text in request.expressions)


def ways(fleet: Fleet, load: Workload, node: Node) -> list[tuple[Hold, ...]]:
    """Return every way to give an instance its devices; one empty one where it asks for none.

    Tried one by one: each unit of each request gets a device that no other unit has.
    """
    free = free_of(fleet, node)
    single = load.placement.numa == "single"
    choices = []
    for request in load.resources.devices:
        fitting = [
            one
            for one in devices(node)
            if fits(request, one) and free[one.id] >= request.share_milli
        ]
        choices.append(itertools.combinations(fitting, request.count))
    found = []
    for way in itertools.product(*choices):
        chosen = [device for group in way for device in group]
        if len({device.id for device in chosen}) < len(chosen):
            continue
        if any(
            one.kind != other.kind and one.place is not None and one.place == other.place
            for one, other in itertools.combinations(chosen, 2)
        ):
            continue  # one thing is not two
        if single and len(numa_nodes(chosen)) > 1:
            continue
        found.append(
            tuple(
                Hold(device=device.id, milli=request.share_milli)
                for request, group in zip(load.resources.devices, way, strict=True)
                for device in group
            )
        )
    return found


def numa_nodes(chosen: Iterable[Device]) -> set[int]:
    """Return the NUMA nodes of devices; some are on none."""
    return {device.numa for device in chosen if device.numa is not None}


def reasons(fleet: Fleet, load: Workload, node: Node) -> Iterator[Reason]:
    """Give how many devices are missing of each request, or that all are not there together."""
    if not load.resources.devices or ways(fleet, load, node):
        return
    free, short = free_of(fleet, node), False
    for request in load.resources.devices:
        idle = [
            one
            for one in devices(node)
            if fits(request, one) and free[one.id] >= request.share_milli
        ]
        if len(idle) < request.count:
            short = True
            yield Reason("devices", (), float(request.count - len(idle)))
    if not short:
        yield Reason("devices")

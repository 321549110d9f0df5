"""Devices that a box has and gives no container, by its policy or for its runtime. Pure."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from skerry_hub.bus_devices import known_nodes
from skerry_wire.box_policy import BoxPolicy, allows_device
from skerry_wire.runtime_limits import RuntimeInUse, gives_bus_devices
from skerry_wire.workload import BusDevice

if TYPE_CHECKING:
    from skerry_hub.devices import Device


def in_runtime(runtime: RuntimeInUse, device: Device) -> Device:
    """Return a device as one that cannot be used, where the runtime takes it by no name."""
    if device.usable is False or device.on_bus is None or gives_bus_devices(runtime):
        return device
    reason = f"a {runtime.name} starts a pod again without a look which device has which number"
    return dataclasses.replace(device, usable=False, reason=reason)


def within_policy(policy: BoxPolicy, device: Device) -> Device:
    """Return a device as one that cannot be used, where the box gives no container its nodes."""
    if device.usable is False or device.cdi is not None or policy.trouble:
        return device
    if device.on_bus is not None:
        return _within_any(policy, device, device.on_bus)
    for path in device.paths:
        if path.startswith("/") and not allows_device(policy, path):
            reason = f"the box's policy does not allow {path}"
            return dataclasses.replace(device, usable=False, reason=reason)
    return device


def _within_any(policy: BoxPolicy, device: Device, on_bus: BusDevice) -> Device:
    """Return the same of a device whose nodes the box looks up: it gives those that it may."""
    nodes = known_nodes(device.paths, on_bus)
    if any(allows_device(policy, path) for path in nodes):
        return device
    reason = f"the box's policy allows none of {', '.join(nodes[:4])}"
    return dataclasses.replace(device, usable=False, reason=reason)

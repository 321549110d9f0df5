"""The device nodes that a device on USB or PCI has now, looked up when a container is made.

Numbers change whenever a device is plugged anew or the box starts, so an order names its place on
the bus, and the kernel's own tree says which nodes belong to it. A node is handed over only where
the box's policy allows it, and where it is in /dev what the kernel says: no symbolic link there
leads anywhere. What the hub writes is never a part of a path but an address of fixed form.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import stat
from collections.abc import Callable, Iterable, Iterator

from skerry_executor.reconcile import Devices, Looked
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_wire.box_policy import BoxPolicy, allows_device
from skerry_wire.bus import natural, owner_of, vfio_nodes
from skerry_wire.frozen import frozen
from skerry_wire.workload import BusDevice, Container, DeviceMapping, Instance

ROOT = pathlib.Path("/")
"""Where the kernel's tree of devices is; /dev is always the box's own."""

MOST_BYTES = 64 * 1024
MOST_LISTED = 8
_NUMBER = re.compile(r"[0-9]{1,5}:[0-9]{1,8}")
_IDS = {"usb": ("idVendor", "idProduct"), "pci": ("vendor", "device")}
_VIDEO = "/video4linux/"


@frozen()
class Node:
    """A device node as the kernel has it. `path` is below /dev, `number` as in `188:0`."""

    path: str
    number: str
    subsystem: str = ""
    place: str = ""

    def __str__(self) -> str:
        """Return path and number: when they are the same, the container has the same device."""
        return f"{self.path}={self.number}"


def given(
    devices: Iterable[BusDevice], policy: BoxPolicy, root: pathlib.Path = ROOT
) -> tuple[Node, ...]:
    """Return the nodes that a container with these devices gets now. Raises RuntimeFailure.

    Of each device those that the policy allows, at least one.
    """
    found: dict[str, Node] = {}
    for device in devices:
        nodes = nodes_of(device, root)
        allowed = [one for one in nodes if allows_device(policy, one.path)]
        if not allowed:
            names = ", ".join(one.path for one in nodes[:MOST_LISTED])
            reason = f"the box's policy allows no device node of {device}: {names}"
            raise RuntimeFailure(Failure.OTHER, reason)
        found.update((one.path, one) for one in allowed)
    return tuple(found.values())


def with_nodes(container: Container, nodes: Iterable[Node]) -> Container:
    """Return a container with device nodes of the box, each at the same place.

    One that the container has by its path already may have a place of its own there.
    """
    has = {device.host for device in container.devices}
    has |= {device.container for device in container.devices}
    more = [
        DeviceMapping(host=one.path, container=one.path) for one in nodes if one.path not in has
    ]
    return dataclasses.replace(container, devices=(*container.devices, *more))


def looked(
    instances: Iterable[Instance], devices_of: Callable[[Container], tuple[Node, ...]]
) -> Devices:
    """Look up the device nodes of all containers that have devices on a bus."""
    found = {}
    for instance in instances:
        for container in instance.containers:
            if not container.bus_devices:
                continue
            try:
                seen = Looked(nodes=text_of(devices_of(container)))
            except RuntimeFailure as failure:
                seen = Looked(problem=failure.reason)
            found[instance.id, container.name] = seen
    return found


def text_of(nodes: Iterable[Node]) -> str:
    """Return in one line what a container was given, to see later whether that is still so."""
    return ",".join(sorted(map(str, nodes)))


def nodes_of(device: BusDevice, root: pathlib.Path = ROOT) -> tuple[Node, ...]:
    """Return the device nodes of a device. Raises RuntimeFailure where it is away or has none.

    Another device in its place is not it.
    """
    folder = root / "sys/bus" / device.bus / "devices" / device.address
    if not folder.is_dir():
        raise RuntimeFailure(Failure.NO_DEVICE, f"there is no {device} on this box")
    _check_ids(device, folder)
    nodes = sorted(_listed(device.address, root), key=lambda one: natural(one.path))
    if device.subsystem is not None:
        nodes = _of_subsystem(nodes, device, root)
    elif device.bus == "pci":
        group = vfio_nodes(_link(folder / "driver"), _link(folder / "iommu_group"))
        nodes += [Node(path, number) for path in group if (number := _number(path))]
    real = tuple(one for one in nodes if one.number == _number(one.path))
    if not real:
        bind = "; bind it to vfio-pci" if device.bus == "pci" else ""
        reason = f"{device} has no device node to hand over{bind}"
        raise RuntimeFailure(Failure.NO_DEVICE, reason)
    return real


def _check_ids(device: BusDevice, folder: pathlib.Path) -> None:
    for name, wanted in zip(_IDS[device.bus], (device.vendor, device.product), strict=True):
        found = _text(folder / name).removeprefix("0x")
        if wanted is not None and found != wanted:
            ids = ":".join(_text(folder / each).removeprefix("0x") for each in _IDS[device.bus])
            reason = f"{device} is {ids} now, not {device.vendor}:{device.product or '?'}"
            raise RuntimeFailure(Failure.NO_DEVICE, reason)


def _listed(address: str, root: pathlib.Path) -> Iterator[Node]:
    """Give the character devices whose nearest device on a bus has the address."""
    folder = root / "sys/dev/char"
    try:
        numbers = sorted(os.listdir(folder))
    except OSError as error:
        raise RuntimeFailure(Failure.OTHER, f"{folder}: {error.strerror}") from None
    for number in numbers:
        if _NUMBER.fullmatch(number) is None:
            continue
        place = os.path.realpath(folder / number)
        if owner_of(place) != address:
            continue
        name = _event(pathlib.Path(place)).get("DEVNAME", "")
        path = os.path.normpath(f"/dev/{name}")
        if name and path == f"/dev/{name}":
            yield Node(path, number, _link(pathlib.Path(place, "subsystem")) or "", place)


def _of_subsystem(nodes: list[Node], device: BusDevice, root: pathlib.Path) -> list[Node]:
    """Return the nodes of one of several ports or cameras of a device."""
    nodes = [one for one in nodes if one.subsystem == device.subsystem]
    if device.subsystem == "tty":
        return nodes[device.number : device.number + 1]
    cameras: dict[str, list[Node]] = {}
    for one in nodes:
        cameras.setdefault(one.place.partition(_VIDEO)[0], []).append(one)
    # As the agent counts them: what gives no pictures is a part of another one.
    seeing = [group for group in cameras.values() if any(_captures(one, root) for one in group)]
    return seeing[device.number] if device.number < len(seeing) else []


def _captures(node: Node, root: pathlib.Path) -> bool:
    for line in _text(root / "run/udev/data" / f"c{node.number}").splitlines():
        if line.startswith("E:ID_V4L_CAPABILITIES="):
            return ":capture:" in line
    return True


def _number(path: str) -> str | None:
    """Return the number of the character device at a path, None for anything else, links too."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    if not stat.S_ISCHR(found.st_mode):
        return None
    return f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"


def _link(path: pathlib.Path) -> str | None:
    try:
        return os.path.basename(os.readlink(path))
    except OSError:
        return None


def _event(folder: pathlib.Path) -> dict[str, str]:
    rows = (line.partition("=") for line in _text(folder / "uevent").splitlines())
    return {name: value for name, _, value in rows}


def _text(path: pathlib.Path) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(MOST_BYTES).decode(errors="replace").strip()
    except OSError:
        return ""

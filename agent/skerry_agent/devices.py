"""Devices: which came and went, and which of them the instances use.

Pure, like `core`, of which this is a part.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from skerry_agent import events as ev
from skerry_agent import reporting
from skerry_agent.effects import Effect, LookForNodes
from skerry_agent.state import Held, State
from skerry_agent.telling import Step, note, report_now
from skerry_wire import codec, envelope
from skerry_wire.errors import WireError
from skerry_wire.hardware import Hardware
from skerry_wire.messages import Envelope, EventKind
from skerry_wire.workload import Instance

MOST_NODES = 256
"""Most device nodes of an order that are looked after."""

DEV = "/dev/"


# --- what came and went ------------------------------------------------------------------


def tell_changes(state: State, before: Hardware, now: ev.Now) -> Step:
    """Tell of every device that came or went since `before`.

    An accelerator on USB leaves its port and comes back with other ids while it loads its
    firmware: that it went is held back, and not told at all when it is there again in time.
    """
    after = state.hardware or Hardware()
    leaving, there = _sticks(before), _sticks(after)
    held = {one.subject: one for one in state.held}
    told: list[reporting.Told] = []
    for kind, subject, detail in reporting.device_changes(before, after):
        port = subject.partition(" ")[2]
        if kind is EventKind.UNPLUGGED and port in leaving:
            held[subject] = Held(subject, detail, now.mono_s + state.settings.settle_s)
        elif kind is EventKind.PLUGGED and subject in held:
            gone = held.pop(subject)
            if port not in there:  # another device stands in its place
                told += [(EventKind.UNPLUGGED, subject, gone.detail), (kind, subject, detail)]
        else:
            told.append((kind, subject, detail))
    return _note_all(dataclasses.replace(state, held=tuple(held.values())), told, now)


def tell_held(state: State, now: ev.Now, *, all_of_them: bool = False) -> Step:
    """Tell that devices went which have not come back in time, or of all that are held back."""
    due = tuple(one for one in state.held if all_of_them or one.due <= now.mono_s)
    if not due:
        return state, []
    left = tuple(one for one in state.held if one not in due)
    gone = [(EventKind.UNPLUGGED, one.subject, one.detail) for one in due]
    return _note_all(dataclasses.replace(state, held=left), gone, now)


def _sticks(hardware: Hardware) -> frozenset[str]:
    return frozenset(one.address for one in hardware.accelerators if one.bus == "usb")


def _note_all(state: State, told: Iterable[reporting.Told], now: ev.Now) -> Step:
    effects: list[Effect] = []
    for kind, subject, detail in told:
        state, more = note(state, now, kind, subject, detail)
        effects += more
    return state, effects


# --- what is in use ----------------------------------------------------------------------


def take_order(state: State, order: bytes | None) -> Step:
    """Take over which device nodes an accepted order's instances use, and have them looked for."""
    uses = {} if order is None else uses_of(order)
    there = {path: seen for path, seen in state.nodes_there.items() if path in uses}
    state = dataclasses.replace(state, uses=uses, nodes_there=there)
    return state, look_for(state)


def look_for(state: State) -> list[Effect]:
    """Return what it takes to learn whether the device nodes in use are there."""
    return [LookForNodes(tuple(state.uses))] if state.uses else []


def uses_of(order: bytes) -> dict[str, tuple[str, ...]]:
    """Return the instances that use each device, as an order has it.

    By the path of its device node, `/dev/ttyUSB0`, by its place on a bus, `usb 1-1.2`, or by its
    name of CDI, `nvidia.com/gpu=0`.

    The executor has verified the order; what is none all the same uses nothing.
    """
    try:
        instances = envelope.open_payload(codec.decode(Envelope, order)).instances
    except WireError:
        return {}
    found: dict[str, list[str]] = {}
    for path, instance in _mappings(instances):
        if path in found or len(found) < MOST_NODES:
            users = found.setdefault(path, [])
            if instance not in users:
                users.append(instance)
    return {path: tuple(users) for path, users in sorted(found.items())}


def _mappings(instances: Iterable[Instance]) -> Iterable[tuple[str, str]]:
    for instance in instances:
        for container in instance.containers:
            for device in container.devices:
                path = device.host
                if path.startswith(DEV) and path.isprintable() and ".." not in path.split("/"):
                    yield path, instance.id
            for one in container.bus_devices:
                yield f"{one.bus} {one.address}", instance.id
            for name in container.cdi_devices:
                yield name, instance.id


def nodes_seen(state: State, event: ev.NodesSeen, now: ev.Now) -> Step:
    """Tell of each device node in use that went or came back; what is gone is a problem.

    Only a change that was seen is an event: what is not there at the first look is a problem
    alone, so that a new start of the agent repeats nothing.
    """
    if event.paths != tuple(state.uses):
        return state, []  # a newer order is looked after by now
    before, names = state.nodes_there, _names(state)
    there = {
        path: path not in event.missing
        for path in event.paths
        # A driver of the runtime's own gives GPUs under such names too, without a specification.
        if path not in event.missing or path in before or not _is_cdi(path)
    }
    state = _with_signs(state, event, now)
    told = []
    for path, seen in there.items():
        if before.get(path, seen) != seen:
            kind = EventKind.PLUGGED if seen else EventKind.UNPLUGGED
            told.append((kind, path, _detail(state, names.get(path), path)))
    state = dataclasses.replace(state, nodes_there=there, node_names=names)
    state, effects = _note_all(state, told, now)
    state, more = report_now(state, now)
    return state, [*effects, *more]


def _is_cdi(path: str) -> bool:
    return "=" in path and not path.startswith(DEV)


def _with_signs(state: State, event: ev.NodesSeen, now: ev.Now) -> State:
    """Have the executor look where a device in use has other device nodes than before.

    It was plugged anew: its instance has those that it had. A first look is no change, for the
    executor looks at each start by itself.
    """
    before = state.node_signs
    state = dataclasses.replace(state, node_signs=event.signs)
    if all(before.get(name, sign) == sign or not sign for name, sign in event.signs.items()):
        return state
    if state.running:
        return dataclasses.replace(state, look_again=True)
    return dataclasses.replace(state, converge_at=min(state.converge_at, now.mono_s))


def _detail(state: State, name: str | None, path: str) -> str:
    users = f"used by {reporting.listed(state.uses[path])}"
    return users if name is None else f"{name}, {users}"


def _names(state: State) -> dict[str, str]:
    """Return the names of the nodes in use; of one that is gone, the name that it had."""
    hardware = state.hardware or Hardware()
    known = {**state.node_names, **dict(_named(hardware))}
    return {path: known[path] for path in state.uses if path in known}


def _named(hardware: Hardware) -> Iterable[tuple[str, str]]:
    products = {one.path: one.product_name for one in hardware.usb}
    for port in hardware.serial_ports:
        name = products.get(port.address or "") or port.driver
        if name:
            yield port.path, name
    for usb in hardware.usb:
        if usb.product_name:
            yield f"usb {usb.path}", usb.product_name
    for function in hardware.pci:
        if function.device_name:
            yield f"pci {function.address}", function.device_name
    for camera in hardware.cameras:
        yield camera.path, camera.name
    for accelerator in hardware.accelerators:
        for node in accelerator.device_nodes:
            yield node, accelerator.model

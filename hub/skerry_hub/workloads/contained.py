"""The containers of a workload, checked as files are: for the API's JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from skerry_hub.workloads.asked_for import Note, once, tell
from skerry_hub.workloads.configs import file_path
from skerry_hub.workloads.devices import cdi_name, permissions
from skerry_hub.workloads.image import image
from skerry_hub.workloads.mounts import inner_path, outer_path, volume_name
from skerry_hub.workloads.ports import address_of, overlap, words
from skerry_hub.workloads.process import capability, stop_signal, user, working_dir
from skerry_hub.workloads.service import own_label
from skerry_wire.start_order import wrong_order
from skerry_wire.workload import Container, HealthCheck, Mount, PortMapping


def check(containers: Sequence[Container], note: Note) -> None:
    """Note all that no file could say."""
    if not containers:
        note("containers", "is empty: name at least one")
    once(note, "containers", (one.name for one in containers))
    for index, one in enumerate(containers):
        _container(one, f"containers[{index}]", note)
    for index, other, reason in wrong_order(containers):
        note(f"containers[{index}].after", f"{other} {reason}")
    published = [
        (f"containers[{index}].ports[{number}]", port)
        for index, one in enumerate(containers)
        for number, port in enumerate(one.ports)
    ]
    for number, (field, port) in enumerate(published):
        if any(overlap(other, port) for _, other in published[:number]):
            note(field, f"{words(port)} is published twice")


def _container(one: Container, field: str, note: Note) -> None:
    tell(note, f"{field}.image", image, one.image)
    for name, value in (("entrypoint", one.entrypoint), ("command", one.command)):
        if value == ():
            note(f"{field}.{name}", "is empty: leave it out to take the image's own")
    for name in one.environment:
        if not name or "=" in name:
            note(f"{field}.environment", f"{name[:80]!r} is not a name of a variable")
    for name in one.labels:
        tell(note, f"{field}.labels", own_label, name)
    if one.ports and one.network != "bridge":
        note(f"{field}.ports", f"cannot be published with the network {one.network}")
    for index, port in enumerate(one.ports):
        _port(port, f"{field}.ports[{index}]", note)
    for index, mount in enumerate(one.mounts):
        _mount(mount, f"{field}.mounts[{index}]", note)
    once(note, f"{field}.mounts", (mount.target for mount in one.mounts))
    _files(one, field, note)
    _devices(one, field, note)
    _process(one, field, note)
    if one.health is not None:
        _health(one.health, f"{field}.health.command", note)


def _process(one: Container, field: str, note: Note) -> None:
    for key, parse, text in (
        ("user", user, one.user),
        ("working_dir", working_dir, one.working_dir),
        ("stop_signal", stop_signal, one.stop_signal),
    ):
        if text is not None:
            tell(note, f"{field}.{key}", parse, text)
    for key, names in (("cap_add", one.cap_add), ("cap_drop", one.cap_drop)):
        for index, name in enumerate(names):
            tell(note, f"{field}.{key}[{index}]", capability, name)


def _files(one: Container, field: str, note: Note) -> None:
    taken = {mount.target for mount in one.mounts}
    for index, file in enumerate(one.files):
        place = f"{field}.files[{index}]"
        tell(note, f"{place}.path", file_path, file.path)
        if file.path in taken:
            note(f"{place}.path", f"{file.path} is mounted already")
        taken.add(file.path)
        if file.secret is not None and file.content:
            note(f"{place}.content", "is not for a secret")
    for name in one.secret_environment:
        if not name or "=" in name or name in one.environment:
            why = "is not a name of a variable, or is in the environment too"
            note(f"{field}.secret_environment", f"{name[:80]!r} {why}")
    if one.credentials is not None:
        note(f"{field}.credentials", "must be left out: skerry registry login has them")


def _devices(one: Container, field: str, note: Note) -> None:
    for index, device in enumerate(one.devices):
        place = f"{field}.devices[{index}]"
        tell(note, f"{place}.host", outer_path, device.host)
        tell(note, f"{place}.container", inner_path, device.container)
        tell(note, f"{place}.permissions", permissions, device.permissions)
    once(note, f"{field}.devices", (device.container for device in one.devices))
    for index, name in enumerate(one.cdi_devices):
        tell(note, f"{field}.cdi_devices[{index}]", cdi_name, name)


def _port(port: PortMapping, field: str, note: Note) -> None:
    if port.host_ip:
        tell(note, f"{field}.host_ip", address_of, port.host_ip)


def _mount(mount: Mount, field: str, note: Note) -> None:
    tell(note, f"{field}.target", inner_path, mount.target)
    if mount.kind == "tmpfs" and mount.source:
        note(f"{field}.source", "is not for a tmpfs")
    elif mount.kind != "tmpfs":
        parse = outer_path if mount.kind == "bind" else volume_name
        tell(note, f"{field}.source", parse, mount.source)


def _health(health: HealthCheck, field: str, note: Note) -> None:
    probes = [name for name in ("http", "tcp") if getattr(health, name) is not None]
    if probes:
        if len(probes) > 1 or health.command:
            note(field, "must be empty beside http or tcp, of which there may be one")
        return
    form, *rest = health.command or ("",)
    right = {"NONE": not rest, "CMD": bool(rest), "CMD-SHELL": len(rest) == 1}.get(form, False)
    if not right:
        note(field, 'must be ["CMD", program, ...], ["CMD-SHELL", text] or ["NONE"]')

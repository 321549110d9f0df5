"""Reads what tells this box from all others, so that none of it gets into a recording."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from skerry_agent.host import Host
from skerry_agent.probes import cgroup
from skerry_wire.frozen import frozen

SERIAL_FILES = (
    "/sys/class/dmi/id/product_serial",
    "/sys/class/dmi/id/board_serial",
    "/sys/class/dmi/id/chassis_serial",
    "/sys/class/dmi/id/board_asset_tag",
    "/sys/class/dmi/id/chassis_asset_tag",
    "/sys/class/dmi/id/product_uuid",
    "/sys/firmware/devicetree/base/serial-number",
    "/proc/device-tree/serial-number",
    "/sys/devices/soc0/serial_number",
    "/etc/machine-id",
    "/var/lib/dbus/machine-id",
    "/proc/sys/kernel/random/boot_id",
)
SERIALS_BELOW = (
    ("/sys/bus/usb/devices", ("serial",)),
    ("/sys/block", ("serial", "wwid", "uuid", "device/serial", "device/wwid", "device/cid")),
    ("/sys/class/nvme", ("serial",)),
    ("/sys/class/power_supply", ("serial_number",)),
    ("/sys/bus/mmc/devices", ("serial", "cid")),
)
MACS_BELOW = (
    ("/sys/class/net", ("address",)),
    ("/sys/class/bluetooth", ("address",)),
    ("/sys/class/ieee80211", ("macaddress",)),
)
NAME_FILES = ("/proc/sys/kernel/hostname", "/etc/hostname")

PCI_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_LEAST_SERIAL = 5
_COMMON_GROUP = re.compile(
    r"(?:system|user|machine|app|background|session|kubepods(?:-besteffort|-burstable)?)\.slice"
    r"|init\.scope|docker|lxc|lxc\.payload|kubepods|besteffort|burstable"
    r"|user-[0-9]+\.slice|user@[0-9]+\.service|session-c?[0-9]+\.scope"
)
"""What groups are called on every box."""


@frozen()
class Identities:
    """What tells this box from others, as it is written there."""

    macs: tuple[str, ...] = ()
    serials: tuple[str, ...] = ()
    hostname: str | None = None
    groups: tuple[str, ...] = ()
    """Names of the control groups that the agent runs in, which may be a container's or a pod's."""
    group_folders: tuple[str, ...] = ()
    """Where control groups are mounted."""


def identities(host: Host) -> Identities:
    """Read what must not be in a recording of this box."""
    serials = {host.text(path) for path in SERIAL_FILES}
    serials |= set(_below(host, SERIALS_BELOW))
    for name in host.entries("/sys/block"):
        page = host.read(f"/sys/block/{name}/device/vpd_pg80", 4096)
        if isinstance(page, bytes):
            serials.add(page[4:].decode("ascii", "replace").strip("\0 "))
    for line in (host.text("/proc/cpuinfo", 4 * 1024 * 1024) or "").splitlines()[-12:]:
        key, _, value = line.partition(":")
        serials.add(value.strip() if key.strip() == "Serial" else None)
    names = (host.text(path) for path in NAME_FILES)
    return Identities(
        macs=tuple(sorted(mac.lower() for mac in set(_below(host, MACS_BELOW)) if is_mac(mac))),
        serials=tuple(sorted(text for text in serials if text and _is_serial(text))),
        hostname=next((name for name in names if name and name != "(none)"), None),
        groups=_groups(host),
        group_folders=tuple(
            sorted(one.folder for one in cgroup.hierarchies(cgroup.mounts_text(host)))
        ),
    )


def _groups(host: Host) -> tuple[str, ...]:
    rows = (host.text("/proc/self/cgroup") or "").splitlines()
    places = [row.split(":", 2)[2] for row in rows if row.count(":") >= 2]
    places.append(host.text("/proc/self/cpuset") or "")
    steps = {step for place in places for step in place.split("/")} - {"", ".", ".."}
    return tuple(sorted(step for step in steps if not _COMMON_GROUP.fullmatch(step)))


def _below(host: Host, places: Iterable[tuple[str, tuple[str, ...]]]) -> Iterator[str]:
    for folder, files in places:
        for name in host.entries(folder):
            texts = (host.text(f"{folder}/{name}/{file}") for file in files)
            yield from filter(None, texts)


def is_mac(text: str) -> bool:
    """Say whether a text is a hardware address that belongs to one device."""
    is_one = re.fullmatch(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5,19}", text) is not None
    return is_one and set(text.lower()) - set(":") not in ({"0"}, {"f"})


def _is_serial(text: str) -> bool:
    """Say whether a text is worth looking for: not what makers write who have nothing to say."""
    if len(text) < _LEAST_SERIAL or len(set(text) - set(" -.:_")) < 3:
        return False
    # A USB controller's serial number is its PCI address, in which nothing is secret.
    if PCI_ADDRESS.fullmatch(text) or not text.isprintable():
        return False
    return any(c.isdigit() for c in text) or (len(text) >= 12 and " " not in text)

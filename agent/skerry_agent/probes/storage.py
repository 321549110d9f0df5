"""Disks, and the file systems that are mounted from them."""

from __future__ import annotations

import dataclasses
import re
from typing import Final

from skerry_agent.host import Gone, Host, Space, Unreadable
from skerry_agent.probes import attachment, cgroup
from skerry_agent.probes.kernel_text import count, line, pairs, short
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen
from skerry_wire.hardware import Disk, Filesystem

BLOCK = "/sys/block"
SECTOR_BYTES = 512
"""The unit of `size` in sysfs, whatever the disk's own sectors are."""

MOUNTED: Final = "mounted"
"""The key under which the host remembers the file systems of the last look, for heartbeats."""

_NOT_A_DISK = re.compile(
    r"(?:sr|fd|mtdblock|ubiblock|loop|ram|zram|dm-|md)\d|mmcblk\d+(?:boot|rpmb)"
)
_PATH_OF_MANY = re.compile(r"(nvme[0-9]+)c[0-9]+(n[0-9]+)\Z")
"""One of several ways to an NVMe disk, which the kernel lists beside the disk itself."""

_FABRICS = frozenset({"tcp", "rdma", "fc", "loop"})
"""How NVMe reaches a disk that is elsewhere; other words are names of controllers on the board."""

_SUBSYSTEM = "/virtual/nvme-subsystem/"
_CONTROLLER = re.compile(r"nvme[0-9]+\Z")
_HOST = re.compile(r"/host[0-9]+(?:/|\Z)")
_ATA_DRIVER = re.compile(r"(?:ahci|sata)|.*(?:ata|ahci)(?:[-_]|\Z)|ata_piix\Z")
_UNDER_A_FOLDER = re.compile(r"\\([0-7]{3})")

_TRANSPORT_OF_NAME = (
    ("nvme", "nvme"),
    ("mmcblk", "mmc"),
    ("vd", "virtio"),
    ("xvd", "xen"),
    ("dasd", "ccw"),
    ("pmem", "nvdimm"),
    ("nbd", "network"),
    ("rbd", "network"),
    ("hd", "ide"),
)
_TRANSPORT_OF_PATH = (
    ("/usb", "usb"),
    ("/virtio", "virtio"),
    ("/rport-", "fc"),
    ("/end_device-", "sas"),
    ("/session", "iscsi"),
    ("/ata", "sata"),
    ("/vmbus", "hyperv"),
    ("/VMBUS", "hyperv"),
    ("/fw", "firewire"),
    ("/vbd-", "xen"),
    (".ufs/", "ufs"),
    (".ufshc/", "ufs"),
)
_IN_USER_SPACE = ("fuse",)
_NOT_LASTING = frozenset({"squashfs", "iso9660", "udf", "erofs", "overlay"})


@frozen()
class RawDisk:
    """One entry of /sys/block that has a device behind it."""

    name: str
    place: str | None
    size: str | None
    rotational: str | None
    model: str | None
    card: str | None
    fabric: str | None
    controller: str | None
    media: str | None


@frozen()
class RawStorage:
    """The texts. `sizes` holds the bytes of those mount points that could be asked."""

    disks: tuple[RawDisk, ...]
    trouble: str | None
    mounts: str | None
    sizes: tuple[tuple[str, int], ...]


def read(host: Host) -> RawStorage:
    """Collect the texts."""
    names = host.names(BLOCK)
    mounts = cgroup.mounts_text(host)
    host.remember(MOUNTED, mounted(mounts))
    return RawStorage(
        disks=tuple(
            _read_disk(host, name)
            for name in _disks_among(names if isinstance(names, tuple) else ())
            if host.exists(f"{BLOCK}/{name}/device")
        ),
        trouble=_trouble(names),
        mounts=mounts,
        sizes=_sizes(host, mounts),
    )


def _disks_among(names: tuple[str, ...]) -> tuple[str, ...]:
    known = frozenset(names)
    several = {n: match for n in names if (match := _PATH_OF_MANY.match(n))}
    doubled = {n for n, match in several.items() if f"{match[1]}{match[2]}" in known}
    return tuple(n for n in names if n not in doubled and not _NOT_A_DISK.match(n))


def _trouble(names: tuple[str, ...] | Gone | Unreadable) -> str | None:
    if isinstance(names, tuple):
        return None
    return names.reason if isinstance(names, Unreadable) else "is not there"


def _read_disk(host: Host, name: str) -> RawDisk:
    folder = f"{BLOCK}/{name}"
    device = f"{folder}/device"
    place = host.target(device)
    if place is not None and _SUBSYSTEM in place:
        # A disk that may be reached in several ways; its subsystem lists them.
        ways = [f"{place}/{n}" for n in host.entries(place) if _CONTROLLER.match(n)]
        device = min(ways, key=lambda way: host.target(way) or "~", default=device)
        place = host.target(device)
    on_host = _HOST.search(place or "")
    return RawDisk(
        name=name,
        place=place,
        size=host.text(f"{folder}/size"),
        rotational=host.text(f"{folder}/queue/rotational"),
        model=host.text(f"{folder}/device/model") or host.text(f"{folder}/device/name"),
        card=_card(host, f"{folder}/device") if name.startswith("mmcblk") else None,
        fabric=host.text(f"{device}/transport") if name.startswith("nvme") else None,
        controller=host.link(f"{on_host.string[: on_host.start()]}/driver") if on_host else None,
        media=host.text(f"{folder}/device/media") if name.startswith("hd") else None,
    )


def _card(host: Host, folder: str) -> str | None:
    return host.text(f"{folder}/type") or pairs(host.text(f"{folder}/uevent")).get("MMC_TYPE")


def _sizes(host: Host, mounts: str | None) -> tuple[tuple[str, int], ...]:
    found = []
    for entry in mounted(mounts):
        space = space_of(host, entry)
        # A pool shows each part as large as it is full and all parts' free room: no property.
        if space is not None and entry.type != "zfs":
            found.append((entry.mount, space.size_bytes))
    return tuple(found)


def space_of(host: Host, entry: Filesystem) -> Space | None:
    """Return size and free space of a file system, None where the box does not say."""
    # A file system in user space may hang for ever, and takes the asker with it.
    return None if entry.type.startswith(_IN_USER_SPACE) else host.space(entry.mount)


def mounted(mounts: str | None) -> tuple[Filesystem, ...]:
    """Return one file system for each device, at the shortest of its mount points, no sizes.

    Devices that are mounted again for a container, and images on a loop device, do not count.
    """
    found: dict[str, Filesystem] = {}
    for row in (mounts or "").splitlines():
        words = row.split(" ")
        source = _source(words) if len(words) > 2 else None
        if source is None or words[2] in _NOT_LASTING:
            continue
        device, mount, type_ = line(_plain(source)), line(_plain(words[1])), short(words[2])
        if device is None or mount is None or type_ is None or device.startswith("/dev/loop"):
            continue
        entry = Filesystem(mount=mount, device=device, type=type_)
        before = found.get(device)
        if before is None or _rank(entry) < _rank(before):
            found[device] = entry
    return tuple(sorted(found.values(), key=_rank)[:256])


def _source(words: list[str]) -> str | None:
    """Return what a file system lies on, None where it is neither a disk nor flash."""
    if words[2] == "zfs":
        return words[0].partition("/")[0]  # all in one pool share its room
    return words[0] if words[0].startswith("/dev/") or words[2] == "ubifs" else None


def _rank(entry: Filesystem) -> tuple[int, str, str]:
    return len(entry.mount), entry.mount, entry.device


def _plain(text: str) -> str:
    return _UNDER_A_FOLDER.sub(lambda match: chr(int(match[1], 8) & 0xFF), text)


def parse(
    raw: RawStorage,
) -> Found[tuple[tuple[Disk, ...], tuple[Filesystem, ...]]] | Absent | Failed:
    """Understand the texts."""
    sizes = dict(raw.sizes)
    filesystems = tuple(
        dataclasses.replace(entry, size_bytes=sizes.get(entry.mount))
        for entry in mounted(raw.mounts)
    )
    listed = (_disk(disk) for disk in raw.disks if disk.media in (None, "disk"))
    disks = tuple(sorted(listed, key=lambda disk: disk.name))[:1024]
    if raw.trouble is not None and raw.trouble != "is not there" and not filesystems:
        return Failed(f"{BLOCK} {raw.trouble}")
    if not disks and not filesystems:
        return Absent(f"{BLOCK} {raw.trouble or 'lists no disk'}")
    return Found((disks, filesystems))


def _disk(raw: RawDisk) -> Disk:
    sectors = count(raw.size, 2**54)
    return Disk(
        name=short(raw.name) or "?",
        transport=_transport(raw),
        rotational={"0": False, "1": True}.get(raw.rotational or ""),
        size_bytes=None if sectors is None else sectors * SECTOR_BYTES,
        model=short(raw.model),
        address=attachment.of(raw.place).address,
    )


def _transport(raw: RawDisk) -> str | None:
    if raw.card:
        return "sd" if raw.card.startswith("SD") else "mmc"
    if raw.fabric in _FABRICS:
        return f"nvme-{raw.fabric}"
    for stem, name in _TRANSPORT_OF_NAME:
        if raw.name.startswith(stem):
            return name
    place = f"{raw.place or ''}/"
    for sign, name in _TRANSPORT_OF_PATH:
        if sign in place:
            return name
    if not raw.name.startswith("sd"):
        return None
    if (raw.controller or "").startswith("ufs"):
        return "ufs"
    # Before Linux 2.6.37 no step of the path named the ATA port.
    return "sata" if _ATA_DRIVER.match(raw.controller or "") else "scsi"

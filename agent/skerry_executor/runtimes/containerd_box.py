"""What of the box a container of containerd depends on, looked up when it is made."""

from __future__ import annotations

import os
import pathlib
import stat
from collections.abc import Sequence

from skerry_executor.runtimes import oci
from skerry_executor.runtimes import protobuf as pb
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_wire.workload import Container

ETC = ("/etc/resolv.conf", "/etc/hosts")
"""The box's own network is used, hence its own names too."""


def look(container: Container, state: pathlib.Path, made: str) -> oci.Box:
    """Look up devices, and make the folders of volumes below `state`; `made` is the container's id.

    Raises RuntimeFailure for a device that is not there, and for a disk that is full.
    """
    folders: dict[str, str] = {}
    for number, mount in enumerate(container.mounts):
        if mount.kind == "bind":
            folders[mount.target] = mount.source
        elif mount.kind == "volume":
            own = anonymous(state, made) / str(number)
            place = state / "volumes" / mount.source if mount.source else own
            folders[mount.target] = str(_folder(place))
    return oci.Box(
        machine=os.uname().machine,
        etc=tuple(path for path in ETC if os.path.exists(path)),
        devices=tuple(_device(d.host, d.container, d.permissions) for d in container.devices),
        folders=folders,
    )


def anonymous(state: pathlib.Path, made: str) -> pathlib.Path:
    """Return where the volumes lie that have no name, and go with their container."""
    return state / "anonymous" / made


def layers(mounts: Sequence[bytes]) -> list[str]:
    """Return the folders of a snapshot, the uppermost first, from what containerd would mount."""
    folders: list[str] = []
    for mount in map(pb.Fields, mounts):
        lower = [one for one in mount.texts(4) if one.startswith("lowerdir=")]
        folders += lower[0].removeprefix("lowerdir=").split(":") if lower else [mount.text(2)]
    return folders


def _folder(path: pathlib.Path) -> pathlib.Path:
    try:
        if not path.exists():
            path.mkdir(parents=True, exist_ok=True)
            # Whoever runs in the container may enter it, whatever our own mask is.
            path.chmod(0o755)
    except OSError as error:
        reason = f"volume {path} cannot be made: {error.strerror}"
        raise RuntimeFailure(Failure.DISK_FULL, reason) from None
    return path


def _device(host: str, inside: str, permissions: str) -> oci.DeviceNode:
    try:
        found = os.stat(host)
    except OSError:
        reason = f"there is no device {host} on this box"
        raise RuntimeFailure(Failure.NO_DEVICE, reason) from None
    return oci.DeviceNode(
        path=inside,
        kind="b" if stat.S_ISBLK(found.st_mode) else "c",
        major=os.major(found.st_rdev),
        minor=os.minor(found.st_rdev),
        permissions=permissions,
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
    )

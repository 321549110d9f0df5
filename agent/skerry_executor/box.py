"""What the box itself has against a container, asked right before it is made.

The policy was asked when the order came; a pull may have taken hours since, and a folder may
have become a symbolic link meanwhile.
"""

from __future__ import annotations

import os
import stat

from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_wire.box_policy import BoxPolicy, reasons
from skerry_wire.workload import Container


def objection(container: Container, policy: BoxPolicy) -> RuntimeFailure | None:
    """Return why the box cannot, or will not, have this container; None when it is fine."""
    found = tuple(reasons(container, policy, os.path.realpath))
    if found:
        reason = f"the box's policy does not allow it any more: {'; '.join(found)}"
        return RuntimeFailure(Failure.OTHER, reason)
    for mount in container.mounts:
        # podman would make the missing folder itself.
        if mount.kind == "bind" and not os.path.exists(mount.source):
            reason = f"{mount.source}, which is to be mounted, is not on this box"
            return RuntimeFailure(Failure.OTHER, reason)
    for device in container.devices:
        mode = _mode(device.host)
        if mode is None:
            reason = f"there is no device {device.host} on this box"
            return RuntimeFailure(Failure.NO_DEVICE, reason)
        # The runtimes take a folder for all devices below it, which no policy has seen.
        if not (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)):
            return RuntimeFailure(Failure.NO_DEVICE, f"{device.host} is not a device")
    return None


def _mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except OSError:
        return None

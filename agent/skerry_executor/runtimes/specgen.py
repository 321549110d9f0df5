"""A container in podman's own words, its SpecGenerator. Pure.

Its Docker-compatible API takes no CDI devices (it ignores them, up to 4.3 at least), joins mounts
and devices to text that it takes apart again, splits health checks at spaces, and leaves new files
writable for everybody; this one does not.
Fields: https://docs.podman.io/en/v4.3/_static/api.html#tag/containers/operation/ContainerCreateLibpod
"""

from __future__ import annotations

import math
from typing import Any

from skerry_executor.runtimes.creation import Network, health_of, is_below, listed, restart_of
from skerry_wire import signals
from skerry_wire.workload import Container, Mount

PERIOD_US = 100_000
LOG_DRIVER = "k8s-file"
"""The one that ends a file at a size; it keeps one file, so that all of them together count."""


def body_of(
    name: str,
    image: str,
    container: Container,
    labels: dict[str, str],
    network: Network,
    labelled: str | None = None,
) -> dict[str, Any]:
    """Return the body of the request that creates the container.

    What is mounted from below `labelled` gets the container's own label of SELinux.
    """
    body: dict[str, Any] = {
        "name": name,
        "image": image,
        "labels": labels,
        "env": dict(sorted(container.environment.items())),
        "stop_timeout": math.ceil(container.stop_grace_s),
        "restart_policy": restart_of(container, starts_failed_at_boot=False),
        "netns": {"nsmode": network.mode} | ({"value": network.of} if network.of else {}),
        "pidns": {"nsmode": container.pid},
        "ipcns": {"nsmode": container.ipc},
        "portmappings": [
            {
                "host_ip": port.host_ip,
                "host_port": port.host,
                "container_port": port.container,
                "protocol": port.protocol,
            }
            for port in network.ports
        ],
        "mounts": [
            _mount(mount, is_labelled=is_below(mount, labelled))
            for mount in container.mounts
            if mount.kind != "volume"
        ],
        "volumes": [_volume(mount) for mount in container.mounts if mount.kind == "volume"],
        "devices": [
            {"path": f"{one.host}:{one.container}:{one.permissions}"} for one in container.devices
        ]
        + [{"path": name} for name in container.cdi_devices],
        "read_only_filesystem": container.read_only,
        "init": container.init,
        "privileged": container.privileged,
        "cap_add": list(container.cap_add),
        "cap_drop": list(container.cap_drop),
        "resource_limits": _limits(container),
    }
    optional = {
        "entrypoint": listed(container.entrypoint),
        "command": listed(container.command),
        "user": container.user,
        "work_dir": container.working_dir,
        "stop_signal": _signal(container.stop_signal),
        "healthconfig": health_of(container.health),
        "restart_tries": container.restart_retries or None,
    }
    body.update({key: value for key, value in optional.items() if value is not None})
    if container.log is not None:
        kept = container.log.max_bytes * container.log.files
        body["log_configuration"] = {"driver": LOG_DRIVER, "size": kept}
    return body


def _signal(written: str | None) -> int | None:
    """Return a signal's number; None, the image's own, for one that an old hub let pass."""
    try:
        return None if written is None else signals.number_of(written)
    except signals.SignalError:
        return None


def _mount(mount: Mount, *, is_labelled: bool) -> dict[str, Any]:
    access = "ro" if mount.read_only else "rw"
    if mount.kind == "tmpfs":
        options = ["rprivate", "nosuid", "nodev", access]
        return {"type": "tmpfs", "source": "tmpfs", "destination": mount.target, "options": options}
    # Of what is read only, nothing that is mounted below comes along: it would be writable.
    binding = "bind" if mount.read_only else "rbind"
    return {
        "type": "bind",
        "source": mount.source,
        "destination": mount.target,
        "options": [binding, "rprivate", access, *(["Z"] if is_labelled else [])],
    }


def _volume(mount: Mount) -> dict[str, Any]:
    options = ["ro"] if mount.read_only else []
    return {"Name": mount.source, "Dest": mount.target, "Options": options}


def _limits(container: Container) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if container.cpu_limit_milli is not None:
        quota = container.cpu_limit_milli * PERIOD_US // 1000
        limits["cpu"] = {"quota": quota, "period": PERIOD_US}
    if container.memory_limit_bytes is not None:
        # With swap as much again, as docker does it.
        most = container.memory_limit_bytes
        limits["memory"] = {"limit": most, "swap": 2 * most}
    if container.pids_limit is not None:
        limits["pids"] = {"limit": container.pids_limit}
    return limits

"""A container in the words of the Docker-compatible API, which podman and docker share. Pure.

Fields: https://docs.docker.com/engine/api/v1.41/#tag/Container/operation/ContainerCreate
"""

from __future__ import annotations

import math
import shlex
from typing import Any

from skerry_wire.workload import Container, HealthCheck, Mount

NANOSECONDS = 1_000_000_000
NANO_CPUS_PER_MILLI = 1_000_000
_HEALTH_FORMS = ("CMD", "CMD-SHELL", "NONE")


def body_of(
    image: str, container: Container, labels: dict[str, str], *, splits_health: bool = False
) -> dict[str, Any]:
    """Return the body of the request that creates the container.

    `splits_health`: the runtime splits the arguments of a health check at every space.
    """
    body: dict[str, Any] = {
        "Image": image,
        "Labels": labels,
        "Env": [f"{name}={value}" for name, value in sorted(container.environment.items())],
        "ExposedPorts": {f"{p.container}/{p.protocol}": {} for p in container.ports},
        "StopTimeout": math.ceil(container.stop_grace_s),
        "HostConfig": _host_config(container),
    }
    optional = {
        "Entrypoint": _listed(container.entrypoint),
        "Cmd": _listed(container.command),
        "User": container.user,
        "WorkingDir": container.working_dir,
        "StopSignal": container.stop_signal,
        "Healthcheck": _health(container.health, splits_health) if container.health else None,
    }
    body.update({key: value for key, value in optional.items() if value is not None})
    return body


def _host_config(container: Container) -> dict[str, Any]:
    restart = container.restart
    if restart == "always" and container.bus_devices:
        # When the box starts, podman would start it before anybody has looked which device has
        # the number now that its device had. The executor starts it then, and after a good end.
        restart = "on-failure"
    config: dict[str, Any] = {
        "NetworkMode": container.network,
        "PidMode": "host" if container.pid == "host" else "",
        "IpcMode": container.ipc,
        "RestartPolicy": {"Name": restart, "MaximumRetryCount": 0},
        "PortBindings": _port_bindings(container),
        "Mounts": [_mount(mount) for mount in container.mounts if mount.kind != "tmpfs"],
        "Tmpfs": {
            mount.target: "ro" if mount.read_only else ""
            for mount in container.mounts
            if mount.kind == "tmpfs"
        },
        "Devices": [
            {
                "PathOnHost": device.host,
                "PathInContainer": device.container,
                "CgroupPermissions": device.permissions,
            }
            for device in container.devices
        ],
        "ReadonlyRootfs": container.read_only,
        "Init": container.init,
        "Privileged": container.privileged,
        "CapAdd": list(container.cap_add),
        "CapDrop": list(container.cap_drop),
    }
    if container.restart == "on-failure":
        config["RestartPolicy"]["MaximumRetryCount"] = container.restart_retries
    if container.cpu_limit_milli is not None:
        config["NanoCpus"] = container.cpu_limit_milli * NANO_CPUS_PER_MILLI
    if container.memory_limit_bytes is not None:
        config["Memory"] = container.memory_limit_bytes
    return config


def _port_bindings(container: Container) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in container.ports:
        binding = {"HostIp": port.host_ip, "HostPort": str(port.host)}
        bindings.setdefault(f"{port.container}/{port.protocol}", []).append(binding)
    return bindings


def _mount(mount: Mount) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "Type": mount.kind,
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
    }
    if mount.kind == "bind" and mount.read_only:
        # What else is mounted below the folder would come along, and be writable.
        plain["BindOptions"] = {"NonRecursive": True}
    return plain


def _health(check: HealthCheck, splits: bool) -> dict[str, Any]:
    command = list(check.command)
    if not command or command[0] not in _HEALTH_FORMS:
        command = ["CMD", *command]
    words = command[1:]
    if splits and command[0] == "CMD" and any(word.split() != [word] for word in words):
        # Only what follows CMD-SHELL arrives whole; the container's own shell takes it apart.
        command = ["CMD-SHELL", shlex.join(words)]
    return {
        "Test": command,
        "Interval": round(check.interval_s * NANOSECONDS),
        "Timeout": round(check.timeout_s * NANOSECONDS),
        "StartPeriod": round(check.start_period_s * NANOSECONDS),
        "Retries": check.retries,
    }


def _listed(arguments: tuple[str, ...] | None) -> list[str] | None:
    return None if arguments is None else list(arguments)

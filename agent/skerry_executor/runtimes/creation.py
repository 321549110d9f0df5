"""A container in the words of docker's API, and what podman's own has in common with it. Pure.

Fields: https://docs.docker.com/engine/api/v1.41/#tag/Container/operation/ContainerCreate
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from skerry_executor.specs import name_of
from skerry_executor.start_order import joined_by, network_owner
from skerry_wire.frozen import frozen
from skerry_wire.workload import Container, HealthCheck, Instance, Mount, PortMapping

NANOSECONDS = 1_000_000_000
NANO_CPUS_PER_MILLI = 1_000_000
LOG_DRIVER = "json-file"
CDI_DRIVER = "cdi"
_HEALTH_FORMS = ("CMD", "CMD-SHELL", "NONE")


@frozen(kw_only=True)
class Network:
    """The network that a container is given, and the ports that are published by way of it.

    With the mode `container` it is that of the container named by `of`.
    """

    mode: str
    of: str = ""
    ports: tuple[PortMapping, ...] = ()


def network_of(instance: Instance, container: Container) -> Network:
    """Return a container's network.

    Where an instance's containers share one, its owner publishes the ports of all, and the others
    join. What ends before the owner starts has one of its own, and publishes nothing.
    """
    owner = network_owner(instance)
    if owner is None:
        return Network(mode=container.network, ports=container.ports)
    joined = joined_by(instance, container)
    if joined is not None:
        return Network(mode="container", of=name_of(instance.id, joined.name))
    if container.name != owner.name:
        return Network(mode=container.network)
    every = [port for one in (container, *instance.containers) for port in one.ports]
    return Network(mode=container.network, ports=tuple(dict.fromkeys(every)))


def restart_of(container: Container, *, starts_failed_at_boot: bool) -> str:
    """Return the restart policy that the runtime is given.

    `starts_failed_at_boot`: it starts at boot what ended badly, as everything does that a power cut
    ends. What has devices on a bus must not be started before anybody has looked which device has
    the number now that its device had: the executor starts it then, and after each end.
    """
    if not container.bus_devices or container.restart == "no":
        return container.restart
    return "no" if starts_failed_at_boot else "on-failure"


def body_of(
    image: str,
    container: Container,
    labels: dict[str, str],
    network: Network,
    requests: Sequence[dict[str, Any]] = (),
    labelled: str | None = None,
) -> dict[str, Any]:
    """Return the body of the request that creates the container on docker.

    `requests` are its devices that docker or a driver of it looks up. What is mounted from below
    `labelled` gets the container's own label of SELinux.
    """
    body: dict[str, Any] = {
        "Image": image,
        "Labels": labels,
        "Env": [f"{name}={value}" for name, value in sorted(container.environment.items())],
        "ExposedPorts": {f"{p.container}/{p.protocol}": {} for p in network.ports},
        "StopTimeout": math.ceil(container.stop_grace_s),
        "HostConfig": _host_config(container, network, requests, labelled),
    }
    optional = {
        "Entrypoint": listed(container.entrypoint),
        "Cmd": listed(container.command),
        "User": container.user,
        "WorkingDir": container.working_dir,
        "StopSignal": container.stop_signal,
        "Healthcheck": health_of(container.health),
    }
    body.update({key: value for key, value in optional.items() if value is not None})
    return body


def _host_config(
    container: Container,
    network: Network,
    requests: Sequence[dict[str, Any]],
    labelled: str | None,
) -> dict[str, Any]:
    # Of the two ways to say a mount, only the older one has labels. A colon would end the path.
    to_label = [
        one for one in container.mounts if is_below(one, labelled) and ":" not in one.target
    ]
    restart = restart_of(container, starts_failed_at_boot=True)
    config: dict[str, Any] = {
        "NetworkMode": f"container:{network.of}" if network.of else network.mode,
        "PidMode": "host" if container.pid == "host" else "",
        "IpcMode": container.ipc,
        "RestartPolicy": {"Name": restart, "MaximumRetryCount": 0},
        "PortBindings": _port_bindings(network.ports),
        "Binds": [
            f"{one.source}:{one.target}:{'ro' if one.read_only else 'rw'},Z" for one in to_label
        ],
        "Mounts": [
            _mount(mount)
            for mount in container.mounts
            if mount.kind != "tmpfs" and mount not in to_label
        ],
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
        "DeviceRequests": list(requests),
        "ReadonlyRootfs": container.read_only,
        "Init": container.init,
        "Privileged": container.privileged,
        "CapAdd": list(container.cap_add),
        "CapDrop": list(container.cap_drop),
    }
    if restart == "on-failure":
        config["RestartPolicy"]["MaximumRetryCount"] = container.restart_retries
    if container.cpu_limit_milli is not None:
        config["NanoCpus"] = container.cpu_limit_milli * NANO_CPUS_PER_MILLI
    if container.memory_limit_bytes is not None:
        config["Memory"] = container.memory_limit_bytes
    if container.pids_limit is not None:
        config["PidsLimit"] = container.pids_limit
    if container.log is not None:
        limits = {"max-size": str(container.log.max_bytes), "max-file": str(container.log.files)}
        config["LogConfig"] = {"Type": LOG_DRIVER, "Config": limits}
    return config


def is_below(mount: Mount, folder: str | None) -> bool:
    """Say whether something of a folder of the box is mounted."""
    return mount.kind == "bind" and folder is not None and mount.source.startswith(f"{folder}/")


def _port_bindings(ports: Sequence[PortMapping]) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in ports:
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


def health_of(check: HealthCheck | None) -> dict[str, Any] | None:
    """Return the health check that the runtime runs; None where it is a probe, or there is none."""
    if check is None or not check.command:
        return None
    command = list(check.command)
    if command[0] not in _HEALTH_FORMS:
        command = ["CMD", *command]
    return {
        "Test": command,
        "Interval": round(check.interval_s * NANOSECONDS),
        "Timeout": round(check.timeout_s * NANOSECONDS),
        "StartPeriod": round(check.start_period_s * NANOSECONDS),
        "Retries": check.retries,
    }


def listed(arguments: tuple[str, ...] | None) -> list[str] | None:
    """Return arguments as JSON has them; None stays None: the image's own."""
    return None if arguments is None else list(arguments)

"""One container of a pod. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from skerry_hub.model import Resources
from skerry_hub.terms import DeviceRequest
from skerry_hub.workloads.image import image
from skerry_hub.workloads.kubernetes.environment import environment
from skerry_hub.workloads.kubernetes.pod_keys import (
    CONTAINER,
    PORT,
    RESOURCES,
)
from skerry_hub.workloads.kubernetes.probes import health
from skerry_hub.workloads.kubernetes.references import ConfigMaps
from skerry_hub.workloads.kubernetes.scalars import string
from skerry_hub.workloads.kubernetes.security import RunAs, Security, security
from skerry_hub.workloads.kubernetes.values import (
    count,
    cpu,
    name,
    only,
    pieces,
    size,
    unreplaced,
)
from skerry_hub.workloads.kubernetes.volumes import Mounted, Volume, mounted
from skerry_hub.workloads.places import Places
from skerry_hub.workloads.ports import address_of
from skerry_hub.workloads.process import working_dir
from skerry_hub.workloads.reading import (
    Section,
    Value,
    attempt,
    choice,
    entries,
    items,
    listed,
)
from skerry_wire.workload import Container, PortMapping

Pull = Literal["missing", "always", "never"]
Network = Literal["bridge", "host", "none"]
Restart = Literal["no", "always", "on-failure"]

_PULLS: Mapping[str, Pull] = {"IfNotPresent": "missing", "Always": "always", "Never": "never"}
_DEVICES = {
    "nvidia.com/gpu": DeviceRequest(kind="gpu", vendor="nvidia"),
    "amd.com/gpu": DeviceRequest(kind="gpu", vendor="amd"),
    "gpu.intel.com/i915": DeviceRequest(kind="gpu", vendor="intel"),
    "gpu.intel.com/xe": DeviceRequest(kind="gpu", vendor="intel"),
}
"""What device plugins call what a node reserves here by kind and vendor."""

_PLACED = {
    "image": "image",
    "mounts": "volumeMounts",
    "devices": "volumeMounts",
    "ports": "ports",
    "environment": "env",
    "health": "readinessProbe",
}
"""Fields of the record, and the keys that say them."""
_MESSAGES = {
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
"""Of no meaning here, and what an API server writes."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """What all containers of a pod share."""

    project: str
    volumes: Mapping[str, Volume]
    configs: ConfigMaps
    labels: Mapping[str, str]
    restart: Restart
    grace_s: float
    run_as: RunAs
    network: Network
    host_pid: bool
    host_ipc: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Read:
    """A container, what it reserves, and where it stands."""

    container: Container
    resources: Resources
    at: Value
    places: Places
    """Of its fields, by their paths below the container's."""


def container(value: Value, pod: Pod) -> Read:
    """Read one container."""
    section = Section(value, CONTAINER)
    for ignored, usual in _MESSAGES.items():
        if section.get(ignored, string, usual) != usual:
            section.warn(ignored, "is ignored: a container's end is told by its status and its log")
    named: dict[str, int] = {}
    published = section.get("ports", lambda one: _ports(one, named, pod.network), ())
    mounts: Mounted = section.get("volumeMounts", lambda one: mounted(one, pod.volumes), Mounted())
    plain, secrets = environment(section, pod.configs)
    limits, resources = section.get("resources", _resources, ((None, None), Resources()))
    safety = section.get("securityContext", security, Security())
    called = section.need("name", name, "x")
    found = Container(
        name=called,
        image=section.need("image", lambda one: image(string(one)), ""),
        pull=section.get("imagePullPolicy", choice(_PULLS), "missing"),
        entrypoint=section.get("command", listed(unreplaced), None) or None,
        command=section.get("args", listed(unreplaced), None) or None,
        environment=plain,
        secret_environment={called: sealed for called, (_, sealed) in secrets.items()},
        labels=dict(pod.labels),
        user=pod.run_as.user_of(safety.run_as, called),
        working_dir=section.get("workingDir", lambda one: working_dir(string(one)), None),
        ports=published,
        mounts=tuple(mounts.mounts),
        devices=tuple(mounts.devices),
        files=tuple(file for _, file in mounts.files),
        restart=pod.restart,
        health=health(section, named),
        stop_grace_s=pod.grace_s,
        cpu_limit_milli=limits[0],
        memory_limit_bytes=limits[1],
        read_only=safety.read_only,
        privileged=safety.privileged,
        network=pod.network,
        pid="host" if pod.host_pid else "private",
        ipc="host" if pod.host_ipc else "private",
        cap_add=safety.add,
        cap_drop=safety.drop,
    )
    ports = tuple(f"{one.protocol}/{one.host}" for one in published)
    places = {f"files[{index}]": place for index, (place, _) in enumerate(mounts.files)}
    places |= {f"files[{index}].path": place for index, place in enumerate(mounts.paths)}
    places |= {f"secret_environment.{called}": place for called, (place, _) in secrets.items()}
    for field, key in _PLACED.items():
        at = section.at(key)
        if at is not None:
            places[field] = at
    return Read(found, dataclasses.replace(resources, ports=ports), value, places)


def _ports(value: Value, named: dict[str, int], network: Network) -> tuple[PortMapping, ...]:
    found = []
    for item in items(value):
        section = attempt(item, lambda one: Section(one, PORT))
        if section is None:
            continue
        inner = section.need("containerPort", count(1, 65535), 1)
        called: str | None = section.get("name", name, None)
        if called is not None:
            named[called] = inner
        protocol = section.get("protocol", only("TCP", "UDP"), "TCP")
        host: int | None = section.get("hostPort", count(1, 65535), None)
        address = section.get("hostIP", lambda one: address_of(string(one)), "")
        if host is None or network == "host":
            continue  # it only says what the image does, as everything is open there
        found.append(
            PortMapping(
                host=host,
                container=inner,
                protocol="udp" if protocol == "UDP" else "tcp",
                host_ip=address,
            )
        )
    return tuple(found)


# --- resources ----------------------------------------------------------------------------


def _resources(value: Value) -> tuple[tuple[int | None, int | None], Resources]:
    """Return the limits of processors and memory, and what is reserved."""
    section = Section(value, RESOURCES)
    limits: _Amounts = section.get("limits", _amounts, _Amounts())
    asked: _Amounts = section.get("requests", _amounts, _Amounts())
    for kind, many in asked.devices.items():
        if limits.devices.get(kind, many) != many:
            section.refuse("requests", f"{kind} must be the same in limits")
    devices = {**limits.devices, **asked.devices}
    # Without a request, Kubernetes reserves the limit.
    return (limits.cpu, limits.memory), Resources(
        cpu_milli=asked.cpu or limits.cpu or 0,
        memory_bytes=asked.memory or limits.memory or 0,
        storage_bytes=asked.storage or 0,
        devices=tuple(
            dataclasses.replace(_DEVICES[kind], count=many) for kind, many in devices.items()
        ),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Amounts:
    cpu: int | None = None
    memory: int | None = None
    storage: int | None = None
    devices: Mapping[str, int] = dataclasses.field(default_factory=dict)


def _amounts(value: Value) -> _Amounts:
    found: dict[str, int | None] = {}
    devices: dict[str, int] = {}
    for key, entry in entries(value):
        if key in ("cpu", "memory", "ephemeral-storage"):
            found[key] = attempt(entry, cpu if key == "cpu" else size)
        elif key in _DEVICES:
            devices[key] = attempt(entry, pieces) or 1
        else:
            known = ", ".join(("cpu", "memory", "ephemeral-storage", *_DEVICES))
            entry.refuse(f"is not known here, only {known}; use `x-placement.devices`")
    return _Amounts(found.get("cpu"), found.get("memory"), found.get("ephemeral-storage"), devices)

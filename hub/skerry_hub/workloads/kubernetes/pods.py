"""The spec of a pod: its containers in their order, and where it may run. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from skerry_hub.lifecycle import Lifecycle
from skerry_hub.model import Constraint, Effect, Resources, Toleration
from skerry_hub.placement.effort import Effort
from skerry_hub.workloads.kubernetes.containers import Pod, Read, Restart, container
from skerry_hub.workloads.kubernetes.pod_keys import POD_SPEC, TOLERATION
from skerry_hub.workloads.kubernetes.references import ConfigMaps
from skerry_hub.workloads.kubernetes.scalars import string
from skerry_hub.workloads.kubernetes.security import RunAs, pod_security
from skerry_hub.workloads.kubernetes.values import count, flag, only
from skerry_hub.workloads.kubernetes.volumes import volumes
from skerry_hub.workloads.lifecycles import lifecycle
from skerry_hub.workloads.places import Places
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import (
    Placed,
    Section,
    Value,
    attempt,
    below,
    choice,
    entries,
    listed,
)
from skerry_hub.workloads.x_placement import (
    Standard,
    XPlacement,
    wrong_toleration,
    x_placement,
)
from skerry_wire.labels import wrong_key
from skerry_wire.lifecycle import After
from skerry_wire.workload import Container

MAX_CONTAINERS = 32
_RESTARTS: Mapping[str, Restart] = {"Always": "always", "OnFailure": "on-failure", "Never": "no"}
_EFFECTS: Mapping[str, Effect] = {
    "NoSchedule": "NoSchedule",
    "PreferNoSchedule": "PreferNoSchedule",
    "NoExecute": "NoExecute",
}
_FIELDS = {
    "kubernetes.io/arch": "node.platform.arch",
    "kubernetes.io/os": "node.platform.os",
    "kubernetes.io/hostname": "node.hostname",
    "topology.kubernetes.io/zone": "node.labels.zone",
    "topology.kubernetes.io/region": "node.labels.region",
}
"""Labels that every node of Kubernetes has, and what stands for them here."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a pod belongs to."""

    project: str
    workload: str
    labels: Mapping[str, str]
    configs: ConfigMaps
    siblings: Mapping[str, str]
    effort: Effort


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PodSpec:
    """What a pod is."""

    containers: tuple[Container, ...]
    resources: Resources
    constraints: tuple[Constraint, ...]
    tolerations: tuple[Toleration, ...]
    beside: XPlacement
    lifecycle: Lifecycle
    places: Places
    """Of its containers and constraints, by the workload's paths."""


def pod_spec(value: Value, names: Names, *, is_job: bool) -> PodSpec:
    """Read the spec of a pod, of a job where `is_job`."""
    section = Section(value, POD_SPEC)
    for refused in ("automountServiceAccountToken", "enableServiceLinks"):
        section.get(refused, only("false"), None)
    restart = _restart(section, is_job=is_job)
    pod = Pod(
        project=names.project,
        volumes=section.get(
            "volumes",
            lambda one: volumes(one, names.workload, names.project, names.configs),
            {},
        ),
        configs=names.configs,
        labels=names.labels,
        restart=restart,
        grace_s=float(section.get("terminationGracePeriodSeconds", count(0, 86400), 30)),
        run_as=section.get("securityContext", pod_security, RunAs()),
        network="host" if section.get("hostNetwork", flag, default=False) else "bridge",
        host_pid=section.get("hostPID", flag, default=False),
        host_ipc=section.get("hostIPC", flag, default=False),
    )
    read = listed(lambda one: container(one, pod))
    first: tuple[Read, ...] = section.get(
        "initContainers", listed(lambda one: _first(one, pod)), ()
    )
    main: tuple[Read, ...] = section.need("containers", read, ())
    if not main and "containers" in section:
        section.refuse("containers", "must have at least one")
    if len(first) + len(main) > MAX_CONTAINERS:
        section.refuse("containers", f"are more than {MAX_CONTAINERS} with initContainers")
    placed = [one for one in (section.at("x-placement"),) if one is not None]
    beside = x_placement(placed, names.siblings, Standard(), names.effort)
    found = in_order([one.container for one in first], [one.container for one in main])
    selected = section.get("nodeSelector", _selector, ())
    return PodSpec(
        containers=found,
        resources=_together(first, main),
        constraints=tuple(one for _, one in selected),
        tolerations=(*section.get("tolerations", listed(_toleration), ()), *beside.tolerations),
        beside=beside,
        lifecycle=_lifecycle(section, found, pod, is_job=is_job),
        places=dict(_places((*first, *main), selected)),
    )


def _first(value: Value, pod: Pod) -> Read:
    for key in ("readinessProbe", "livenessProbe", "startupProbe"):
        probe = below(value, key)
        if probe is not None:
            probe.refuse("is not for an init container, which runs to its end: remove it")
    return container(value, pod)


def _places(
    read: Iterable[Read], selected: Iterable[Placed[Constraint]]
) -> Iterator[tuple[str, Value]]:
    for index, one in enumerate(read):
        yield f"containers[{index}]", one.at
        for path, place in one.places.items():
            yield f"containers[{index}].{path}", place
    for index, (place, _) in enumerate(selected):
        yield f"constraints[{index}]", place


def _restart(section: Section, *, is_job: bool) -> Restart:
    found: Restart = section.get("restartPolicy", choice(_RESTARTS), "always")
    if not is_job:
        return found
    if found == "always":
        section.value.problems.add(
            "must be Never or OnFailure for a job", f"{section.value.field}.restartPolicy",
            (section.at("restartPolicy") or section.value).line,
        )  # fmt: skip
    return "no"  # its retries are the job's


def in_order(first: Iterable[Container], main: Iterable[Container]) -> tuple[Container, ...]:
    """Return all containers, each of the first after the end of the one before it."""
    found: list[Container] = []
    after: tuple[After, ...] = ()
    for one in first:
        found.append(dataclasses.replace(one, restart="no", after=after, health=None))
        after = (After(container=one.name, condition="completed"),)
    found += (dataclasses.replace(one, after=after) for one in main)
    return tuple(found)


def _together(first: Iterable[Read], main: Iterable[Read]) -> Resources:
    """Return what a pod reserves: the sum of its containers, or the most of one that is first."""
    asked = [one.resources for one in main]
    before = [one.resources for one in first]
    every = (*asked, *before)
    return Resources(
        cpu_milli=max(sum(one.cpu_milli for one in asked), *(one.cpu_milli for one in before), 0),
        memory_bytes=max(
            sum(one.memory_bytes for one in asked), *(one.memory_bytes for one in before), 0
        ),
        storage_bytes=sum(one.storage_bytes for one in every),
        devices=tuple(device for one in every for device in one.devices),
        ports=tuple(dict.fromkeys(port for one in every for port in one.ports)),
    )


def _lifecycle(
    section: Section, containers: tuple[Container, ...], pod: Pod, *, is_job: bool
) -> Lifecycle:
    found = lifecycle(section.at("x-lifecycle"), None, is_job=is_job)
    if found.lease_s is not None and pod.host_pid:
        section.refuse("hostPID", "cannot be with stopAfter: its processes could outlive it")
    return dataclasses.replace(
        found, shared_network=len(containers) > 1 and pod.network == "bridge"
    )


def _selector(value: Value) -> tuple[Placed[Constraint], ...]:
    found = []
    for key, entry in entries(value):
        constraint = attempt(entry, lambda one, key=key: _label(key, one))  # type: ignore[misc]
        if constraint is not None:
            found.append((entry, constraint))
    return tuple(found)


def _label(key: str, value: Value) -> Constraint:
    written = string(value)
    field = _FIELDS.get(key)
    if field is None:
        reason = wrong_key(key)
        if reason is not None:
            raise RefusedError(f"{short(key)}: {reason}")
        field = f"node.labels.{key}"
    if not written or written.strip() != written or written[0] in "'\"=" or len(written) > 256:
        raise RefusedError(f"{short(written)} is not a value of a label")
    return Constraint(key=field, operator="==", value=written)


def _toleration(value: Value) -> Toleration:
    section = Section(value, TOLERATION)
    operator = section.get("operator", only("Equal", "Exists"), "Equal")
    found = Toleration(
        key=section.get("key", string, "", empty_ok=True),
        operator="Exists" if operator == "Exists" else "Equal",
        value=section.get("value", string, "", empty_ok=True),
        effect=section.get("effect", choice(_EFFECTS), None, empty_ok=True),
    )
    wrong = wrong_toleration(found)
    if wrong is not None:
        raise RefusedError(f"{wrong[0]}: {wrong[1]}")
    return found

"""One service of a compose file into one workload. Pure."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from skerry_hub.lifecycle import Lifecycle
from skerry_hub.model import Constraint, Resources, Workload
from skerry_hub.placement.effort import Effort
from skerry_hub.workloads.configs import NOTHING, Declared, secret_places, with_files
from skerry_hub.workloads.contradictions import check_domains, check_expressions
from skerry_hub.workloads.deploy import MAX_REPLICAS, Deploy, deploy, pids_limit
from skerry_hub.workloads.device_requests import gpus, merged
from skerry_hub.workloads.devices import device
from skerry_hub.workloads.health import MAX_S, health, within
from skerry_hub.workloads.image import image
from skerry_hub.workloads.keys import SERVICE
from skerry_hub.workloads.lifecycles import dependencies, lifecycle, logging
from skerry_hub.workloads.mounts import mounts, tmpfs
from skerry_hub.workloads.others import Siblings
from skerry_hub.workloads.places import beside_places
from skerry_hub.workloads.platforms import platform
from skerry_hub.workloads.ports import ports, reserved
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.process import capability, stop_signal, user, working_dir
from skerry_hub.workloads.reading import (
    Placed,
    Reader,
    Section,
    Value,
    attempt,
    below,
    boolean,
    choice,
    differing,
    entries,
    listed,
    pairs,
    parsed,
    text,
    whole,
    word,
)
from skerry_hub.workloads.restarts import Restart, restart_policy
from skerry_hub.workloads.units import byte_count, cpu_milli, some_bytes
from skerry_hub.workloads.x_placement import NO_DEVICES, XPlacement, x_placement
from skerry_wire.workload import Container, DeviceMapping, Mount

Network = Literal["bridge", "host", "none"]
Pull = Literal["missing", "always", "never"]
Namespace = Literal["private", "host"]


RESERVED_LABELS = "io.skerry."
_NETWORKS: Mapping[str, Network] = {"bridge": "bridge", "host": "host", "none": "none"}
_OF_SERVICE = "service:"
_PULLS: Mapping[str, Pull] = {
    "missing": "missing",
    "if_not_present": "missing",
    "always": "always",
    "never": "never",
}
_BUILD = {"build": "build the image before, and push it where the nodes can pull it"}
_PIDS: Mapping[str, Namespace] = {"host": "host"}
_IPCS: Mapping[str, Namespace] = {"private": "private", "host": "host"}
_CONTINUED = re.compile(r"(?<!\\)((?:\\\\)*)\\\n")
"""A line that goes on in the next one, which the standard library would take for an argument."""
_VARIABLE = "has no value: it would come from the shell of whoever applies; write NAME=value"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the names in a file stand for: its project, volumes on a node, services."""

    project: str
    volumes: Mapping[str, str]
    siblings: Siblings
    effort: Effort
    """What looking for contradictions may spend."""
    declared: Declared = NOTHING


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """A workload, and the places of those of its fields of which more can be wrong than is here.

    By the record's paths, as `expressions[2]`.
    """

    workload: Workload
    parts: Mapping[str, Value]
    part_of: str | None = None
    """The service whose instances have its container."""
    shares_network: bool = False


def service(value: Value, service_name: str, name: str, names: Names) -> Service:
    """Read a service. Problems are noted; with any, what is returned is of no use."""
    section = Section(value, SERVICE)
    asked: Deploy = section.get("deploy", deploy, Deploy(), empty_ok=True)
    part_of = _part_of(section, service_name, names)
    keys = (asked.x_placement, section.at("x-placement"))
    beside = x_placement(filter(None, keys), names.siblings, asked.placement, names.effort)
    container = _container(section, service_name, asked, names)
    container = with_files(container, section, names.declared)
    memory = _agreed(
        section, "mem_reservation", parsed(byte_count), asked.memory_bytes, "reservations.memory"
    )
    _within_limits(value, container, asked.cpu_milli, memory)
    constraints = _constraints(section, asked)
    replicas = _replicas(section, asked)
    devices = merged((*asked.devices, *section.get("gpus", gpus, ()), *beside.devices))
    if beside.placement.numa and not devices:
        _refuse_numa(filter(None, keys))
    every = check_expressions(constraints, beside.expressions, devices, names.effort)
    found = Workload(
        name=name,
        project=names.project,
        mode=asked.mode,
        replicas=replicas,
        containers=(container,),
        resources=Resources(
            cpu_milli=asked.cpu_milli or 0,
            memory_bytes=memory or 0,
            storage_bytes=asked.storage_bytes,
            devices=devices,
            ports=reserved(container.ports),
        ),
        constraints=tuple(one for _, one in constraints),
        expressions=tuple(dict.fromkeys(str(one) for _, one in beside.expressions)),
        tolerations=beside.tolerations,
        labels={**container.labels, **asked.labels},
        placement=beside.placement,
        lifecycle=_lifecycle(section, asked, container),
    )
    check_domains(found, every, beside.at_most, beside.affinity, names.effort)
    return Service(
        found,
        dict(_parts(found, section, beside, constraints)),
        part_of=part_of,
        shares_network=_network_of(section) is not None,
    )


def _part_of(section: Section, service_name: str, names: Names) -> str | None:
    """Return the service that this one is a part of; what is that one's affair is refused here."""
    found: str | None = section.get("x-part-of", word, None)
    network_of = _network_of(section)
    if network_of is not None and network_of != found:
        section.refuse("network_mode", f"needs x-part-of: {network_of}, too")
    if found is None:
        return None
    if found not in names.siblings or found == service_name:
        section.refuse("x-part-of", f"{short(found)} is not another service of this file")
    for key in ("scale", "platform", "x-placement", "x-lifecycle"):
        if key in section:
            section.refuse(key, f"is said by {found}, of which this is a part")
    asked = below(section.value, "deploy")
    for key, value in [] if asked is None or asked.is_null else entries(asked):
        if key != "resources":
            value.refuse(f"is said by {found}, of which this is a part")
    return found


def _network_of(section: Section) -> str | None:
    """Return the service whose network this one shares, by `network_mode: service:<name>`."""
    value = section.at("network_mode")
    if value is None or not value.is_scalar or value.is_null:
        return None
    written = attempt(value, text) or ""
    return written.removeprefix(_OF_SERVICE) if written.startswith(_OF_SERVICE) else None


def _parts(
    found: Workload,
    section: Section,
    beside: XPlacement,
    constraints: Sequence[Placed[Constraint]],
) -> Iterator[tuple[str, Value]]:
    """Give the places of a workload's fields."""
    image_at = section.at("image")
    if image_at is not None:
        yield "containers[0].image", image_at
    for index, (place, _) in enumerate(constraints):
        yield f"constraints[{index}]", place
    yield from beside_places(found, beside)
    yield from secret_places(section)


def _lifecycle(section: Section, asked: Deploy, container: Container) -> Lifecycle:
    own = section.at("x-lifecycle")
    found = lifecycle(own, asked.update_config, is_job=asked.is_job)
    if found.lease_s is not None and container.pid == "host":
        section.refuse("pid", "cannot be host with stopAfter: its processes could outlive it")
    if asked.is_job and "restart" in section and container.restart != "no":
        section.refuse("restart", "must be no for a job; use x-lifecycle.job.retries")
    return found


def _container(section: Section, service_name: str, asked: Deploy, names: Names) -> Container:
    published = section.get("ports", ports, ())
    network: Network = "bridge"
    if _network_of(section) is None:
        network = section.get("network_mode", choice(_NETWORKS), "bridge")
    if published and network != "bridge":
        section.refuse("ports", f"cannot be published with network_mode: {network}")
    usual: tuple[Restart, int] = ("no" if asked.is_job else "always", 0)
    restart, retries = section.get("restart", parsed(restart_policy), usual)
    devices = section.get("devices", _devices, ())
    return Container(
        name=service_name,
        image=section.need("image", parsed(image), ""),
        pull=section.get("pull_policy", choice(_PULLS, _BUILD), "missing"),
        entrypoint=section.get("entrypoint", _arguments, None, empty_ok=True),
        command=section.get("command", _arguments, None, empty_ok=True),
        environment=section.get("environment", pairs(missing=None, why=_VARIABLE), {}),
        labels=section.get("labels", _labels, {}),
        user=section.get("user", parsed(user), None),
        working_dir=section.get("working_dir", parsed(working_dir), None),
        ports=published,
        mounts=_mounts(section, names.volumes),
        devices=tuple(one for one in devices if isinstance(one, DeviceMapping)),
        cdi_devices=tuple(one for one in devices if isinstance(one, str)),
        restart=restart,
        restart_retries=retries,
        health=section.get("healthcheck", health, None),
        after=section.get("depends_on", dependencies, ()),
        log=section.get("logging", logging, None),
        stop_signal=section.get("stop_signal", parsed(stop_signal), None),
        stop_grace_s=section.get("stop_grace_period", within(0, MAX_S), 10.0),
        cpu_limit_milli=_agreed(
            section, "cpus", parsed(cpu_milli), asked.cpu_limit_milli, "limits.cpus"
        ),
        memory_limit_bytes=_agreed(
            section, "mem_limit", parsed(some_bytes), asked.memory_limit_bytes, "limits.memory"
        ),
        pids_limit=_agreed(section, "pids_limit", pids_limit, asked.pids_limit, "limits.pids"),
        read_only=section.get("read_only", boolean, default=False),
        init=section.get("init", boolean, default=False),
        privileged=section.get("privileged", boolean, default=False),
        network=network,
        pid=section.get("pid", choice(_PIDS), "private"),
        ipc=section.get("ipc", choice(_IPCS), "private"),
        cap_add=section.get("cap_add", listed(parsed(capability)), ()),
        cap_drop=section.get("cap_drop", listed(parsed(capability)), ()),
    )


def _refuse_numa(keys: Iterable[Value]) -> None:
    for key in keys:
        for name, value in entries(key):
            if name == "numa":
                value.refuse(NO_DEVICES)


def _constraints(section: Section, asked: Deploy) -> tuple[Placed[Constraint], ...]:
    """Return compose's own constraints, and that of the platform."""
    platform_of = section.get("platform", lambda one: (one, parsed(platform)(one)), None)
    return (*asked.placement.constraints, *([] if platform_of is None else [platform_of]))


def _replicas(section: Section, asked: Deploy) -> int:
    scale = section.get("scale", whole(0, MAX_REPLICAS), None)
    if scale is None:
        return 1 if asked.replicas is None else asked.replicas
    if asked.mode == "global":
        section.refuse("scale", "is not for mode: global, which is one on every node that fits")
    elif asked.replicas not in (None, scale):
        _refuse_other(section, "scale", "deploy.replicas")
    return scale


def _agreed(
    section: Section, key: str, read: Reader[int], other: int | None, other_key: str
) -> int | None:
    """Return what may be said at two places; where both do, they must say the same."""
    found = section.get(key, read, None)
    if None not in (found, other) and found != other:
        _refuse_other(section, key, f"deploy.resources.{other_key}")
    return other if found is None else found


def _refuse_other(section: Section, key: str, other_key: str) -> None:
    """Note that a key says something else than another one, where both are given."""
    value, other = section.at(key), below(section.value, other_key)
    if value is not None and other is not None:
        value.refuse(differing(value, other))


def _within_limits(
    value: Value, container: Container, cpu_milli: int | None, memory_bytes: int | None
) -> None:
    both = (
        ("cpus", cpu_milli, container.cpu_limit_milli),
        ("memory", memory_bytes, container.memory_limit_bytes),
    )
    for name, reserved_, limit in both:
        if reserved_ is not None and limit is not None and reserved_ > limit:
            value.refuse(f"reserves more {name} than its limit allows it to use")


def _arguments(value: Value) -> tuple[str, ...]:
    """Read a program and its arguments: a list, or a text split as a shell would."""
    if value.is_sequence:
        found = listed(text)(value)
    else:
        try:
            found = tuple(shlex.split(_CONTINUED.sub(r"\1", text(value))))
        except ValueError as error:
            raise RefusedError(f"cannot be split like a shell's words: {error}") from None
    if not found:
        raise RefusedError("is empty: leave it out to take the image's own")
    return found


def _labels(value: Value) -> dict[str, str]:
    found = pairs(missing="")(value)
    for name in found:
        own_label(name)
    return found


def own_label(name: str) -> str:
    """Return a label's name that is not Skerry's own."""
    if name.startswith(RESERVED_LABELS):
        raise RefusedError(f"{short(name)}: {RESERVED_LABELS} is for Skerry's own labels")
    return name


def _mounts(section: Section, volumes: Mapping[str, str]) -> tuple[Mount, ...]:
    found: tuple[Mount, ...] = (
        *section.get("volumes", lambda one: mounts(one, volumes), ()),
        *section.get("tmpfs", tmpfs, ()),
    )
    _once(section.value, "mounts", [mount.target for mount in found])
    return found


def _devices(value: Value) -> tuple[DeviceMapping | str, ...]:
    found = listed(device)(value)
    _once(value, "maps", [one if isinstance(one, str) else one.container for one in found])
    return found


def _once(value: Value, verb: str, paths: list[str]) -> None:
    for path in sorted(path for path, times in Counter(paths).items() if times > 1):
        value.refuse(f"{verb} {short(path)} twice")

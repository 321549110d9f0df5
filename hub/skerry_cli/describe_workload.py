"""The whole story of one workload."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any

from skerry_cli import words
from skerry_cli.job_records import need_not_run
from skerry_cli.job_text import job_text
from skerry_cli.kinds import EVENT, INSTANCE, label_list, state
from skerry_cli.records import (
    MANY,
    Event,
    Instance,
    Labels,
    Names,
    Reason,
    Words,
    Workload,
    part_of,
    read,
    read_all,
)
from skerry_cli.screen import Cell, Screen, Styled
from skerry_cli.sheets import tell_lines, tell_list
from skerry_cli.standing_text import host
from skerry_cli.workload_placement import ANYWHERE, Placement, placement_lines


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port of the node that reaches a port of the container."""

    host: int
    container: int
    protocol: Words = "tcp"
    host_ip: Words = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """What a container sees at a path."""

    kind: Words
    target: Words
    source: Words = ""
    read_only: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device of the node that a container gets."""

    host: Words
    container: Words


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What is asked for of one container."""

    name: Words
    image: Words
    entrypoint: Names | None = None
    command: Names | None = None
    environment: Labels = dataclasses.field(default_factory=dict)
    ports: Annotated[tuple[Port, ...], MANY] = ()
    mounts: Annotated[tuple[Mount, ...], MANY] = ()
    devices: Annotated[tuple[Device, ...], MANY] = ()
    restart: Words = "always"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRequest:
    """So many devices of a kind, whole or a share of each."""

    kind: Words
    count: int = 1
    vendor: Words | None = None
    share_milli: int = 1000
    expressions: Names = ()

    def __str__(self) -> str:
        share = f"{self.share_milli / 1000:g} of " if self.share_milli != 1000 else ""
        vendor = f"{self.vendor} " if self.vendor else ""
        tests = f" with {' and '.join(self.expressions)}" if self.expressions else ""
        return f"{share}{self.count} {vendor}{self.kind}{tests}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What each instance reserves."""

    cpu_milli: int = 0
    memory_bytes: int = 0
    storage_bytes: int = 0
    devices: Annotated[tuple[DeviceRequest, ...], MANY] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A test of a node."""

    key: Words
    operator: Words
    value: Words


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Toleration:
    """Taints that it bears."""

    key: Words = ""
    operator: Words = "Equal"
    value: Words = ""
    effect: Words | None = None

    def __str__(self) -> str:
        key = self.key or "every taint"
        value = f"={self.value}" if self.operator == "Equal" else ""
        return key + value + (f":{self.effect}" if self.effect else "")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What an operator asked for."""

    containers: Annotated[tuple[Container, ...], MANY] = ()
    resources: Request = Request()
    constraints: Annotated[tuple[Constraint, ...], MANY] = ()
    expressions: Annotated[tuple[Words, ...], MANY] = ()
    labels: Labels = dataclasses.field(default_factory=dict)
    tolerations: Annotated[tuple[Toleration, ...], MANY] = ()
    placement: Placement = ANYWHERE


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Unmet:
    """An instance whose node no longer meets what is asked for."""

    instance: Words
    node: Words
    hostname: Words
    reasons: Annotated[tuple[Reason, ...], MANY] = ()


def show_workload(screen: Screen, answer: Any, now: float) -> None:
    """Write everything that the hub's answer says of a workload."""
    workload = read(Workload, part_of(answer, "workload"))
    content = read(Content, part_of(answer, "content"))
    events = read_all(Event, part_of(answer, "events"))
    screen.facts(facts(workload, content, now))
    tell_lines(screen, "Placement", list(placement_lines(content.placement)))
    for container in content.containers:
        tell_lines(screen, f"Container {container.name}", list(container_lines(container)))
    tell_list(screen, "Instances", INSTANCE, workload.instances, now)
    tell_lines(screen, "Jobs", jobs(workload, now))
    tell_lines(screen, "What is wrong", wrong(workload, now))
    tell_lines(screen, "Not met any more: leaves at the next apply", _unmet(answer))
    if workload.placed < workload.wanted or workload.state == "unplaced":
        screen.section("Why no further node takes it")
        screen.line(f"  skerry explain {workload.name}")
    tell_list(screen, "Events", EVENT, events, now)


def _unmet(answer: Any) -> list[Cell]:
    """Return the instances whose nodes no longer do; none of a hub that did not look."""
    told = answer.get("unmet") if isinstance(answer, dict) else None
    return [
        Styled(
            f"{one.instance} on {host(one.hostname, one.node)}: {why.constraint}: {why.text}", "red"
        )
        for one in read_all(Unmet, told or [])
        for why in one.reasons
    ]


def facts(workload: Workload, content: Content, now: float) -> list[tuple[str, Cell | None]]:
    """Return what was asked for, and how far it is."""
    wanted = words.count(workload.wanted, "replica")
    if workload.mode == "global":
        wanted = f"one on each of {words.count(workload.wanted, 'node')}"
    constraints = [f"{one.key} {one.operator} {one.value}" for one in content.constraints]
    constraints += content.expressions
    updated = f"{words.age(workload.updated_at, now)} ago" if workload.updated_at else None
    return [
        ("Workload", workload.name),
        ("Project", workload.project),
        ("State", state(workload.state)),
        ("Reason", workload.reason),
        ("Wanted", wanted),
        (
            "Progress",
            f"placed {workload.placed}, running {workload.running}, "
            f"of them at the wanted revision {workload.current}",
        ),
        ("Revision", workload.revision),
        ("Created", f"{words.age(workload.created_at, now)} ago" if workload.created_at else None),
        ("Updated", updated),
        ("Reserves", words.joined(list(request_words(content.resources)))),
        ("Constraints", words.joined(constraints)),
        ("Tolerates", ", ".join(map(str, content.tolerations)) or None),
        ("Labels", label_list(content.labels)),
    ]


def request_words(request: Request) -> Iterator[str]:
    """Yield what each instance reserves."""
    if request.cpu_milli:
        yield f"cpu {words.processors(request.cpu_milli)}"
    if request.memory_bytes:
        yield f"memory {words.size(request.memory_bytes)}"
    if request.storage_bytes:
        yield f"storage {words.size(request.storage_bytes)}"
    yield from map(str, request.devices)


def container_lines(container: Container) -> Iterator[str]:
    """Yield what is asked for of a container. Values of variables may be secret: only names."""
    yield f"image {container.image}"
    if container.entrypoint:
        yield f"entrypoint {' '.join(container.entrypoint)}"
    if container.command:
        yield f"command {' '.join(container.command)}"
    if container.environment:
        yield f"environment {', '.join(sorted(container.environment))}"
    for port in container.ports:
        host = f"[{port.host_ip}]" if ":" in port.host_ip else port.host_ip
        where = f"{host}:{port.host}" if host else str(port.host)
        yield f"port {where} to {port.container}/{port.protocol}"
    for mount in container.mounts:
        mode = ", read-only" if mount.read_only else ""
        source = f" {mount.source}" if mount.source else ""
        yield f"{mount.kind}{source} at {mount.target}{mode}"
    for device in container.devices:
        yield f"device {device.host} at {device.container}"
    yield f"restart {container.restart}"


def jobs(workload: Workload, now: float) -> list[Cell]:
    """Return a line for each instance that is a job: its runs, the last result, the next run."""
    return [
        f"{one.id} on {one.hostname}: {job_text([one], now)}"
        + (f", at {words.moment(one.job.next_at)}" if one.job.next_at is not None else "")
        for one in workload.instances
        if one.job is not None
    ]


def wrong(workload: Workload, now: float) -> list[Cell]:
    """Return a line for each instance that is not as it should be."""
    return [
        Styled(_wrong_words(instance, now), "red" if instance.state == "failed" else "yellow")
        for instance in workload.instances
        if (instance.reason or instance.state in ("failed", "exited"))
        and not need_not_run(instance.state, instance.job)
    ]


def _wrong_words(instance: Instance, now: float) -> str:
    ended = f" with status {instance.exit_code}" if instance.exit_code is not None else ""
    reason = f": {instance.reason}" if instance.reason else ""
    if instance.waits_until is not None:
        reason += f" ({words.duration(max(0.0, instance.waits_until - now))} at most)"
    return f"{instance.id} on {instance.hostname} is {instance.state}{ended}{reason}"

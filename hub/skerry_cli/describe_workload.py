"""The whole story of one workload."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any

from skerry_cli import words
from skerry_cli.at_node import AtNode
from skerry_cli.container_text import container_facts
from skerry_cli.content_records import Content, Request
from skerry_cli.job_records import need_not_run
from skerry_cli.job_text import job_text
from skerry_cli.kinds import EVENT, INSTANCE, label_list, state
from skerry_cli.lifecycle_text import lifecycle_facts
from skerry_cli.records import (
    MANY,
    Event,
    Instance,
    Reason,
    Words,
    Workload,
    part_of,
    read,
    read_all,
)
from skerry_cli.screen import Cell, Screen, Styled
from skerry_cli.sheets import tell_lines, tell_list
from skerry_cli.workload_placement import placement_lines
from skerry_wire.frozen import frozen


@frozen(kw_only=True)
class Unmet(AtNode):
    """An instance whose node no longer meets what is asked for."""

    instance: Words
    node: Words
    hostname: Words
    reasons: Annotated[tuple[Reason, ...], MANY] = ()
    keeps_former: bool = False


_TOLD = ("INSTANCE", "NODE", "STATE", "REVISION", "HEALTH", "RESTARTS", "AGE", "EXIT")
_INSTANCE = dataclasses.replace(
    INSTANCE,
    columns=tuple(
        dataclasses.replace(column, wide=False)
        for title in _TOLD
        for column in INSTANCE.columns
        if column.title == title
    ),
)
"""Each instance with what it runs and how it ended last."""


def show_workload(screen: Screen, answer: Any, now: float) -> None:
    """Write everything that the hub's answer says of a workload."""
    workload = read(Workload, part_of(answer, "workload"))
    content = read(Content, part_of(answer, "content"))
    events = read_all(Event, part_of(answer, "events"))
    screen.facts(facts(workload, content, now))
    tell_lines(screen, "Placement", list(placement_lines(content.placement)))
    for container in content.containers:
        screen.section(f"Container {container.name}")
        screen.facts([*container_facts(container)], indent="  ")
    tell_list(screen, "Instances", _INSTANCE, workload.instances, now)
    tell_lines(screen, "Jobs", jobs(workload, now))
    tell_lines(screen, "What is wrong", wrong(workload, now))
    tell_lines(screen, "Not met any more: leaves at the next apply", _unmet(answer, False))
    tell_lines(screen, "Not taken by its node: keeps its former revision", _unmet(answer, True))
    if workload.placed < workload.wanted or workload.state == "unplaced":
        screen.section("Why no further node takes it")
        screen.line(f"  skerry explain {workload.name}")
    tell_list(screen, "Events", EVENT, events, now)


def _unmet(answer: Any, keeps_former: bool) -> list[Cell]:
    """Return the instances whose nodes no longer do; none of a hub that did not look."""
    told = answer.get("unmet") if isinstance(answer, dict) else None
    return [
        Styled(
            f"{one.instance} on {one.where}: {why.constraint}: {why.text}",
            "red",
        )
        for one in read_all(Unmet, told or [])
        if one.keeps_former is keeps_former
        for why in one.reasons
    ]


def facts(workload: Workload, content: Content, now: float) -> list[tuple[str, Cell | None]]:
    """Return what was asked for, and how far it is."""
    wanted = words.count(workload.wanted, "replica")
    if content.mode == "global":
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
        *lifecycle_facts(content.lifecycle),
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
    yield from (f"port {port}" for port in request.ports)


def jobs(workload: Workload, now: float) -> list[Cell]:
    """Return a line for each instance that is a job: its runs, the last result, the next run."""
    return [
        f"{one.id} on {one.where}: {job_text([one], now)}"
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
    return f"{instance.id} on {instance.where} is {instance.state}{ended}{reason}"

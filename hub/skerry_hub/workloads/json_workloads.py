"""Workloads as the API takes them, as JSON, checked as those of files are. Pure."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Collection, Iterable, Sequence

from skerry_hub.model import Workload
from skerry_hub.placement.contradiction import MAX_REQUEST
from skerry_hub.placement.effort import Effort
from skerry_hub.views import Problem
from skerry_hub.workloads import contained
from skerry_hub.workloads.asked_for import Note, checked
from skerry_hub.workloads.compose import ComposeError
from skerry_hub.workloads.limits import MAX_WORKLOAD_BYTES
from skerry_hub.workloads.ports import reserved
from skerry_hub.workloads.problems import Problems, TooManyProblemsError
from skerry_wire import codec

MAX_WORKLOADS = 1000
FIELD = "workloads"
"""The field of a request that holds them."""


def right(workloads: Sequence[Workload], taken: Collection[str] = ()) -> tuple[Workload, ...]:
    """Return workloads that were read, as they are stored. Raises ComposeError.

    `taken` are names that files of the same request ask for.
    """
    if len(workloads) > MAX_WORKLOADS:
        reason = f"has {len(workloads)} workloads, more than {MAX_WORKLOADS}"
        raise ComposeError((Problem(reason=reason, field=FIELD),))
    problems = Problems(None)
    effort = Effort(MAX_REQUEST)
    found: tuple[Workload, ...] = ()
    with contextlib.suppress(TooManyProblemsError):  # the last problem says so
        _unique((one.name for one in workloads), taken, problems)
        found = tuple(
            _one(one, f"{FIELD}[{index}]", problems, effort) for index, one in enumerate(workloads)
        )
    if len(problems):
        raise ComposeError(problems.in_order())
    return found


def _unique(names: Iterable[str], taken: Collection[str], problems: Problems) -> None:
    first: set[str] = set(taken)
    for index, name in enumerate(names):
        if name in first:
            problems.add(f"{name} is asked for twice", f"{FIELD}[{index}].name")
        first.add(name)


def _one(workload: Workload, field: str, problems: Problems, effort: Effort) -> Workload:
    note = functools.partial(_note, problems, field)
    # The same rule as of files, so that no project can ask for another's workload.
    if not workload.name.startswith(f"{workload.project}-"):
        note("name", f"must be {workload.project}-<service>")
    contained.check(workload.containers, note)
    ports = reserved(port for one in workload.containers for port in one.ports)
    if workload.resources.ports not in ((), ports):
        note("resources.ports", "must be left out: it is what the containers publish")
    _within_limits(workload, note)
    found = checked(workload, note, effort)
    found = dataclasses.replace(found, resources=dataclasses.replace(found.resources, ports=ports))
    size = len(codec.pack(found))
    if size > MAX_WORKLOAD_BYTES:
        note("", f"is {size} bytes when stored, more than {MAX_WORKLOAD_BYTES}")
    return found


def _within_limits(workload: Workload, note: Note) -> None:
    asked = workload.resources
    both = (
        ("cpu_milli", asked.cpu_milli, [one.cpu_limit_milli for one in workload.containers]),
        (
            "memory_bytes",
            asked.memory_bytes,
            [one.memory_limit_bytes for one in workload.containers],
        ),
    )
    for name, wanted, limits in both:
        known = [limit for limit in limits if limit is not None]
        if known and len(known) == len(limits) and wanted > sum(known):
            note(f"resources.{name}", "reserves more than the containers' limits allow to use")


def _note(problems: Problems, parent: str, field: str, reason: str) -> None:
    problems.add(reason, f"{parent}.{field}" if field else parent)

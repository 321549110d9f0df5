"""How many instances, what each reserves, and on which nodes. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Literal

from skerry_hub.model import Constraint
from skerry_hub.terms import DeviceRequest
from skerry_hub.workloads.device_requests import reserved_devices
from skerry_hub.workloads.keys import DEPLOY, LIMITS, PLACEMENT, RESERVATIONS, RESOURCES
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import (
    Placed,
    Section,
    Value,
    choice,
    pairs,
    parsed,
    placed,
    text,
    whole,
)
from skerry_hub.workloads.topologies import per_node, preference
from skerry_hub.workloads.units import byte_count, cpu_milli, some_bytes
from skerry_hub.workloads.x_placement import Standard
from skerry_wire.workload import MAX_PIDS

Mode = Literal["replicated", "global"]

MAX_REPLICAS = 100_000
_MODES: Mapping[str, tuple[Mode, bool]] = {
    "replicated": ("replicated", False),
    "global": ("global", False),
    "replicated-job": ("replicated", True),
    "global-job": ("global", True),
}
"""Each mode, and whether it is a job's."""
pids_limit = whole(1, MAX_PIDS)
"""Reads how many processes a container may have."""
_CONSTRAINT = re.compile(r"\s*([^\s=!]+)\s*(==|!=)\s*(\S(?:.*\S)?)\s*", re.DOTALL)
_FIELDS = ("node.id", "node.hostname", "node.platform.arch", "node.platform.os")
_LABEL = "node.labels."


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StandardPlacement(Standard):
    """What the key `placement` says."""

    constraints: tuple[Placed[Constraint], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """What the key `deploy` of a service says. None: nothing."""

    mode: Mode = "replicated"
    is_job: bool = False
    replicas: int | None = None
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    cpu_limit_milli: int | None = None
    memory_limit_bytes: int | None = None
    pids_limit: int | None = None
    cpu_milli: int | None = None
    memory_bytes: int | None = None
    storage_bytes: int = 0
    devices: tuple[DeviceRequest, ...] = ()
    placement: StandardPlacement = StandardPlacement()
    x_placement: Value | None = None
    """Read together with the service's own."""
    update_config: Value | None = None
    """Read together with the service's `x-lifecycle`."""


def deploy(value: Value) -> Deploy:
    """Read the key `deploy` of a service."""
    section = Section(value, DEPLOY, empty_ok=True)
    mode, is_job = section.get("mode", choice(_MODES), ("replicated", False))
    replicas = section.get("replicas", whole(0, MAX_REPLICAS), None)
    if mode == "global" and "replicas" in section:
        section.refuse(
            "replicas", f"is not for mode: {_word(section)}, which is one on every node that fits"
        )
    resources = section.get("resources", lambda one: Section(one, RESOURCES), None)
    limits = reservations = None
    if resources is not None:
        limits = resources.get("limits", lambda one: Section(one, LIMITS), None)
        reservations = resources.get("reservations", lambda one: Section(one, RESERVATIONS), None)
    found = Deploy(
        mode=mode,
        is_job=is_job,
        replicas=replicas,
        labels=section.get("labels", pairs(missing=""), {}),
        placement=section.get("placement", _placement, StandardPlacement()),
        x_placement=section.at("x-placement"),
        update_config=section.at("update_config"),
    )
    if limits is not None:
        found = dataclasses.replace(
            found,
            cpu_limit_milli=limits.get("cpus", parsed(cpu_milli), None),
            memory_limit_bytes=limits.get("memory", parsed(some_bytes), None),
            pids_limit=limits.get("pids", pids_limit, None),
        )
    if reservations is not None:
        found = dataclasses.replace(
            found,
            cpu_milli=reservations.get("cpus", parsed(cpu_milli), None),
            memory_bytes=reservations.get("memory", parsed(byte_count), None),
            storage_bytes=reservations.get("x-storage", parsed(byte_count), 0),
            devices=reservations.get("devices", reserved_devices, ()),
        )
    return found


def _word(section: Section) -> str:
    value = section.at("mode")
    return "global" if value is None else text(value)


def _placement(value: Value) -> StandardPlacement:
    section = Section(value, PLACEMENT)
    most = section.get("max_replicas_per_node", per_node, None)
    return StandardPlacement(
        constraints=section.get("constraints", placed(parsed(constraint)), ()),
        at_most=() if most is None else (most,),
        spread=section.get("preferences", placed(preference), ()),
    )


def constraint(written: str) -> Constraint:
    """Return the constraint that a text like `node.labels.site == quay-3` is."""
    match = _CONSTRAINT.fullmatch(written)
    if match is None:
        raise RefusedError(f"{short(written)} is not a constraint like node.labels.site == quay-3")
    key, operator, value = match.groups()
    if key not in _FIELDS and not (key.startswith(_LABEL) and len(key) > len(_LABEL)):
        raise RefusedError(
            f"{short(written)}: {short(key)} is not one of {', '.join(_FIELDS)}, {_LABEL}<label>"
        )
    if value[0] in "'\"=":
        raise RefusedError(f"{short(written)}: write the value without quotes or a third =")
    return Constraint(key=key, operator="==" if operator == "==" else "!=", value=value)

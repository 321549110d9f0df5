"""The schema's own limits, told as problems of the keys that people wrote. Pure.

What a workload may be is declared once, with its fields; here only the way back is known, from a
field to its key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from skerry_hub.model import Resources, Workload
from skerry_hub.terms import Placement
from skerry_hub.workloads.reading import Value, entries, items
from skerry_hub.workloads.yaml_tree import Mapping
from skerry_wire import codec, schema
from skerry_wire.errors import WireError
from skerry_wire.workload import Container

MAX_WORKLOAD_BYTES = codec.MAX_MESSAGE_BYTES

_RESERVATIONS = "deploy.resources.reservations"
KEYS: dict[type, dict[str, str]] = {
    Container: {
        "name": "",
        "bus_devices": "",  # given by placement, never asked for by name
        "pull": "pull_policy",
        "mounts": "volumes",
        "restart_retries": "restart",
        "health": "healthcheck",
        "stop_grace_s": "stop_grace_period",
        "cpu_limit_milli": "cpus",
        "memory_limit_bytes": "mem_limit",
        "network": "network_mode",
        "after": "depends_on",
        "log": "logging",
        "cdi_devices": "devices",
        "files": "",
        "secret_environment": "",
        "credentials": "",
    },
    Resources: {
        "cpu_milli": f"{_RESERVATIONS}.cpus",
        "memory_bytes": f"{_RESERVATIONS}.memory",
        "storage_bytes": f"{_RESERVATIONS}.x-storage",
        "devices": f"{_RESERVATIONS}.devices",
    },
    Workload: {
        "name": "",
        "project": "",
        "mode": "deploy.mode",
        "replicas": "deploy.replicas",
        "constraints": "deploy.placement.constraints",
        "expressions": "x-placement.constraints",
        "tolerations": "x-placement.tolerations",
        "lifecycle": "x-lifecycle",
    },
    Placement: {
        **{field.name: f"x-placement.{field.name}" for field in schema.fields_of(Placement)},
        "at_most": "x-placement.maxPer",
    },
}
"""The key of each field whose name it is not."""

PARTS = frozenset({"containers", "resources", "placement"})
"""The fields that are looked at field by field."""

_INDEX = re.compile(r"\[([0-9]+)\]\.?(.*)")


def check(workload: Workload, service: Value) -> None:
    """Note every field of the workload that its schema does not take."""
    for part in (workload, workload.resources, workload.placement, *workload.containers):
        for key, inner, reason in _wrong(part):
            place, rest = _place(service, key, inner)
            place.refuse(f"{rest}: {reason}" if rest else reason)
    size = len(codec.pack(workload))
    if size > MAX_WORKLOAD_BYTES:
        service.refuse(f"is {size} bytes when stored, more than {MAX_WORKLOAD_BYTES}")


def _wrong(part: Any) -> Iterator[tuple[str, str, str]]:
    """Yield the key of a field, the path within it, and what is wrong there."""
    plain = codec.to_plain(part)
    for field in schema.fields_of(type(part)):
        if field.name in PARTS or field.key not in plain:
            continue
        try:
            schema.reader(field.type, True)(plain[field.key])
        except WireError as error:
            yield KEYS[type(part)].get(field.name, field.name), error.field, error.reason


def _place(service: Value, key: str, inner: str) -> tuple[Value, str]:
    """Return the deepest value that the file really has on the way, and what is left of it."""
    place = service
    for name in filter(None, key.split(".")):
        found = dict(entries(place)).get(name) if isinstance(place.node, Mapping) else None
        if found is None:
            return place, inner
        place = found
    if isinstance(place.node, Mapping):
        found = dict(entries(place)).get(inner)
        return (place, inner) if found is None else (found, "")
    index = _INDEX.fullmatch(inner)
    if index is None or not place.is_sequence or int(index[1]) >= len(listing := [*items(place)]):
        return place, inner
    return listing[int(index[1])], index[2]

"""One document out of a YAML tree: its keys are its kind's, and each problem has its line. Pure."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from skerry_hub.document_checks import MISSING, DocumentError, Fault, document_of
from skerry_hub.document_keys import EGRESS, KEYS, QUOTA, key_of_field
from skerry_hub.documents import (
    KINDS,
    Dataset,
    Document,
    Endpoint,
    Policy,
    Prices,
    Reservation,
    Window,
)
from skerry_hub.workloads.keys import Keys
from skerry_hub.workloads.problems import RefusedError, short, under
from skerry_hub.workloads.reading import (
    Reader,
    Section,
    Value,
    attempt,
    choice,
    entries,
    items,
    listed,
    literal,
)
from skerry_hub.workloads.units import byte_count, duration_s
from skerry_hub.workloads.yaml_tree import Mapping as Tree

_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,12})?")
_SCIENTIFIC = re.compile(rf"{_NUMBER.pattern}(?:[eE][-+]?[0-9]{{1,2}})?")
_ELSEWHERE = dict.fromkeys(
    ("Deployment", "StatefulSet", "DaemonSet", "Pod", "Job", "CronJob"),
    "what runs is a service of a compose file",
)


def read_document(root: Value) -> Document | None:
    """Read one document; None, and problems, where something is wrong with it."""
    given = dict(entries(root)).get("kind")
    if given is None:
        raise RefusedError(f"has no kind ({', '.join(KINDS)}); a compose file is a file of its own")
    kind = attempt(given, choice(KINDS, _ELSEWHERE))
    if kind is None:
        return None
    before = len(root.problems)
    section = Section(root, KEYS[kind])
    plain = _plain(section, _READERS[kind])
    try:
        return document_of(kind, plain)
    except DocumentError as error:
        if error.of_whole and len(root.problems) > before:
            return None  # what could not be read is not known
        for fault in error.faults:
            # What was given and could not be read has been told already.
            if fault.reason != MISSING or key_of_field(fault.field) not in section:
                _tell(root, fault)
        return None


def _plain(section: Section, readers: Mapping[str, Reader[Any]]) -> dict[str, Any]:
    """Return what a mapping says, by the record's fields, as plain data."""
    found = {field: section.get(key_of_field(field), readers[field], None) for field in readers}
    return {field: value for field, value in found.items() if value is not None}


def _tell(root: Value, fault: Fault) -> None:
    """Note a fault at the deepest value that the file really has on the way to its field."""
    place, rest = root, fault.field
    while rest and (step := _step(place, rest)) is not None:
        place, rest = step
    field = under(place.field, key_of_field(rest)) if rest else place.field
    root.problems.add(fault.reason, field, place.line)


def _step(place: Value, path: str) -> tuple[Value, str] | None:
    """Return the value to which a path leads first, and what is left of the path."""
    if isinstance(place.node, Tree):
        inner = sorted(entries(place), key=lambda entry: -len(entry[0]))
        named = [(name, value) for key, value in inner for name in (_FIELDS.get(key), key) if name]
    elif place.is_sequence:
        named = [(f"[{index}]", value) for index, value in enumerate(items(place))]
    else:
        return None
    for name, value in named:
        rest = path.removeprefix(name)
        if path.startswith(name) and (not rest or rest[0] in ".["):
            return value, rest.removeprefix(".")
    return None


# --- single values ------------------------------------------------------------------------


def _as(parse: Callable[[str], Any]) -> Reader[Any]:
    return lambda value: parse(literal(value))


def _whole(text: str) -> int:
    if _NUMBER.fullmatch(text) is None or "." in text:
        raise RefusedError(f"{short(text)} is not a whole number")
    return int(text)


def _number(text: str) -> float:
    if _SCIENTIFIC.fullmatch(text) is None:
        raise RefusedError(f"{short(text)} is not a number like 0.25")
    return float(text)


def _cpus(text: str) -> int:
    """Return thousandths of processors; of a whole fleet there may be very many."""
    if _NUMBER.fullmatch(text) is None or text.startswith("-"):
        raise RefusedError(f"{short(text)} is not a number of processors: write 0.5 or 2")
    milli = Decimal(text) * 1000
    if milli != milli.to_integral_value():
        raise RefusedError(f"{short(text)} is finer than a thousandth of a processor")
    return int(milli)


def _moment(text: str) -> float:
    """Return seconds since 1970 of an ISO 8601 time, which must say its zone."""
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise RefusedError(f"{short(text)} is not a time like 2027-03-01T22:00:00Z") from None
    if found.tzinfo is None:
        raise RefusedError(f"{short(text)} has no zone: end it with Z, or with +01:00")
    return found.timestamp()


def _by_name(read: Reader[Any]) -> Reader[dict[str, Any]]:
    """Read a mapping of whatever names."""

    def read_all(value: Value) -> dict[str, Any]:
        found = {name: attempt(entry, read) for name, entry in entries(value)}
        return {name: one for name, one in found.items() if one is not None}

    return read_all


def _section(keys: Keys, readers: Mapping[str, Reader[Any]]) -> Reader[dict[str, Any]]:
    return lambda value: _plain(Section(value, keys), readers)


def _listed(read: Reader[Any]) -> Reader[list[Any]]:
    return lambda value: list(listed(read)(value))


_texts = _listed(literal)
_places = _by_name(_texts)
_price = _as(_number)
_size = _as(byte_count)
_count = _as(_whole)

_QUOTA: Mapping[str, Reader[Any]] = {
    "instances": _count,
    "cpu_milli": _as(_cpus),
    "memory_bytes": _size,
    "storage_bytes": _size,
    "devices": _by_name(_count),
    "cost_per_hour": _price,
}
_EGRESS: Mapping[str, Reader[Any]] = {"to": literal, "per_gb": _price}
_READERS: Mapping[type[Document], Mapping[str, Reader[Any]]] = {
    Policy: {
        "name": literal,
        "selector": literal,
        "projects": _texts,
        "required": _texts,
        "forbidden": _texts,
        "residency": _places,
        "registries": _texts,
        "max_priority": _count,
        "quota": _section(QUOTA, _QUOTA),
    },
    Prices: {
        "name": literal,
        "nodes": _texts,
        "node_hour": _price,
        "cpu_hour": _price,
        "gib_hour": _price,
        "storage_gib_hour": _price,
        "device_hour": _by_name(_price),
        "egress": _listed(_section(EGRESS, _EGRESS)),
        "watts_per_cpu": _price,
        "kwh": _price,
        "carbon_g_per_kwh": _price,
        "carbon_per_kg": _price,
    },
    Dataset: {"name": literal, "size_bytes": _size, "places": _places, "bandwidth_mbit": _price},
    Endpoint: {"name": literal, "host": literal, "port": _count},
    Reservation: {
        "name": literal,
        "nodes": _texts,
        "selector": literal,
        "cpu_milli": _as(_cpus),
        "memory_bytes": _size,
        "storage_bytes": _size,
        "start": _as(_moment),
        "end": _as(_moment),
    },
    Window: {
        "name": literal,
        "nodes": _texts,
        "start": _as(_moment),
        "duration_s": _as(duration_s),
        "repeats": choice({word: word for word in ("daily", "weekly")}),
        "reason": literal,
    },
}
"""How the value of each field is read."""

_FIELDS = {
    key_of_field(field): field
    for readers in (*_READERS.values(), _QUOTA, _EGRESS)
    for field in readers
}
"""The record's field of each key; no key stands for two."""

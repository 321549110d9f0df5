"""Amounts in words, for reasons. What is free is rounded down and what is wanted up. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from skerry_hub.fleet.facts import Resource

FIELDS: Mapping[Resource, str] = {
    Resource.CPU: "cpu_milli",
    Resource.MEMORY: "memory_bytes",
    Resource.STORAGE: "storage_bytes",
}
"""Where an amount stands in what is asked for, reserved or allowed."""

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def unit_of(resource: Resource, amount: int) -> tuple[str, int]:
    """Return the unit in which people read an amount, and how much it is."""
    if resource is Resource.CPU:
        return "", 1000
    index = min(max(amount.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    return f" {_UNITS[index]}", 1024**index


def down(resource: Resource, amount: int) -> str:
    """Return an amount that is not larger than it is: `180.5 MiB`, `0.25`."""
    name, unit = unit_of(resource, amount)
    parts = _parts(resource)
    return _decimal(amount * parts // unit, parts) + name


def up(resource: Resource, amount: int) -> str:
    """Return an amount that is not smaller than it is."""
    name, unit = unit_of(resource, amount)
    parts = _parts(resource)
    return _decimal(-(-amount * parts // unit), parts) + name


def _parts(resource: Resource) -> int:
    """Return how finely an amount is told: processors in thousandths, sizes in tenths."""
    return 1000 if resource is Resource.CPU else 10


def _decimal(count: int, parts: int) -> str:
    whole, rest = divmod(count, parts)
    return f"{whole}.{rest:0{len(str(parts)) - 1}}".rstrip("0").rstrip(".")


def shortage_text(resource: Resource, free: int, wanted: int) -> str:
    """Return `memory 180 MiB free < 256 MiB`."""
    name = resource.name.lower()
    if free < 0:
        return f"{name} overbooked by {up(resource, -free)}, {up(resource, wanted)} wanted"
    return f"{name} {down(resource, free)} free < {up(resource, wanted)}"

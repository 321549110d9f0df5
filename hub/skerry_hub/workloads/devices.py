"""Device nodes of the box that a container gets by name, in both forms. Pure."""

from __future__ import annotations

from skerry_hub.workloads.keys import DEVICE
from skerry_hub.workloads.mounts import inner_path, outer_path
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import Section, Value, parsed, text
from skerry_wire.workload import DeviceMapping

_ALL = "rwm"


def device(value: Value) -> DeviceMapping:
    """Read one device mapping."""
    return _short_form(text(value)) if value.is_scalar else _long_form(value)


def _short_form(written: str) -> DeviceMapping:
    host, *rest = written.split(":")
    if not host.startswith("/") and "=" in written:
        raise RefusedError(f"{short(written)}: CDI names are not supported; write a path")
    if len(rest) > 2:
        raise RefusedError(f"{short(written)} is not host:container:permissions")
    container = rest[0] if rest else host
    if len(rest) == 1 and not container.startswith("/"):
        raise RefusedError(f"{short(written)}: write the container's path before the permissions")
    return DeviceMapping(
        host=outer_path(host),
        container=inner_path(container),
        permissions=permissions(rest[1] if len(rest) == 2 else _ALL),
    )


def _long_form(value: Value) -> DeviceMapping:
    section = Section(value, DEVICE)
    host = section.need("source", parsed(outer_path), "/")
    return DeviceMapping(
        host=host,
        container=section.get("target", parsed(inner_path), host),
        permissions=section.get("permissions", parsed(permissions), _ALL),
    )


def permissions(written: str) -> str:
    """Return some of rwm, in this order."""
    if not written or set(written) - set(_ALL) or len(set(written)) != len(written):
        raise RefusedError(f"{short(written)} must be some of rwm, each once")
    return "".join(one for one in _ALL if one in written)

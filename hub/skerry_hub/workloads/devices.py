"""Device nodes of the box that a container gets by name, in both forms. Pure."""

from __future__ import annotations

import re

from skerry_hub.workloads.keys import DEVICE
from skerry_hub.workloads.mounts import inner_path, outer_path
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import Section, Value, parsed, text
from skerry_wire.workload import CDI_NAME, DeviceMapping

_ALL = "rwm"


_CDI = re.compile(CDI_NAME)


def device(value: Value) -> DeviceMapping | str:
    """Read one device mapping, or (a text) a CDI name."""
    if not value.is_scalar:
        return _long_form(value)
    written = text(value)
    is_named = not written.startswith("/") and "=" in written
    return cdi_name(written) if is_named else _short_form(written)


def cdi_name(written: str) -> str:
    """Return the name of a device in a box's CDI specifications."""
    if len(written) > 256 or _CDI.fullmatch(written) is None:
        raise RefusedError(f"{short(written)} is not a CDI name like vendor.example/camera=front")
    return written


def _short_form(written: str) -> DeviceMapping:
    host, *rest = written.split(":")
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

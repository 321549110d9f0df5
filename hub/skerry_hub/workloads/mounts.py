"""Volumes, binds and temporary file systems, in both forms. Pure."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Literal

from skerry_hub.workloads.keys import BIND, MOUNT, VOLUME
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import (
    Section,
    Value,
    attempt,
    boolean,
    choice,
    entries,
    items,
    parsed,
    text,
)
from skerry_wire.workload import Mount

Kind = Literal["volume", "bind", "tmpfs"]

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,199}")
_KINDS: Mapping[str, Kind] = {"volume": "volume", "bind": "bind", "tmpfs": "tmpfs"}
_MODES = {"ro": True, "rw": False}
_RELATIVE = (".", "~")
_ABSOLUTE = "the file's folder is not on the node; write an absolute path of the box"


def declared(value: Value, project: str) -> dict[str, str]:
    """Read the top-level volumes: the name on the node, by the name in the file."""
    found: dict[str, str] = {}
    for name, entry in entries(value):
        found[name] = f"{project}_{name}"
        if _NAME.fullmatch(name) is None:
            entry.refuse(f"{short(name)} is not a name of a volume: letters, digits, _ . -")
            continue
        section = attempt(entry, lambda one: Section(one, VOLUME, empty_ok=True))
        if section is not None:
            section.get("driver", choice({"local": "local"}), "local")
            found[name] = section.get("name", parsed(volume_name), found[name])
    return found


def volume_name(written: str) -> str:
    """Return a name that a volume may have on a node."""
    if _NAME.fullmatch(written) is None:
        raise RefusedError(f"{short(written)} is not a name of a volume: letters, digits, _ . -")
    return written


def mounts(value: Value, volumes: Mapping[str, str]) -> tuple[Mount, ...]:
    """Read a service's volumes. `volumes` are those declared: name on the node by name."""
    read = functools.partial(_mount, volumes=volumes)
    found = (attempt(item, read) for item in items(value))
    return tuple(one for one in found if one is not None)


def tmpfs(value: Value) -> tuple[Mount, ...]:
    """Read a service's temporary file systems: one path, or a list of them."""
    values = (value,) if value.is_scalar else tuple(items(value))
    found = (attempt(one, parsed(_tmpfs)) for one in values)
    return tuple(one for one in found if one is not None)


def _tmpfs(written: str) -> Mount:
    path, colon, options = written.partition(":")
    if colon:
        raise RefusedError(
            f"the option {short(options)} is not supported: size and mode are the runtime's own"
        )
    return Mount(kind="tmpfs", target=inner_path(path))


def _mount(value: Value, volumes: Mapping[str, str]) -> Mount:
    if not value.is_scalar:
        return _long_form(value, volumes)
    written = text(value)
    source, colon, rest = written.partition(":")
    target, _, mode = rest.partition(":")
    if not colon:
        raise RefusedError(f"{short(written)} is a volume without a name: write name:/folder")
    if mode not in ("", *_MODES):
        raise RefusedError(
            f"{short(written)}: the mode {short(mode)} is not supported, only ro, rw"
        )
    kind: Kind = "bind" if source.startswith(("/", *_RELATIVE)) else "volume"
    return Mount(
        kind=kind,
        source=_source(kind, source, volumes),
        target=inner_path(target),
        read_only=_MODES.get(mode, False),
    )


def _long_form(value: Value, volumes: Mapping[str, str]) -> Mount:
    section = Section(value, MOUNT)
    kind: Kind | None = section.need("type", choice(_KINDS), None)
    target = section.need("target", parsed(inner_path), "/")
    read_only = section.get("read_only", boolean, default=False)
    source = ""
    if kind == "tmpfs":
        if "source" in section:
            section.refuse("source", "is not for a tmpfs")
    elif kind is not None:
        source = section.need("source", parsed(lambda one: _source(kind, one, volumes)), "")
    if "bind" in section and kind is not None and kind != "bind":
        section.refuse("bind", f"is not for a {kind}")
    section.get("bind", _bind, None)
    return Mount(kind=kind or "volume", source=source, target=target, read_only=read_only)


def _bind(value: Value) -> bool:
    section = Section(value, BIND)
    if section.get("create_host_path", boolean, default=False):
        section.refuse("create_host_path", "must be false: the folder must be on the box already")
    return True


def _source(kind: Kind, written: str, volumes: Mapping[str, str]) -> str:
    if kind == "bind":
        return outer_path(written)
    if written not in volumes:
        raise RefusedError(
            f"the volume {short(written)} is not declared: add it to the top-level volumes"
        )
    return volumes[written]


def outer_path(written: str) -> str:
    """Return a path of the box: absolute and in its shortest form, as the box itself asks for."""
    if not written.startswith("/"):
        raise RefusedError(f"{short(written)} is not an absolute path: {_ABSOLUTE}")
    return _plain(written)


def inner_path(written: str) -> str:
    """Return a path in the container, which is not all of it."""
    if not written.startswith("/"):
        raise RefusedError(f"{short(written)} is not an absolute path in the container")
    found = _plain(written)
    if found == "/":
        raise RefusedError("must not be the container's root")
    return found


def _plain(written: str) -> str:
    found = written.rstrip("/") or "/"
    if found != "/" and any(part in ("", ".", "..") for part in found[1:].split("/")):
        raise RefusedError(f"{short(written)}: write the path without . or .. or //")
    return found

"""What a second person is shown before he approves: everything of a content but defaults. Pure.

Whatever is not left at its default is shown, by the name that the messages have for it: a field
that a later version adds cannot be approved unseen.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

from skerry_wire.approval import ApprovedContent
from skerry_wire.lifecycle import Sealed

UNTAGGED = "its tag may come to mean another image; approve one with a digest (@sha256:...)"


def shown(content: ApprovedContent) -> dict[str, Any]:
    """Return a content as plain data for people, in the order of the containers."""
    found: dict[str, Any] = {"workload": content.workload}
    found["containers"] = [_said(one) for one in content.containers]
    if content.shared_network:
        found["shared_network"] = True
    if content.devices:
        found["devices"] = list(content.devices)
    if content.placed_devices:
        found["more_devices"] = "each box gives those of the kinds that the workload asks for"
    return found


def cautions(content: ApprovedContent) -> list[str]:
    """Return what whoever approves should know that the content does not say by itself."""
    found = [
        f"{one.name}: {one.image}: {UNTAGGED}"
        for one in content.containers
        if "@sha256:" not in one.image
    ]
    secrets = sorted({name for one in content.containers for name in _secrets(one)})
    if secrets:
        found.append(f"what the secrets {', '.join(secrets)} hold is the hub's, and not approved")
    return found


def _secrets(value: Any) -> list[str]:
    if isinstance(value, Sealed):
        return [f"{value.name} ({value.version or 'no version'})"]
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return [name for field in fields for name in _secrets(getattr(value, field.name))]
    if isinstance(value, Mapping):
        return [name for one in value.values() for name in _secrets(one)]
    if isinstance(value, tuple):
        return [name for one in value for name in _secrets(one)]
    return []


def _said(value: Any) -> Any:
    """Return plain data without what is left at its default."""
    if isinstance(value, bytes):
        return _bytes(value)
    if isinstance(value, Sealed):
        return f"secret {value.name}, version {value.version}"
    if dataclasses.is_dataclass(value):
        return {
            field.name: _said(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if getattr(value, field.name) != _default(field)
        }
    if isinstance(value, Mapping):
        return {key: _said(value[key]) for key in sorted(value)}
    if isinstance(value, tuple):
        return [_said(one) for one in value]
    return value


def _bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"{len(value)} bytes, SHA-256 {hashlib.sha256(value).hexdigest()}"


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default

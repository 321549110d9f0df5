"""What manifests refer to: the ConfigMaps of the same apply, and the hub's secrets. Pure."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
from collections.abc import Mapping

from skerry_hub.workloads.kubernetes.keys import CONFIG_MAP
from skerry_hub.workloads.kubernetes.scalars import check_keys, string
from skerry_hub.workloads.kubernetes.values import flag
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import Section, Value, attempt, entries
from skerry_wire.lifecycle import MAX_FILE_BYTES, Sealed
from skerry_wire.types import LABEL

_LABEL = re.compile(LABEL)
_NOT_IN_NAME = re.compile(r"[^a-z0-9-]+")


@dataclasses.dataclass(frozen=True, slots=True)
class ConfigMaps:
    """The ConfigMaps of one apply: content by key, by name."""

    by_name: Mapping[str, Mapping[str, bytes]]

    def content_of(self, name: str) -> Mapping[str, bytes] | None:
        """Return a ConfigMap's content; None where there is none of that name."""
        return self.by_name.get(name)


def no_config_map(name: str) -> str:
    """Return why a reference leads nowhere."""
    return (
        f"the ConfigMap {short(name)} is not among what is applied: put it into one of the files,"
        " in the same namespace"
    )


def config_map(root: Value) -> dict[str, bytes]:
    """Read the content of a ConfigMap."""
    section = Section(root, CONFIG_MAP)
    section.get("immutable", flag, default=False)
    found: dict[str, bytes] = {}
    for key, decode in (("data", _text), ("binaryData", _binary)):
        value = section.at(key)
        if value is None or value.is_null:
            continue
        check_keys(value)
        for name, entry in entries(value):
            content = attempt(entry, decode)
            if content is not None:
                found[name] = content
    return found


def _text(value: Value) -> bytes:
    return _short_enough(string(value).encode())


def _binary(value: Value) -> bytes:
    try:
        return _short_enough(base64.b64decode("".join(string(value).split()), validate=True))
    except binascii.Error:
        raise RefusedError("is not base64") from None


def _short_enough(content: bytes) -> bytes:
    if len(content) > MAX_FILE_BYTES:
        raise RefusedError(f"is {len(content)} bytes, more than {MAX_FILE_BYTES}")
    return content


def secret_of(name: str, key: str) -> Sealed:
    """Return the hub's secret that stands for a key of one of Kubernetes: `<name>-<key>`."""
    called = _NOT_IN_NAME.sub("-", f"{name}-{key}".lower()).strip("-")
    if _LABEL.fullmatch(called) is None:
        raise RefusedError(f"{short(name)} and {short(key)} make no name of a secret of the hub")
    return Sealed(name=called)

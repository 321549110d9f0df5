"""The key `x-placement` of a service: what placement knows and compose has no word for. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from skerry_hub.model import Effect, Toleration
from skerry_hub.workloads.expressions import Written, expressions
from skerry_hub.workloads.keys import TOLERATION, X_PLACEMENT
from skerry_hub.workloads.problems import RefusedError
from skerry_hub.workloads.reading import Section, Value, choice, listed, parsed, text
from skerry_wire.labels import wrong_key, wrong_value

Operator = Literal["Exists", "Equal"]
_OPERATORS: Mapping[str, Operator] = {"Exists": "Exists", "Equal": "Equal"}
_EFFECTS: Mapping[str, Effect] = {"NoSchedule": "NoSchedule", "NoExecute": "NoExecute"}
_NO_EFFECTS = {"PreferNoSchedule": "no node has such a taint here"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What the key says."""

    expressions: tuple[Written, ...] = ()
    tolerations: tuple[Toleration, ...] = ()


NOTHING = Placement()


def x_placement(value: Value) -> Placement:
    """Read the key `x-placement` of a service."""
    section = Section(value, X_PLACEMENT, empty_ok=True)
    return Placement(
        expressions=section.get("constraints", expressions, ()),
        tolerations=section.get("tolerations", listed(toleration), ()),
    )


def toleration(value: Value) -> Toleration:
    """Read one toleration, as Kubernetes writes it."""
    section = Section(value, TOLERATION)
    operator: Operator = section.get("operator", choice(_OPERATORS), "Equal")
    found = Toleration(
        key=section.get("key", parsed(_key), ""),
        operator=operator,
        value=section.get("value", text, ""),
        effect=section.get("effect", choice(_EFFECTS, _NO_EFFECTS), None),
    )
    if operator == "Exists" and found.value:
        section.refuse("value", "is not for operator: Exists, which bears every value")
    elif operator == "Equal" and "key" not in section:
        raise RefusedError("has no key: name one, or tolerate every taint with operator: Exists")
    elif (reason := wrong_value(found.key, found.value)) is not None:
        section.refuse("value", reason)
    return found


def _key(written: str) -> str:
    reason = wrong_key(written)
    if reason is not None:
        raise RefusedError(reason)
    return written

"""The JSON Schema of `x-placement`, for editors and whoever makes files: from the key tables. Pure.

Limits and words are those of the records that the keys become. It takes whatever files may say;
what a text must be in itself, as an expression or a selector, only the hub tells.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from skerry_hub.devices import KINDS
from skerry_hub.model import Toleration, Workload
from skerry_hub.terms import DeviceRequest, Placement
from skerry_hub.workloads import units
from skerry_hub.workloads.keys import Keys
from skerry_hub.workloads.platforms import MOST_PLATFORMS
from skerry_hub.workloads.x_placement_keys import (
    AFFINITY,
    COST,
    DATA,
    DEVICES,
    EXPRESSION,
    LATENCY,
    SPREAD,
    TOLERATION,
    TRAFFIC,
    X_PLACEMENT,
)
from skerry_wire import jsonschema
from skerry_wire.types import LABEL

Document = dict[str, Any]

_RECORDS = jsonschema.definitions((Placement, DeviceRequest, Toleration, Workload), ref="")
_TEXT = ["string", "number", "boolean"]
_WHOLE = "^-?[0-9]+$"


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """One kind of mapping: the schema of each key, in the order of the table."""

    keys: Keys
    values: Mapping[str, Document]
    rules: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def schema() -> Document:
    """Return the document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "x-placement",
        "description": "The key x-placement of a service of a compose file, and of its deploy.",
        **_object(TOP),
        "type": ["object", "null"],
        "$defs": {name: _object(shape) for name, shape in SHAPES.items()}
        | {"expression": {"anyOf": [_of("Workload.expressions")["items"], _object(_EXPRESSION)]}},
    }


def _object(shape: Shape) -> Document:
    properties = {
        key: {"description": meaning, **shape.values[key]}
        for key, meaning in shape.keys.supported.items()
    }
    return {
        "type": "object",
        "properties": properties,
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
        **shape.rules,
    }


# --- values ------------------------------------------------------------------------------


def _of(path: str) -> Document:
    """Return the schema of a record's field, `Spread.max_skew`, as files write its values."""
    record, _, field = path.partition(".")
    found: Document = _RECORDS[record]["properties"][field]
    found = found.get("anyOf", [found])[0]
    if "enum" in found:
        return {"enum": [word for word in found["enum"] if word]}
    if "additionalProperties" in found:
        return {**found, "additionalProperties": _quotable(found["additionalProperties"])}
    return _quotable(found)


def _quotable(found: Document) -> Document:
    """Take numbers in quotes, and texts without: to files `5` and `"5"` are the same."""
    if found.get("type") == "integer":
        return {**found, "type": ["integer", "string"], "pattern": _WHOLE}
    return {**found, "type": _TEXT} if found.get("type") == "string" else found


def _amount(path: str) -> Document:
    number: Document = {**_of(path), "type": ["number", "string"]}
    return {**number, "pattern": f"^({units.AMOUNT.pattern})$"}


def _list(item: str, limits: str) -> Document:
    """Return a list of a shape, at most as long as the record's field."""
    most = _of(limits)["maxItems"]
    return {"type": "array", "items": {"$ref": f"#/$defs/{item}"}, "maxItems": most}


def _one_of(*keys: str) -> Document:
    return {"oneOf": [{"required": [key]} for key in keys]}


def _any_of(*keys: str) -> Document:
    return {"anyOf": [{"required": [key]} for key in keys]}


def _required(*keys: str) -> Document:
    return {"required": list(keys)}


_NAME: Document = {"type": _TEXT, "pattern": f"^({LABEL})$"}
_DURATION: Document = {"type": "string", "pattern": f"^({units.DURATION.pattern})$"}
_PART: Document = {"$ref": "#/$defs/expression"}
_PARTS: Document = {"type": "array", "items": _PART, "minItems": 1}
_TESTS = _list("expression", "Workload.expressions")

# --- mappings ----------------------------------------------------------------------------

_EXPRESSION = Shape(
    EXPRESSION, {"all": _PARTS, "any": _PARTS, "not": _PART}, _one_of("all", "any", "not")
)

SHAPES: Mapping[str, Shape] = {
    "toleration": Shape(
        TOLERATION,
        {
            "key": _of("Toleration.key"),
            "operator": _of("Toleration.operator"),
            "value": _of("Toleration.value"),
            "effect": _of("Toleration.effect"),
        },
    ),
    "device": Shape(
        DEVICES,
        {
            "kind": {"enum": list(KINDS)},
            "count": _of("DeviceRequest.count"),
            "vendor": _of("DeviceRequest.vendor"),
            "share": {
                "type": ["number", "string"],
                "exclusiveMinimum": 0,
                "maximum": 1,
                "pattern": f"^({units.SHARE.pattern})$",
            },
            "constraints": _list("expression", "DeviceRequest.expressions"),
            "reserveOnly": {"type": "boolean"},
        },
        _required("kind"),
    ),
    "affinity": Shape(
        AFFINITY,
        {
            "workload": _NAME,
            "selector": _of("Affinity.selector"),
            "topology": _of("Affinity.topology"),
            "weight": _of("Affinity.weight"),
        },
        _one_of("workload", "selector"),
    ),
    "spread": Shape(
        SPREAD,
        {
            "topology": _of("Spread.topology"),
            "maxSkew": _of("Spread.max_skew"),
            "whenUnsatisfiable": {"enum": ["DoNotSchedule", "ScheduleAnyway"]},
            "weight": _of("Spread.weight"),
            "weights": _of("Spread.weights"),
        },
        _required("topology"),
    ),
    "latency": Shape(
        LATENCY,
        {
            "to": {
                "type": "string",
                "pattern": f"^({'|'.join(_of('Latency.to')['enum'])})/.+$",
            },
            "max": _DURATION,
            "weight": _of("Latency.weight"),
        },
        _required("to") | _any_of("max", "weight"),
    ),
    "cost": Shape(
        COST,
        {"maxPerHour": _amount("Cost.max_per_hour"), "weight": _of("Cost.weight")},
        _any_of("maxPerHour", "weight"),
    ),
    "traffic": Shape(
        TRAFFIC,
        {
            "toEnvironment": {**_of("Traffic.environment"), "minLength": 1},
            "toWorkload": _NAME,
            "gbPerHour": _amount("Traffic.gb_per_hour"),
        },
        _required("gbPerHour") | _one_of("toEnvironment", "toWorkload"),
    ),
    "data": Shape(
        DATA,
        {
            "dataset": _NAME,
            "local": {"type": "boolean"},
            "maxTransfer": _DURATION,
            "weight": _of("DataNeed.weight"),
        },
        _required("dataset"),
    ),
}
"""By their names under `$defs`."""

TOP = Shape(
    X_PLACEMENT,
    {
        "constraints": _TESTS,
        "platforms": {
            "type": "array",
            "items": {"type": "string", "pattern": "^linux/"},
            "minItems": 1,
            "maxItems": MOST_PLATFORMS,
        },
        "tolerations": _list("toleration", "Workload.tolerations"),
        "devices": {"type": "array", "items": {"$ref": "#/$defs/device"}},
        "numa": _of("Placement.numa"),
        "strategy": _of("Placement.strategy"),
        "affinity": _list("affinity", "Placement.affinity"),
        "antiAffinity": _list("affinity", "Placement.affinity"),
        "spread": _list("spread", "Placement.spread"),
        "maxPer": {
            "type": "object",
            "additionalProperties": _of("AtMost.count"),
            "maxProperties": _of("Placement.at_most")["maxItems"],
        },
        "latency": _list("latency", "Placement.latency"),
        "cost": {"$ref": "#/$defs/cost"},
        "traffic": _list("traffic", "Placement.traffic"),
        "data": _list("data", "Placement.data"),
        "priority": _of("Placement.priority"),
        "preemption": _of("Placement.preemption"),
        "gang": _NAME,
    },
)

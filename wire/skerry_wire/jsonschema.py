"""JSON Schema (2020-12) of a message, from the same annotations that the codec enforces."""

from __future__ import annotations

import enum
import inspect
import math
import typing
from collections.abc import Mapping
from typing import Any, Literal

from skerry_wire import schema

Document = dict[str, Any]


def schema_of(cls: type, *, ref: str = "#/$defs/") -> Document:
    """Return the schema of a message class, each nested class under `$defs`.

    `ref` is where the references point: OpenAPI and AsyncAPI keep their schemas elsewhere.
    """
    defs: dict[str, Document] = {}
    _define(cls, defs, ref)
    top = defs.pop(cls.__name__)
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **top}
    if defs:
        document["$defs"] = dict(sorted(defs.items()))
    return document


def definitions(classes: typing.Iterable[type], *, ref: str) -> dict[str, Document]:
    """Return the schemas of several classes and all that they contain, by class name."""
    defs: dict[str, Document] = {}
    for cls in classes:
        _define(cls, defs, ref)
    return dict(sorted(defs.items()))


def _define(cls: type, defs: dict[str, Document], ref: str) -> None:
    if cls.__name__ in defs:
        return
    defs[cls.__name__] = {}  # known from here on, should a message ever contain itself
    properties, required = {}, []
    for field in schema.fields_of(cls):
        described = _describe(field.type, defs, ref)
        if field.key != field.name:
            described = {"title": field.name, **described}
        properties[field.key] = described
        if field.required:
            required.append(field.key)
    document: Document = {
        "type": "object",
        "title": cls.__name__,
        "description": inspect.getdoc(cls) or "",
        "properties": properties,
    }
    if required:
        document["required"] = required
    defs[cls.__name__] = document


def _describe(hint: Any, defs: dict[str, Document], ref: str) -> Document:
    inner = schema.optional_of(hint)
    if inner is not None:
        return {"anyOf": [_describe(inner, defs, ref), {"type": "null"}]}
    plain = schema.bare(hint)
    origin = typing.get_origin(plain)
    items = schema.limit(hint, schema.Items, schema.DEFAULT_ITEMS)
    if origin is Literal:
        return {"enum": list(typing.get_args(plain))}
    if origin is tuple:
        each = _describe(typing.get_args(plain)[0], defs, ref)
        return {"type": "array", "items": each, "maxItems": items.most}
    if origin in (Mapping, dict):
        each = _describe(typing.get_args(plain)[1], defs, ref)
        return {"type": "object", "additionalProperties": each, "maxProperties": items.most}
    if isinstance(plain, type) and issubclass(plain, enum.StrEnum):
        return {"enum": [str(member) for member in plain]}
    if plain in _SCALARS:
        return _SCALARS[plain](hint)
    _define(plain, defs, ref)
    return {"$ref": ref + plain.__name__}


def _number(kind: str, limits: schema.Range) -> Document:
    document: Document = {"type": kind}
    if math.isfinite(limits.low):
        document["minimum"] = limits.low
    if math.isfinite(limits.high):
        document["maximum"] = limits.high
    return document


def _text(limits: schema.Text) -> Document:
    document: Document = {"type": "string", "maxLength": limits.most}
    if limits.pattern:
        document["pattern"] = f"^({limits.pattern})$"
    return document


_EVERY = schema.Range(-math.inf, math.inf)
_SCALARS: dict[type, typing.Callable[[Any], Document]] = {
    bool: lambda _hint: {"type": "boolean"},
    int: lambda hint: _number("integer", schema.limit(hint, schema.Range, schema.INT_RANGE)),
    float: lambda hint: _number("number", schema.limit(hint, schema.Range, _EVERY)),
    str: lambda hint: _text(schema.limit(hint, schema.Text, schema.DEFAULT_TEXT)),
    bytes: lambda hint: {
        "type": "string",
        "contentEncoding": "base64",
        "description": "msgpack bin, at most "
        f"{schema.limit(hint, schema.Items, schema.DEFAULT_BYTES).most} bytes",
    },
}

"""Compiles the annotations of a message dataclass into a reader and a writer.

A message is declared once, as a frozen dataclass; its annotations are the schema that
the codec enforces and from which the JSON Schema documents are generated. Supported:
bool, int, float, str, bytes, Literal, StrEnum, `X | None`, `tuple[X, ...]`,
`Mapping[str, X]` and other such dataclasses, with limits given through `Annotated`.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from skerry_wire.errors import WireError, bound
from skerry_wire.frozen import frozen
from skerry_wire.plain_data import depth_over, from_base64

MAX_DEPTH = 32
"""How deep a message may nest, values of unknown fields included."""

T = TypeVar("T")
Check = Callable[[Any], Any]
Plain = Callable[[Any], Any]


@frozen()
class Range:
    """Inclusive limits of a number."""

    low: float
    high: float


@frozen()
class Text:
    """Most characters of a text, and the pattern that all of it must match."""

    most: int
    pattern: str | None = None


@frozen()
class Items:
    """Most elements of a tuple or mapping, or bytes of a byte string."""

    most: int


@frozen()
class Key:
    """The field's key on the wire, where it is not the field's own name."""

    name: str


@frozen()
class Sparse:
    """The field is left out on the wire while it has its default: it came after a release."""


@frozen()
class OrBase64:
    """The bytes are read from a text in base64 as well: JSON, which people write, has none."""


DEFAULT_TEXT = Text(1024)
DEFAULT_ITEMS = Items(1024)
DEFAULT_BYTES = Items(64 * 1024)
INT_RANGE = Range(-(2**63), 2**63 - 1)


@frozen()
class Field:
    """One field of a message: its name in Python, its key on the wire, its type."""

    name: str
    key: str
    type: Any
    required: bool
    default: Any = None
    sparse: bool = False


def fields_of(cls: type) -> tuple[Field, ...]:
    """Return the fields of a message class, in the order of declaration."""
    hints = typing.get_type_hints(cls, include_extras=True)
    found = []
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        notes = metadata_of(hint) + metadata_of(optional_of(hint))
        key = next((m.name for m in notes if isinstance(m, Key)), field.name)
        required = field.default is field.default_factory is dataclasses.MISSING
        sparse = any(isinstance(note, Sparse) for note in notes)
        default = field.default_factory() if callable(field.default_factory) else field.default
        found.append(Field(field.name, key, hint, required, default, sparse))
    return tuple(found)


def metadata_of(hint: Any) -> tuple[Any, ...]:
    """Return what `Annotated` says beside the type, the outermost last."""
    return hint.__metadata__ if typing.get_origin(hint) is Annotated else ()


def bare(hint: Any) -> Any:
    """Return the type without what `Annotated` says beside it."""
    return hint.__origin__ if typing.get_origin(hint) is Annotated else hint


def limit(hint: Any, kind: type[T], default: T) -> T:
    """Return the last limit of one kind among a type's annotations, or the default."""
    return next((m for m in reversed(metadata_of(hint)) if isinstance(m, kind)), default)


def optional_of(hint: Any) -> Any | None:
    """Return X of `X | None`, or None where the type is not optional."""
    plain = bare(hint)
    if typing.get_origin(plain) not in (typing.Union, types.UnionType):
        return None
    inner = [arg for arg in typing.get_args(plain) if arg is not types.NoneType]
    if len(inner) != 1 or len(typing.get_args(plain)) != 2:
        raise TypeError(f"only `X | None` is a union that a message may have: {plain}")
    if metadata_of(hint):
        raise TypeError(f"write `Annotated[X, ...] | None`: limits belong to the value: {hint}")
    return inner[0]


# --- reading -----------------------------------------------------------------------------


def reader(hint: Any, strict: bool) -> Check:
    """Return a function that turns decoded msgpack into the typed value, or raises WireError.

    `strict` refuses unknown fields; otherwise they are ignored, up to MAX_DEPTH.
    """
    inner = optional_of(hint)
    if inner is not None:
        required = reader(inner, strict)
        return lambda value: None if value is None else required(value)
    plain = bare(hint)
    origin = typing.get_origin(plain)
    if origin is Literal:
        return _read_literal(typing.get_args(plain))
    if origin is tuple:
        return _read_tuple(typing.get_args(plain)[0], limit(hint, Items, DEFAULT_ITEMS), strict)
    if origin in (Mapping, dict):
        return _read_mapping(typing.get_args(plain)[1], limit(hint, Items, DEFAULT_ITEMS), strict)
    if plain is bool:
        return _read_bool
    if plain is int:
        return _read_int(limit(hint, Range, INT_RANGE))
    if plain is float:
        return _read_float(limit(hint, Range, Range(-math.inf, math.inf)))
    if plain is str:
        return _read_text(limit(hint, Text, DEFAULT_TEXT))
    if plain is bytes:
        is_text = any(isinstance(one, OrBase64) for one in metadata_of(hint))
        return _read_bytes(limit(hint, Items, DEFAULT_BYTES), is_text)
    if isinstance(plain, type) and issubclass(plain, enum.StrEnum):
        return _read_enum(plain)
    if dataclasses.is_dataclass(plain) and isinstance(plain, type):
        return _read_message(plain, strict)
    raise TypeError(f"a message cannot have a field of type {hint}")


def _kind(value: Any) -> str:
    names = {dict: "a map", list: "a list", str: "text", bytes: "bytes", type(None): "nothing"}
    return names.get(type(value), type(value).__name__)


def _read_bool(value: Any) -> bool:
    if type(value) is not bool:
        raise WireError("", f"must be true or false, not {_kind(value)}")
    return value


def _read_int(limits: Range) -> Check:
    low, high = limits.low, limits.high

    def read(value: Any) -> int:
        if type(value) is not int:
            raise WireError("", f"must be a whole number, not {_kind(value)}")
        if not low <= value <= high:
            raise WireError("", f"must be {bound(low)} to {bound(high)}, not {value}")
        return value

    return read


def _read_float(limits: Range) -> Check:
    low, high = limits.low, limits.high

    def read(value: Any) -> float:
        if type(value) is not float and type(value) is not int:
            raise WireError("", f"must be a number, not {_kind(value)}")
        try:
            number = float(value)
        except OverflowError:
            raise WireError("", "is too large") from None
        if not math.isfinite(number) or not low <= number <= high:
            raise WireError("", f"must be {bound(low)} to {bound(high)}, not {number:g}")
        return number

    return read


def _read_text(limits: Text) -> Check:
    most = limits.most
    match = re.compile(limits.pattern).fullmatch if limits.pattern else None

    def read(value: Any) -> str:
        if type(value) is not str:
            raise WireError("", f"must be text, not {_kind(value)}")
        if len(value) > most:
            raise WireError("", f"must have at most {most} characters, not {len(value)}")
        if match is not None and match(value) is None:
            raise WireError("", f"{value[:80]!r} does not match {limits.pattern}")
        return value

    return read


def _read_bytes(limits: Items, is_text: bool) -> Check:
    def read(value: Any) -> bytes:
        if is_text and type(value) is str:
            value = from_base64(value)
        if type(value) is not bytes:
            raise WireError("", f"must be bytes, not {_kind(value)}")
        if len(value) > limits.most:
            raise WireError("", f"must have at most {limits.most} bytes, not {len(value)}")
        return value

    return read


def _read_literal(allowed: tuple[Any, ...]) -> Check:
    def read(value: Any) -> Any:
        if type(value) is not str or value not in allowed:
            words = ", ".join(one or '""' for one in allowed)
            raise WireError("", f"must be one of {words}")
        return value

    return read


def _read_enum(kind: type[enum.StrEnum]) -> Check:
    members = {str(member.value): member for member in kind}
    # A newer peer may know more states than this one: where the enumeration has an
    # UNKNOWN member, what it does not list is that.
    unknown = members.get("unknown")

    def read(value: Any) -> enum.StrEnum:
        if type(value) is not str or len(value) > 64:
            raise WireError("", "must be a short text")
        member = members.get(value, unknown)
        if member is None:
            raise WireError("", f"{value!r} is not one of {', '.join(members)}")
        return member

    return read


def _read_tuple(item: Any, limits: Items, strict: bool) -> Check:
    read_item = reader(item, strict)

    def read(value: Any) -> tuple[Any, ...]:
        if type(value) is not list:
            raise WireError("", f"must be a list, not {_kind(value)}")
        if len(value) > limits.most:
            raise WireError("", f"must have at most {limits.most} items, not {len(value)}")
        done = []
        for index, element in enumerate(value):
            try:
                done.append(read_item(element))
            except WireError as error:
                raise error.under(f"[{index}]") from None
        return tuple(done)

    return read


def _read_mapping(item: Any, limits: Items, strict: bool) -> Check:
    read_item = reader(item, strict)

    def read(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise WireError("", f"must be a map, not {_kind(value)}")
        if len(value) > limits.most:
            raise WireError("", f"must have at most {limits.most} entries, not {len(value)}")
        done = {}
        for key, element in value.items():
            if type(key) is not str or len(key) > 512:
                raise WireError("", "has a key that is not a short text")
            try:
                done[key] = read_item(element)
            except WireError as error:
                raise error.under(key) from None
        return done

    return read


_ABSENT = object()


def _read_message(cls: type, strict: bool) -> Check:
    table = [(f.name, f.key, reader(f.type, strict), f.required) for f in fields_of(cls)]
    known = frozenset(key for _, key, _, _ in table)

    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise WireError("", f"must be a map, not {_kind(value)}")
        values = {}
        key = ""
        try:
            for name, key, read_field, required in table:
                found = value.get(key, _ABSENT)
                if found is not _ABSENT:
                    values[name] = read_field(found)
                elif required:
                    raise WireError("", "is missing")
        except WireError as error:
            raise error.under(key) from None
        if not known.issuperset(value):
            _check_unknown(value, known, strict)
        return cls(**values)

    return read


def _check_unknown(value: dict[Any, Any], known: frozenset[str], strict: bool) -> None:
    for key, element in value.items():
        if key in known:
            continue
        if type(key) is not str:
            raise WireError("", "has a key that is not text")
        if strict:
            raise WireError(key[:80], "is not a field that this version knows")
        if depth_over(element, MAX_DEPTH):
            raise WireError(key[:80], f"is nested deeper than {MAX_DEPTH}")


# --- writing -----------------------------------------------------------------------------


def writer(hint: Any, nulls: bool = False) -> Plain:
    """Return a function that turns a typed value into plain data, with keys in a fixed order.

    Fields that are None are left out, which is what their absence means to the reader;
    `nulls` keeps them, for people's and other programs' JSON.
    """
    inner = optional_of(hint)
    if inner is not None:
        required = writer(inner, nulls)
        return lambda value: None if value is None else required(value)
    plain = bare(hint)
    origin = typing.get_origin(plain)
    if origin is tuple:
        write_item = writer(typing.get_args(plain)[0], nulls)
        return lambda value: [write_item(element) for element in value]
    if origin in (Mapping, dict):
        write_item = writer(typing.get_args(plain)[1], nulls)
        return lambda value: {key: write_item(value[key]) for key in sorted(value)}
    if isinstance(plain, type) and issubclass(plain, enum.StrEnum):
        return str
    if dataclasses.is_dataclass(plain) and isinstance(plain, type):
        return _write_message(plain, nulls)
    return lambda value: value


def _write_message(cls: type, nulls: bool) -> Plain:
    table = [
        # None stands for "is never left out for its value": no sparse field has it as default.
        (f.name, f.key, writer(f.type, nulls), f.default if f.sparse and not nulls else None)
        for f in fields_of(cls)
    ]

    def write(message: Any) -> dict[str, Any]:
        done = {}
        for name, key, write_field, left_out in table:
            typed = getattr(message, name)
            if typed == left_out and left_out is not None:
                continue
            value = write_field(typed)
            if nulls or value is not None:
                done[key] = value
        return done

    return write

"""The fields of a node that a constraint may name, and their values. Pure.

What there is comes from the capability's own declaration: `node.hardware.` and its keys, as the
wire has them. A field within a list stands for the set of its values in all items. A value that
the node does not tell is none.
"""

from __future__ import annotations

import dataclasses
import difflib
import enum
import functools
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from skerry_hub.fleet.facts import Facts, arch_names
from skerry_wire import schema
from skerry_wire.hardware import Hardware

LABEL = "node.labels."
HARDWARE = "node.hardware."
ARCH = "node.platform.arch"
PLAIN = ("node.id", "node.hostname", ARCH, "node.platform.os")
"""The fields that are not the hardware's own."""

MAX_PATH = 320
Single = str | int | float | bool


class Kind(enum.StrEnum):
    """What a field's values are."""

    TEXT = "a text"
    LABEL = "a label"
    NUMBER = "a number"
    BYTES = "a size"
    BOOLEAN = "true or false"
    RECORD = "a record"


class UnknownFieldError(ValueError):
    """No node has such a field; says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One field. `many`: it stands for a set. `choices`: the only texts there are, () for any.

    `whole`: its numbers are whole.
    """

    path: str
    kind: Kind
    many: bool = False
    choices: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    whole: bool = False

    @property
    def name(self) -> str:
        """Return what it is called in reasons: `memory.total_bytes`, `site`."""
        for prefix in (LABEL, HARDWARE, "node."):
            if self.path.startswith(prefix):
                return self.path.removeprefix(prefix)
        return self.path

    def values(self, facts: Facts) -> tuple[Single, ...]:
        """Return what a node tells of it; an architecture by all its names, the node's first."""
        if self.steps:
            return _walk(facts.hardware, self.steps) if facts.hardware is not None else ()
        value = facts.value(self.path)
        if value is None:
            return ()
        return arch_names(value) if self.path == ARCH else (value,)

    def unknown_because(self, facts: Facts) -> str | None:
        """Return why the node cannot tell it although it was asked, None where nothing failed."""
        return facts.failed_probes.get(self.steps[0]) if self.steps else None


def _walk(hardware: Hardware, steps: Sequence[str]) -> tuple[Any, ...]:
    found: list[Any] = [hardware]
    for step in steps:
        deeper: list[Any] = []
        for one in found:
            value = one.get(step) if isinstance(one, Mapping) else getattr(one, step)
            if isinstance(value, tuple):
                deeper.extend(value)
            elif value is not None:
                deeper.append(value)
        found = deeper
    return tuple(found)


@functools.lru_cache(maxsize=1024)
def field(path: str) -> Field:
    """Return the field of this path. Raises UnknownFieldError."""
    if len(path) > MAX_PATH:
        raise UnknownFieldError(f"has a field longer than {MAX_PATH} characters")
    if path in PLAIN:
        return Field(path, Kind.TEXT)
    if path.startswith(LABEL) and len(path) > len(LABEL):
        return Field(path, Kind.LABEL)
    if path.startswith(HARDWARE):
        return _declared(path)
    known = (*PLAIN, f"{LABEL}<label>", f"{HARDWARE}<field>")
    raise UnknownFieldError(f"{path!r} is not a field: {', '.join(known)}")


def _declared(path: str) -> Field:
    """Find a path in the declaration of the hardware."""
    names = path.removeprefix(HARDWARE).split(".")
    if names[0] == "labels":
        raise UnknownFieldError(f"{path!r}: write {LABEL}<label>, which has the hub's labels too")
    hint: Any = Hardware
    steps: list[str] = []
    many = False
    while names:
        key = names.pop(0)
        declared = DECLARED[hint]
        if key not in declared:
            raise UnknownFieldError(_no_such(path, key, list(declared), HARDWARE, steps))
        steps.append(declared[key].name)
        hint, of_many = _inner(declared[key].type)
        many |= of_many
        if typing.get_origin(hint) in (Mapping, dict):
            hint, taken = _inside(path, hint, names)
            steps.append(taken)
        if names and not dataclasses.is_dataclass(hint):
            raise UnknownFieldError(f"{path!r}: nothing is below {'.'.join(steps)}")
    kind = _kind(hint, steps[-1])
    if kind is Kind.RECORD and not many:
        within = ", ".join(DECLARED[hint])
        raise UnknownFieldError(f"{path!r} is not one value; name one below it: {within}")
    choices = typing.get_args(hint) if typing.get_origin(hint) is Literal else ()
    return Field(path, kind, many, choices, tuple(steps), whole=hint is int)


def _inner(hint: Any) -> tuple[Any, bool]:
    """Return the type within `X | None`, `Annotated` and a tuple, and whether it is a tuple's."""
    plain = schema.bare(schema.optional_of(hint) or hint)
    if typing.get_origin(plain) is tuple:
        return schema.bare(typing.get_args(plain)[0]), True
    return plain, False


def _inside(path: str, hint: Any, names: list[str]) -> tuple[Any, str]:
    """Take an entry's key: one name for records, all that is left for plain values."""
    inner = schema.bare(typing.get_args(hint)[1])
    taken = names[:1] if dataclasses.is_dataclass(inner) else names[:]
    if not all(taken) or not taken:
        raise UnknownFieldError(f"{path!r} names no entry; write {path.rstrip('.')}.<name>")
    del names[: len(taken)]
    return inner, ".".join(taken)


def _kind(hint: Any, name: str) -> Kind:
    if dataclasses.is_dataclass(hint):
        return Kind.RECORD
    if hint is bool:
        return Kind.BOOLEAN
    if hint in (int, float):
        return Kind.BYTES if name.endswith("_bytes") else Kind.NUMBER
    return Kind.TEXT


def _no_such(path: str, key: str, known: list[str], prefix: str, steps: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1) if len(key) <= 40 else []
    where = prefix + "".join(f"{step}." for step in steps)
    guess = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(known))}"
    return f"{path!r}: {where}{key} is not a field; {guess}"


def _declared_within(record: type) -> dict[type, dict[str, schema.Field]]:
    """Return the fields of a record and of all records within it, by key."""
    found: dict[type, dict[str, schema.Field]] = {}
    going = [record]
    while going:
        one = going.pop()
        if one in found:
            continue
        found[one] = {declared.key: declared for declared in schema.fields_of(one)}
        for declared in found[one].values():
            hint, _ = _inner(declared.type)
            if typing.get_origin(hint) in (Mapping, dict):
                hint = schema.bare(typing.get_args(hint)[1])
            if dataclasses.is_dataclass(hint):
                going.append(typing.cast("type", hint))
    return found


DECLARED = _declared_within(Hardware)
"""The fields of each record of the hardware, by key: read before the first question needs them."""

"""Expressions over one device's own fields, as `memory_bytes >= 16GiB`. Pure.

The language is that of the expressions over nodes; only the fields are others: those of
`skerry_hub.devices.Device`. A field that a device does not tell fulfils what a node's would.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Mapping

from skerry_hub.devices import KINDS, Device
from skerry_hub.fleet.fields import Field, Kind, Single, UnknownFieldError
from skerry_hub.placement.expression import AllOf, AnyOf, Comparison, Expression, Not
from skerry_hub.placement.operators import Operator
from skerry_hub.placement.reading import expression

PREFIX = "device."
"""What may stand before a field's name, as in Nomad."""

FIELDS: Mapping[str, Field] = {
    one.path: one
    for one in (
        Field("kind", Kind.TEXT, choices=KINDS, steps=("kind",)),
        Field("name", Kind.TEXT, steps=("name",)),
        Field("vendor", Kind.TEXT, steps=("vendor",)),
        Field("model", Kind.TEXT, steps=("model",)),
        Field("size_bytes", Kind.BYTES, steps=("size_bytes",), whole=True),
        Field("memory_bytes", Kind.BYTES, steps=("size_bytes",), whole=True),
        Field("bus", Kind.TEXT, steps=("bus",)),
        Field("address", Kind.TEXT, steps=("address",)),
        Field("paths", Kind.TEXT, many=True, steps=("paths",)),
        Field("driver", Kind.TEXT, steps=("driver",)),
        Field("usable", Kind.BOOLEAN, steps=("usable",)),
        Field("numa_node", Kind.NUMBER, steps=("numa_node",), whole=True),
    )
}
"""What may be asked of a device; `memory_bytes` is an accelerator's `size_bytes`."""


def device_field(path: str) -> Field:
    """Return the field of this name. Raises UnknownFieldError."""
    name = path.removeprefix(PREFIX)
    if name in FIELDS:
        return FIELDS[name]
    close = difflib.get_close_matches(name, FIELDS, n=1) if len(name) <= 40 else []
    guess = f"did you mean {close[0]}?" if close else f"there are {', '.join(FIELDS)}"
    raise UnknownFieldError(f"{name[:80]!r} is not a field of a device; {guess}")


@dataclasses.dataclass(frozen=True, slots=True)
class DeviceTest:
    """An expression over the fields of one device. `str` gives it as it is stored."""

    expression: Expression

    def __str__(self) -> str:
        return str(self.expression)

    def holds(self, device: Device) -> bool:
        """Say whether a device passes."""
        return _holds(self.expression, device)

    def why(self, device: Device) -> str:
        """Return what keeps a device from passing, "" where it passes."""
        return _why(self.expression, device)


@functools.lru_cache(maxsize=1024)
def device_expression(text: str) -> DeviceTest:
    """Return the test that a text is. Raises `reading.ExpressionError`."""
    return DeviceTest(expression(text, device_field))


@dataclasses.dataclass(frozen=True, slots=True)
class _AnyCase:
    """A text in capitals or not: it is asked as a pattern is."""

    text: str

    def found_in(self, text: str) -> bool:
        return text.casefold() == self.text.casefold()


def of_vendor(vendor: str) -> Comparison:
    """Return the test that a request's `vendor` is, which tells no capitals from small letters.

    It is there to be held against other tests; nobody writes it, and no pattern reads so.
    """
    texts = (f"(?i)^{vendor}$",)
    return Comparison(FIELDS["vendor"], Operator.MATCHES, texts, (_AnyCase(vendor),))


def _values(field: Field, device: Device) -> tuple[Single, ...]:
    value = getattr(device, field.steps[0])
    if isinstance(value, tuple):
        return value
    return () if value is None else (value,)


def _holds(one: Expression, device: Device) -> bool:
    match one:
        case AllOf(parts):
            return all(_holds(part, device) for part in parts)
        case AnyOf(parts):
            return any(_holds(part, device) for part in parts)
        case Not(part):
            return not _holds(part, device)
    return one.takes(_values(one.field, device))


def _why(one: Expression, device: Device) -> str:
    if _holds(one, device):
        return ""
    match one:
        case AllOf(parts):
            return " and ".join(filter(None, (_why(part, device) for part in parts)))
        case AnyOf(parts):
            return "; nor: ".join(_why(part, device) for part in parts)
        case Not(part):
            return f"{part} holds, which is excluded"
    return _difference(one, device)


def _difference(test: Comparison, device: Device) -> str:
    values = _values(test.field, device)
    if values:
        return test.refusal(values).text
    wanted = test.wanted_words
    return f"{test.field.name} is not known{f', {wanted} wanted' if wanted else ''}"

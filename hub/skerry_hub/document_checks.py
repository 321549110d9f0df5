"""Plain data into documents: limits, and what no limit says. All that is wrong is told. Pure.

The one border of documents: what the API is sent and what files say both pass through
`document_of`, so that the same is refused with the same words.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from skerry_hub import selector
from skerry_hub.devices import KINDS
from skerry_hub.documents import (
    MAX_DOCUMENT_BYTES,
    Dataset,
    Document,
    Egress,
    Endpoint,
    Policy,
    Prices,
    Quota,
    Reservation,
    Window,
)
from skerry_hub.placement.clauses import clauses_of
from skerry_hub.placement.contradiction import contradictions, reason
from skerry_hub.placement.reading import ExpressionError, expression
from skerry_hub.terms import NODE
from skerry_hub.workloads.image import image
from skerry_hub.workloads.problems import RefusedError, short
from skerry_wire import codec, schema
from skerry_wire.errors import WireError
from skerry_wire.labels import wrong_key, wrong_value

MISSING = "is missing"
_HOST_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_PERIOD_S = {"daily": 86_400.0, "weekly": 604_800.0}


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a document; `field` is the dotted path, empty for the whole."""

    field: str
    reason: str


class DocumentError(Exception):
    """What is no document of its kind, with everything that is wrong with it.

    `of_whole`: each field is right by itself, and they do not fit together.
    """

    def __init__(self, faults: Sequence[Fault], *, of_whole: bool = False) -> None:
        super().__init__("; ".join(f"{one.field}: {one.reason}" for one in faults))
        self.faults = tuple(faults)
        self.of_whole = of_whole


def document_of(kind: type[Document], plain: Any) -> Document:
    """Return the document that plain data (of JSON, or of a file) says. Raises DocumentError."""
    if not isinstance(plain, dict):
        raise DocumentError([Fault("", "must be a mapping of fields")])
    values, faults = _read(kind, plain)
    for field, check in _FIELDS[kind].items():
        # What is not given has its default, which is right unless the whole says otherwise.
        if field in values:
            faults += check(field, values[field])
    if faults:
        raise DocumentError(faults)
    document: Document = kind(**values)
    faults = list(_WHOLE[kind](document))
    size = len(codec.pack(document))
    if size > MAX_DOCUMENT_BYTES:
        faults.append(Fault("", f"is {size} bytes when stored, more than {MAX_DOCUMENT_BYTES}"))
    if faults:
        raise DocumentError(faults, of_whole=True)
    return document


def _read(kind: type[Document], plain: dict[Any, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Return the fields as their schema reads them, and what it does not take."""
    fields = {field.key: field for field in schema.fields_of(kind)}
    faults = [
        Fault(str(key)[:80], "is not a field that this version knows")
        for key in plain
        if key not in fields
    ]
    values: dict[str, Any] = {}
    for key, field in fields.items():
        if key not in plain:
            if field.required:
                faults.append(Fault(key, MISSING))
            continue
        try:
            values[field.name] = schema.reader(field.type, True)(plain[key])
        except WireError as error:
            told = error.under(key)
            faults.append(Fault(told.field, told.reason))
    return values, faults


# --- single fields ------------------------------------------------------------------------


def _selector(field: str, text: str) -> Iterator[Fault]:
    try:
        selector.parse(text)
    except selector.SelectorError as error:
        yield Fault(field, str(error))


def _expressions(field: str, texts: Sequence[str]) -> Iterator[Fault]:
    for index, text in enumerate(texts):
        try:
            expression(text)
        except ExpressionError as error:
            yield Fault(f"{field}[{index}]", str(error))
    yield from _distinct(field, texts)


def _places(field: str, places: Mapping[str, Sequence[str]]) -> Iterator[Fault]:
    """Check domains by topology: there are some of each, and each is a word."""
    for topology, domains in places.items():
        here = f"{field}.{topology}"
        reason = None if topology == NODE else wrong_key(topology)
        if reason is not None:
            yield Fault(here, reason)
        if not domains:
            yield Fault(here, "is empty: name at least one")
        for index, domain in enumerate(domains):
            if not domain.strip():
                yield Fault(f"{here}[{index}]", "is empty")
        yield from _distinct(here, domains)


def _registries(field: str, prefixes: Sequence[str]) -> Iterator[Fault]:
    for index, prefix in enumerate(prefixes):
        if not prefix.endswith("/"):
            reason = f"must end with /: {short(prefix)} would let in names that go on otherwise"
            yield Fault(f"{field}[{index}]", reason)
            continue
        try:
            image(f"{prefix}x")
        except RefusedError as error:
            yield Fault(f"{field}[{index}]", f"{short(prefix)} begins no image: {error.reason}")
    yield from _distinct(field, prefixes)


def _quota(field: str, quota: Quota) -> Iterator[Fault]:
    yield from _device_kinds(f"{field}.devices", quota.devices)


def _device_kinds(field: str, amounts: Mapping[str, object]) -> Iterator[Fault]:
    for kind in amounts:
        if kind not in KINDS:
            yield Fault(f"{field}.{kind[:80]}", f"is not a kind of device: {', '.join(KINDS)}")


def _egress(field: str, egress: Sequence[Egress]) -> Iterator[Fault]:
    for index, one in enumerate(egress):
        reason = wrong_value("to", one.to)
        if reason is not None:
            yield Fault(f"{field}[{index}].to", reason)
    yield from _distinct(field, [one.to for one in egress])


def _some(field: str, count: int) -> Iterator[Fault]:
    if count == 0:
        yield Fault(field, "must be more than 0")


def _host(field: str, text: str) -> Iterator[Fault]:
    if not _is_host(text):
        yield Fault(field, f"{short(text)} is neither a host's name nor an address, without a port")


def _is_host(text: str) -> bool:
    try:
        # What comes after a % is an interface, which is another one on each box.
        return ipaddress.ip_address(text).version == 4 or "%" not in text
    except ValueError:
        parts = text.removesuffix(".").split(".")
        # What ends in a number is an address to every resolver, and this one is none.
        return not parts[-1].isdecimal() and all(map(_HOST_PART.fullmatch, parts))


def _distinct(field: str, texts: Sequence[str]) -> Iterator[Fault]:
    for index, text in enumerate(texts):
        if text in texts[:index]:
            yield Fault(f"{field}[{index}]", f"{short(text)} is given twice")


_FIELDS: Mapping[type[Document], Mapping[str, Callable[[str, Any], Iterator[Fault]]]] = {
    Policy: {
        "selector": _selector,
        "projects": _distinct,
        "required": _expressions,
        "forbidden": _expressions,
        "residency": _places,
        "registries": _registries,
        "quota": _quota,
    },
    Prices: {"nodes": _expressions, "device_hour": _device_kinds, "egress": _egress},
    Dataset: {"size_bytes": _some, "places": _places},
    Endpoint: {"host": _host},
    Reservation: {"nodes": _expressions, "selector": _selector},
    Window: {"nodes": _expressions, "start": _some},
}
"""What the fields' own limits do not say."""


# --- the whole ----------------------------------------------------------------------------


def _policy(policy: Policy) -> Iterator[Fault]:
    """Give each clause that no node can fulfil beside the others."""
    read = [one for one in clauses_of(policy) if one.expression is not None]
    every = [one.expression for one in read if one.expression is not None]
    for found in contradictions(every):
        why = reason(every, found, named=lambda index: f"{every[index]} ({read[index].field})")
        yield Fault(read[found.index].field, f"contradicts: {why}")


def _nodes(document: Prices | Reservation | Window) -> Iterator[Fault]:
    """Give each expression that leaves the document without any node."""
    every = [expression(text) for text in document.nodes]
    for found in contradictions(every):
        yield Fault(f"nodes[{found.index}]", f"contradicts: {reason(every, found)}")


def _dataset(dataset: Dataset) -> Iterator[Fault]:
    if not dataset.places:
        yield Fault("places", "is empty: say where the data is, as {site: [quay-3]}")


def _reservation(reservation: Reservation) -> Iterator[Fault]:
    yield from _nodes(reservation)
    if not reservation.selector.strip():
        why = "is empty: every workload could use what is reserved; name those that may"
        yield Fault("selector", why)
    if not (reservation.cpu_milli or reservation.memory_bytes or reservation.storage_bytes):
        yield Fault("", "reserves nothing: name some cpu, memory or storage")
    if reservation.end is not None and reservation.end <= reservation.start:
        yield Fault("end", "must be later than the start")


def _window(window: Window) -> Iterator[Fault]:
    yield from _nodes(window)
    period_s = _PERIOD_S.get(window.repeats)
    if period_s is not None and window.duration_s >= period_s:
        hours = f"{period_s / 3600:g} hours"
        yield Fault("duration_s", f"must be shorter than the {hours} after which it begins again")


def _nothing(_document: Document) -> Iterator[Fault]:
    return iter(())


_WHOLE: Mapping[type[Document], Callable[[Any], Iterator[Fault]]] = {
    Policy: _policy,
    Prices: _nodes,
    Dataset: _dataset,
    Endpoint: _nothing,
    Reservation: _reservation,
    Window: _window,
}
"""What must fit together; looked at once each field is right."""

"""Plain data into documents: limits, and what no limit says. All that is wrong is told. Pure.

The one border of documents: what the API is sent and what files say both pass through
`document_of`, so that the same is refused with the same words.
"""

from __future__ import annotations

import collections
import dataclasses
import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from skerry_hub import selector
from skerry_hub.documents import (
    MAX_DOCUMENT_BYTES,
    Dataset,
    Document,
    Endpoint,
    Policy,
    Prices,
    Reservation,
    Window,
)
from skerry_hub.placement.reading import ExpressionError, expression
from skerry_hub.terms import NODE
from skerry_hub.workloads.image import image
from skerry_hub.workloads.problems import RefusedError, short
from skerry_wire import codec, schema
from skerry_wire.errors import WireError
from skerry_wire.labels import wrong_key, wrong_value

_DEVICE_KIND = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_HOST_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_PERIOD_S = {"daily": 86_400.0, "weekly": 604_800.0}


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a document; `field` is the dotted path, empty for the whole."""

    field: str
    reason: str


class DocumentError(Exception):
    """What is no document of its kind, with everything that is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{one.field}: {one.reason}" for one in faults))
        self.faults = tuple(faults)


def document_of(kind: type[Document], plain: Any) -> Document:
    """Return the document that plain data (of JSON, or of a file) says. Raises DocumentError."""
    if not isinstance(plain, dict):
        raise DocumentError([Fault("", "must be a mapping of fields")])
    values, faults = _read(kind, plain)
    if faults:
        raise DocumentError(faults)
    document: Document = kind(**values)
    faults = list(_CHECKS[kind](document))
    size = len(codec.pack(document))
    if size > MAX_DOCUMENT_BYTES:
        faults.append(Fault("", f"is {size} bytes when stored, more than {MAX_DOCUMENT_BYTES}"))
    if faults:
        raise DocumentError(faults)
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
                faults.append(Fault(key, "is missing"))
            continue
        try:
            values[field.name] = schema.reader(field.type, True)(plain[key])
        except WireError as error:
            told = error.under(key)
            faults.append(Fault(told.field, told.reason))
    return values, faults


# --- what documents of a kind must be -----------------------------------------------------


def _policy(policy: Policy) -> Iterator[Fault]:
    yield from _selector(policy.selector)
    yield from _distinct("projects", policy.projects)
    yield from _expressions("required", policy.required)
    yield from _expressions("forbidden", policy.forbidden)
    for index, text in enumerate(policy.forbidden):
        if text in policy.required:
            yield Fault(f"forbidden[{index}]", "is required too: no node could fulfil both")
    yield from _places("residency", policy.residency, "no node would do")
    for index, prefix in enumerate(policy.registries):
        try:
            image(f"{prefix.rstrip('/')}/x")
        except RefusedError as error:
            yield Fault(f"registries[{index}]", f"{short(prefix)} begins no image: {error.reason}")
    yield from _device_kinds("quota.devices", policy.quota.devices)


def _prices(prices: Prices) -> Iterator[Fault]:
    yield from _expressions("nodes", prices.nodes)
    yield from _device_kinds("device_hour", prices.device_hour)
    for index, egress in enumerate(prices.egress):
        reason = wrong_value("to", egress.to)
        if reason is not None:
            yield Fault(f"egress[{index}].to", reason)
    yield from _distinct("egress", [egress.to for egress in prices.egress], ".to")


def _dataset(dataset: Dataset) -> Iterator[Fault]:
    if dataset.size_bytes == 0:
        yield Fault("size_bytes", "must be more than 0")
    if not dataset.places:
        yield Fault("places", "is empty: say where the data is, as {site: [quay-3]}")
    yield from _places("places", dataset.places, "the data would be nowhere")


def _endpoint(endpoint: Endpoint) -> Iterator[Fault]:
    if not _is_host(endpoint.host):
        reason = f"{short(endpoint.host)} is neither a host's name nor an address, without a port"
        yield Fault("host", reason)


def _reservation(reservation: Reservation) -> Iterator[Fault]:
    yield from _expressions("nodes", reservation.nodes)
    if not reservation.selector.strip():
        reason = "is empty: every workload could use what is reserved; name those that may"
        yield Fault("selector", reason)
    yield from _selector(reservation.selector)
    if not (reservation.cpu_milli or reservation.memory_bytes or reservation.storage_bytes):
        yield Fault("", "reserves nothing: name some cpu, memory or storage")
    if reservation.end is not None and reservation.end <= reservation.start:
        yield Fault("end", "must be later than the start")


def _window(window: Window) -> Iterator[Fault]:
    yield from _expressions("nodes", window.nodes)
    if window.start == 0:
        yield Fault("start", "must be a time after 1970")
    period_s = _PERIOD_S.get(window.repeats)
    if period_s is not None and window.duration_s >= period_s:
        yield Fault("duration_s", f"is no shorter than what passes until it is {window.repeats}")


_CHECKS: Mapping[type[Document], Callable[[Any], Iterator[Fault]]] = {
    Policy: _policy,
    Prices: _prices,
    Dataset: _dataset,
    Endpoint: _endpoint,
    Reservation: _reservation,
    Window: _window,
}


# --- single fields ------------------------------------------------------------------------


def _selector(text: str) -> Iterator[Fault]:
    try:
        selector.parse(text)
    except selector.SelectorError as error:
        yield Fault("selector", str(error))


def _expressions(field: str, texts: Sequence[str]) -> Iterator[Fault]:
    for index, text in enumerate(texts):
        try:
            expression(text)
        except ExpressionError as error:
            yield Fault(f"{field}[{index}]", str(error))
    yield from _distinct(field, texts)


def _places(field: str, places: Mapping[str, Sequence[str]], nowhere: str) -> Iterator[Fault]:
    """Check domains by topology: there are some of each, and each is a word."""
    for topology, domains in places.items():
        here = f"{field}.{topology}"
        reason = None if topology == NODE else wrong_key(topology)
        if reason is not None:
            yield Fault(here, reason)
        if not domains:
            yield Fault(here, f"is empty: {nowhere}")
        for index, domain in enumerate(domains):
            if not domain.strip():
                yield Fault(f"{here}[{index}]", "is empty")
        yield from _distinct(here, domains)


def _device_kinds(field: str, amounts: Mapping[str, object]) -> Iterator[Fault]:
    for kind in amounts:
        if _DEVICE_KIND.fullmatch(kind) is None:
            yield Fault(f"{field}.{kind[:80]}", "is not a kind of device, such as gpu")


def _distinct(field: str, texts: Iterable[str], below: str = "") -> Iterator[Fault]:
    seen: collections.Counter[str] = collections.Counter()
    for index, text in enumerate(texts):
        seen[text] += 1
        if seen[text] == 2:
            yield Fault(f"{field}[{index}]{below}", f"{short(text)} is given twice")


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        name = text.removesuffix(".")
        parts = name.split(".")
        # What ends in a number is an address to every resolver, and this one is none.
        is_number = parts[-1].isdecimal()
        return not is_number and all(map(_HOST_PART.fullmatch, parts))
    return True

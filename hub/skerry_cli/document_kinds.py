"""DOCUMENT_KINDS, the visible table: the hub's documents, their names, and their columns.

What `describe` tells of a document are its columns, the wide ones too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from skerry_cli import words
from skerry_cli.document_records import (
    DatasetDocument,
    DocumentVersion,
    EndpointDocument,
    PolicyDocument,
    PricesDocument,
    Quota,
    ReservationDocument,
    WindowDocument,
)
from skerry_cli.kind import Column, Kind

EVERY = "every"


def _kind(name: str, document: str, short: str, record: type, **more: Any) -> Kind:
    columns: tuple[Column, ...] = more.pop("columns")
    return Kind(
        name=name,
        document=document,
        short=short,
        record=record,
        identity=lambda document: document.name,
        names=lambda document: (document.name,),
        columns=(
            Column(name.upper(), lambda document, _: document.name),
            Column("VERSION", lambda document, _: str(document.version)),
            *columns,
            Column("AGE", lambda document, now: words.age(document.created_at, now), passing=True),
            Column(
                "UPDATED",
                lambda document, now: words.age(document.updated_at, now),
                wide=True,
                passing=True,
            ),
        ),
        **more,
    )


def _content(title: str, cell: Callable[[Any], str], *, wide: bool = False) -> Column:
    return Column(title, lambda document, _: cell(document.content), wide=wide)


def _all_of(expressions: Sequence[str], none: str) -> str:
    return " and ".join(expressions) or none


def _places(places: Mapping[str, Sequence[str]]) -> str:
    return words.joined([f"{topology} {'|'.join(where)}" for topology, where in places.items()])


def _amount(value: float | None) -> str:
    return words.NONE if value is None else f"{value:.12g}"


def _amounts(amounts: Mapping[str, float]) -> str:
    return words.joined([f"{kind} {_amount(amount)}" for kind, amount in amounts.items()])


def _quota(quota: Quota) -> str:
    parts = {
        "instances": quota.instances and str(quota.instances),
        "cpu": quota.cpu_milli and words.processors(quota.cpu_milli),
        "memory": quota.memory_bytes and words.size(quota.memory_bytes),
        "storage": quota.storage_bytes and words.size(quota.storage_bytes),
        **{kind: str(count) for kind, count in quota.devices.items()},
        "cost/h": quota.cost_per_hour and _amount(quota.cost_per_hour),
    }
    # Nothing at all is allowed where the limit is 0, and everything where there is none.
    return words.joined([f"{name} {limit}" for name, limit in parts.items() if limit is not None])


POLICY = _kind(
    "policy",
    "Policy",
    "pol",
    PolicyDocument,
    many="policies",
    columns=(
        _content("SELECTOR", lambda policy: policy.selector or EVERY),
        _content("PROJECTS", lambda policy: ",".join(policy.projects) or EVERY),
        _content("REQUIRED", lambda policy: _all_of(policy.required, words.NONE)),
        _content("RESIDENCY", lambda policy: _places(policy.residency)),
        _content("QUOTA", lambda policy: _quota(policy.quota)),
        _content("FORBIDDEN", lambda policy: words.joined(list(policy.forbidden)), wide=True),
        _content("REGISTRIES", lambda policy: words.joined(list(policy.registries)), wide=True),
        _content("MAX-PRIORITY", lambda policy: _amount(policy.max_priority), wide=True),
    ),
)

PRICES = _kind(
    "prices",
    "Prices",
    "pr",
    PricesDocument,
    many="prices",
    columns=(
        _content("NODES", lambda prices: _all_of(prices.nodes, EVERY)),
        _content("NODE-HOUR", lambda prices: _amount(prices.node_hour)),
        _content("CPU-HOUR", lambda prices: _amount(prices.cpu_hour)),
        _content("GIB-HOUR", lambda prices: _amount(prices.gib_hour)),
        _content("DEVICE-HOUR", lambda prices: _amounts(prices.device_hour)),
        _content("STORAGE-GIB-HOUR", lambda prices: _amount(prices.storage_gib_hour), wide=True),
        _content(
            "EGRESS-GB",
            lambda prices: _amounts({one.to or "others": one.per_gb for one in prices.egress}),
            wide=True,
        ),
        _content("WATTS-PER-CPU", lambda prices: _amount(prices.watts_per_cpu), wide=True),
        _content("KWH", lambda prices: _amount(prices.kwh), wide=True),
        _content("CARBON-G-PER-KWH", lambda prices: _amount(prices.carbon_g_per_kwh), wide=True),
        _content("CARBON-PER-KG", lambda prices: _amount(prices.carbon_per_kg), wide=True),
    ),
)

DATASET = _kind(
    "dataset",
    "Dataset",
    "ds",
    DatasetDocument,
    columns=(
        _content("SIZE", lambda dataset: words.size(dataset.size_bytes)),
        _content("PLACES", lambda dataset: _places(dataset.places)),
        _content("MBIT/S", lambda dataset: _amount(dataset.bandwidth_mbit)),
    ),
)

ENDPOINT = _kind(
    "endpoint",
    "Endpoint",
    "ep",
    EndpointDocument,
    columns=(
        _content("HOST", lambda endpoint: endpoint.host),
        _content("PORT", lambda endpoint: str(endpoint.port)),
    ),
)

RESERVATION = _kind(
    "reservation",
    "Reservation",
    "rsv",
    ReservationDocument,
    columns=(
        _content("NODES", lambda reservation: _all_of(reservation.nodes, EVERY)),
        _content("FOR", lambda reservation: reservation.selector or EVERY),
        _content("CPU", lambda reservation: words.processors(reservation.cpu_milli)),
        _content("MEMORY", lambda reservation: words.size(reservation.memory_bytes)),
        _content("STORAGE", lambda reservation: words.size(reservation.storage_bytes)),
        _content("START", lambda reservation: words.moment(reservation.start)),
        _content("END", lambda reservation: words.moment(reservation.end)),
    ),
)

WINDOW = _kind(
    "window",
    "MaintenanceWindow",
    "mw",
    WindowDocument,
    columns=(
        _content("NODES", lambda window: _all_of(window.nodes, EVERY)),
        _content("START", lambda window: words.moment(window.start)),
        _content("DURATION", lambda window: words.duration(window.duration_s)),
        _content("REPEATS", lambda window: window.repeats or words.NONE),
        _content("REASON", lambda window: window.reason or words.NONE),
    ),
)

DOCUMENT_KINDS = (POLICY, PRICES, DATASET, ENDPOINT, RESERVATION, WINDOW)

VERSION = Kind(
    name="version",
    short="",
    record=DocumentVersion,
    columns=(
        Column("VERSION", lambda version, _: str(version.version)),
        Column("ACTION", lambda version, _: version.action),
        Column("AGE", lambda version, now: words.age(version.at, now), passing=True),
        Column("BY", lambda version, _: version.who or words.NONE),
        Column("CHANGES", lambda version, _: "; ".join(version.changes) or words.NONE),
    ),
)
"""One line of a document's history; it is not listed by itself."""


def name_of(document: str) -> str:
    """Return the operators' name of what the hub calls so; a newer hub may have more kinds."""
    known = (kind.name for kind in DOCUMENT_KINDS if kind.document == document)
    return next(known, document.lower())

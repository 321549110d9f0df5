"""Every key of a document in a file, by kind. The visible table; the reference is made of it.

A key is the record's field in camel case, as Kubernetes writes keys; a unit that a value itself
names (`8GiB`, `4h`) is no part of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from skerry_hub.documents import (
    Dataset,
    Document,
    Endpoint,
    Policy,
    Prices,
    Reservation,
    Window,
)
from skerry_hub.workloads.keys import Keys

_UNITS = ("_milli", "_bytes", "_s")
_CAPITAL = re.compile(r"_([a-z])")

_NAME = (
    "Required. Tells it from the others of its kind: lower-case letters, digits and inner hyphens."
)
_NODES = "Expressions over nodes, all of which must hold; none is every node."
_PRICE = "In the fleet's own currency."
_REFUSED = {
    "apiVersion": "remove it: documents have no versions of their form",
    "metadata": "write its `name` as a key of the document itself",
    "spec": "write its keys as keys of the document itself",
}

POLICY = Keys(
    "a policy",
    supported={
        "kind": "Required. `Policy`.",
        "name": _NAME,
        "selector": "The workloads it is about, by their labels, as `tier=web,stage!=test`; every"
        " one where not given.",
        "projects": "Only workloads of these projects; of every project where not given.",
        "required": "Expressions over nodes, all of which must hold where such a workload is.",
        "forbidden": "Expressions over nodes, none of which may hold where such a workload is.",
        "residency": "By topology (`node`, or a label), the only domains:"
        " `{region: [eu-west, eu-north]}`.",
        "registries": "How the images may begin, up to a `/`: `registry.example/team/`; anyhow"
        " where not given.",
        "maxPriority": "The highest priority that such a workload may ask for.",
        "quota": "The most that all its workloads may have together; see below.",
    },
    refused=_REFUSED,
)

QUOTA = Keys(
    "a quota",
    supported={
        "instances": "Instances.",
        "cpu": "Processors that are reserved, as `16` or `0.5`.",
        "memory": "Memory that is reserved, as `64GiB`.",
        "storage": "Storage that is reserved, as `1TiB`.",
        "devices": "By kind, how many: `{gpu: 4}`. A shared one counts as much as is taken of it.",
        "costPerHour": "By the hub's prices.",
    },
)

PRICES = Keys(
    "a price list",
    supported={
        "kind": "Required. `Prices`.",
        "name": _NAME,
        "nodes": _NODES + " Of several lists that name a node, the last one by name counts.",
        "nodeHour": "For the node itself, while it runs anything. " + _PRICE,
        "cpuHour": "For a processor that is reserved, each hour.",
        "gibHour": "For a GiB of memory that is reserved, each hour.",
        "storageGibHour": "For a GiB of storage that is reserved, each hour.",
        "deviceHour": "By kind, for a whole device, each hour: `{gpu: 1.2}`.",
        "egress": "What a GB out of the nodes' environment costs; see below.",
        "wattsPerCpu": "What a reserved processor draws.",
        "kwh": "For a kWh.",
        "carbonGPerKwh": "Grams of carbon dioxide that a kWh stands for.",
        "carbonPerKg": "For a kilogram of carbon dioxide.",
    },
    refused=_REFUSED,
)

EGRESS = Keys(
    "a price of egress",
    supported={
        "to": "The environment it goes to; any other where not given.",
        "perGb": "Required. For a GB.",
    },
)

DATASET = Keys(
    "a dataset",
    supported={
        "kind": "Required. `Dataset`.",
        "name": _NAME,
        "size": "Required. As `120GiB`.",
        "places": "Required. Where it lies, by topology (`node`, or a label):"
        " `{site: [quay-3], node: [box-1]}`.",
        "bandwidthMbit": "Megabits a second at which it moves elsewhere; 100 where not given.",
    },
    refused=_REFUSED,
)

ENDPOINT = Keys(
    "an endpoint",
    supported={
        "kind": "Required. `Endpoint`.",
        "name": _NAME,
        "host": "Required. A host's name, or an address.",
        "port": "Required. A TCP port: the round-trip time is that of opening a connection.",
    },
    refused=_REFUSED,
)

RESERVATION = Keys(
    "a reservation",
    supported={
        "kind": "Required. `Reservation`.",
        "name": _NAME,
        "nodes": _NODES + " The room is held on each of them.",
        "selector": "Required. The workloads that may use the room, by their labels.",
        "cpu": "Processors, as `4` or `0.5`.",
        "memory": "As `8GiB`.",
        "storage": "As `100GiB`.",
        "start": "From when, as `2027-03-01T22:00:00Z`; at once where not given.",
        "end": "Until when; for ever where not given.",
    },
    refused=_REFUSED,
)

WINDOW = Keys(
    "a maintenance window",
    supported={
        "kind": "Required. `MaintenanceWindow`.",
        "name": _NAME,
        "nodes": _NODES + " Nothing new comes to them meanwhile.",
        "start": "Required. When it begins for the first time, as `2027-03-01T22:00:00+01:00`.",
        "duration": "Required. As `4h` or `1h30m`.",
        "repeats": "`daily` (every 24 hours) or `weekly` (every 7 days); once where not given.",
        "reason": "Told wherever it keeps a workload away.",
    },
    refused=_REFUSED,
)

KEYS: Mapping[type[Document], Keys] = {
    Policy: POLICY,
    Prices: PRICES,
    Dataset: DATASET,
    Endpoint: ENDPOINT,
    Reservation: RESERVATION,
    Window: WINDOW,
}

TABLES: tuple[tuple[str, Keys], ...] = (
    ("Policy", POLICY),
    ("Policy: quota", QUOTA),
    ("Prices", PRICES),
    ("Prices: egress[]", EGRESS),
    ("Dataset", DATASET),
    ("Endpoint", ENDPOINT),
    ("Reservation", RESERVATION),
    ("MaintenanceWindow", WINDOW),
)
"""Where each kind of mapping stands."""


def key_of_field(field: str) -> str:
    """Return the key of a record's field: `cpu_milli` is `cpu`, `gib_hour` is `gibHour`."""
    for unit in _UNITS:
        field = field.removesuffix(unit)
    return _CAPITAL.sub(lambda found: found[1].upper(), field)

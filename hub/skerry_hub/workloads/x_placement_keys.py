"""Every key of `x-placement`: what it means, or why another system's word is refused.

The visible table; the operators' reference and the JSON Schema are made of it.
"""

from __future__ import annotations

from skerry_hub.workloads.keys import Keys

_WEIGHT = "From 1 to 100, more counts more: it makes a wish of what would be a must without it."

X_PLACEMENT = Keys(
    "x-placement",
    supported={
        "constraints": "Expressions over fields and labels of a node, as"
        " `node.hardware.memory.total_bytes >= 8GiB`. All must hold; see below.",
        "platforms": "What the image has, as `[linux/amd64, linux/arm64]`: only nodes of one of"
        " these architectures.",
        "tolerations": "Taints of nodes that the workload bears; see below. A change restarts"
        " nothing.",
        "devices": "Devices of any kind, whole or shared, beside those of"
        " `deploy.resources.reservations`.",
        "numa": "`single`: all devices of an instance on one NUMA node.",
        "strategy": "`spread`: where most room is left; `pack`: where least goes to waste.",
        "affinity": "In a domain where instances of other workloads are.",
        "antiAffinity": "In a domain where none of them is.",
        "spread": "Evenly over sites, zones or other domains.",
        "maxPer": "At most so many instances per domain: `{node: 1, site: 3}`.",
        "latency": "Within a round-trip time of a place, or the nearer the better.",
        "cost": "What an instance may cost each hour, and how much cheapness counts.",
        "traffic": "What an instance sends, for the costs of egress.",
        "data": "Datasets that the workload reads.",
        "priority": "A whole number, -1000000000 to 1000000000; 0 where not given. Higher comes"
        " first.",
        "preemption": "`LowerPriority` (default): instances of lower priority may be ended where"
        " nothing else helps; `Never`.",
        "gang": "A word: the workloads of the project that share it are placed all, with every"
        " replica, or none.",
    },
    refused={
        "affinities": "write `affinity`",
        "anti_affinity": "write `antiAffinity`",
        "max_per": "write `maxPer`",
        "nodeAffinity": "use `constraints`",
        "nodeSelector": "use `constraints`",
        "podAffinity": "use `affinity`",
        "podAntiAffinity": "use `antiAffinity`",
        "preemptionPolicy": "write `preemption: LowerPriority` or `preemption: Never`",
        "priorityClassName": "write a number as `priority`",
        "topologySpreadConstraints": "use `spread`",
    },
)

EXPRESSION = Keys(
    "an expression",
    supported={
        "all": "A list of expressions, all of which must hold.",
        "any": "A list of expressions, at least one of which must hold.",
        "not": "One expression, which must not hold.",
    },
)

TOLERATION = Keys(
    "a toleration",
    supported={
        "key": "The taint's key. Without it, and with `operator: Exists`, every taint is borne.",
        "operator": "`Equal` (default): the taint has this value; `Exists`: it has any.",
        "value": "The taint's value, for `Equal`.",
        "effect": "`NoSchedule`, `PreferNoSchedule` or `NoExecute`; each of them where not given.",
    },
    refused={
        "tolerationSeconds": "nothing leaves a node by itself after a time",
    },
)

DEVICES = Keys(
    "a device request",
    supported={
        "kind": "Required. `gpu`, `npu`, `camera`, `serial`, `usb`, `pci`, ...: those that"
        " `skerry get devices` shows.",
        "count": "How many; 1 where not given.",
        "vendor": "As `nvidia`, in any case.",
        "share": "What of each is wanted, as `0.25` or `25%`; the whole device alone where not"
        " given.",
        "constraints": "Expressions over the device's own fields, as `memory_bytes >= 16GiB`. All"
        " must hold.",
        "reserveOnly": "`true`: a PCI device without a device node will do; it is kept for the"
        " instance, and nothing is handed over.",
    },
    refused={
        "affinity": "a constraint is a must; write `constraints`",
        "deviceClassName": "write `kind`",
        "selectors": "write `constraints`",
    },
)

_TOPOLOGY = (
    "`node`, or the label whose value nodes of one domain share: `site`, `zone`, `region`,"
    " `environment`, ..."
)
_NO_TOPOLOGY_KEY = "write `topology`"

AFFINITY = Keys(
    "an affinity",
    supported={
        "workload": "The other workload, or the service of this file; the workload itself too.",
        "selector": "Instead: those whose labels fit, as `tier=db,stage!=test`.",
        "topology": f"{_TOPOLOGY} `node` where not given.",
        "weight": _WEIGHT,
    },
    refused={
        "labelSelector": "write `selector: tier=db`",
        "namespaces": "",
        "topologyKey": _NO_TOPOLOGY_KEY,
    },
)

SPREAD = Keys(
    "a spread",
    supported={
        "topology": f"Required. {_TOPOLOGY}",
        "maxSkew": "How many more a domain may have than the one with the fewest; 1 where not"
        " given.",
        "whenUnsatisfiable": "`DoNotSchedule` (default): a must; `ScheduleAnyway` (default beside"
        " a `weight`): a wish.",
        "weight": "From 1 to 100 for a wish; 50 where only `ScheduleAnyway` is given.",
        "weights": "By domain, how much of all it gets: `{quay-3: 2}` gets twice as many as"
        " another, whose weight is 1.",
    },
    refused={
        "attribute": _NO_TOPOLOGY_KEY,
        "labelSelector": "the workload's own instances are spread",
        "minDomains": "",
        "target": "write `weights`",
        "topologyKey": _NO_TOPOLOGY_KEY,
    },
)

LATENCY = Keys(
    "a latency",
    supported={
        "to": "Required. `node/box-1`, `site/quay-3`, `endpoint/erp` or `workload/shop-db`.",
        "max": "The longest round-trip time, as `20ms`: a must, whatever the weight.",
        "weight": "From 1 to 100: how much nearness counts.",
    },
)

COST = Keys(
    "a cost",
    supported={
        "maxPerHour": "The most that an instance may cost, in the currency of the hub's prices:"
        " a must, whatever the weight.",
        "weight": "From 1 to 100: how much cheapness counts.",
    },
)

TRAFFIC = Keys(
    "a traffic",
    supported={
        "toEnvironment": "The environment that it goes to.",
        "toWorkload": "Instead: the workload, or the service of this file, to which it goes.",
        "gbPerHour": "Required. GB an hour and instance.",
    },
)

DATA = Keys(
    "a dataset",
    supported={
        "dataset": "Required. The hub's document of this name.",
        "local": "`true`: only where the dataset is.",
        "maxTransfer": "The longest that moving it may take, as `10m`: a must, whatever the"
        " weight.",
        "weight": "From 1 to 100: how much nearness to the data counts.",
    },
)

X_TABLES: tuple[tuple[str, Keys], ...] = (
    ("", X_PLACEMENT),
    (".constraints[]", EXPRESSION),
    (".tolerations[]", TOLERATION),
    (".devices[]", DEVICES),
    (".affinity[]", AFFINITY),
    (".antiAffinity[]", AFFINITY),
    (".spread[]", SPREAD),
    (".latency[]", LATENCY),
    (".cost", COST),
    (".traffic[]", TRAFFIC),
    (".data[]", DATA),
)
"""Where each kind of mapping stands below `x-placement`."""

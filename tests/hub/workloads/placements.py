"""Values of `x-placement` for property tests: right ones, and any."""

from hypothesis import strategies as st

from skerry_hub.devices import KINDS
from skerry_hub.workloads.x_placement_keys import X_TABLES

ANY_KEY = st.sampled_from(sorted({key for _, table in X_TABLES for key in table.supported}))
ANYTHING = st.recursive(
    st.sampled_from(["", "web", "shop-web", "site/a", "20ms", "25%", "a=b", "0.5", "true", "-1"])
    | st.integers(-2, 200)
    | st.booleans()
    | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(ANY_KEY, inner, max_size=3),
    max_leaves=6,
)
WEIGHT = st.integers(1, 100)
DURATION = st.sampled_from(["20ms", "1.5s", "1m30s"])
AMOUNT = st.sampled_from([0, 1, 0.25, "0.25", "12"])
TOPOLOGY = st.sampled_from(["node", "site", "zone", "example.com/rack"])
TESTS = st.lists(
    st.sampled_from(
        ["node.id == a", "node.id != b", {"not": "node.id == b"}, "node.id matches ^a$"]
    ),
    max_size=2,
)
DEVICE_TESTS = st.lists(
    st.sampled_from(["model == a", "model != b", {"any": ["bus == usb", "bus == pci"]}]),
    max_size=2,
)


def one(required, optional):
    return st.fixed_dictionaries(required, optional=optional)


def some(item):
    return st.lists(item, max_size=2)


NEAR = {"topology": TOPOLOGY, "weight": WEIGHT}
AFFINITIES = some(
    one({"workload": st.sampled_from(["web", "other-db"])}, NEAR)
    | one({"selector": st.sampled_from(["tier=db", "a,!b"])}, NEAR)
)
RIGHT = one(
    {},
    {
        "constraints": TESTS,
        "tolerations": some(
            one(
                {"key": st.sampled_from("ab")},
                {
                    "operator": st.just("Equal"),
                    "value": st.sampled_from(["a", True, 5]),
                    "effect": st.sampled_from(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
                },
            )
        ),
        "devices": some(
            one(
                {"kind": st.sampled_from(KINDS)},
                {
                    "count": st.integers(1, 4),
                    "vendor": st.sampled_from(["nvidia", "amd"]),
                    "share": st.sampled_from([0.25, "25%", "1", 1]),
                    "constraints": DEVICE_TESTS,
                },
            )
        ),
        "numa": st.just("single"),
        "strategy": st.sampled_from(["spread", "pack"]),
        "affinity": AFFINITIES,
        "antiAffinity": AFFINITIES,
        "spread": some(
            one(
                {"topology": TOPOLOGY},
                {
                    "maxSkew": st.integers(1, 5),
                    "whenUnsatisfiable": st.just("ScheduleAnyway"),
                    "weight": WEIGHT,
                    "weights": st.dictionaries(st.sampled_from("ab"), st.integers(1, 9)),
                },
            )
        ),
        "maxPer": st.dictionaries(TOPOLOGY, st.integers(1, 5), max_size=3),
        "latency": some(
            one(
                {
                    "to": st.sampled_from(["node/a", "site/a b", "endpoint/a", "workload/web"]),
                    "max": DURATION,
                },
                {"weight": WEIGHT},
            )
        ),
        "cost": one({"weight": WEIGHT}, {"maxPerHour": AMOUNT}),
        "traffic": some(
            one({"gbPerHour": AMOUNT, "toEnvironment": st.sampled_from("ab")}, {})
            | one({"gbPerHour": AMOUNT, "toWorkload": st.just("web")}, {})
        ),
        "data": some(
            one({"dataset": st.sampled_from("ab")}, {"local": st.booleans(), "weight": WEIGHT})
            | one({"dataset": st.sampled_from("ab"), "maxTransfer": DURATION}, {})
        ),
        "priority": st.integers(-1_000_000_000, 1_000_000_000),
        "preemption": st.sampled_from(["LowerPriority", "Never"]),
        "gang": st.just("a"),
    },
)
PLACEMENTS = RIGHT | st.dictionaries(ANY_KEY, ANYTHING, max_size=5)

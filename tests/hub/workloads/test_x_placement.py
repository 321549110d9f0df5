"""The key `x-placement`: what is said once, at two places, and tolerations."""

import pytest
from tests.hub.workloads.samples import refusals, workload

from skerry_hub.model import Toleration, Workload
from skerry_hub.terms import ANYWHERE, AtMost, Cost, Placement, Spread
from skerry_wire.codec import from_plain, to_plain


def tolerating(*items):
    return "x-placement:\n  tolerations:\n" + "".join(f"    - {item}\n" for item in items)


def test_what_is_not_said_tolerates_nothing():
    assert workload("x-placement:").tolerations == ()
    assert workload("x-placement: {tolerations: []}").tolerations == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{key: a, value: b, effect: NoSchedule}", {"value": "b", "effect": "NoSchedule"}),
        (
            "{key: a, value: b, effect: PreferNoSchedule}",
            {"value": "b", "effect": "PreferNoSchedule"},
        ),
        ("{key: a, value: b}", {"value": "b"}),
        ("{key: a}", {}),
        ("{key: a, operator: Equal, value: true}", {"value": "true"}),
        ("{key: a, operator: Exists}", {"operator": "Exists"}),
        ("{operator: Exists}", {"operator": "Exists", "key": ""}),
        (
            "{operator: Exists, effect: NoExecute}",
            {"operator": "Exists", "key": "", "effect": "NoExecute"},
        ),
        ("{key: example.com/a, value: b-1}", {"key": "example.com/a", "value": "b-1"}),
    ],
)
def test_a_toleration(text, found):
    assert workload(tolerating(text)).tolerations == (Toleration(**{"key": "a", **found}),)


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        ("{value: b}", "", "has no key"),
        ("a=b:NoSchedule", "", "must be a mapping of keys"),
        ("{key: a, operator: In}", ".operator", "must be one of Exists, Equal"),
        ("{key: a, operator: Exists, value: b}", ".value", "is not for operator: Exists"),
        (
            "{key: a, effect: Never}",
            ".effect",
            "must be one of NoSchedule, PreferNoSchedule, NoExecute",
        ),
        ("{key: A B}", ".key", "must be [PREFIX/]NAME"),
        ("{key: a, value: b c}", ".value", "must be at most 63 of"),
        ("{key: a, tolerationSeconds: 60}", ".tolerationSeconds", "nothing leaves a node"),
        ("{key: a, vlaue: b}", ".vlaue", "did you mean value?"),
    ],
)
def test_what_is_no_toleration_is_refused_with_its_line(text, field, reason):
    ((line, where, why),) = refusals(tolerating("{key: fine}", text))
    assert (line, where) == (7, f"x-placement.tolerations[1]{field}")
    assert reason in why


def test_too_many_and_unknown_keys_are_refused():
    ((_, where, why),) = refusals(tolerating(*["{key: a}"] * 65))
    assert (where, "64" in why) == ("x-placement.tolerations", True)
    ((_, where, why),) = refusals("x-placement: {toleration: []}")
    assert (where, why) == (
        "x-placement.toleration",
        "is not a key of x-placement; did you mean tolerations?",
    )


def test_tolerations_restart_nothing():
    assert workload(tolerating("{key: a}")).revision == workload("x-placement:").revision


def test_one_value_keys():
    found = workload(
        "x-placement: {numa: single, strategy: pack, priority: -5, preemption: Never, gang: till,"
        " cost: {maxPerHour: 1e-06}, devices: [{kind: gpu}]}"
    )
    assert found.placement == Placement(
        numa="single",
        strategy="pack",
        priority=-5,
        preemption="Never",
        gang="till",
        cost=Cost(max_per_hour=0.000001),
    )
    assert from_plain(Workload, to_plain(found), strict=True) == found


def test_nothing_is_anywhere():
    assert workload("x-placement:").placement == ANYWHERE
    assert "placement" not in to_plain(workload("x-placement: {priority: 0}"))


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ("{numa: single}", "numa", "is about devices, and none are asked for"),
        ("{numa: both}", "numa", "must be one of single"),
        ("{numa: single-numa-node}", "numa", "write single"),
        ("{strategy: random}", "strategy", "must be one of spread, pack"),
        ("{strategy: binpack}", "strategy", "write pack"),
        ("{strategy: ''}", "strategy", "must be one of spread, pack"),
        ("{strategy: }", "strategy", "is empty"),
        ("{priority: high}", "priority", "must be a whole number from -1000000000 to 1000000000"),
        ("{priority: 1000000001}", "priority", "must be a whole number"),
        ("{priority: -0}", "priority", "must be a whole number"),
        ("{preemption: PreemptLowerPriority}", "preemption", "write LowerPriority"),
        ("{preemption: Always}", "preemption", "must be one of LowerPriority, Never"),
        ("{preemptionPolicy: Never}", "preemptionPolicy", "write `preemption: LowerPriority`"),
        ("{podAntiAffinity: {}}", "podAntiAffinity", "use `antiAffinity`"),
        ("{gang: A}", "gang", "is not a name"),
        ("{spred: []}", "spred", "did you mean spread?"),
        ("{affinty: []}", "affinty", "did you mean affinity?"),
        ("{affinity: {}}", "affinity", "must be a list"),
        ("{maxPer: []}", "maxPer", "must be a mapping"),
    ],
)
def test_what_is_no_value_of_a_key(written, field, reason):
    ((line, at, said),) = refusals(f"x-placement: {written}")
    assert (line, at) == (4, f"x-placement.{field}")
    assert reason in said


def both(deploy, own):
    return f"deploy:\n  x-placement: {deploy}\nx-placement: {own}\n"


@pytest.mark.parametrize(
    ("deploy", "own", "found"),
    [
        ("{priority: 5}", "{priority: 5}", Placement(priority=5)),
        ("{priority: 5}", "{numa: single, devices: [{kind: gpu}]}",
         Placement(priority=5, numa="single")),
        ("{priority: 0}", "", ANYWHERE),
        ("{maxPer: {node: 1}}", "{maxPer: {node: 1}}",
         Placement(at_most=(AtMost(topology="node", count=1),))),
        ("{spread: [{topology: a}]}", "{spread: [{topology: b}]}",
         Placement(spread=(Spread(topology="a"), Spread(topology="b")))),
    ],
)  # fmt: skip
def test_both_places_say_one_thing(deploy, own, found):
    assert workload(both(deploy, own)).placement == found


@pytest.mark.parametrize(
    ("deploy", "own", "field", "reason"),
    [
        ("{priority: 5}", "{priority: 6}", "priority",
         "is '6' and differs from services.web.deploy.x-placement.priority on line 5, '5'"),
        ("{priority: 0}", "{priority: 6}", "priority",
         "is '6' and differs from services.web.deploy.x-placement.priority on line 5, '0'"),
        ("{cost: {weight: 1}}", "{cost: {weight: 2}}", "cost",
         "differs from services.web.deploy.x-placement.cost on line 5"),
        ("{maxPer: {a: 1}}", "{maxPer: {a: 2}}", "maxPer.a",
         "is '2' and differs from services.web.deploy.x-placement.maxPer.a on line 5, '1'"),
        ("{spread: [{topology: a}]}", "{spread: [{topology: a, weight: 1}]}", "spread[0]",
         "is over this topology twice, first on line 5"),
        ("{affinity: [{workload: a-b}]}", "{affinity: [{workload: a-b, weight: 1}]}",
         "affinity[0]", "is asked for twice, first on line 5"),
        ("{latency: [{to: site/a, max: 1s}]}", "{latency: [{to: site/a, weight: 5}]}",
         "latency[0]", "is to this place twice, first on line 5"),
        ("{traffic: [{toWorkload: a-b, gbPerHour: 1}]}",
         "{traffic: [{toWorkload: a-b, gbPerHour: 1}]}",
         "traffic[0]", "is to the same twice, first on line 5"),
        ("{data: [{dataset: a}]}", "{data: [{dataset: a, local: true}]}",
         "data[0]", "is the same dataset twice, first on line 5"),
    ],
)  # fmt: skip
def test_what_is_said_twice_and_differs(deploy, own, field, reason):
    assert refusals(both(deploy, own)) == [(6, f"x-placement.{field}", reason)]


def test_swarms_own_words_count_as_a_place_too():
    standard = (
        "deploy:\n  placement: {max_replicas_per_node: 2, preferences: [{spread: node.labels.a}]}"
    )
    own = "x-placement: {maxPer: {node: 3}, spread: [{topology: a}]}"
    assert refusals(f"{standard}\n{own}") == [
        (6, "x-placement.maxPer.node",
         "is '3' and differs from services.web.deploy.placement.max_replicas_per_node"
         " on line 5, '2'"),
        (6, "x-placement.spread[0]", "is over this topology twice, first on line 5"),
    ]  # fmt: skip

"""The key `x-placement`: tolerations, as Kubernetes writes them."""

import pytest
from tests.hub.workloads.samples import refusals, workload

from skerry_hub.model import Toleration


def tolerating(*items):
    return "x-placement:\n  tolerations:\n" + "".join(f"    - {item}\n" for item in items)


def test_what_is_not_said_tolerates_nothing():
    assert workload("x-placement:").tolerations == ()
    assert workload("x-placement: {tolerations: []}").tolerations == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{key: a, value: b, effect: NoSchedule}", {"value": "b", "effect": "NoSchedule"}),
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
        ("{key: a, effect: PreferNoSchedule}", ".effect", "is not supported: no node has such"),
        ("{key: a, effect: Never}", ".effect", "must be one of NoSchedule, NoExecute"),
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

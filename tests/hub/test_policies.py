"""Which policies are about a workload."""

import pytest
from tests.hub.records import workload

from skerry_hub.documents import Endpoint, Policy
from skerry_hub.fleet.columns import Columns
from skerry_hub.placement.governance import policies_of
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.world import World
from skerry_hub.policies import selects
from skerry_hub.selector import SelectorError

WEB = workload("shop-web", labels={"tier": "web", "stage": "live"})


def policies_for(*documents):
    return tuple(policies_of(World(Columns(), rules=rules_of(documents, 1)), WEB))


@pytest.mark.parametrize(
    ("fields", "is_about_it"),
    [
        ({}, True),
        ({"selector": "tier=web"}, True),
        ({"selector": "tier=web,stage!=test"}, True),
        ({"selector": "tier=db"}, False),
        ({"selector": "!tier"}, False),
        ({"projects": ("depot", "shop")}, True),
        ({"projects": ("depot",)}, False),
        ({"projects": ("shop",), "selector": "tier=db"}, False),
        ({"projects": ("depot",), "selector": "tier=web"}, False),
    ],
)
def test_a_policy_is_about_workloads_by_labels_and_projects(fields, is_about_it):
    policy = Policy(name="p", **fields)
    found = policies_for(policy)
    assert found == ((policy,) if is_about_it else ())


def test_policies_come_by_name_and_nothing_else_does():
    policies = [Policy(name=name) for name in "bca"]
    others = [Endpoint(name="aa", host="x", port=1)]
    found = policies_for(*policies, *others)
    assert [one.name for one in found] == ["a", "b", "c"]


def test_what_is_no_selector_is_said():
    with pytest.raises(SelectorError):
        selects("a=b,,", WEB)

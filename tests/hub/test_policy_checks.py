"""What policies refuse of a workload, whatever its node, told by name and place."""

import dataclasses

import pytest
from tests.hub.placement.boxes import workload

from skerry_hub.documents import Policy
from skerry_hub.placement.effort import Effort
from skerry_hub.policy_checks import refused
from skerry_hub.terms import Affinity, AtMost, Placement
from skerry_hub.workloads.source import NOWHERE, Source

EU = Policy(name="eu-only", residency={"region": ("eu-1", "eu-2")})
ONE_EU = Policy(name="one", residency={"region": ("eu-1",)})
US = Policy(name="us-only", required=("node.labels.region == us",))
SAFE = Policy(name="safe", forbidden=("node.labels.stage == test",))
NOTHING = Policy(name="quiet", max_priority=5, registries=("registry.example/",))
REGION = "node.labels.region"
BY_REGION = AtMost(topology="region", count=1)
APART = Affinity(workload="shop-web", topology="region", anti=True)


def shop(texts=(), terms=(), **more):
    return dataclasses.replace(
        workload("shop-web", image="registry.example/web:1", **more),
        expressions=tuple(texts),
        placement=Placement(
            affinity=tuple(one for one in terms if isinstance(one, Affinity)),
            at_most=tuple(one for one in terms if isinstance(one, AtMost)),
        ),
    )


def found_in(policies, load):
    return [(one.field, one.reason) for one in refused(policies, load, NOWHERE, Effort(10_000))]


@pytest.mark.parametrize(
    ("policies", "load", "field", "reason"),
    [
        (
            [EU],
            shop([f"{REGION} exists", f"{REGION} == us"]),
            "expressions[1]",
            f"shop-web: contradicts policy eu-only: no node can fulfil {REGION} == us"
            f" beside {REGION} in [eu-1, eu-2] (policy eu-only)",
        ),
        (
            [NOTHING, SAFE],
            shop(constraints=["node.labels.stage == test"]),
            "constraints[0]",
            "shop-web: contradicts policy safe: no node can fulfil node.labels.stage == test"
            " beside not(node.labels.stage == test) (policy safe)",
        ),
        # Its own expressions and both policies are needed for it.
        (
            [EU, Policy(name="not-2", forbidden=(f"{REGION} == eu-2",))],
            shop([f"not({REGION} == eu-1)"]),
            "expressions[0]",
            f"shop-web: contradicts policy eu-only and policy not-2: no node can fulfil"
            f" not({REGION} == eu-1) beside {REGION} in [eu-1, eu-2] (policy eu-only)"
            f" and not({REGION} == eu-2) (policy not-2)",
        ),
        # Two policies leave nothing to any workload.
        (
            [EU, US],
            shop(),
            None,
            f"shop-web: contradicts policy eu-only and policy us-only: no node can fulfil"
            f" {REGION} == us beside {REGION} in [eu-1, eu-2] (policy eu-only)",
        ),
        (
            [ONE_EU],
            shop(terms=[AtMost(topology="node", count=1), BY_REGION], replicas=2),
            "placement.at_most[1]",
            "shop-web: 2 replicas never fit with at most 1 per region:"
            " only region eu-1 may take any, by policy one",
        ),
        (
            [SAFE, ONE_EU],
            shop(terms=[APART], replicas=2),
            "placement.affinity[0]",
            "shop-web: 2 replicas never fit with at most 1 per region:"
            " only region eu-1 may take any, by policy safe and policy one",
        ),
        (
            [NOTHING],
            workload("shop-web", image="nginx"),
            "containers[0].image",
            "shop-web: policy quiet: image nginx is not from registry.example/",
        ),
    ],
)
def test_what_no_node_could_take(policies, load, field, reason):
    assert found_in(policies, load) == [(field, reason)]


@pytest.mark.parametrize(
    ("policies", "load"),
    [
        ([], shop([f"{REGION} == us"])),
        ([EU], shop([f"{REGION} == eu-1"])),
        ([EU], shop([f"{REGION} exists"])),
        ([EU, ONE_EU, SAFE, NOTHING], shop()),
        # Not the policy's doing: whoever asks for it was told before.
        ([SAFE], shop([f"{REGION} == a", f"{REGION} == b"])),
        # Stored by another version of the hub: placement tells of it.
        ([Policy(name="new", required=("node.moon == full",))], shop([f"{REGION} == us"])),
        ([EU], shop(["node.moon == full"])),
        ([NOTHING], shop()),
    ],
)
def test_what_some_node_might_take(policies, load):
    assert found_in(policies, load) == []


def test_where_it_was_asked_for():
    load = shop([f"{REGION} == us"])
    file = Source(
        file="shop.yaml",
        line=2,
        field="services.web",
        parts={"expressions[0]": ("services.web.x-placement.constraints[0]", 7)},
    )
    (found,) = refused([EU], load, file, Effort(10_000))
    assert (found.file, found.line) == ("shop.yaml", 7)
    assert found.field == "services.web.x-placement.constraints[0]"
    (found,) = refused([EU, US], shop(), file, Effort(10_000))
    assert (found.file, found.line, found.field) == ("shop.yaml", 2, "services.web")
    (found,) = refused([EU], load, Source(field="workloads[4]"), Effort(10_000))
    assert (found.file, found.line, found.field) == (None, None, "workloads[4].expressions[0]")

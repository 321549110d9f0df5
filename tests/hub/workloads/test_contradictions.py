"""What no fleet can fulfil is told where it stands."""

import pytest
from tests.hub.workloads.samples import refusals, workload


@pytest.mark.parametrize(
    ("part", "line", "field", "reason"),
    [
        (
            "deploy:\n  replicas: 3\n  placement:\n    constraints: [node.labels.site == a]\n"
            "x-placement: {maxPer: {site: 2}}",
            8,
            "x-placement.maxPer.site",
            "3 replicas never fit with at most 2 per site: only site a may take any",
        ),
        (
            "scale: 3\ndeploy: {placement: {max_replicas_per_node: 1}}\n"
            "x-placement: {constraints: ['node.id in [b-1, b-2]']}",
            5,
            "deploy.placement.max_replicas_per_node",
            "only node b-1, b-2 may take any",
        ),
        (
            "scale: 2\nx-placement:\n  constraints: [node.labels.zone == a]\n"
            "  antiAffinity:\n    - {workload: web, topology: zone}\n",
            8,
            "x-placement.antiAffinity[0]",
            "2 replicas never fit with at most 1 per zone",
        ),
        (
            "x-placement:\n  affinity: [{workload: a-b}]\n  antiAffinity: [{workload: a-b}]\n",
            6,
            "x-placement.antiAffinity[0]",
            "affinity and antiAffinity to the same never hold together",
        ),
        (
            "scale: 2\nx-placement:\n  maxPer: {node: 1}\n  affinity: [{workload: web}]\n",
            6,
            "x-placement.maxPer.node",
            "2 replicas never fit with at most 1 per node: affinity to shop-web by node keeps",
        ),
        (
            "deploy: {placement: {constraints: [node.labels.a == x]}}\nx-placement:\n"
            "  constraints:\n    - any: [node.labels.a == y, node.labels.b == y]\n"
            "    - not: node.labels.b exists\n",
            8,
            "x-placement.constraints[1]",
            "no node can fulfil not(node.labels.b exists) beside node.labels.a == x (line 4) and"
            " any(node.labels.a == y, node.labels.b == y) (line 7)",
        ),
        (
            "gpus: 1\nx-placement: {constraints: [node.hardware.accelerators not exists]}",
            5,
            "x-placement.constraints[0]",
            "beside node.hardware.accelerators.kind == gpu (devices)",
        ),
    ],
)
def test_what_never_holds(part, line, field, reason):
    ((at, where, said),) = refusals(part)
    assert (at, where) == (line, field)
    assert said.startswith("contradicts: ")
    assert reason in said


@pytest.mark.parametrize(
    "part",
    [
        "scale: 2\nx-placement: {constraints: [node.labels.site == a], maxPer: {site: 2}}",
        "scale: 9\nx-placement: {maxPer: {node: 1}}",
        "deploy: {mode: global}\nx-placement: {constraints: [node.id == a], maxPer: {node: 1}}",
        "x-placement: {affinity: [{workload: web}], antiAffinity: [{workload: web}]}",
        "scale: 2\nx-placement: {constraints: [node.labels.zone == a], antiAffinity:"
        " [{workload: web, topology: zone, weight: 1}]}",
    ],
)
def test_what_may_hold(part):
    assert refusals(part) == []
    assert workload(part).placement

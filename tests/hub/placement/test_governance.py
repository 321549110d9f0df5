"""Policies: what they require of a place, of an image and of a priority, and of whom."""

import dataclasses

import pytest
from tests.hub.placement.boxes import (
    GIB,
    assignment,
    explain,
    fleet,
    node,
    place,
    requirements,
    steps,
    where,
    workload,
)

from skerry_hub.documents import Policy
from skerry_hub.placement.constraints import refusals_of
from skerry_hub.placement.governance import Forbidden, Governed, governed_of, offences, policies_of
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.world import World
from skerry_hub.terms import Placement


def columns_of():
    return fleet(
        node("a", labels={"region": "eu-west", "environment": "cloud"}, memory=8 * GIB),
        node("b", labels={"region": "us-east", "environment": "cloud"}, memory=8 * GIB),
        node("c", hub_labels={"region": "eu-north"}, memory=2 * GIB),
        node("d", memory=None),
    )


def told(load, *policies):
    """Return the nodes that take a workload, and the reasons of the others."""
    found = explain(columns_of(), load, [], rules=rules_of(policies, 1))
    taking = "".join(sorted(one.node for one in found.verdicts if one.feasible))
    return taking, {
        one.node: [(reason.constraint, reason.text) for reason in one.reasons]
        for one in found.verdicts
        if not one.feasible
    }


@pytest.mark.parametrize(
    ("policy", "taking"),
    [
        (Policy(name="p"), "abcd"),
        (Policy(name="p", required=("node.labels.environment == cloud",)), "ab"),
        (
            Policy(
                name="p",
                required=("node.labels.environment == cloud", "node.labels.region matches ^eu"),
            ),
            "a",
        ),
        (Policy(name="p", forbidden=("node.labels.environment == cloud",)), "cd"),
        (Policy(name="p", forbidden=("node.labels.region == eu-west", "node.id == d")), "bc"),
        (Policy(name="p", residency={"region": ("eu-west", "eu-north")}), "ac"),
        (Policy(name="p", residency={"node": ("a", "host-d")}), "ad"),
        (Policy(name="p", residency={"node": ("a", "c"), "region": ("eu-north",)}), "c"),
        (Policy(name="p", residency={"zone": ("z",)}), ""),
    ],
)
def test_required_forbidden_and_residency(policy, taking):
    found, reasons = told(workload(), policy)
    assert found == taking
    assert set(reasons) == set("abcd") - set(taking)
    assert all(
        name.startswith("policy p: ") for refusing in reasons.values() for name, _ in refusing
    )


def test_reasons_name_the_policy_the_expression_and_what_the_node_has():
    _, reasons = told(
        workload(),
        Policy(name="eu", residency={"region": ("eu-west", "eu-north")}),
        Policy(name="big", required=("node.hardware.memory.total_bytes >= 4GiB",)),
        Policy(name="own", forbidden=("node.labels.environment == cloud",)),
    )
    names = {name: [one for one, _ in refusing] for name, refusing in reasons.items()}
    assert names == {
        "a": ["policy own: not node.labels.environment == cloud"],
        "b": [
            "policy eu: residency",
            "policy own: not node.labels.environment == cloud",
        ],
        "c": ["policy big: node.hardware.memory.total_bytes >= 4GiB"],
        "d": [
            "policy big: node.hardware.memory.total_bytes >= 4GiB",
            "policy eu: residency",
        ],
    }
    texts = {name: [text for _, text in refusing] for name, refusing in reasons.items()}
    assert "us-east" in texts["b"][0]
    assert "2 GiB" in texts["c"][0] or "2GiB" in texts["c"][0]


def test_all_policies_about_a_workload_hold_and_those_of_others_do_nothing():
    policies = [
        Policy(name="1", required=("node.id != a",)),
        Policy(name="2", selector="tier=web", required=("node.id != b",)),
        Policy(name="3", projects=("shop",), required=("node.id != c",)),
        Policy(name="4", projects=("other",), required=("node.id == none",)),
        Policy(name="5", selector="tier=web,stage=test", required=("node.id == none",)),
        Policy(name="6", selector="tier=web", projects=("other",), required=("node.id == none",)),
    ]
    load = dataclasses.replace(workload(), labels={"tier": "web"})
    world = World(columns_of(), rules=rules_of(policies, 1))
    assert [one.name for one in policies_of(world, load)] == ["1", "2", "3"]
    assert told(load, *policies)[0] == "d"
    assert told(workload(), *policies)[0] == "bd"


@pytest.mark.parametrize(
    ("registries", "images", "wrong"),
    [
        ((), ("web:1",), ()),
        (("registry.example/",), ("registry.example/web:1",), ()),
        (("registry.example/team/",), ("registry.example/web:1",), ("registry.example/web:1",)),
        (
            ("registry.example/",),
            ("registry.example.evil/web:1",),
            ("registry.example.evil/web:1",),
        ),
        (("registry.example/",), ("registry.example:5000/web",), ("registry.example:5000/web",)),
        (("a/", "b/"), ("b/web", "a/web", "c/web", "web"), ("c/web", "web")),
    ],
)
def test_images_come_from_the_registries_alone(registries, images, wrong):
    one = workload()
    containers = tuple(
        dataclasses.replace(one.containers[0], name=f"c{number}", image=image)
        for number, image in enumerate(images)
    )
    load = dataclasses.replace(one, containers=containers)
    allowed = " or ".join(registries)
    expected = [f"image {image} is not from {allowed}" for image in wrong]
    found = list(offences(Policy(name="p", registries=registries), load))
    assert [one.why for one in found] == expected
    assert all(load.containers[int(one.field[11])].image in one.why for one in found)
    taking, reasons = told(load, Policy(name="p", registries=registries))
    assert taking == ("" if wrong else "abcd")
    for refusing in reasons.values():
        assert refusing == [("policy p", text) for text in expected]


@pytest.mark.parametrize(
    ("most", "priority", "taking"),
    [(None, 10**9, "abcd"), (100, 100, "abcd"), (100, 101, ""), (-5, 0, ""), (0, -1, "abcd")],
)
def test_a_priority_is_not_over_the_most(most, priority, taking):
    load = dataclasses.replace(workload(), placement=Placement(priority=priority))
    found, reasons = told(load, Policy(name="p", max_priority=most))
    assert found == taking
    if not taking:
        assert reasons["a"] == [("policy p", f"priority {priority} is over {most}")]


@pytest.mark.parametrize("of", ["required", "forbidden"])
def test_an_expression_of_another_version_of_the_hub_lets_nothing_pass(of):
    taking, reasons = told(workload(), Policy(name="p", **{of: ("node.what ~~ x",)}))
    assert taking == ""
    ((name, text),) = reasons["a"]
    assert name == f"policy p: {'not ' if of == 'forbidden' else ''}node.what ~~ x"
    assert text.startswith("this hub cannot read the expression: ")


def test_what_a_node_does_not_tell_fulfils_neither_what_is_required():
    required = Policy(name="p", required=("node.hardware.memory.total_bytes >= 1GiB",))
    assert told(workload(), required)[0] == "abc"


def test_an_apply_moves_what_a_policy_no_longer_allows_and_nothing_else_does():
    columns = columns_of()
    load = workload(replicas=2)
    there = [assignment("shop-web-0", "a"), assignment("shop-web-1", "b")]
    for one in there:
        columns.reserve(one)
    rules = rules_of([Policy(name="eu", residency={"region": ("eu-west", "eu-north")})], 1)
    kept = place(columns, load, there, keep=True, rules=rules)
    assert steps(kept) == []
    applied = place(columns, load, there, keep=False, rules=rules)
    assert [one[:2] for one in steps(applied)] == [("move", "shop-web-1")]
    assert where(applied) == {"shop-web-0": "a", "shop-web-1": "c"}


def test_policies_are_no_part_of_what_a_workload_could_give_up():
    found = explain(
        columns_of(),
        workload(),
        [],
        rules=rules_of([Policy(name="p", residency={"zone": ("z",)})], 1),
    )
    assert (found.feasible, found.relaxations) == (0, ())
    assert found.blocked == {"policy p: residency": 4}


@pytest.mark.parametrize(
    "policy",
    [
        Policy(name="p", required=("node.hardware.memory.total_bytes >= 4GiB",)),
        Policy(name="p", forbidden=("node.hardware.memory.total_bytes < 4GiB",)),
        Policy(name="p", residency={"region": ("eu-west",), "node": ("host-a", "b")}),
        Policy(name="p", registries=("x/",)),
    ],
)
def test_masks_and_reasons_agree(policy):
    columns = columns_of()
    world = World(columns, rules=rules_of([policy], 1))
    needs = governed_of(world, workload())
    assert needs
    for need in needs:
        assert isinstance(need, Governed | Forbidden)
        mask = need.mask(columns, columns.rows()).tolist()
        for row, passes in zip(columns.rows().tolist(), mask, strict=True):
            assert passes == (not refusals_of(columns, [need], row))


def test_a_workload_that_no_policy_is_about_has_none_of_their_needs():
    columns = columns_of()
    load = workload()
    rules = rules_of([Policy(name="p", projects=("other",), registries=("x/",))], 1)
    assert governed_of(World(columns, rules=rules), load) == []
    assert len(requirements(columns, load)) > 0

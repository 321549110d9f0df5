"""Which others an affinity is about, and whether they wait for it in turn."""

import dataclasses

import pytest
from tests.hub.placement.boxes import assignment, fleet, node, workload

from skerry_hub.placement.about import are_waiting, is_about, others_of
from skerry_hub.placement.world import World
from skerry_hub.terms import Affinity, Placement


def near(name, *terms, **more):
    labels = more.pop("labels", {})
    made = workload(name, **more)
    return dataclasses.replace(made, placement=Placement(affinity=terms), labels=labels)


TO_A, TO_B, TO_C = (Affinity(workload=name, topology="site") for name in "abc")
TO_RED = Affinity(selector="team=red", topology="site")
A = near("a", TO_B, labels={"team": "red"})


@pytest.mark.parametrize(
    ("term", "name", "expected"),
    [(TO_A, "a", True), (TO_B, "a", False), (TO_RED, "a", True), (TO_RED, "b", False)],
)
def test_a_term_is_about_a_name_or_what_a_selector_selects(term, name, expected):
    assert is_about(term, {"a": A, "b": near("b")}[name]) is expected


def test_the_others_are_without_the_workload_itself():
    loads = {one.name: one for one in (A, near("b", labels={"team": "red"}), near("c"))}
    assert others_of(loads, A, TO_RED) == ["b"]
    assert others_of(loads, A, TO_A) == ()
    assert others_of(loads, A, TO_C) == ("c",)


@pytest.mark.parametrize(
    ("others", "waiting"),
    [
        ([near("b", TO_A)], True),
        ([near("b", TO_RED)], True),
        ([near("b", TO_C), near("c", TO_A)], True),
        ([near("b", TO_C), near("c", TO_B)], False),
        ([near("b")], False),
        ([near("b", dataclasses.replace(TO_A, anti=True))], False),
        ([near("b", dataclasses.replace(TO_A, weight=5))], False),
        ([near("b", TO_A, replicas=0)], False),
        ([near("b", TO_A, replicas=0, mode="global")], True),
        ([], False),
    ],
)
def test_who_must_be_near_it_waits_for_it(others, waiting):
    world = World(fleet(node("x")), {one.name: one for one in (A, *others)})
    assert are_waiting(world, A, ["b"]) is waiting


def test_who_is_placed_does_not_wait_nor_does_who_waits_for_it():
    b, c = near("b", TO_C), near("c", TO_A)
    columns = fleet(node("x"))
    columns.reserve(assignment("c-0", "x", of=c))
    assert not are_waiting(World(columns, {"a": A, "b": b, "c": c}), A, ["b"])


def test_nobody_waits_where_there_are_no_others():
    assert not are_waiting(World(fleet(node("x"))), A, [])

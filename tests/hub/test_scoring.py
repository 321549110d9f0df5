"""The scores of a plan's steps: those by which each choice fell, in the order in which it fell."""

import dataclasses

import pytest
from tests.hub.placement.boxes import GIB, MIB, node
from tests.hub.records import assignment, kept, settled, work_on, workload

from skerry_hub import planning, scoring
from skerry_hub.documents import Prices
from skerry_hub.model import Resources
from skerry_hub.placement.explain import explain
from skerry_hub.planning import Wish
from skerry_hub.state import Draft, Known
from skerry_hub.terms import Cost, Placement, Spread

SMALL = Resources(cpu_milli=100, memory_bytes=256 * MIB)


def plan_of(work, *workloads, documents=()):
    """Return a plan with its scores, and the draft that it leaves."""
    wish = Wish(workloads=tuple(workloads), documents=tuple(documents))
    with work.columns.trial():
        plan = planning.decide(work, wish)
    return planning.scored(work, wish, plan)


def scores(plan):
    return {one.instance: one.score for one in plan.changes if one.score is not None}


def known(*nodes):
    return Known(nodes)


@pytest.mark.parametrize("strategy", ["spread", "pack"])
def test_each_is_the_score_that_explain_tells_of_the_best_just_before(strategy):
    nodes = [node("a", cpus=8), node("b", cpus=2), node("c", memory=16 * GIB)]
    wanted = workload(
        "shop-web", replicas=5, resources=SMALL, placement=Placement(strategy=strategy)
    )
    plan = plan_of(work_on(known(*nodes)), wanted)
    # One after the other: what `explain` says of a workload of so many less one.
    work = work_on(known(*nodes))
    with work.columns.trial():
        for step in plan.changes:
            current = work.draft.of_workload("shop-web")
            best = explain(work.world, wanted, current).verdicts[0]
            assert (best.node, step.score) == (step.node, pytest.approx(best.score, abs=1e-4))
            for name, part in step.scores.items():
                assert part.value == pytest.approx(best.scores[name].value, abs=1e-4)
                assert part.weight == best.scores[name].weight
            one = dataclasses.replace(wanted, replicas=len(current) + 1)
            planning.decide(work, Wish(workloads=(one,)))


def test_terms_and_costs_are_part_of_it():
    placement = Placement(spread=(Spread(topology="site", weight=50),), cost=Cost(weight=20))
    nodes = [node("a", labels={"site": "x"}), node("b", labels={"site": "y"})]
    wanted = workload("shop-web", replicas=2, resources=SMALL, placement=placement)
    prices = Prices(name="all", cpu_hour=0.5)
    plan = plan_of(work_on(known(*nodes)), wanted, documents=(prices,))
    for step in plan.changes:
        assert {"spread over site", "cost"} <= step.scores.keys(), step.scores


def test_what_stays_has_none_and_the_columns_are_as_they_were():
    work = work_on(known(node("a")))
    wanted = workload("shop-web", resources=SMALL)
    free = work.columns.free_on
    row = work.columns.row("a")
    before = free(1, row)
    first = plan_of(work, wanted)
    assert free(1, row) == before
    assert scores(first).keys() == {"shop-web-0"}
    known_ = settled(Known([node("a")]), work.draft)
    again = plan_of(work_on(known_), dataclasses.replace(wanted, replicas=2))
    assert scores(again).keys() == {"shop-web-1"}
    assert [one.action for one in again.changes] == ["keep", "create"]


def test_who_ends_for_more_important_ones_and_is_placed_anew_has_a_score_too():
    nodes = [node("a", memory=2 * GIB), node("b", memory=1 * GIB)]
    low = workload("low-job", resources=Resources(memory_bytes=900 * MIB))
    work = work_on(known(*nodes))
    plan_of(work, low)
    after = settled(Known(nodes), work.draft)
    assert [one.node for one in after.assignments.values()] == ["a"]
    high = workload(
        "shop-db",
        resources=Resources(memory_bytes=1900 * MIB),
        placement=Placement(priority=100),
    )
    plan = plan_of(work_on(after), high)
    steps = {(one.instance, one.action, one.node) for one in plan.changes}
    assert {("shop-db-0", "create", "a"), ("low-job-0", "move", "b")} <= steps
    assert scores(plan).keys() == {"shop-db-0", "low-job-0"}
    # The room that was made counts: it is as if the other had never been there.
    alone = plan_of(work_on(known(*nodes)), high)
    assert scores(plan)["shop-db-0"] == scores(alone)["shop-db-0"]


def test_those_that_leave_a_node_choose_before_new_ones():
    there = [
        node("a", labels={"site": "x"}),
        node("b", cpus=16, labels={"site": "y"}),
        node("c", cpus=8, labels={"site": "y"}),
        node("z", labels={"site": "y"}),
    ]
    held = [
        assignment("shop-web-0", node="a", resources=SMALL),
        assignment("shop-web-2", node="z", resources=SMALL),
    ]
    only = dataclasses.replace(
        workload("shop-web", replicas=3, resources=SMALL),
        expressions=("node.id in [a, b, c]",),
        placement=Placement(spread=(Spread(topology="site", weight=10),)),
    )
    found = Known(there, [kept("shop-web", replicas=2, resources=SMALL)], held)
    plan = plan_of(work_on(found), only)
    steps = {one.instance: one for one in plan.changes}
    assert [(one, steps[one].action, steps[one].node) for one in steps] == [
        ("shop-web-0", "keep", "a"),
        ("shop-web-1", "create", "c"),
        ("shop-web-2", "move", "b"),
    ]
    # The second of the two finds the first in its site.
    assert steps["shop-web-2"].scores["spread over site"].value == 1
    assert steps["shop-web-1"].scores["spread over site"].value < 1


def test_a_pruned_workload_gives_its_room_first():
    nodes = [node("a", memory=GIB)]
    work = work_on(known(*nodes))
    old = workload("shop-old", resources=Resources(memory_bytes=900 * MIB))
    plan_of(work, old)
    after = settled(Known(nodes), work.draft)
    work = work_on(after)
    wish = Wish(
        workloads=(workload("shop-new", resources=Resources(memory_bytes=900 * MIB)),), prune=True
    )
    with work.columns.trial():
        plan = planning.decide(work, wish)
    (created,) = (
        one for one in planning.scored(work, wish, plan).changes if one.action == "create"
    )
    fresh = plan_of(work_on(known(*nodes)), wish.workloads[0])
    assert created.score == scores(fresh)["shop-new-0"]


def test_a_daemon_has_a_score_on_each_node():
    nodes = [node(f"n-{number}") for number in range(4)]
    plan = plan_of(work_on(known(*nodes)), workload("ops-agent", mode="global"))
    assert len(scores(plan)) == 4


def test_only_the_first_steps_of_a_large_plan_are_scored():
    nodes = [node(f"n-{number}") for number in range(3)]
    count = scoring.MOST_SCORED + 5
    plan = plan_of(work_on(known(*nodes)), workload("shop-web", replicas=count))
    assert len(scores(plan)) == scoring.MOST_SCORED
    assert len(plan.changes) == count


def test_the_draft_of_the_plan_is_left_alone():
    found = known(node("a"))
    work = work_on(found)
    plan = plan_of(work, workload("shop-web"))
    assert (
        plan.basis.outcome
        == planning.decide(work_on(found), Wish(workloads=(workload("shop-web"),))).basis.outcome
    )
    assert Draft(found).empty

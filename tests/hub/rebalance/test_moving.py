"""Moves in the records: done as planned, or refused as stale with the reason."""

import pytest
from tests.hub.placement import boxes
from tests.hub.rebalance.fleets import move, node, uneven, work_of, workload
from tests.hub.test_desired import check

from skerry_hub import draining
from skerry_hub.documents import Policy, Quota
from skerry_hub.rebalance.moving import move_all, refused_of
from skerry_hub.terms import AtMost, DeviceRequest, Placement
from skerry_hub.work import RefusedError


def fleet(load, **fields):
    """Return a fleet with all of a workload on the first of two nodes."""
    return work_of(uneven([node("n0", **fields), node("n1", **fields)], [load], ["n1"]))


def first(work):
    return work.draft.assignments.get("shop-web-0")


def test_an_instance_moves_with_what_it_holds():
    work = fleet(workload(cpu=500, accelerators=(DeviceRequest(kind="gpu"),)), gpus=2)
    one = first(work)
    plan = move_all(work, [move(one, "n1")])
    assert [(change.action, change.instance, change.node) for change in plan.changes] == [
        ("move", "shop-web-0", "n1")
    ]
    assert plan.changes[0].detail == "from n0: rebalanced"
    there = first(work)
    assert (there.node, there.held, there.revision) == ("n1", one.held, one.revision)
    assert work.draft.touched == {"n0", "n1"}
    check(work)


def test_moves_see_those_before_them():
    work = fleet(workload(replicas=2, memory=1536 * boxes.MIB))
    two = work.draft.of_workload("shop-web")
    move_all(work, [move(one, "n1") for one in two])
    assert {one.node for one in work.draft.of_workload("shop-web")} == {"n1"}
    check(work)
    work = work_of(uneven_with_large())
    moves = [move(one, "n1") for one in work.draft.of_workload("shop-web")]
    with pytest.raises(RefusedError, match=r"memory 1 GiB free < 1\.5 GiB") as refused:
        move_all(work, moves)
    assert refused.value.problems[0].field == "moves[1]"


def test_of_many_moves_those_that_cannot_be_are_told_and_nothing_stays():
    work = work_of(uneven_with_large())
    first_, second = work.draft.of_workload("shop-web")
    moves = [move(first_, "n9"), move(first_, "n1"), move(second, "n1"), move(second, "n0")]
    assert refused_of(work, moves) == {
        0: "shop-web-0 cannot move to n9: there is no node n9",
        2: "shop-web-1 cannot move to n1: n1 does not take it: memory: memory 1 GiB free < 1.5 GiB",
        3: "shop-web-1 cannot move to n0: it is there already",
    }
    assert [one.node for one in work.draft.of_workload("shop-web")] == ["n0", "n0"]
    check(work)


def uneven_with_large():
    """Return two on a large node, of which a small one takes only one."""
    nodes = [node("n0", memory=8 * boxes.GIB), node("n1", memory=2560 * boxes.MIB)]
    return uneven(nodes, [workload(replicas=2, memory=1536 * boxes.MIB)], ["n1"])


@pytest.mark.parametrize(
    ("change", "target", "why"),
    [
        ({"instance": "shop-web-7"}, "n1", "there is no such instance"),
        ({"workload": "shop-db"}, "n1", "there is no such instance"),
        ({"source": "n2"}, "n1", "it is on n0, not on n2"),
        ({"revision": "f" * 16}, "n1", "its workload has changed"),
        ({}, "n0", "it is there already"),
        ({}, "n9", "there is no node n9"),
    ],
)
def test_a_move_that_is_not_as_planned_is_stale(change, target, why):
    work = fleet(workload())
    with pytest.raises(RefusedError, match=why) as refused:
        move_all(work, [move(first(work), target, **change)])
    assert refused.value.status == 409
    (problem,) = refused.value.problems
    assert (problem.field, problem.reason[:19]) == ("moves[0]", "the plan is stale: ")
    assert not work.draft.assignments.changes


def test_a_node_that_refuses_now_says_why():
    work = fleet(
        workload(
            ports=("tcp/80",), placement=Placement(at_most=(AtMost(topology="site", count=1),))
        )
    )
    one = first(work)
    draining.cordon(work, work.draft.nodes.get("n1"))
    with pytest.raises(RefusedError, match="n1 does not take it: taints: "):
        move_all(work, [move(one, "n1")])
    check(work)
    draining.uncordon(work, work.draft.nodes.get("n1"))
    move_all(work, [move(one, "n1")])
    assert first(work).node == "n1"


def test_terms_count_the_others_and_not_itself():
    load = workload(replicas=2, placement=Placement(at_most=(AtMost(topology="node", count=1),)))
    work = work_of(uneven([node("n0"), node("n1"), node("n2")], [load], ["n2"]))
    one = first(work)
    with pytest.raises(RefusedError, match="1 of 1 in node n1 already"):
        move_all(work, [move(one, "n1")])
    move_all(work, [move(one, "n2")])
    assert first(work).node == "n2"


def test_a_quota_that_is_used_up_is_no_reason_not_to_move():
    policy = Policy(name="two", quota=Quota(instances=2))
    known = uneven([node("n0"), node("n1")], [workload(replicas=2)], ["n1"])
    work = work_of(known, "spread", policy)
    move_all(work, [move(first(work), "n1")])
    assert first(work).node == "n1"


def test_one_of_a_global_workload_does_not_move():
    work = work_of(uneven([node("n0"), node("n1")], [workload(mode="global")], []))
    one = work.draft.of_workload("shop-web")[0]
    with pytest.raises(RefusedError, match="one instance on each node"):
        move_all(work, [move(one, "n1" if one.node == "n0" else "n0")])

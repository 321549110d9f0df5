"""Taint, cordon and drain: what they change in the records, and what they leave alone."""

import pytest
from tests.hub.records import (
    assignment,
    changed,
    finished,
    kept,
    kept_document,
    node,
    settled,
    work_on,
    workload,
)
from tests.hub.test_desired import LARGE, actions, check

from skerry_hub import desired, draining
from skerry_hub.documents import Policy, Quota
from skerry_hub.lifecycle import Lifecycle
from skerry_hub.model import UNSCHEDULABLE, Liveness, Taint, Toleration
from skerry_hub.state import Known
from skerry_hub.work import RefusedError
from skerry_wire.lifecycle import Job

KEEP_OFF = Taint(key="maintenance", value="true", effect="NoSchedule")
LEAVE = Taint(key="maintenance", value="true", effect="NoExecute")


def drained(known, name="box-1", *, force=False):
    """Return the plan, and what is known once it is committed."""
    work = work_on(known)
    plan = draining.drain(work, work.draft.nodes.get(name), force=force)
    check(work)
    return plan, settled(known, work.draft)


def tainted(known, *put, unset=()):
    work = work_on(known)
    node_ = draining.taint(work, work.draft.nodes.get("box-1"), put, set(unset))
    return node_, work


def homes(known):
    return {one.id: one.node for one in known.assignments.values()}


# --- taints ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("put", "unset", "left"),
    [
        ([], [], [KEEP_OFF]),
        ([LEAVE], [], [LEAVE, KEEP_OFF]),
        (
            [Taint(key="a", effect="NoSchedule")],
            [],
            [Taint(key="a", effect="NoSchedule"), KEEP_OFF],
        ),
        (
            [Taint(key="maintenance", value="no", effect="NoSchedule")],
            [],
            [Taint(key="maintenance", value="no", effect="NoSchedule")],
        ),
        ([], [("maintenance", None)], []),
        ([], [("maintenance", "NoSchedule")], []),
        ([], [("maintenance", "NoExecute"), ("none", None)], [KEEP_OFF]),
    ],
)
def test_of_a_key_and_an_effect_there_is_one_taint(put, unset, left):
    found, work = tainted(Known([node(taints=(KEEP_OFF,))]), *put, unset=unset)
    assert found.taints == tuple(left)
    assert bool(work.draft.nodes.changes) == (left != [KEEP_OFF])


def test_a_node_takes_no_more_taints_than_it_may():
    many = [Taint(key=f"k{i}", effect="NoSchedule") for i in range(65)]
    with pytest.raises(RefusedError, match="more than 64 taints"):
        tainted(Known([node()]), *many)


def test_a_cordoned_node_is_cordoned_once_and_keeps_its_other_taints():
    work = work_on(Known([node(taints=(KEEP_OFF,))]))
    once = draining.cordon(work, work.draft.nodes.get("box-1"))
    assert [one.key for one in once.taints] == ["maintenance", UNSCHEDULABLE]
    assert draining.cordon(work, once) is once
    again = draining.uncordon(work, once)
    assert (again.taints, again.cordoned) == ((KEEP_OFF,), False)


def test_a_taint_alone_moves_nothing_and_the_next_apply_does():
    known = Known([node(), node("box-2")], [kept()], [assignment()])
    _, work = tainted(known, LEAVE)
    desired.fill(work, ["shop-web"])
    after = settled(known, work.draft)
    assert homes(after) == {"shop-web-0": "box-1"}
    later = work_on(after)
    plan = desired.apply(later, [after.workloads["shop-web"].workload], prune=False)
    assert actions(plan) == [("move", "shop-web-0", "box-2")]


@pytest.mark.parametrize("taint", [KEEP_OFF, None])
def test_the_same_content_again_leaves_other_nodes_taints_alone(taint):
    known = Known([node(taints=(taint,) if taint else ()), node("box-2")], [kept()], [assignment()])
    work = work_on(known)
    plan = desired.apply(work, [known.workloads["shop-web"].workload], prune=False)
    assert actions(plan) == [("keep", "shop-web-0", "box-1")]


# --- drain ----------------------------------------------------------------------------------


def test_a_drain_moves_everything_that_fits_elsewhere_and_touches_both_nodes():
    known = Known(
        [node(), node("box-2")],
        [kept(replicas=2), kept("shop-db")],
        [assignment(), assignment("shop-web-1", "box-2"), assignment("shop-db-0")],
    )
    work = work_on(known)
    plan = draining.drain(work, work.draft.nodes.get("box-1"), force=False)
    assert actions(plan) == [("move", "shop-db-0", "box-2"), ("move", "shop-web-0", "box-2")]
    assert work.draft.touched == {"box-1", "box-2"}
    after = settled(known, work.draft)
    assert set(homes(after).values()) == {"box-2"}
    assert after.nodes["box-1"].cordoned
    again, _ = drained(after)
    assert (again.changes, again.unplaced) == ((), ())


@pytest.mark.parametrize(("also_runs", "moved"), [(False, []), (True, ["shop-web-1"])])
@pytest.mark.parametrize(("succeeded", "why"), [(True, "is done"), (False, "has failed for good")])
def test_a_finished_job_is_not_begun_again_elsewhere(also_runs, moved, succeeded, why):
    known = Known(
        [node(), node("box-2")],
        [kept(replicas=1 + also_runs, lifecycle=Lifecycle(job=Job()))],
        [finished(succeeded=succeeded), *([assignment("shop-web-1")] if also_runs else [])],
    )
    plan, after = drained(known)
    assert [one.instance for one in plan.changes if one.action == "move"] == moved
    (stays,) = (one for one in plan.changes if one.action == "keep")
    assert (stays.instance, stays.detail) == ("shop-web-0", f"it {why}")
    assert homes(after)["shop-web-0"] == "box-1"
    assert plan.unplaced == ()


def test_what_fits_nowhere_stays_and_is_explained_by_the_other_nodes():
    known = Known(
        [node(), node("box-2")],
        [kept(replicas=2, resources=LARGE)],
        [assignment(resources=LARGE), assignment("shop-web-1", "box-2", resources=LARGE)],
    )
    plan, after = drained(known)
    assert actions(plan) == [("keep", "shop-web-0", "box-1")]
    assert plan.changes[0].detail == "no other node takes it"
    (found,) = plan.unplaced
    assert (found.wanted, found.placed, found.feasible) == (2, 2, 0)
    assert [one.node for one in found.verdicts] == ["box-2"]
    assert "memory 3 GiB free < 5 GiB" in found.verdicts[0].reasons[0].text
    assert homes(after) == homes(known)
    assert after.unplaced == {}, "whoever stays has a node"


def test_by_force_it_is_removed_and_comes_back_where_a_node_takes_it():
    known = Known([node()], [kept()], [assignment()])
    plan, after = drained(known, force=True)
    assert actions(plan) == [("remove", "shop-web-0", "box-1")]
    assert plan.changes[0].detail == "no other node takes it"
    assert (plan.unplaced[0].placed, after.unplaced) == (0, {"shop-web": 1})
    assert (homes(after), desired.wanting(work_on(after).draft)) == ({}, ["shop-web"])
    work = work_on(after)
    desired.fill(work, ["shop-web"])
    assert homes(settled(after, work.draft)) == {}, "not back to the node that is drained"
    draining.uncordon(work, work.draft.nodes.get("box-1"))
    desired.fill(work, ["shop-web"])
    assert homes(settled(after, work.draft)) == {"shop-web-0": "box-1"}


def test_a_global_workloads_instance_stays():
    one = changed(assignment("shop-web-box-1"), workload="shop-web")
    known = Known([node(), node("box-2")], [kept(mode="global")], [one])
    plan, after = drained(known, force=True)
    assert actions(plan) == [("keep", "shop-web-box-1", "box-1")]
    assert (plan.changes[0].detail, plan.unplaced) == ("one on each node", ())
    assert homes(after) == {"shop-web-box-1": "box-1"}


def test_a_node_that_is_lost_can_be_drained_and_one_that_is_held_cannot():
    known = Known([node(liveness=Liveness.LOST), node("box-2")], [kept()], [assignment()])
    assert homes(drained(known)[1]) == {"shop-web-0": "box-2"}
    held = Known([node(diverged="ahead"), node("box-2")], [kept()], [assignment()])
    with pytest.raises(RefusedError, match="held as diverged"):
        drained(held)


def test_a_workload_that_tolerates_the_cordon_leaves_all_the_same():
    load = kept(tolerations=(Toleration(operator="Exists"),))
    known = Known([node(), node("box-2")], [load], [assignment()])
    assert homes(drained(known)[1]) == {"shop-web-0": "box-2"}


def test_what_moves_needs_no_more_of_a_quota_than_it_had():
    policy = kept_document(Policy(name="two", quota=Quota(instances=2)))
    known = Known([node("box-1"), node("box-2"), node("box-3")], documents=[policy])
    work = work_on(known)
    desired.apply(work, [workload(replicas=2)], prune=False)
    known = settled(known, work.draft)
    assert homes(known) == {"shop-web-0": "box-1", "shop-web-1": "box-2"}
    plan, after = drained(known)
    assert actions(plan) == [("move", "shop-web-0", "box-3")]
    assert homes(after) == {"shop-web-0": "box-3", "shop-web-1": "box-2"}

"""What operators ask for and what that changes, on real columns and with the real placement."""

import dataclasses

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.hub.placement.boxes import seen
from tests.hub.records import (
    FIRST,
    NOW,
    capability,
    changed,
    columns_of,
    finished,
    hardware,
    kept,
    node,
    report,
    settled,
    work_on,
    workload,
)

from skerry_hub import adopting, deciding, desired
from skerry_hub.desired import LAST_GENERATION
from skerry_hub.fleet.apply import take
from skerry_hub.keys import OrderKey
from skerry_hub.latency import Network
from skerry_hub.lifecycle import Lifecycle
from skerry_hub.model import Constraint, Liveness, Resources
from skerry_hub.showing import every_instance, workload_view
from skerry_hub.state import Known
from skerry_hub.terms import DeviceRequest, Latency, Placement
from skerry_hub.work import RefusedError
from skerry_hub.writer.issuing import issue
from skerry_wire import codec
from skerry_wire.hardware import Accelerator
from skerry_wire.lifecycle import Job
from skerry_wire.messages import InstanceState, Order

JOB = Lifecycle(job=Job())
KEY = OrderKey(Ed25519PrivateKey.generate())
SITE = Constraint(key="node.labels.site", operator="==", value="quay-3")
LARGE = Resources(memory_bytes=5 * 2**30)
"""Two of these do not fit one of the records' nodes."""
GPU = Accelerator(
    kind="gpu", vendor="AMD", model="Navi", bus="pci", address="0000:01:00.0",
    device_nodes=("/dev/dri/renderD128",), usable=True,
)  # fmt: skip


def fleet(*names, **fields):
    return Known([node(name, **fields) for name in names or ["box-1", "box-2"]])


def applied(known, *workloads, prune=False):
    """Return the plan, and what is known once it is committed."""
    work = work_on(known)
    plan = desired.apply(work, workloads, prune=prune)
    check(work)
    return plan, settled(known, work.draft)


def check(work):
    """The columns of a call must be what they would be, had they been made of its draft."""
    made = columns_of(Known(work.draft.nodes.values(), (), work.draft.assignments.values(), ()))
    assert seen(work.columns) == seen(made)


def parts(known):
    return known.workloads.values(), known.assignments.values(), known.orders.values()


def actions(plan):
    return [(change.action, change.instance, change.node) for change in plan.changes]


# --- apply --------------------------------------------------------------------------------


def test_a_workload_is_created_placed_and_found_unchanged_the_second_time():
    plan, known = applied(fleet(), workload(replicas=2))
    assert plan.created == ("shop-web",)
    assert actions(plan) == [("create", "shop-web-0", "box-1"), ("create", "shop-web-1", "box-2")]
    again, after = applied(known, workload(replicas=2))
    assert again.unchanged == ("shop-web",)
    assert {change.action for change in again.changes} == {"keep"}
    assert after.assignments == known.assignments
    assert after.workloads["shop-web"].updated_at == NOW


@pytest.mark.parametrize(
    ("asked", "then"),
    [
        (workload(constraints=(SITE,)), {"labels": {"site": "quay-4"}}),
        (
            workload(resources=Resources(devices=(DeviceRequest(kind="gpu"),))),
            {"capability": capability(hostname="box-1", revision="d" * 16)},
        ),
    ],
    ids=["label", "unplugged"],
)
def test_an_unchanged_file_moves_what_its_node_no_longer_does_for(asked, then):
    boxes = [
        node(
            name,
            labels={"site": "quay-3"},
            capability=capability(hostname=name, accelerators=(GPU,)),
        )
        for name in ("box-1", "box-2", "box-3")
    ]
    asked = dataclasses.replace(asked, replicas=2)
    _, known = applied(Known(boxes), asked)
    here = known.assignments["shop-web-0"].node
    assert here == "box-1"
    changed_box = dataclasses.replace(known.nodes[here], **then)
    nodes = [changed_box if one.id == here else one for one in known.nodes.values()]
    plan, _ = applied(Known(nodes, *parts(known)), asked)
    assert plan.unchanged == ("shop-web",)
    assert actions(plan) == [("move", "shop-web-0", "box-3"), ("keep", "shop-web-1", "box-2")]


def test_a_limit_moves_what_runs_when_it_is_changed_and_not_when_it_is_asked_for_again():
    near = Latency(to="node", name="box-2", max_ms=5.0)
    network = Network.of({"box-1": {"box-2": 124.0}})
    _, known = applied(fleet("box-1"), workload())
    known = Known([*known.nodes.values(), node("box-2")], *parts(known))
    told = []
    for ms in (200.0, 5.0):
        asked = workload(placement=Placement(latency=(dataclasses.replace(near, max_ms=ms),)))
        work = dataclasses.replace(work_on(known), network=network)
        told.append(actions(desired.apply(work, [asked], prune=False)))
        known = settled(known, work.draft)
    assert told == [[("keep", "shop-web-0", "box-1")], [("move", "shop-web-0", "box-2")]]
    quick = Network.of({"box-1": {"box-2": 1.0}})
    far = Latency(to="node", name="box-1", max_ms=5.0)
    asked = workload(placement=Placement(latency=(far,)))
    for times, detail in ((quick, ""), (network, "round trip to node:box-1 124 ms > 5 ms")):
        work = dataclasses.replace(work_on(known), network=times)
        plan = desired.apply(work, [asked], prune=False)
        known = settled(known, work.draft)
        assert actions(plan) == [("keep", "shop-web-0", "box-2")]
        assert plan.changes[0].detail == (detail and f"stays, though {detail}")


def test_a_plan_changes_nothing():
    known = fleet()
    work = work_on(known)
    before = dict(known.nodes), seen(work.columns)
    with work.columns.trial():
        assert desired.apply(work, [workload(resources=LARGE)], prune=False).created
        assert seen(work.columns) != before[1]
    assert (dict(known.nodes), seen(work.columns)) == before
    assert known.workloads == {}


def test_another_image_replaces_and_another_label_touches_the_order_alone():
    _, known = applied(fleet("box-1"), workload())
    plan, after = applied(known, workload(image="localhost/web:2"))
    assert plan.updated == ("shop-web",)
    assert [change.action for change in plan.changes] == ["replace"]
    assert after.workloads["shop-web"].created_at == known.workloads["shop-web"].created_at
    work = work_on(known)
    desired.apply(work, [workload(labels={"tier": "front"})], prune=False)
    assert work.draft.touched == {"box-1"}
    assert work.draft.assignments.changes == {}


def test_what_finds_no_node_is_told_with_every_reason():
    plan, known = applied(fleet(), workload(replicas=3, resources=LARGE, constraints=(SITE,)))
    (explanation,) = plan.unplaced
    assert (explanation.wanted, explanation.placed) == (3, 0)
    assert [len(verdict.reasons) > 0 for verdict in explanation.verdicts] == [True, True]
    assert known.of_workload("shop-web") == ()
    assert "shop-web" in known.workloads, "it is wanted all the same"


def test_an_apply_that_finds_no_node_of_very_many_answers_in_few_words():
    many = fleet(*(f"box-{number}" for number in range(deciding.NEAREST + 5)))
    (explanation,) = applied(many, workload(constraints=(SITE,)))[0].unplaced
    assert len(explanation.verdicts) == deciding.NEAREST
    assert explanation.blocked == {str(SITE): deciding.NEAREST + 5}


def test_two_workloads_of_one_apply_do_not_take_the_same_room():
    first, second = workload("shop-a", resources=LARGE), workload("shop-b", resources=LARGE)
    plan, known = applied(fleet("box-1"), second, first)
    assert [one.id for one in known.on_node("box-1")] == ["shop-a-0"]
    assert [one.workload for one in plan.unplaced] == ["shop-b"]


def test_orphans_are_named_and_removed_only_with_prune():
    _, known = applied(fleet("box-1"), workload("shop-a"), workload("shop-b"), workload("tool-x"))
    plan, after = applied(known, workload("shop-a"))
    assert (plan.orphans, plan.removed) == (("shop-b",), ())
    assert set(after.workloads) == {"shop-a", "shop-b", "tool-x"}
    plan, after = applied(known, workload("shop-a"), prune=True)
    assert (plan.orphans, plan.removed) == ((), ("shop-b",))
    assert ("remove", "shop-b-0", "box-1") in actions(plan)
    assert set(after.workloads) == {"shop-a", "tool-x"}
    assert set(after.assignments) == {"shop-a-0", "tool-x-0"}


def test_what_prune_frees_is_free_for_what_comes():
    _, known = applied(fleet("box-1"), workload("shop-old", resources=LARGE))
    plan, _ = applied(known, workload("shop-new", resources=LARGE), prune=True)
    assert plan.unplaced == ()


def test_a_name_of_another_project_is_refused_and_nothing_of_the_file_is_taken():
    _, known = applied(fleet(), workload("shop-web"))
    with pytest.raises(RefusedError) as raised:
        applied(known, workload("shop-web", project="other"), workload("shop-new"))
    assert raised.value.status == 409
    (problem,) = raised.value.problems
    assert "project shop" in problem.reason


def test_delete_removes_its_instances_and_an_unknown_name_is_404():
    _, known = applied(fleet(), workload(replicas=2))
    work = work_on(known)
    plan = desired.delete(work, "shop-web")
    check(work)
    assert plan.removed == ("shop-web",)
    assert work.draft.touched == {"box-1", "box-2"}
    assert settled(known, work.draft).assignments == {}
    with pytest.raises(RefusedError) as raised:
        desired.delete(work_on(known), "shop-nothing")
    assert raised.value.status == 404


# --- fill ---------------------------------------------------------------------------------


def test_what_waits_is_placed_when_a_node_comes_and_nothing_moves():
    _, known = applied(fleet("box-2"), workload(replicas=2, resources=LARGE))
    assert len(known.of_workload("shop-web")) == 1
    known.nodes["box-1"] = node("box-1")
    work = work_on(known)
    assert desired.wanting(work.draft) == ["shop-web"]
    desired.fill(work, ["shop-web", "gone-web"])
    check(work)
    after = settled(known, work.draft)
    assert {one.id: one.node for one in after.of_workload("shop-web")} == {
        "shop-web-0": "box-2",
        "shop-web-1": "box-1",
    }
    assert desired.wanting(work_on(after).draft) == []


def test_a_daemon_wants_every_node_that_comes():
    _, known = applied(fleet("box-1"), workload(mode="global"))
    assert desired.wanting(work_on(known).draft) == ["shop-web"]


def test_an_instance_never_takes_the_name_of_anothers():
    _, known = applied(fleet("box-1"), workload("shop-1", replicas=1))
    # The daemon `shop` on node `1-0` would be `shop-1-0`, which `shop-1` has already.
    known = Known([*known.nodes.values(), node("1-0")], *parts(known))
    with pytest.raises(RefusedError) as refused:
        desired.apply(work_on(known), [workload("shop", mode="global")], prune=False)
    assert refused.value.status == 409
    assert "shop-1-0" in str(refused.value)
    work = work_on(known)
    desired.fill(work, ["shop"])
    assert work.draft.assignments.changes == {}


def test_a_plan_for_a_large_fleet_holds_the_nearest_misses_only():
    known = fleet(*(f"box-{n}" for n in range(deciding.NEAREST + 5)))
    plan, _ = applied(known, workload(constraints=(SITE,)))
    (told,) = plan.unplaced
    assert len(told.verdicts) == deciding.NEAREST
    assert sum(told.blocked.values()) == deciding.NEAREST + 5


# --- labels -------------------------------------------------------------------------------


def test_labels_are_put_and_unset_and_count_at_once():
    known = fleet("box-1")
    work = work_on(known)
    after = desired.label(work, known.nodes["box-1"], {"site": "quay-3", "spare": "yes"}, [])
    after = desired.label(work, after, {}, ["spare", "none"])
    assert after.labels == {"site": "quay-3"}
    assert work.draft.nodes.get("box-1") == after
    plan = desired.apply(work, [workload(constraints=(SITE,))], prune=False)
    assert plan.unplaced == ()


def test_more_labels_than_a_record_can_hold_are_refused():
    many = {f"key-{number}": "x" for number in range(desired.MAX_LABELS + 1)}
    with pytest.raises(RefusedError) as raised:
        desired.label(work_on(fleet()), node(), many, [])
    assert raised.value.status == 400


# --- forget -------------------------------------------------------------------------------


def gone(record):
    return dataclasses.replace(record, liveness=Liveness.UNREACHABLE)


def test_a_node_that_is_online_is_not_forgotten():
    _, known = applied(fleet(), workload(replicas=2))
    work = work_on(known)
    with pytest.raises(RefusedError) as refused:
        desired.forget(work, known.nodes["box-1"])
    assert refused.value.status == 409
    assert work.draft.empty


def test_a_forgotten_node_takes_its_order_along_and_its_instances_go_elsewhere():
    _, known = applied(fleet(), workload(replicas=2))
    work = work_on(known)
    plan = desired.forget(work, gone(known.nodes["box-1"]))
    check(work)
    assert actions(plan) == [
        ("remove", "shop-web-0", "box-1"),
        ("create", "shop-web-0", "box-2"),
    ]
    after = settled(known, work.draft)
    assert set(after.nodes) == {"box-2"}
    assert {one.node for one in after.assignments.values()} == {"box-2"}


def test_a_finished_job_outlives_its_node():
    known = Known([node(), node("box-2")], [kept(lifecycle=JOB)], [finished()])
    work = work_on(known)
    plan = desired.forget(work, gone(known.nodes["box-1"]))
    check(work)
    after = settled(known, work.draft)
    assert (plan.changes, after.assignments) == ((), {"shop-web-0": finished()})
    (view,) = every_instance(after)
    assert (view.hostname, view.state, view.exit_code) == ("box-1", InstanceState.EXITED, None)
    assert workload_view(after, after.workloads["shop-web"]).state == "completed"


def test_what_finds_no_other_node_is_told():
    _, known = applied(fleet(), workload(replicas=2, resources=LARGE))
    plan = desired.forget(work_on(known), gone(known.nodes["box-1"]))
    assert [one.workload for one in plan.unplaced] == ["shop-web"]


# --- nodes that are held ------------------------------------------------------------------


def held(accepted, digest="d" * 64, **fields):
    return node(
        diverged="it is ahead of this hub",
        report=report(accepted=accepted, digest=digest),
        **fields,
    )


@pytest.mark.parametrize(
    ("generation", "accepted", "after"), [(1, 5, 5), (5, 5, 5), (7, 5, 7), (0, 0, 0)]
)
def test_overwrite_ends_a_hold_above_all_that_was_accepted(generation, accepted, after):
    record = held(accepted, generation=generation)
    work = work_on(Known([record]))
    found = desired.overwrite(work, record)
    assert (found.diverged, found.generation) == (None, after)
    assert work.draft.touched == {"box-1"}


def test_a_node_that_was_overwritten_and_says_again_what_it_accepted_is_not_held_again():
    record = held(5, generation=1)
    found = desired.overwrite(work_on(Known([record])), record)
    again = take(found, "box-1", changed(record.report, seq=9), NOW)
    assert again.node.diverged is None


def test_the_order_after_an_overwrite_is_above_what_the_node_accepted():
    record = held(5, generation=1)
    work = work_on(Known([record]))
    desired.overwrite(work, record)
    issue(work.draft, {"box-1"}, KEY, NOW)
    assert work.draft.nodes.get("box-1").generation == 6


def test_a_node_that_claims_the_last_generation_cannot_be_overwritten():
    record = held(LAST_GENERATION, generation=1)
    with pytest.raises(RefusedError) as raised:
        desired.overwrite(work_on(Known([record])), record)
    assert raised.value.status == 409


@pytest.mark.parametrize("accepted", [2**32, LAST_GENERATION - 1])
def test_a_generation_however_high_can_be_kept(accepted):
    record = held(accepted, generation=1)
    found = desired.overwrite(work_on(Known([record])), record)
    bare = dataclasses.replace(found, presence=None, capability=None, report=None)
    assert codec.decode(type(bare), codec.pack(bare)) == bare


@pytest.mark.parametrize("step", ["overwrite", "adopt"])
def test_a_node_that_is_not_held_is_left_alone(step):
    record = node()
    work = work_on(Known([record]))
    order = Order(node="box-1", incarnation=FIRST, generation=1, issued_at=NOW)
    steps = {
        "overwrite": lambda: desired.overwrite(work, record),
        "adopt": lambda: adopting.adopt(work, record, order, "d" * 64, b""),
    }
    with pytest.raises(RefusedError) as raised:
        steps[step]()
    assert raised.value.status == 409
    assert work.draft.empty


def test_a_box_of_the_records_has_room_for_one_large_instance():
    # What the tests above rest on.
    assert LARGE.memory_bytes < hardware().memory.total_bytes < 2 * LARGE.memory_bytes

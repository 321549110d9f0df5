"""Which instances move, and what is said of those that stay."""

import dataclasses

import pytest
from tests.hub.placement import boxes
from tests.hub.rebalance.fleets import node, uneven, with_mount, work_of, workload
from tests.hub.records import changed, finished, settled, work_on

from skerry_hub.lifecycle import Lifecycle
from skerry_hub.model import Liveness
from skerry_hub.rebalance.movable import is_one_each, sort_out
from skerry_hub.terms import Affinity, DeviceRequest, Placement, Spread
from skerry_hub.work import put_node
from skerry_wire.lifecycle import Job

PLAIN = workload("shop-web")
OWN = Affinity(workload="shop-web", topology="node", anti=True)


def sorted_of(*workloads, nodes=(), gpus=0):
    known = uneven(nodes or [node("n0", gpus=gpus), node("n1", gpus=gpus)], workloads, [])
    return sort_out(work_of(known))


@pytest.mark.parametrize(
    ("load", "why"),
    [
        (PLAIN, ""),
        (changed(PLAIN, mode="global"), "one on each node"),
        (changed(PLAIN, labels={"skerry.rebalance": "never"}), "label skerry.rebalance is never"),
        (changed(PLAIN, labels={"skerry.rebalance": "yes"}), ""),
        (with_mount(PLAIN, kind="volume"), "data on its node"),
        (with_mount(PLAIN, kind="bind"), "data on its node"),
        (with_mount(PLAIN, kind="bind", read_only=True), ""),
        (with_mount(PLAIN, kind="volume", read_only=True), "data on its node"),
        (with_mount(PLAIN, kind="tmpfs"), ""),
    ],
)
def test_what_may_move(load, why):
    found = sorted_of(load)
    if not why:
        assert ([one.assignment.id for one in found.movable], found.why) == (["shop-web-0"], {})
        return
    assert found.movable == ()
    assert [reason.partition(":")[0] for reason in found.why] == [why]
    assert sum(found.why.values()) == len(found.pinned) >= 1


@pytest.mark.parametrize("numa", ["", "single"])
@pytest.mark.parametrize(
    "request_",
    [
        DeviceRequest(kind="gpu", count=2),
        DeviceRequest(kind="gpu", share_milli=500),
        DeviceRequest(kind="gpu", vendor="NVIDIA"),
        DeviceRequest(kind="gpu", expressions=("model == Example",)),
    ],
)
def test_whoever_has_devices_may_move(request_, numa):
    load = workload(placement=Placement(numa=numa), accelerators=(request_,))
    found = sorted_of(load, gpus=2)
    assert (len(found.movable), found.why) == (1, {})


@pytest.mark.parametrize(
    ("placement", "within"),
    [
        (Placement(), ()),
        (Placement(affinity=(OWN,)), ()),
        (Placement(affinity=(changed(OWN, topology="site"),)), ()),
        (Placement(affinity=(changed(OWN, workload="shop-db"),)), ()),
        (Placement(affinity=(changed(OWN, topology="site", weight=5),)), ("site",)),
        (Placement(affinity=(changed(OWN, topology="site", anti=False),)), ("site",)),
        (
            Placement(affinity=(changed(OWN, selector="a=b", workload="", topology="zone"),)),
            ("zone",),
        ),
        (
            Placement(spread=(Spread(topology="zone"), Spread(topology="site", weight=3))),
            ("site", "zone"),
        ),
    ],
)
def test_what_depends_on_others_moves_within_its_domains(placement, within):
    load = workload(placement=placement)
    work = work_of(uneven([node("n0")], [PLAIN], []))
    kept = work.draft.workloads.get("shop-web")
    work.draft.workloads.put("shop-web", changed(kept, workload=load))
    assert [one.within for one in sort_out(work).movable] == [within]


@pytest.mark.parametrize("weight", [0, 3])
def test_what_others_depend_on_does_too_and_by_node_it_stays(weight):
    for topology, moves in (("site", True), ("node", False)):
        term = Affinity(selector="tier=db", topology=topology, weight=weight)
        db = workload("shop-db", labels={"tier": "db"})
        web = workload("shop-web", Placement(affinity=(term,)))
        found = sorted_of(db, web)
        assert [one.within for one in found.movable] == [("site",)] * 2 * moves
        assert len(found.pinned) == (0 if moves else 2)


def test_who_repels_others_by_node_is_left_to_the_engine():
    db = workload("shop-db", labels={"tier": "db"})
    term = Affinity(selector="tier=db", topology="node", anti=True)
    found = sorted_of(db, workload("shop-web", Placement(affinity=(term,))))
    assert ([one.within for one in found.movable], found.why) == ([(), ()], {})


@pytest.mark.parametrize(("succeeded", "why"), [(True, "is done"), (False, "has failed for good")])
def test_a_finished_job_stays_and_takes_no_room(succeeded, why):
    job = changed(PLAIN, lifecycle=Lifecycle(job=Job()))
    known = uneven([node("n0")], [job], [])
    work = work_on(known)
    for one in work.draft.of_workload(job.name):
        told = finished(one.id, one.node, succeeded)
        work.draft.assignments.put(one.id, changed(told, revision=one.revision))
    found = sort_out(work)
    assert (list(found.why), found.pinned, found.movable) == ([f"a job, and it {why}"], (), ())


def test_what_is_under_way_or_not_seen_stays():
    known = uneven([node("n0")], [PLAIN], [])
    for change, why in (
        ({"liveness": Liveness.UNREACHABLE}, "its node is not online"),
        ({"diverged": "restored"}, "its node is held"),
    ):
        work = work_on(known)
        put_node(work, changed(work.draft.nodes.get("n0"), **change))
        assert sort_out(work).why == {why: 1}
    work = work_on(known)
    one = work.draft.assignments.get("shop-web-0")
    for fields in ({"revision": "f" * 16}, {"resources": boxes.workload(cpu=1).resources}):
        work.draft.assignments.put(one.id, dataclasses.replace(one, **fields))
        assert sort_out(work).why == {"a change of it is under way": 1}
    assert sort_out(work_on(settled(known, work_on(known).draft))).why == {}


def test_one_each_is_an_anti_affinity_to_oneself():
    terms = (OWN, changed(OWN, topology="site", weight=1), changed(OWN, workload="shop-db"))
    assert list(is_one_each(workload(placement=Placement(affinity=terms)))) == ["node"]

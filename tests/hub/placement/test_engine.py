"""Where instances go, stay, move and leave."""

import dataclasses

import pytest
from tests.hub.placement.boxes import (
    GIB,
    MIB,
    accelerator,
    assignment,
    fleet,
    gpus,
    node,
    place,
    steps,
    where,
    workload,
)

from skerry_hub.fleet.columns import totals_of
from skerry_hub.lifecycle import AS_USUAL, Finished, Lifecycle
from skerry_hub.model import Liveness
from skerry_hub.placement.engine import reserve_decision
from skerry_hub.placement.outcome import index_of
from skerry_hub.terms import Affinity, Placement
from skerry_wire.hardware import ProbeStatus, RuntimeInfo
from skerry_wire.lifecycle import Job
from skerry_wire.messages import InstanceState, InstanceStatus
from skerry_wire.workload import DeviceMapping


def placed(columns, load, current=(), *, keep=False):
    """Place, reserve, and return the decision."""
    decision = place(columns, load, current, keep=keep)
    reserve_decision(columns, current, decision)
    return decision


# --- new replicas ---------------------------------------------------------------------------


def test_equal_nodes_are_taken_by_their_ids_and_each_once_before_any_twice():
    columns = fleet(*(node(name) for name in "cab"))
    decision = place(columns, workload(replicas=4), [], keep=False)
    assert where(decision) == {
        "shop-web-0": "a",
        "shop-web-1": "b",
        "shop-web-2": "c",
        "shop-web-3": "a",
    }
    assert steps(decision)[0] == ("create", "shop-web-0", "a")
    assert decision.unplaced == 0


def test_placing_leaves_the_given_columns_alone():
    columns = fleet(node("a"))
    place(columns, workload(replicas=3, cpu=1000, ports=()), [], keep=False)
    assert totals_of(columns.assigned("a")).cpu_milli == 0


def test_replicas_fill_what_there_is_and_the_rest_is_unplaced():
    columns = fleet(node("a", cpus=2), node("b", cpus=1), node("c", liveness=Liveness.LOST))
    decision = placed(columns, workload(replicas=5, cpu=1000))
    assert sorted(where(decision).values()) == ["a", "a", "b"]
    assert decision.unplaced == 2
    again = place(columns, workload(replicas=5, cpu=1000), decision.assignments, keep=True)
    assert (steps(again), again.unplaced) == ([], 2)


def test_a_port_is_given_once_a_node():
    columns = fleet(node("a"), node("b"))
    decision = place(columns, workload(replicas=3, ports=["tcp/80"]), [], keep=False)
    assert sorted(where(decision).values()) == ["a", "b"]
    assert decision.unplaced == 1


def test_a_node_whose_runtime_answers_is_preferred_to_one_whose_socket_was_not_found():
    doubtful = node("a", runtimes=(RuntimeInfo(name="podman", reason="no socket"),))
    columns = fleet(doubtful, node("b", memory=GIB))
    load = workload(replicas=3, memory=400 * MIB)
    assert sorted(where(place(columns, load, [], keep=False)).values()) == ["a", "b", "b"]


def test_a_workload_without_a_request_leaves_accelerators_to_others():
    columns = fleet(node("a", accelerators=[accelerator("1")]), node("b", memory=GIB))
    assert where(place(columns, workload(), [], keep=False)) == {"shop-web-0": "b"}


def test_the_node_with_most_room_left_is_taken():
    columns = fleet(
        node("a", memory=4 * GIB),
        node("b", memory=8 * GIB),
        reserved=[assignment("x-0", "c", of=workload(memory=GIB))],
    )
    assert where(place(columns, workload(memory=GIB), [], keep=False)) == {"shop-web-0": "b"}


def test_a_second_replica_goes_elsewhere_even_where_there_is_less_room():
    busy = [assignment(f"x-{index}", "b") for index in range(3)]
    columns = fleet(node("a", memory=64 * GIB), node("b", memory=GIB), reserved=busy)
    decision = place(columns, workload(replicas=2, memory=100 * MIB), [], keep=False)
    assert where(decision) == {"shop-web-0": "a", "shop-web-1": "b"}


def test_workloads_that_reserve_nothing_spread_too():
    columns = fleet(node("a"), node("b"))
    names = [f"shop-{index}" for index in range(4)]
    nodes = [placed(columns, workload(name)).assignments[0].node for name in names]
    assert nodes == ["a", "b", "a", "b"]


def test_no_fleet_places_nothing():
    decision = place(fleet(), workload(replicas=2), [], keep=True)
    assert (decision.assignments, decision.unplaced) == ((), 2)


def addresses(instance):
    return tuple(hold.device.removeprefix("gpu/") for hold in instance.held)


# --- accelerators ---------------------------------------------------------------------------


def test_accelerators_are_given_whole_by_address_with_their_devices():
    box = node("a", accelerators=[accelerator(str(i)) for i in range(3)])
    decision = placed(fleet(box), workload(replicas=2, accelerators=[gpus(2)]))
    (only,) = decision.assignments
    assert addresses(only) == ("0", "1")
    assert only.devices == (
        DeviceMapping(host="/dev/gpu-0", container="/dev/gpu-0"),
        DeviceMapping(host="/dev/gpu-1", container="/dev/gpu-1"),
    )
    assert decision.unplaced == 1


def test_a_replaced_instance_keeps_its_accelerators():
    columns = fleet(node("a", accelerators=[accelerator(str(i)) for i in range(4)]))
    load = workload(replicas=2, accelerators=[gpus(2)])
    first = placed(columns, load)
    newer = workload(replicas=2, accelerators=[gpus(2)], image="web:2")
    second = placed(columns, newer, first.assignments)
    assert [addresses(one) for one in second.assignments] == [("0", "1"), ("2", "3")]
    assert [step[0] for step in steps(second)] == ["replace", "replace"]


def test_an_accelerator_that_went_away_makes_an_apply_take_another_on_the_same_node():
    load = workload(accelerators=[gpus()])
    columns = fleet(node("a", accelerators=[accelerator("0"), accelerator("1")]), node("b"))
    first = placed(columns, load)
    columns.put(node("a", accelerators=[accelerator("1")]))
    assert steps(place(columns, load, first.assignments, keep=True)) == []
    second = place(columns, load, first.assignments, keep=False)
    assert addresses(second.assignments[0]) == ("1",)
    assert second.changes[0].action == "replace"
    assert second.changes[0].detail == "other devices"


# --- an operator applies --------------------------------------------------------------------


def test_the_same_again_changes_nothing():
    columns = fleet(node("a"), node("b"))
    load = workload(replicas=3, cpu=500, ports=())
    first = placed(columns, load)
    second = place(columns, load, first.assignments, keep=False)
    assert second.assignments == first.assignments
    assert [change.action for change in second.changes] == ["keep"] * 3


def test_a_new_revision_is_replaced_where_it_is_even_when_the_port_is_its_own():
    columns = fleet(node("a"), node("b"))
    first = placed(columns, workload(cpu=3000, ports=["tcp/80"]))
    newer = workload(cpu=3500, ports=["tcp/80", "tcp/81"], image="web:2")
    second = place(columns, newer, first.assignments, keep=False)
    assert steps(second) == [("replace", "shop-web-0", "a")]
    assert second.changes[0].detail == f"revision {workload().revision} to {newer.revision}"
    assert second.assignments[0].resources == newer.resources


def test_more_reserved_without_other_containers_restarts_nothing():
    columns = fleet(node("a"))
    first = placed(columns, workload(cpu=1000))
    second = placed(columns, workload(cpu=2000), first.assignments)
    assert [(c.action, c.detail) for c in second.changes] == [("keep", "reserves other resources")]
    assert totals_of(columns.assigned("a")).cpu_milli == 2000


def test_an_instance_moves_off_a_node_that_no_longer_satisfies_its_workload():
    columns = fleet(node("a", labels={"site": "quay"}), node("b", labels={"site": "pier"}))
    first = placed(columns, workload(constraints=["node.labels.site == quay"]))
    moved = workload(constraints=["node.labels.site == pier"])
    second = place(columns, moved, first.assignments, keep=False)
    assert steps(second) == [("move", "shop-web-0", "b")]
    assert second.changes[0].detail == 'from a: node.labels.site is "quay", not "pier"'


def test_an_instance_that_no_node_takes_is_removed_and_counted():
    columns = fleet(node("a"), node("b"))
    first = placed(columns, workload(replicas=2))
    nowhere = workload(replicas=2, constraints=["node.labels.site == mars"])
    second = placed(columns, nowhere, first.assignments)
    assert steps(second) == [("remove", "shop-web-0", "a"), ("remove", "shop-web-1", "b")]
    assert second.unplaced == 2
    assert second.changes[0].detail == 'node.labels.site is not set, not "mars"'
    assert totals_of(columns.assigned("a")).cpu_milli == 0


def test_replicas_that_grow_beyond_their_node_make_room_by_moving_one():
    columns = fleet(node("a", memory=3 * GIB), node("b", memory=2 * GIB))
    small = workload(replicas=2, memory=GIB)
    first = [assignment("shop-web-0", "a", of=small), assignment("shop-web-1", "a", of=small)]
    for one in first:
        columns.reserve(one)
    second = placed(columns, workload(replicas=2, memory=2 * GIB), first)
    assert steps(second) == [("move", "shop-web-1", "b")], "the newest makes room"
    assert second.changes[1].detail == "from a: memory 1 GiB free < 2 GiB"


@pytest.mark.parametrize("liveness", [Liveness.UNREACHABLE, Liveness.LOST])
def test_neither_liveness_nor_divergence_nor_a_runtime_moves_an_instance(liveness):
    columns = fleet(node("a"), node("b"))
    first = placed(columns, workload())
    columns.put(node("a", liveness=liveness, diverged="behind", runtimes=()))
    newer = workload(image="web:2")
    second = place(columns, newer, first.assignments, keep=False)
    assert steps(second) == [("replace", "shop-web-0", "a")]


def test_what_a_node_no_longer_says_moves_nothing():
    load = workload(cpu=1000, memory=GIB, constraints=["node.platform.os == linux"])
    columns = fleet(node("a"), node("b"))
    first = placed(columns, load)
    for silent in (node("a", cpus=None, memory=None), node("a", known=False)):
        columns.put(silent)
        assert steps(place(columns, load, first.assignments, keep=False)) == []


def test_accelerators_of_a_node_that_says_nothing_are_kept():
    load = workload(accelerators=[gpus()])
    columns = fleet(node("a", accelerators=[accelerator("1")]))
    first = placed(columns, load)
    newer = workload(accelerators=[gpus()], image="web:2")
    failed = {"accelerators": ProbeStatus(status="failed", reason="no")}
    for silent in (node("a", known=False), node("a", probes=failed)):
        columns.put(silent)
        (after,) = place(columns, newer, first.assignments, keep=False).assignments
        assert after == dataclasses.replace(first.assignments[0], revision=newer.revision)


def test_instances_of_a_node_that_is_gone_are_placed_anew_under_their_ids():
    columns = fleet(node("a"), node("b"))
    gone = assignment("shop-web-0", "zzz")
    decision = place(columns, workload(), [gone], keep=False)
    assert steps(decision) == [("move", "shop-web-0", "a")]
    newer = workload(image="web:2")
    (kept,) = place(columns, newer, [gone], keep=True).assignments
    assert (kept.node, kept.revision) == ("zzz", newer.revision)


# --- fewer and more -------------------------------------------------------------------------


def test_fewer_replicas_take_the_highest_index_first_and_more_fill_the_gaps():
    columns = fleet(node("a"), node("b"), node("c"))
    first = placed(columns, workload(replicas=3))
    second = placed(columns, workload(replicas=1), first.assignments)
    assert [step[:2] for step in steps(second)] == [
        ("remove", "shop-web-1"),
        ("remove", "shop-web-2"),
    ]
    gap = [assignment("shop-web-2", "c")]
    third = place(
        fleet(node("a"), node("b"), node("c"), reserved=gap), workload(replicas=3), gap, keep=True
    )
    assert where(third) == {"shop-web-0": "a", "shop-web-1": "b", "shop-web-2": "c"}


def test_fewer_replicas_take_those_first_that_nobody_sees():
    columns = fleet(node("a", liveness=Liveness.LOST), node("b"), node("c"))
    current = [assignment(f"shop-web-{i}", name) for i, name in enumerate("abc")]
    for one in current:
        columns.reserve(one)
    decision = place(columns, workload(replicas=2), current, keep=False)
    assert steps(decision) == [("remove", "shop-web-0", "a")]


def test_fewer_replicas_take_those_first_that_would_have_to_move():
    columns = fleet(node("a"), node("b", labels={"site": "quay"}))
    current = [assignment("shop-web-0", "a"), assignment("shop-web-1", "b")]
    load = workload(replicas=1, constraints=["node.labels.site == quay"])
    decision = place(columns, load, current, keep=False)
    assert steps(decision) == [("remove", "shop-web-0", "a")]
    assert decision.unplaced == 0


def test_no_replicas_remove_all():
    columns = fleet(node("a"))
    first = placed(columns, workload(replicas=2))
    for keep in (True, False):
        decision = place(columns, workload(replicas=0), first.assignments, keep=keep)
        assert (decision.assignments, len(steps(decision))) == ((), 2)


# --- keep ------------------------------------------------------------------------------------


def test_keep_touches_nothing_that_is_placed_whatever_its_node_is():
    columns = fleet(node("a", memory=GIB, liveness=Liveness.LOST, diverged="x"), node("b"))
    load = workload(replicas=2, memory=2 * GIB, constraints=["node.labels.site == quay"])
    there = assignment("shop-web-0", "a", of=load)
    columns.reserve(there)
    decision = place(columns, load, [there], keep=True)
    assert decision.assignments == (there,)
    assert decision.unplaced == 1


def test_keep_replaces_a_revision_with_what_it_has_where_there_is_no_room_for_more():
    columns = fleet(node("a", memory=GIB), node("b"))
    first = placed(columns, workload(memory=GIB, constraints=["node.id == a"]))
    newer = workload(memory=2 * GIB, image="web:2")
    decision = placed(columns, newer, first.assignments, keep=True)
    (after,) = decision.assignments
    assert steps(decision) == [("replace", "shop-web-0", "a")]
    assert (after.resources.memory_bytes, after.revision) == (GIB, newer.revision)


def test_keep_reserves_nothing_more_of_what_a_node_does_not_say():
    columns = fleet(node("a"))
    first = placed(columns, workload(cpu=1000))
    columns.put(node("a", cpus=None))
    newer = workload(cpu=2000, image="web:2")
    (after,) = place(columns, newer, first.assignments, keep=True).assignments
    assert after.resources.cpu_milli == 1000
    (after,) = place(columns, newer, first.assignments, keep=False).assignments
    assert after.resources.cpu_milli == 2000


# --- one on each node ------------------------------------------------------------------------


def test_a_global_workload_has_one_on_each_node_that_takes_it():
    columns = fleet(
        node("b"),
        node("a"),
        node("c", memory=GIB),
        node("d", liveness=Liveness.LOST),
        node("e", runtimes=()),
    )
    decision = placed(columns, workload(mode="global", memory=2 * GIB))
    assert where(decision) == {"shop-web-a": "a", "shop-web-b": "b"}
    assert decision.unplaced == 1, "c would take it, had it more memory; d and e are other matters"


def test_a_global_workload_follows_nodes_that_join_and_keeps_those_that_are_lost():
    columns = fleet(node("a"))
    load = workload(mode="global")
    first = placed(columns, load)
    columns.put(node("a", liveness=Liveness.LOST))
    columns.put(node("b"))
    second = placed(columns, load, first.assignments, keep=True)
    assert steps(second) == [("create", "shop-web-b", "b")]
    assert where(second) == {"shop-web-a": "a", "shop-web-b": "b"}


def test_a_global_workload_is_not_in_its_own_way():
    columns = fleet(node("a"), node("b"))
    load = workload(mode="global", ports=["tcp/80"], cpu=3000)
    first = placed(columns, load)
    for keep in (True, False):
        again = place(columns, load, first.assignments, keep=keep)
        assert again.assignments == first.assignments
        assert (steps(again), again.unplaced) == ([], 0)


def test_a_global_workload_leaves_nodes_that_an_apply_excludes():
    columns = fleet(node("a", labels={"site": "quay"}), node("b"))
    first = placed(columns, workload(mode="global"))
    load = workload(mode="global", constraints=["node.labels.site == quay"])
    second = place(columns, load, first.assignments, keep=False)
    assert steps(second) == [("remove", "shop-web-b", "b")]
    assert second.unplaced == 0


def test_a_global_workload_with_an_accelerator_goes_to_those_that_have_one():
    columns = fleet(node("a", accelerators=[accelerator("1")]), node("b"))
    load = workload(mode="global", accelerators=[gpus()])
    first = placed(columns, load)
    assert where(first) == {"shop-web-a": "a"}
    assert first.unplaced == 0
    other = place(
        columns, workload("shop-ai", mode="global", accelerators=[gpus()]), [], keep=False
    )
    assert (other.assignments, other.unplaced) == ((), 1)


def test_a_change_of_mode_gives_every_instance_the_id_of_its_mode():
    columns = fleet(node("a"), node("b"))
    load = workload(replicas=1, ports=["tcp/80"])
    first = placed(columns, load)
    everywhere = workload(mode="global", ports=["tcp/80"])
    second = placed(columns, everywhere, first.assignments)
    assert where(second) == {"shop-web-a": "a", "shop-web-b": "b"}
    assert ("remove", "shop-web-0", "a") in steps(second)
    third = placed(columns, load, second.assignments)
    assert where(third) == {"shop-web-0": "a"}


@pytest.mark.parametrize(
    ("instance", "index"),
    [
        ("shop-web-0", 0),
        ("shop-web-17", 17),
        ("shop-web-017", None),
        ("shop-web-box-1", None),
        ("shop-web", None),
        ("shop-web-٣", None),
        ("7", None),
    ],
)
def test_an_index_is_read_only_from_a_replicas_id(instance, index):
    assert index_of("shop-web", instance) == index


# --- finished jobs --------------------------------------------------------------------------

JOB = Lifecycle(job=Job())
EVERY_DAY = Lifecycle(job=Job(schedule="@daily"))
ONE_EACH = Affinity(workload="shop-web", topology="node", anti=True)


def ended(columns, load, node_id="a"):
    """Return the instance of a job that has ended on a node, and gave back what it had."""
    (one,) = placed(columns, load).assignments
    status = InstanceStatus(
        id=one.id, workload=load.name, revision=one.revision, state=InstanceState.EXITED
    )
    after = dataclasses.replace(one, finished=Finished(incarnation="1" * 32, status=status))
    columns.reserve(after)
    assert (after.node, columns.assigned(node_id)) == (node_id, ())
    return after


@pytest.mark.parametrize("keep", [False, True])
def test_a_finished_job_stays_whatever_its_node_is_now_and_leaves_its_room_to_others(keep):
    columns = fleet(node("a", cpus=2))
    load = workload(cpu=2000, lifecycle=JOB)
    one = ended(columns, load)
    load = dataclasses.replace(load, expressions=("node.labels.site == here",))
    decision = placed(columns, load, [one], keep=keep)
    assert decision.assignments == (one,)
    other = workload("shop-db", cpu=2000)
    assert where(placed(columns, other)) == {"shop-db-0": "a"}


@pytest.mark.parametrize("becomes", [{"image": "localhost/web:2"}, {"lifecycle": EVERY_DAY}, {}])
def test_a_finished_job_that_is_another_one_now_has_to_find_room_again(becomes):
    columns = fleet(node("a", cpus=2), node("b", cpus=2))
    one = ended(columns, workload(cpu=2000, lifecycle=JOB))
    after = workload(**{"cpu": 2000, "lifecycle": JOB if becomes else AS_USUAL, **becomes})
    (now,) = place(columns, after, [one], keep=False).assignments
    assert (now.finished, now.node) == (None, "a")
    assert where(placed(columns, workload("shop-db", cpu=2000))) == {"shop-db-0": "a"}
    (now,) = placed(columns, after, [one]).assignments
    assert (now.finished, now.node) == (None, "b")


def test_where_a_job_has_ended_another_of_it_may_come_though_one_a_node_is_wanted():
    columns = fleet(node("a"))
    load = workload(lifecycle=JOB, placement=Placement(affinity=(ONE_EACH,)))
    one = ended(columns, load)
    again = dataclasses.replace(load, replicas=2)
    assert where(placed(columns, again, [one])) == {"shop-web-0": "a", "shop-web-1": "a"}

"""The fleet's columns: signs of life, reservations, rows that come and go."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.fleet.steps import STEPS, act
from tests.hub.placement.boxes import (
    GIB,
    MIB,
    accelerator,
    assignment,
    beat,
    fleet,
    free_devices,
    gpus,
    node,
    seen,
    told,
    workload,
)

from skerry_hub.fleet.columns import FIRST_ROWS, MAX_FIELDS, Columns, Totals, totals_of
from skerry_hub.fleet.facts import AMOUNT_LIMIT, Resource
from skerry_hub.fleet.fields import field
from skerry_hub.fleet.listening import Listening
from skerry_hub.fleet.signs import Sample
from skerry_hub.model import Hold, Liveness, Taint
from skerry_hub.patience import Patience
from skerry_wire.hardware import RuntimeInfo

# --- signs of life -------------------------------------------------------------------------


def test_a_heartbeat_is_taken_and_becomes_the_sample():
    columns = fleet(node("a"))
    assert columns.sample("a") is None
    assert columns.heartbeat("a", beat(1, uptime_s=60, load_1m=0.5), 100.0)
    assert columns.sample("a") == Sample(60, None, 0.5, None, None, None, 3, 100.0)
    assert columns.last_seen("a") == 100.0


@pytest.mark.parametrize(
    ("late", "taken"),
    [
        (beat(5, boot=2), False),
        (beat(4, boot=2), False),
        (beat(9, boot=1), False),
        (beat(6, boot=2), True),
        (beat(1, boot=3), True),
        (beat(6, boot=2, incarnation="f" * 32), False),
    ],
)
def test_only_what_advances_within_the_incarnation_is_taken(late, taken):
    columns = fleet(node("a"))
    assert columns.heartbeat("a", beat(5, boot=2), 100.0)
    assert columns.heartbeat("a", late, 200.0) is taken
    assert columns.last_seen("a") == (200.0 if taken else 100.0)


def test_a_heartbeat_of_an_unknown_node_or_incarnation_is_not_taken():
    columns = fleet(node("a"))
    assert not columns.heartbeat("b", beat(1), 1.0)
    assert not columns.heartbeat("a", beat(1, incarnation="f" * 32), 1.0)
    assert columns.sample("b") is None
    assert columns.last_seen("b") == 0.0


def test_a_new_incarnation_begins_anew_and_a_new_fact_does_not():
    columns = fleet(node("a"))
    columns.heartbeat("a", beat(9), 1.0)
    columns.put(node("a", cpus=8))
    assert not columns.heartbeat("a", beat(9), 2.0)
    columns.put(node("a", incarnation="f" * 32))
    assert columns.sample("a") is None
    assert not columns.heartbeat("a", beat(10), 3.0)
    assert columns.heartbeat("a", beat(1, incarnation="f" * 32), 4.0)


def test_the_last_sign_of_each_is_told():
    columns = fleet(node("c", last_seen=5.0), node("a", last_seen=1.0), node("b"))
    columns.seen("b", 7.0)
    columns.seen("nobody", 7.0)
    assert columns.signs(columns.rows()).tolist() == [1.0, 7.0, 5.0]
    columns.heartbeat("a", beat(1), 8.0)
    columns.remove("c")
    assert columns.signs(columns.rows()).tolist() == [8.0, 7.0]


def test_what_is_known_of_a_nodes_silence_outlives_a_trial():
    columns = fleet(node("a"), node("b"))
    columns.follow_silence(Listening(0.0), 1.0)
    columns.silence.longest[columns.row("a")] = 12.0
    with columns.trial():
        columns.remove("a")
    assert columns.silence.longest[columns.row("a")] == 12.0


def test_who_is_lost_is_told():
    columns = fleet(node("a", liveness=Liveness.LOST), node("b"))
    assert columns.lost(columns.rows()).tolist() == [True, False]


def test_a_put_never_makes_a_node_look_older_than_it_was_seen():
    columns = fleet(node("a"))
    columns.seen("a", 50.0)
    columns.put(node("a", last_seen=10.0))
    assert columns.last_seen("a") == 50.0


# --- what is reserved ----------------------------------------------------------------------


def test_what_is_reserved_goes_back():
    load = workload(cpu=500, memory=64 * MIB, storage=GIB, ports=("tcp/80",), accelerators=[gpus()])
    columns = fleet(node("a", accelerators=[accelerator("1"), accelerator("2", usable=False)]))
    one = assignment("shop-web-0", "a", of=load, held=(Hold(device="gpu/1"),))
    columns.reserve(one)
    columns.reserve(one)
    assert totals_of(columns.assigned("a")) == Totals(500, 64 * MIB, GIB, 1)
    assert columns.capacity("a") == Totals(4000, 4 * GIB, 32 * GIB, 1)
    rows = columns.rows()
    assert columns.free(Resource.CPU, rows).tolist() == [3500]
    assert free_devices(columns) == [[]]
    assert columns.instances(rows).tolist() == [1]
    columns.release(one)
    columns.release(one)
    assert totals_of(columns.assigned("a")) == Totals(0, 0, 0, 0)
    assert columns.free(Resource.CPU, rows).tolist() == [4000]
    assert free_devices(columns) == [["1"]]
    assert columns.instances(rows).tolist() == [0]


def test_reserving_again_replaces_what_the_instance_had():
    columns = fleet(node("a"))
    columns.reserve(assignment("shop-web-0", "a", of=workload(cpu=500, ports=("tcp/80",))))
    changed = assignment("shop-web-0", "a", of=workload(cpu=700, ports=("tcp/81",)))
    columns.reserve(changed)
    assert totals_of(columns.assigned("a")).cpu_milli == 700
    other = fleet(node("a"), reserved=[changed])
    assert seen(columns) == seen(other)


def test_a_move_is_the_same_whichever_comes_first():
    old, new = (
        assignment("x-0", "a", of=workload(cpu=1)),
        assignment("x-0", "b", of=workload(cpu=1)),
    )
    for first, second in (("release", "reserve"), ("reserve", "release")):
        columns = fleet(node("a"), node("b"), reserved=[old])
        for step in (first, second):
            getattr(columns, step)(old if step == "release" else new)
        assert (
            totals_of(columns.assigned("a")).cpu_milli,
            totals_of(columns.assigned("b")).cpu_milli,
        ) == (0, 1)


def test_of_all_devices_held_those_that_are_accelerators_count_as_such_each_once():
    holds = [
        ("gpu/1", "disk/sda", "camera/video0"),
        ("gpu/1", "npu/2", "usb/1-2.0"),
    ]
    held = [
        assignment(f"x-{number}", "a", held=tuple(Hold(device=one, milli=500) for one in some))
        for number, some in enumerate(holds)
    ]
    assert totals_of(held).accelerators == 2


def test_a_reservation_that_comes_before_its_node_counts_once_the_node_is_there():
    load = workload(cpu=500, ports=("tcp/80",), accelerators=[gpus()])
    early = assignment("x-0", "a", of=load, held=(Hold(device="gpu/1"),))
    columns = fleet(node("b"), reserved=[early])
    columns.put(node("a", accelerators=[accelerator("1")]))
    late = fleet(node("b"), node("a", accelerators=[accelerator("1")]), reserved=[early])
    assert seen(columns) == seen(late)
    columns.release(early)
    assert columns.free(Resource.CPU, columns.rows()).tolist() == [4000, 4000]


def test_a_removed_row_is_reused_and_carries_nothing_over():
    load = workload(cpu=500, ports=("tcp/80",), accelerators=[gpus()])
    columns = fleet(
        node("a", accelerators=[accelerator("1")]),
        reserved=[assignment("x-0", "a", of=load, held=(Hold(device="gpu/1"),))],
    )
    columns.heartbeat("a", beat(9), 5.0)
    row = columns.row("a")
    columns.remove("a")
    columns.remove("a")
    assert len(columns) == 0
    assert columns.capacity("a") == Totals()
    columns.put(node("b", cpus=2))
    assert columns.row("b") == row
    assert columns.sample("b") is None
    assert seen(columns) == seen(fleet(node("b", cpus=2)))
    columns.release(assignment("x-0", "a", of=load))
    assert columns.free(Resource.CPU, columns.rows()).tolist() == [2000]


def test_accelerators_are_counted_anew_when_the_hardware_changes():
    columns = fleet(
        node("a", accelerators=[accelerator("1"), accelerator("2")]),
        reserved=[assignment("x-0", "a", held=(Hold(device="gpu/1"),))],
    )
    assert free_devices(columns) == [["2"]]
    columns.put(node("a", accelerators=[accelerator("1"), accelerator("3", vendor="AMD")]))
    assert free_devices(columns) == [["3"]]
    assert free_devices(columns, "npu") == [[]]
    ((devices, free),) = [columns.state("gpu", row) for row in columns.rows().tolist()]
    assert [(one.vendor, left) for one, left in zip(devices, free, strict=True)] == [
        ("NVIDIA", 0),
        ("AMD", 1000),
    ]


# --- rows ----------------------------------------------------------------------------------


def test_columns_grow_and_keep_everything():
    names = [f"n{index:04}" for index in range(3 * FIRST_ROWS)]
    columns = Columns()
    for index, name in enumerate(names):
        if index == FIRST_ROWS:
            told(columns, "node.labels.x")
            columns.states("gpu")
        columns.put(node(name, cpus=index, labels={"x": str(index % 2)}))
        columns.seen(name, float(index))
    rows = columns.rows()
    assert len(columns) == len(names)
    assert columns.ids() == names
    assert columns.total(Resource.CPU, rows).tolist() == [1000 * i for i in range(len(names))]
    assert told(columns, "node.labels.x") == [(str(i % 2),) for i in range(192)]
    assert free_devices(columns) == [[]] * 192
    assert columns.signs(rows).tolist() == [float(i) for i in range(len(names))]
    columns.follow_silence(Listening(0.0), 1.0)
    assert columns.silence.is_new(rows, Patience(), 1.0).all()


def test_rows_come_by_id_however_nodes_came():
    columns = fleet(node("c"), node("a"), node("b"))
    assert [facts.id for facts in columns.each(columns.rows())] == ["a", "b", "c"]
    columns.remove("b")
    columns.put(node("aa"))
    assert [facts.id for facts in columns.each(columns.rows())] == ["a", "aa", "c"]
    with pytest.raises(LookupError):
        columns.facts(FIRST_ROWS - 1)


def test_masks_follow_what_is_put():
    columns = fleet(node("a", labels={"site": "quay"}), node("b", hub_labels={"site": "quay"}))
    rows = columns.rows()
    assert told(columns, "node.labels.site") == [("quay",), ("quay",)]
    columns.put(node("a", labels={"site": "quay"}, hub_labels={"site": "pier"}))
    columns.put(node("b", diverged="behind", liveness=Liveness.LOST, runtimes=()))
    assert told(columns, "node.labels.site") == [("pier",), ()]
    assert columns.online(rows).tolist() == [True, False]
    assert columns.diverged(rows).tolist() == [False, True]
    assert columns.has_runtime(rows).tolist() == [True, False]
    quiet = RuntimeInfo(name="podman", reason="is installed, but its socket is not there")
    columns.put(node("b", runtimes=(quiet,)))
    assert columns.has_runtime(rows).tolist() == [True, True]
    assert columns.runtime_answers(rows).tolist() == [True, False]


def test_what_is_kept_of_old_questions_is_bounded_and_still_right():
    columns = fleet(node("a", labels={"x3": "3"}), node("b"))
    rows = columns.rows()
    for _ in range(2):
        for number in range(2 * MAX_FIELDS):
            codes = columns.told(field(f"node.labels.x{number}")).codes(rows)
            assert codes.tolist() == [number == 3, 0]
    assert len(columns._told) == MAX_FIELDS


def test_amounts_beyond_any_machine_add_up_and_never_fit():
    huge = workload(memory=2**63 - 1)
    columns = fleet(node("a", memory=2**63 - 1))
    for index in range(600):
        columns.reserve(assignment(f"x-{index}", "a", of=huge))
    rows = columns.rows()
    assert columns.free(Resource.MEMORY, rows)[0] == AMOUNT_LIMIT - 1 - 600 * AMOUNT_LIMIT
    assert totals_of(columns.assigned("a")).memory_bytes == 600 * (2**63 - 1)


# --- trials --------------------------------------------------------------------------------

GPU = assignment(
    "x-0",
    "a",
    of=workload("x", cpu=1, ports=("tcp/80",), accelerators=[gpus()]),
    held=(Hold(device="gpu/1"),),
)
OTHER = assignment("x-1", "a", of=workload("x", cpu=1, ports=("udp/80",)))


def boxes():
    return [
        node("a", labels={"x": "1"}, accelerators=[accelerator("1"), accelerator("2")]),
        node("b"),
    ]


def change_everything(columns):
    columns.release(GPU)
    columns.reserve(OTHER)
    columns.put(node("a", cpus=1, hub_labels={"x": "2"}, liveness=Liveness.LOST, last_seen=9.0))
    taint = Taint(key="k", effect="NoSchedule")
    columns.put(dataclasses.replace(node("b", diverged="behind", runtimes=()), taints=(taint,)))
    columns.put(node("c", accelerators=[accelerator("9", kind="npu")]))
    columns.reserve(assignment("x-2", "c", of=workload("x", memory=MIB)))
    columns.remove("a")


def test_a_trial_is_undone_exactly_and_one_that_is_kept_stands():
    columns = fleet(*boxes(), reserved=[GPU])
    columns.heartbeat("a", beat(3, uptime_s=5), 4.0)
    before = seen(columns)
    with columns.trial():
        change_everything(columns)
        assert columns.ids() == ["b", "c"]
        assert seen(columns) != before
    assert seen(columns) == before
    with columns.trial() as trial:
        change_everything(columns)
        after = seen(columns)
        trial.keep()
    assert seen(columns) == after
    plainly = fleet(*boxes(), reserved=[GPU])
    change_everything(plainly)
    assert seen(plainly) == after


def test_a_trial_that_fails_is_undone():
    columns = fleet(*boxes(), reserved=[GPU])
    before = seen(columns)

    def fail():
        with columns.trial():
            change_everything(columns)
            raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        fail()
    assert seen(columns) == before


@pytest.mark.parametrize("inner_kept", [True, False])
@pytest.mark.parametrize("outer_kept", [True, False])
def test_a_trial_within_another_is_undone_on_its_own_or_with_it(inner_kept, outer_kept):
    columns = fleet(*boxes(), reserved=[GPU])
    start = seen(columns)
    with columns.trial() as outer:
        columns.reserve(OTHER)
        between = seen(columns)
        with columns.trial() as inner:
            change_everything(columns)
            end = seen(columns)
            if inner_kept:
                inner.keep()
        assert seen(columns) == (end if inner_kept else between)
        if outer_kept:
            outer.keep()
    last = end if inner_kept else between
    assert seen(columns) == (last if outer_kept else start)


def test_a_trial_of_another_incarnation_gives_the_signs_of_the_first_back():
    columns = fleet(node("a"))
    columns.heartbeat("a", beat(7, uptime_s=5), 50.0)
    before = seen(columns)
    with columns.trial():
        columns.put(node("a", incarnation="f" * 32, last_seen=60.0))
        assert columns.sample("a") is None
        assert columns.last_seen("a") == 60.0
    assert seen(columns) == before
    assert not columns.heartbeat("a", beat(7), 70.0)


def test_an_instance_that_moved_in_a_trial_is_where_it_was_and_counts_there():
    old, new = (assignment("x-0", name, of=workload("x")) for name in "ab")
    columns = fleet(node("a"), node("b"), reserved=[old])
    with columns.trial():
        columns.reserve(new)
        assert len(columns.instances_of("x")) == 2, "on its way it is on both"
    assert list(columns.instances_of("x").values()) == [old]
    with columns.trial():
        columns.reserve(new)
        columns.release(old)
        assert list(columns.instances_of("x").values()) == [new]
    assert list(columns.instances_of("x").values()) == [old]
    columns.release(old)
    assert columns.instances_of("x") == {}


def test_a_fleet_that_grew_in_a_trial_is_small_again():
    columns = fleet(*boxes(), reserved=[GPU])
    before = seen(columns)
    with columns.trial():
        for index in range(3 * FIRST_ROWS):
            columns.put(node(f"n{index}", accelerators=[accelerator("1")]))
        columns.remove("a")
        columns.put(node("z"))
    assert seen(columns) == before
    assert len(columns) == 2


@given(STEPS, STEPS, STEPS, st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_tried_is_undone(first, tried, within, kept):
    columns = Columns()
    act(columns, first)
    for index, name in enumerate(columns.ids()):
        columns.heartbeat(name, beat(index + 1, incarnation="e" * 32), 7.0)
    before = seen(columns)
    with columns.trial():
        act(columns, tried)
        with columns.trial() as inner:
            act(columns, within)
            if kept:
                inner.keep()
    assert seen(columns) == before


@given(STEPS, STEPS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_trial_that_is_kept_is_as_if_there_had_been_none(first, tried):
    columns, plainly = Columns(), Columns()
    act(columns, first)
    with columns.trial() as trial:
        act(columns, tried)
        trial.keep()
    act(plainly, [*first, *tried])
    assert seen(columns) == seen(plainly)


# --- what placement follows --------------------------------------------------------------------


def test_the_rows_that_changed_are_told_in_turn():
    columns = fleet(node("a"), node("b"))
    start = len(columns.changed), len(columns.told_anew)
    columns.reserve(OTHER)
    columns.put(node("b", cpus=1))
    a, b = columns.row("a"), columns.row("b")
    assert columns.changed[start[0] :] == [a, b]
    assert columns.told_anew[start[1] :] == [b]
    comings = columns.comings
    columns.put(node("c"))
    columns.remove("c")
    assert columns.comings == comings + 2


def test_the_list_of_changes_begins_anew_before_it_is_long():
    columns = fleet(node("a", labels={"x": "old"}), node("b"))
    columns.told(field("node.labels.x"))
    for number in range(6000):
        columns.put(node("a", hub_labels={"x": str(number)}))
    assert columns.epoch == 1
    assert len(columns.changed) < 4 * FIRST_ROWS + 4096
    assert told(columns, "node.labels.x") == [("5999",), ()]
    assert seen(columns) == seen(fleet(node("a", hub_labels={"x": "5999"}), node("b")))


def test_a_row_takes_little_memory_however_many_questions_were_asked():
    columns = fleet(*(node(f"n{i:03}", labels={"x": str(i)}) for i in range(FIRST_ROWS)))
    for kind in ("gpu", "usb", "camera"):
        columns.states(kind)
    assert 0 < columns.bytes_per_row() <= 400


def test_instances_are_counted_by_workload():
    columns = fleet(node("a"), node("b"))
    for instance, where in (("x-0", "a"), ("x-1", "b"), ("y-0", "nowhere")):
        columns.reserve(assignment(instance, where, of=workload(instance[0])))
    assert columns.instance_counts(["x", "y", "z", "x"]) == [2, 1, 0, 2]
    columns.release(assignment("x-1", "b", of=workload("x")))
    assert columns.instance_counts(["x"]) == [1]

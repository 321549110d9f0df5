"""The fleet's columns: signs of life, reservations, rows that come and go."""

import dataclasses

import numpy as np
import pytest
from tests.hub.placement.boxes import (
    GIB,
    MIB,
    accelerator,
    assignment,
    beat,
    fleet,
    gpus,
    node,
    workload,
)

from skerry_hub.fleet.columns import FIRST_ROWS, MAX_ASKED, Columns, Sample, Totals
from skerry_hub.fleet.facts import AMOUNT_LIMIT, Resource
from skerry_hub.model import Hold, Liveness
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


def test_silent_names_those_whose_last_sign_is_older():
    columns = fleet(node("c", last_seen=5.0), node("a", last_seen=1.0), node("b"))
    columns.seen("b", 7.0)
    columns.seen("nobody", 7.0)
    assert columns.silent(5.0) == ["a"]
    assert columns.silent(6.0) == ["a", "c"]
    columns.heartbeat("a", beat(1), 8.0)
    columns.remove("c")
    assert columns.silent(100.0) == ["a", "b"]


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
    assert columns.reserved("a") == Totals(500, 64 * MIB, GIB, 1)
    assert columns.capacity("a") == Totals(4000, 4 * GIB, 32 * GIB, 1)
    rows = columns.rows()
    assert columns.free(Resource.CPU, rows).tolist() == [3500]
    assert columns.idle_count(rows, "gpu").tolist() == [0]
    assert columns.instances(rows).tolist() == [1]
    columns.release(one)
    columns.release(one)
    assert columns.reserved("a") == Totals(0, 0, 0, 0)
    assert columns.free(Resource.CPU, rows).tolist() == [4000]
    assert columns.idle_count(rows, "gpu").tolist() == [1]
    assert columns.instances(rows).tolist() == [0]


def test_reserving_again_replaces_what_the_instance_had():
    columns = fleet(node("a"))
    columns.reserve(assignment("shop-web-0", "a", of=workload(cpu=500, ports=("tcp/80",))))
    changed = assignment("shop-web-0", "a", of=workload(cpu=700, ports=("tcp/81",)))
    columns.reserve(changed)
    assert columns.reserved("a").cpu_milli == 700
    other = fleet(node("a"), reserved=[changed])
    assert _state(columns) == _state(other)


def test_a_move_is_the_same_whichever_comes_first():
    old, new = (
        assignment("x-0", "a", of=workload(cpu=1)),
        assignment("x-0", "b", of=workload(cpu=1)),
    )
    for first, second in (("release", "reserve"), ("reserve", "release")):
        columns = fleet(node("a"), node("b"), reserved=[old])
        for act in (first, second):
            getattr(columns, act)(old if act == "release" else new)
        assert (columns.reserved("a").cpu_milli, columns.reserved("b").cpu_milli) == (0, 1)


def test_a_reservation_that_comes_before_its_node_counts_once_the_node_is_there():
    load = workload(cpu=500, ports=("tcp/80",), accelerators=[gpus()])
    early = assignment("x-0", "a", of=load, held=(Hold(device="gpu/1"),))
    columns = fleet(node("b"), reserved=[early])
    columns.put(node("a", accelerators=[accelerator("1")]))
    late = fleet(node("b"), node("a", accelerators=[accelerator("1")]), reserved=[early])
    assert _state(columns) == _state(late)
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
    assert _state(columns) == _state(fleet(node("b", cpus=2)))
    columns.release(assignment("x-0", "a", of=load))
    assert columns.free(Resource.CPU, columns.rows()).tolist() == [2000]


def test_accelerators_are_counted_anew_when_the_hardware_changes():
    columns = fleet(
        node("a", accelerators=[accelerator("1"), accelerator("2")]),
        reserved=[assignment("x-0", "a", held=(Hold(device="gpu/1"),))],
    )
    rows = columns.rows()
    assert columns.idle_count(rows, "gpu", "nvidia").tolist() == [1]
    columns.put(node("a", accelerators=[accelerator("1"), accelerator("3", vendor="AMD")]))
    assert columns.idle_count(rows, "gpu", "NVIDIA").tolist() == [0]
    assert columns.idle_count(rows, "gpu", "amd").tolist() == [1]
    assert columns.idle_count(rows, "npu").tolist() == [0]
    assert columns.idle_count(rows).tolist() == [1]


# --- rows ----------------------------------------------------------------------------------


def test_columns_grow_and_keep_everything():
    names = [f"n{index:04}" for index in range(3 * FIRST_ROWS)]
    columns = Columns()
    for index, name in enumerate(names):
        if index == FIRST_ROWS:
            columns.equal("node.labels.x", "1", columns.rows())
            columns.idle_count(columns.rows(), "gpu")
        columns.put(node(name, cpus=index, labels={"x": str(index % 2)}))
        columns.seen(name, float(index))
    rows = columns.rows()
    assert len(columns) == len(names)
    assert columns.ids() == names
    assert columns.total(Resource.CPU, rows).tolist() == [1000 * i for i in range(len(names))]
    assert columns.equal("node.labels.x", "1", rows).tolist() == [i % 2 == 1 for i in range(192)]
    assert columns.silent(3.0) == names[:3]


def test_rows_come_by_id_however_nodes_came():
    columns = fleet(node("c"), node("a"), node("b"))
    assert [facts.id for facts in columns.each(columns.rows())] == ["a", "b", "c"]
    columns.remove("b")
    columns.put(node("aa"))
    assert [facts.id for facts in columns.each(columns.rows())] == ["a", "aa", "c"]
    with pytest.raises(LookupError):
        columns.facts(FIRST_ROWS - 1)


def test_a_copy_changes_on_its_own():
    first = assignment("x-0", "a", of=workload(cpu=1, ports=("tcp/1",)))
    second = assignment("x-1", "a", of=workload(cpu=1, ports=("tcp/1", "tcp/2")))
    columns = fleet(node("a", labels={"x": "1"}), reserved=[first])
    columns.equal("node.labels.x", "1", columns.rows())
    before = _state(columns)
    copy = columns.copy()
    assert _state(copy) == before
    copy.reserve(second)
    copy.heartbeat("a", beat(1), 5.0)
    copy.put(node("a", cpus=1, labels={"x": "2"}, liveness=Liveness.LOST))
    copy.put(node("b"))
    assert _state(columns) == before
    assert columns.sample("a") is None
    assert columns.equal("node.labels.x", "1", columns.rows()).tolist() == [True]
    copy.remove("a")
    assert _state(columns) == before


def test_masks_follow_what_is_put():
    columns = fleet(node("a", labels={"site": "quay"}), node("b", hub_labels={"site": "quay"}))
    rows = columns.rows()
    assert columns.equal("node.labels.site", "quay", rows).tolist() == [True, True]
    columns.put(node("a", labels={"site": "quay"}, hub_labels={"site": "pier"}))
    columns.put(node("b", diverged="behind", liveness=Liveness.LOST, runtimes=()))
    assert columns.equal("node.labels.site", "quay", rows).tolist() == [False, False]
    assert columns.online(rows).tolist() == [True, False]
    assert columns.diverged(rows).tolist() == [False, True]
    assert columns.has_runtime(rows).tolist() == [True, False]
    quiet = RuntimeInfo(name="podman", reason="is installed, but its socket is not there")
    columns.put(node("b", runtimes=(quiet,)))
    assert columns.has_runtime(rows).tolist() == [True, True]
    assert columns.runtime_answers(rows).tolist() == [True, False]


def test_what_is_kept_of_old_questions_is_bounded_and_still_right():
    columns = fleet(node("a", labels={"x": "3"}), node("b"))
    rows = columns.rows()
    for _ in range(2):
        for value in range(2 * MAX_ASKED):
            assert columns.equal("node.labels.x", str(value), rows).tolist() == [value == 3, False]
    assert len(columns._equal) == MAX_ASKED


def test_amounts_beyond_any_machine_add_up_and_never_fit():
    huge = workload(memory=2**63 - 1)
    columns = fleet(node("a", memory=2**63 - 1))
    for index in range(600):
        columns.reserve(assignment(f"x-{index}", "a", of=huge))
    rows = columns.rows()
    assert columns.free(Resource.MEMORY, rows)[0] == AMOUNT_LIMIT - 1 - 600 * AMOUNT_LIMIT
    assert columns.reserved("a").memory_bytes == 600 * (2**63 - 1)


def _state(columns):
    """Return everything that placement sees, by node id."""
    rows = columns.rows()
    return {
        "ids": [facts.id for facts in columns.each(rows)],
        "facts": [dataclasses.asdict(facts) for facts in columns.each(rows)],
        "free": [columns.free(resource, rows).tolist() for resource in Resource],
        "instances": columns.instances(rows).tolist(),
        "idle": [[a.address for a in columns.idle_accelerators(row)] for row in rows.tolist()],
        "idle_count": [columns.idle_count(rows, kind).tolist() for kind in (None, "gpu", "npu")],
        "ports": {
            key: {columns.facts(row).id: held for row, held in taken.items()}
            for key, taken in columns._reserved.ports._taken.items()
        },
        "online": np.flatnonzero(columns.online(rows)).tolist(),
    }

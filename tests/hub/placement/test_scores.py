"""How good nodes are, and what counts more."""

import dataclasses

import numpy as np
import pytest
from tests.hub.placement.boxes import (
    GIB,
    accelerator,
    assignment,
    fleet,
    gpus,
    node,
    place,
    where,
    workload,
)

from skerry_hub.fleet.columns import FIRST_ROWS
from skerry_hub.fleet.facts import AMOUNT_LIMIT
from skerry_hub.model import Hold
from skerry_hub.placement.points import SCALE
from skerry_hub.placement.scores import SCORES, own_spread_of, points_of
from skerry_hub.placement.world import World
from skerry_hub.terms import Placement
from skerry_wire.hardware import RuntimeInfo

COLUMNS = fleet(
    node("a", cpus=4, memory=4 * GIB),
    node("b", cpus=8, memory=2 * GIB, accelerators=[accelerator("1")]),
    node("c", cpus=None, memory=None, runtimes=(RuntimeInfo(name="podman"),)),
    reserved=[
        assignment("x-0", "a", of=workload(cpu=1000)),
        assignment("x-1", "a", of=workload(cpu=1000)),
    ],
)


def parts(load=None, columns=COLUMNS, rows=None):
    """Return the points of each score by its name."""
    rows = columns.rows() if rows is None else rows
    found = points_of(World(columns), load or workload())
    return {one.name: one.of(columns, rows).tolist() for one in found}


def test_each_score_says_what_it_prefers():
    found = parts()
    assert found["runtime"] == [SCALE, SCALE, 0]
    assert found["devices"] == [SCALE, 0, SCALE]
    assert found["quiet"] == [SCALE // 3, SCALE, SCALE]
    assert parts(workload(cpu=1000, memory=GIB))["balance"] == [SCALE // 4, SCALE // 2, 0]
    assert "devices" not in parts(workload(accelerators=[gpus()])), "who asks is not kept away"


def test_a_workloads_own_instances_keep_apart():
    world = World(COLUMNS)
    spread = own_spread_of(world, workload())
    assert [spread.of(own) for own in (0, 1, 3)] == [SCALE, SCALE // 2, SCALE // 4]
    packing = dataclasses.replace(workload(), placement=Placement(strategy="pack"))
    assert own_spread_of(world, packing).weight < spread.weight


@pytest.mark.parametrize(
    ("held", "points"),
    [((), 0), ((Hold(device="gpu/1", milli=400),), 0), ((Hold(device="gpu/1"),), SCALE)],
)
def test_an_idle_accelerator_is_left_alone_but_a_taken_one_wastes_nothing(held, points):
    columns = fleet(
        node("a", accelerators=[accelerator("1")]),
        reserved=[assignment("x-0", "a", held=held)],
    )
    assert parts(columns=columns)["devices"] == [points]


@pytest.mark.parametrize("cpu", [0, 333, 10**7])
@pytest.mark.parametrize("memory", [0, 1, 12345, 2**60])
def test_every_score_is_a_whole_number_between_0_and_the_scale(cpu, memory):
    for values in parts(workload(cpu=cpu, memory=memory)).values():
        assert all(isinstance(value, int) and 0 <= value <= SCALE for value in values)


@pytest.mark.parametrize(
    ("cpus", "memory", "load", "room"),
    [
        (1, 4 * GIB, workload(cpu=1), 0.999),
        (1, 4 * GIB, workload(cpu=999), 0.001),
        (3, 4 * GIB, workload(cpu=1000), 2 / 3),
        (64, 4 * GIB, workload(memory=1), 1.0),
        (64, 300, workload(memory=100), 2 / 3),
        (64, AMOUNT_LIMIT - 1, workload(memory=AMOUNT_LIMIT // 4), 0.75),
        (64, 2**63 - 1, workload(memory=0), 1.0),
        (64, 2**63 - 1, workload(memory=2**63 - 1), 0),
        (0, 0, workload(), 0),
    ],
)
def test_room_is_told_finely_of_small_and_of_huge_amounts(cpus, memory, load, room):
    columns = fleet(node("a", cpus=cpus, memory=memory))
    (found,) = parts(load, columns)["balance"]
    assert found / SCALE == pytest.approx(room, abs=0.0001)


def test_a_single_row_scores_as_it_does_among_all():
    load = workload(cpu=333, memory=12345)
    rows = COLUMNS.rows()
    whole = parts(load)
    for index in range(len(rows)):
        alone = parts(load, rows=rows[[index]])
        assert alone == {name: [values[index]] for name, values in whole.items()}


def test_an_unused_row_may_be_looked_at():
    every = np.arange(FIRST_ROWS)
    assert {len(values) for values in parts(rows=every).values()} == {FIRST_ROWS}


# --- what counts more -----------------------------------------------------------------------------


def test_weights_fall_so_that_what_counts_more_is_never_outvoted():
    weights = {one.name: one.weight for one in points_of(World(COLUMNS), workload())}
    own = own_spread_of(World(COLUMNS), workload())
    less = weights["devices"] + weights["balance"] + weights["quiet"]
    assert weights["runtime"] > own.weight + less
    # The second instance on a node costs half of this, the least step that must count.
    assert own.weight / 2 > less
    assert weights["devices"] >= weights["balance"] + weights["quiet"]
    assert weights["balance"] > weights["quiet"]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (
            {"accelerators": [accelerator("1")], "memory": GIB},
            {"runtimes": (RuntimeInfo(name="podman"),)},
        ),
        ({"memory": GIB}, {"accelerators": [accelerator("1")], "memory": 64 * GIB}),
        ({"memory": 8 * GIB}, {"memory": GIB}),
    ],
)
def test_the_better_node_is_taken_whatever_its_id(better, worse):
    load = workload(memory=GIB // 2)
    for first, second in (("a", "b"), ("b", "a")):
        columns = fleet(node(first, **better), node(second, **worse))
        assert where(place(columns, load, [], keep=False)) == {"shop-web-0": first}


def test_the_table_names_each_sort_once():
    names = [name for name, _ in SCORES]
    assert len(set(names)) == len(names)

"""The picture as a whole: what is in it, and what is left out."""

from tests.hub.rebalance.fleets import node, uneven, work_of, workload
from tests.hub.records import changed

from skerry_hub.model import Liveness
from skerry_hub.rebalance.evenness import UNIT
from skerry_hub.rebalance.picture import picture_of
from skerry_hub.work import put_node

NEVER = {"skerry.rebalance": "never"}


def fleet():
    nodes = [node(f"n{index}") for index in range(3)]
    loads = [workload("shop-a", cpu=1000), workload("shop-b", labels=NEVER, memory=2**30)]
    return work_of(uneven(nodes, loads, ["n1", "n2"]))


def test_what_stays_takes_its_room_and_keeps_its_node_open():
    found = picture_of(fleet(), "pack", 10.0)
    assert [one.id for one in found.moving] == ["shop-a-0"]
    assert found.pinned == {"label skerry.rebalance is never": 1}
    first, second, _ = found.problem.bins
    assert (first.capacity[:2].tolist(), first.open_cost) == ([4000, 3 * 2**30], 0)
    assert (second.capacity[:2].tolist(), second.open_cost) == ([4000, 2**32], UNIT)
    assert (found.base, found.unit, found.evenness) == (UNIT, UNIT, None)
    assert found.occupied.tolist() == [1, 0, 0]
    assert found.kept.tolist() == [[0, 2**30], [0, 0], [0, 0]]


def test_nodes_that_are_not_seen_or_held_neither_give_nor_take():
    work = fleet()
    for name, fields in (("n1", {"liveness": Liveness.LOST}), ("n2", {"diverged": "x"})):
        put_node(work, changed(work.draft.nodes.get(name), **fields))
    assert picture_of(work, "balance", 10.0).nodes == ("n0",)


def test_nothing_to_move_is_no_problem():
    work = work_of(uneven([node("n0")], [workload(labels=NEVER)], []))
    assert picture_of(work, "balance", 10.0).problem is None
    assert picture_of(work_of(uneven([], [], [])), "cost", 10.0).nodes == ()


def test_a_picture_changes_nothing():
    work = fleet()
    before = work.columns.capacity("n0")
    picture_of(work, "balance", 10.0)
    assert work.columns.capacity("n0") == before
    assert not work.draft.assignments.changes

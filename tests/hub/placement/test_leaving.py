"""Instances that leave a drained node, or lost ones: more in test_taints and test_draining."""

from tests.hub.placement.boxes import World, fleet
from tests.hub.records import assignment, node, workload

from skerry_hub.placement.leaving import evacuate, lose

LOAD = workload(replicas=3)


def held(*nodes):
    return [assignment(f"shop-web-{at}", name) for at, name in enumerate(nodes)]


def columns_with(current, *nodes):
    columns = fleet(*map(node, nodes))
    for one in current:
        columns.reserve(one)
    return columns


def test_what_leaves_a_drained_node_goes_elsewhere_and_all_others_stay():
    current = held("a", "b", "a")
    world = World(columns_with(current, "a", "b"))
    found = evacuate(world, LOAD, current, "a", force=False, done=("shop-web-2",))
    assert [one.node for one in found.assignments] == ["b", "b", "a"]


def test_what_no_other_node_takes_stays_or_is_removed():
    current = held("a", "a")
    world = World(columns_with(current, "a"))
    stays = evacuate(world, LOAD, current, "a", force=False)
    assert (stays.assignments, stays.unplaced) == (tuple(current), 2)
    assert evacuate(world, LOAD, current, "a", force=True).assignments == ()
    assert lose(world, LOAD, current, ["a"], done=["shop-web-0"]).unplaced == 1

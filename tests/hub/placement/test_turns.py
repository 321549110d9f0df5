"""Who keeps a former revision until its turn, and who would find no node."""

import dataclasses

from tests.hub.placement.boxes import World, fleet
from tests.hub.records import AT_ONCE, assignment, node, workload

from skerry_hub.lifecycle import Job, Lifecycle, Update
from skerry_hub.model import Placement, Resources
from skerry_hub.placement.engine import place
from skerry_hub.placement.turns import first_short, is_gradual, newest_in, waiting_in

GIB = 2**30
OLD = workload(image="localhost/web:1", replicas=2, resources=Resources(memory_bytes=3 * GIB))
NEW = workload(image="localhost/web:2", replicas=2, resources=Resources(memory_bytes=6 * GIB))


def had(*nodes):
    return [
        assignment(f"shop-web-{at}", name, OLD.revision, resources=OLD.resources)
        for at, name in enumerate(nodes)
    ]


def decided(current, *nodes, load=NEW, **asked):
    columns = fleet(*map(node, nodes))
    for one in current:
        columns.reserve(one)
    return place(World(columns), load, current, **{"keep": False, "gradual": True, **asked})


def test_who_is_updated_step_by_step_waits_and_no_others():
    assert is_gradual(NEW)
    assert is_gradual(
        dataclasses.replace(NEW, lifecycle=Lifecycle(update=Update(strategy="canary")))
    )
    for lifecycle in (
        AT_ONCE,
        Lifecycle(update=Update(strategy="blue-green")),
        Lifecycle(job=Job()),
    ):
        assert not is_gradual(dataclasses.replace(NEW, lifecycle=lifecycle))
    assert not is_gradual(dataclasses.replace(NEW, placement=Placement(gang="till")))


def test_one_that_its_node_refuses_keeps_what_it_has_and_is_counted():
    current = had("a", "a")  # of 8 GiB
    found = decided(current, "a")
    assert found.assignments == tuple(current)
    assert found.unplaced == 2
    assert "the new revision does not fit: memory" in found.changes[0].detail
    assert waiting_in(NEW, found.assignments) == current
    assert newest_in(NEW, found.assignments) == []
    assert first_short(NEW, found.assignments) == current[:1]
    assert first_short(NEW, current[:1]) == []


def test_it_is_placed_anew_when_it_is_its_turn():
    current = had("a", "a")
    found = decided(current, "a", "b")
    assert (found.assignments, found.unplaced) == (tuple(current), 0)
    turned = decided(current, "a", "b", keep=True, turn=("shop-web-1",))
    assert [(one.id, one.node) for one in turned.assignments] == [
        ("shop-web-0", "a"),
        ("shop-web-1", "b"),
    ]
    assert turned.changes[1].action == "move"
    assert waiting_in(NEW, turned.assignments) == current[:1]


def test_no_node_for_one_whose_turn_it_is_leaves_it_where_it_is():
    current = had("a", "a")
    assert decided(current, "a", keep=True, turn=("shop-web-0",)).assignments == tuple(current)


def test_those_that_wait_end_first_where_fewer_are_wanted():
    current = had("b", "a", "a")
    found = decided(current, "a", "b", load=dataclasses.replace(NEW, replicas=1))
    assert [one.node for one in found.assignments] == ["b"]


def test_without_turns_they_leave():
    assert decided(had("a", "a"), "a", gradual=False).assignments != tuple(had("a", "a"))

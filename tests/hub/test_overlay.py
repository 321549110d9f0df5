"""What a draft changes, read through to what there is."""

from tests.hub.records import assignment

from skerry_hub.overlay import Assigned, Overlay, Step


def test_changes_are_seen_and_what_lies_below_is_not_touched():
    base = {"a": 1, "b": 2}
    over = Overlay(base)
    over.put("c", 3)
    over.put("a", 4)
    over.remove("b")
    assert [over.get(key) for key in "abcd"] == [4, None, 3, None]
    assert sorted(over.values()) == [3, 4]
    assert (base, over.version) == ({"a": 1, "b": 2}, 3)


def test_each_change_is_a_step_in_its_turn():
    steps = []
    over = Overlay({"a": 1}, steps, "workloads")
    over.put("a", 2)
    over.remove("a")
    assert steps == [Step("workloads", "a", 1, 2), Step("workloads", "a", 2, None)]


def test_changed_assignments_are_found_by_node_and_by_workload():
    over = Assigned({})
    over.put("shop-web-0", assignment())
    over.put("shop-web-0", moved := assignment(node="box-2"))
    assert over.by_node == {"box-2": {"shop-web-0": moved}}
    assert over.by_workload == {"shop-web": {"shop-web-0": moved}}
    over.remove("shop-web-0")
    assert over.by_node == over.by_workload == {}

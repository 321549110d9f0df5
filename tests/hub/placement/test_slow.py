"""The engine against a placer that is slow and obviously right: same answers, same sequences.

Each case is a small fleet, three workloads, and what happens to them in turn. A quick run looks at
some hundred cases; SKERRY_TEST_CASES=20000 in the environment asks for more.
"""

import dataclasses

from hypothesis import event, given
from hypothesis import strategies as st
from tests.hub.placement.boxes import node, workload
from tests.hub.placement.slow.skew import surplus
from tests.hub.placement.slow_both import Both
from tests.hub.placement.slow_cases import (
    MANY,
    NAMES,
    changes,
    fleets,
    loads,
    skews,
    steps,
    wanted,
)
from tests.hub.placement.slow_invariants import check_empty, check_musts, check_room, check_skew

from skerry_hub.model import Taint
from skerry_hub.placement.engine import place
from skerry_hub.terms import Affinity, AtMost, DeviceRequest, Placement, Spread
from skerry_wire.hardware import Camera, UsbDevice


@given(fleets, wanted, steps)
@MANY
def test_the_engine_places_and_refuses_as_the_slow_placer_does(nodes, wanted, steps):
    both, steady = Both(nodes, wanted), True
    for load in wanted:
        both.scale(load.name, load.replicas // 2)
    for load in wanted:
        both.scale(load.name, load.replicas)
    check_skew(both.plain)
    for what, *arguments in steps:
        if what == "scale":
            both.scale(*arguments)
        elif what == "end":
            both.end(*arguments)
        else:
            steady &= not both.change(what, *arguments)
        if steady:
            check_room(both.plain)
            check_musts(both.plain)
    for load in both.wanted.values():
        both.explain(load)
    event(f"placed {min(len(both.plain.placed), 6)}")
    for name in NAMES:
        both.end(name)
    check_empty(both.columns, both.plain.nodes)
    # Boards that were kept through all of it place as new ones do.
    again = Both(both.plain.nodes, both.wanted.values())
    for load in both.wanted.values():
        for one in (both, again):
            one.scale(load.name, load.replicas)
    assert both.plain.placed == again.plain.placed


@given(fleets, wanted)
@MANY
def test_an_operator_who_applies_the_same_again_moves_nothing(nodes, wanted):
    both = Both(nodes, wanted)
    for load in wanted:
        both.scale(load.name, load.replicas)
        mine = both.plain.of(load.name)
        decision = place(both.world, load, mine, keep=False)
        assert {change.action for change in decision.changes} <= {"keep"}
        assert sorted(decision.assignments, key=str) == sorted(mine, key=str)


@given(fleets, wanted, st.lists(changes, min_size=2, max_size=5))
@MANY
def test_an_operator_moves_what_has_to_leave_and_nothing_else(nodes, wanted, changed):
    both = Both(nodes, wanted)
    for load in wanted:
        both.scale(load.name, load.replicas)
    for what, argument in changed:
        both.change(what, argument)
    for load in wanted:
        if load.mode != "global":
            both.apply(load)


@given(fleets, loads("a"), st.lists(skews, max_size=2), st.lists(changes, min_size=1, max_size=4))
@MANY
def test_a_skew_is_mended_by_moves_and_by_all_that_mend_it(nodes, load, musts, changed):
    asked = dataclasses.replace(load.placement, spread=tuple(musts))
    load = dataclasses.replace(load, mode="replicated", placement=asked)
    both = Both(nodes, (load,))
    both.scale("a", load.replicas)
    for what, argument in changed:
        both.change(what, argument)
    both.apply(load)
    event(f"too many {min(surplus(both.plain, load), 3)}")
    once = sorted(both.plain.of("a"), key=str)
    both.apply(load)
    assert sorted(both.plain.of("a"), key=str) == once


# --- what was found this way -----------------------------------------------------------------


def asking(name, *, replicas=1, mode="replicated", labels=None, **placement):
    made = workload(name, replicas=replicas, mode=mode)
    return dataclasses.replace(made, labels=labels or {}, placement=Placement(**placement))


def test_what_stays_of_a_global_workload_counts_in_its_terms():
    load = asking("a", mode="global", at_most=(AtMost(topology="site", count=1),))
    both = Both((node("n1", labels={"site": "quay"}),), (load,))
    both.scale("a", 1)
    both.change("node", node("n0", labels={"site": "quay"}))
    both.scale("a", 1)
    assert [one.node for one in both.plain.placed] == ["n1"]


def test_an_apply_leaves_a_group_whose_like_came_elsewhere_later():
    near = Affinity(selector="tier=db")
    load = asking("a", replicas=3, labels={"tier": "db"}, affinity=(near,))
    other = asking("b", labels={"tier": "db"})
    both = Both((node("n0"), node("n1")), (load, other))
    both.scale("a", 3)
    both.scale("b", 1)
    assert {one.node for one in both.plain.of("a")}.isdisjoint(
        one.node for one in both.plain.of("b")
    )
    before = both.plain.of("a")
    both.apply(load)
    assert both.plain.of("a") == before


def test_an_even_global_workload_is_placed_whole_at_once():
    load = asking("a", mode="global", spread=(Spread(topology="site"),))
    sites = ("quay", "quay", "pier", "pier")
    boxes_there = tuple(node(f"n{i}", labels={"site": site}) for i, site in enumerate(sites))
    both = Both(boxes_there, (load,))
    both.scale("a", 1)
    assert len(both.plain.placed) == len(sites)


def test_an_apply_moves_what_lost_the_domain_that_it_is_spread_over():
    load = asking("a", replicas=2, spread=(Spread(topology="site"),))
    there = (node("n0", labels={"site": "quay"}), node("n1", labels={"site": "pier"}))
    both = Both(there, (load,))
    both.scale("a", 2)
    both.change("node", node("n1"))
    both.apply(load)
    assert {one.node for one in both.plain.placed} == {"n0"}


def test_a_usb_port_whose_camera_is_held_is_not_given_as_a_usb_device():
    plugged = {
        "usb": (UsbDevice(path="1-2"), UsbDevice(path="1-3")),
        "cameras": (Camera(name="C270", path="/dev/video0", address="1-2:1.0"),),
    }
    film = workload("a", accelerators=[DeviceRequest(kind="camera", share_milli=300)])
    plug = workload("b", replicas=2, accelerators=[DeviceRequest(kind="usb")])
    both = Both((node("n0", **plugged),), (film, plug))
    both.scale("a", 1)
    both.scale("b", 2)
    assert [one.held[0].device for one in both.plain.of("b")] == ["usb/1-3"]


def test_an_apply_ends_what_is_on_a_node_that_got_a_taint_for_those_that_are_there():
    load = asking("a", replicas=2)
    both = Both((node("n0"), node("n1")), (load,))
    both.scale("a", 2)
    executing = Taint(key="a", value="2", effect="NoExecute")
    both.change("gone", "n0")
    both.change("node", dataclasses.replace(node("n1"), taints=(executing,)))
    both.apply(load)
    assert not both.plain.placed

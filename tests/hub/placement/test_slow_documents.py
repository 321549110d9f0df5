"""The engine against the slow placer with everything at once: documents, distances, boxes' own.

What `test_slow.py` has, and policies, quotas, prices, datasets, reservations, times of maintenance,
round-trip times, the policies of boxes and a demand to pack for.
"""

import dataclasses

from hypothesis import event, given
from hypothesis import strategies as st
from tests.hub.placement.boxes import accelerator, node, workload
from tests.hub.placement.slow_around import Around
from tests.hub.placement.slow_both import Both
from tests.hub.placement.slow_cases import MANY, NAMES, scalings
from tests.hub.placement.slow_documents import arounds, fleets_of_all, turns, wanted_of_all
from tests.hub.placement.slow_invariants import check_empty, check_musts, check_quotas, check_room

from skerry_hub.documents import Policy, Quota
from skerry_hub.placement.engine import place, reserve_decision
from skerry_hub.terms import DeviceRequest


@given(fleets_of_all, wanted_of_all, arounds, st.lists(st.one_of(turns, scalings), max_size=4))
@MANY
def test_the_engine_and_the_slow_placer_agree_on_everything(nodes, wanted, around, happens):
    both, steady = Both(nodes, wanted, around), True
    for load in wanted:
        both.scale(load.name, load.replicas // 2)
    for load in wanted:
        both.scale(load.name, load.replicas)
    for what, *arguments in happens:
        if what == "scale":
            both.scale(*arguments)
        elif what == "end":
            both.end(*arguments)
        else:
            steady &= not both.change(what, *arguments)
        if steady:
            check_room(both.plain)
            check_musts(both.plain)
            check_quotas(both.plain)
    for load in both.wanted.values():
        both.explain(load)
    event(f"placed {min(len(both.plain.placed), 6)}")
    for name in NAMES:
        both.end(name)
    check_empty(both.columns, both.plain.nodes)


@given(fleets_of_all, wanted_of_all, arounds)
@MANY
def test_with_documents_too_an_apply_of_the_same_moves_nothing(nodes, wanted, around):
    both = Both(nodes, wanted, around)
    for load in wanted:
        both.scale(load.name, load.replicas)
        mine = both.plain.of(load.name)
        decision = place(both.world, load, mine, keep=False)
        assert {change.action for change in decision.changes} <= {"keep"}
        assert sorted(decision.assignments, key=str) == sorted(mine, key=str)


@given(fleets_of_all, wanted_of_all, arounds, st.lists(turns, min_size=1, max_size=4))
@MANY
def test_with_documents_too_an_apply_moves_only_what_has_to_leave(nodes, wanted, around, changed):
    both = Both(nodes, wanted, around)
    for load in wanted:
        both.scale(load.name, load.replicas)
    for what, argument in changed:
        both.change(what, argument)
    for load in wanted:
        if load.mode != "global":
            both.apply(load)


@given(fleets_of_all, wanted_of_all, wanted_of_all, arounds, st.lists(turns, max_size=2))
@MANY
def test_limits_that_an_operator_changed_move_what_does_not_keep_them(
    nodes, wanted, others, around, changed
):
    both = Both(nodes, wanted, around)
    for load in wanted:
        both.scale(load.name, load.replicas)
    for what, argument in changed:
        both.change(what, argument)
    for load, other in zip(wanted, others, strict=True):
        if load.mode != "global":
            there = other.placement
            asked = dataclasses.replace(
                load.placement, latency=there.latency, cost=there.cost, data=there.data
            )
            both.apply(dataclasses.replace(load, placement=asked))


def decisions(nodes, wanted, around):
    """Return what the engine decides about workloads in turn."""
    both, found = Both(nodes, wanted, around), []
    for load in wanted:
        found.append(place(both.world, load, (), keep=True))
        reserve_decision(both.columns, (), found[-1])
    return found


@given(fleets_of_all, wanted_of_all, arounds)
@MANY
def test_it_is_the_same_in_whatever_order_nodes_came_and_documents_were_written(
    nodes, wanted, around
):
    turned = dataclasses.replace(around, documents=around.documents[::-1])
    assert decisions(nodes, wanted, around) == decisions(nodes[::-1], wanted, turned)


# --- what was found this way, and what it seldom finds ------------------------------------------


def test_shares_of_devices_count_as_shares_in_a_quota():
    load = workload("a", replicas=5, accelerators=[DeviceRequest(kind="gpu", share_milli=300)])
    around = Around(documents=(Policy(name="p", quota=Quota(devices={"gpu": 1})),))
    both = Both((node("n0", accelerators=[accelerator("0"), accelerator("1")]),), (load,), around)
    both.scale("a", 5)
    assert len(both.plain.placed) == 3


def test_a_quota_that_shrank_keeps_off_only_who_asks_for_more_of_it():
    device = DeviceRequest(kind="gpu")
    film, plain = workload("a", accelerators=[device]), workload("b", cpu=100)
    both = Both((node("n0", accelerators=[accelerator("0")]),), (film, plain))
    both.scale("a", 1)
    both.change("documents", (Policy(name="p", quota=Quota(devices={"gpu": 0}, cost_per_hour=0)),))
    both.scale("b", 1)
    assert [one.workload for one in both.plain.placed] == ["a", "b"]

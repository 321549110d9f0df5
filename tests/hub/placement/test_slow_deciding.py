"""Gangs and priorities as the hub decides about them, against the slow placer."""

import dataclasses

from hypothesis import assume, event, given
from hypothesis import strategies as st
from tests.hub.placement.slow.fleet import Fleet, assigned
from tests.hub.placement.slow.packing import packs
from tests.hub.placement.slow.placing import place
from tests.hub.placement.slow_around import network_of, times_of
from tests.hub.placement.slow_cases import MANY, wanted
from tests.hub.placement.slow_documents import arounds, fleets_of_all, wanted_of_all
from tests.hub.placement.slow_invariants import check_musts, check_quotas, check_room
from tests.hub.records import columns_of, kept_document

from skerry_hub import desired
from skerry_hub.sequence import sequence
from skerry_hub.state import Draft, Known
from skerry_hub.work import RefusedError, Work


def work_of(nodes, around):
    known = Known(nodes, documents=[kept_document(one) for one in around.documents])
    network = network_of(around.network)
    columns = columns_of(known)
    return Work(Draft(known), columns, around.now, network=network, strategy=around.strategy)


def plain_of(work, around, loads):
    """Return the fleet as it is now as plain records; `loads` are what is wanted."""
    fleet = Fleet(
        tuple(work.draft.nodes.values()),
        tuple(work.draft.assignments.values()),
        {one.name: one for one in loads},
        around.documents,
        times_of(around.network),
        around.now,
        around.strategy,
    )
    somebody_packs = any(packs(fleet, one) for one in loads)
    return dataclasses.replace(fleet, asked=tuple(loads) if somebody_packs else ())


def apply(work, loads):
    """Apply workloads; a case that the hub refuses whole is none."""
    try:
        return desired.apply(work, loads, prune=False)
    except RefusedError:
        assume(False)
        raise


def as_gang(load):
    """Return a workload of the gang; without devices, of which there may be several ways."""
    return dataclasses.replace(
        load,
        mode="replicated",
        replicas=min(load.replicas, 2),
        project="shop",
        resources=dataclasses.replace(load.resources, devices=()),
        placement=dataclasses.replace(load.placement, gang="g", priority=0),
    )


@given(fleets_of_all, st.one_of(wanted, wanted_of_all), arounds)
@MANY
def test_a_gang_is_placed_whole_or_not_at_all(nodes, wanted, around):
    loads = [as_gang(one) for one in wanted]
    work = work_of(nodes, around)
    plan = apply(work, loads)
    fleet, by_name = plain_of(work, around, loads), {one.name: one for one in loads}
    empty = dataclasses.replace(fleet, placed=())
    expected, short = {}, False
    for name in sequence(loads)[0]:
        load = by_name[name]
        expected[name] = place(empty, load, load.replicas)
        short |= len(expected[name]) < load.replicas
        for index, node in enumerate(expected[name]):
            empty = empty.having(assigned(load, f"{name}-{index}", node, ()))
    there = {name: [one.node for one in fleet.of(name)] for name in by_name}
    event("whole" if not short else "not at all")
    assert there == ({name: [] for name in by_name} if short else expected)
    assert bool(plan.unplaced) == short


@given(fleets_of_all, wanted_of_all, arounds, st.lists(st.integers(0, 2), max_size=3))
@MANY
def test_whatever_is_applied_nothing_is_broken_and_only_what_is_less_important_ends(
    nodes, wanted, around, again
):
    work = work_of(nodes, around)
    loads = sorted(wanted, key=lambda one: one.placement.priority)
    for load in [*loads, *(loads[index] for index in again)]:
        before = plain_of(work, around, loads)
        apply(work, [load])
        after = plain_of(work, around, loads)
        check_room(after)
        check_musts(after)
        check_quotas(after)
        kept = {one.id for one in after.placed}
        for one in before.placed:
            if one.id not in kept and one.workload != load.name:
                assert one.priority < load.placement.priority
                assert load.placement.preemption == "LowerPriority"


def of_gang(load, index):
    """Return a workload of a gang beside others, more important than they are."""
    placement = dataclasses.replace(
        load.placement, gang="g", priority=5 + index, preemption="LowerPriority"
    )
    name, few = f"gang-{'abc'[index]}", min(load.replicas, 2)
    return dataclasses.replace(load, name=name, project="gang", replicas=few, placement=placement)


def unimportant(load):
    """Return a workload that much is of, and nothing is less important than."""
    placement = dataclasses.replace(load.placement, priority=0)
    return dataclasses.replace(load, replicas=2 * load.replicas, placement=placement)


@given(fleets_of_all, wanted, st.one_of(wanted, wanted_of_all), arounds, st.integers(1, 3))
@MANY
def test_nothing_ends_for_a_gang_but_where_all_of_it_is_placed(nodes, others, crew, around, size):
    work = work_of(nodes, around)
    wanted = [unimportant(one) for one in others]
    apply(work, wanted)
    gang = [of_gang(one, index) for index, one in enumerate(crew[:size])]
    before = plain_of(work, around, [*wanted, *gang])
    plan = apply(work, gang)
    after = plain_of(work, around, [*wanted, *gang])
    check_room(after)
    check_musts(after)
    check_quotas(after)
    names = {one.name for one in gang}
    kept = {one.id: one.node for one in after.placed}
    waits = any(one.workload in names for one in plan.unplaced)
    moved = [one for one in before.placed if kept.get(one.id) != one.node]
    event("waits" if waits else "with room made" if moved else "whole")
    if waits:
        assert kept == {one.id: one.node for one in before.placed}
        return
    for one in gang:
        assert one.mode == "global" or len(after.of(one.name)) == one.replicas
    assert all(one.priority < 5 for one in moved)

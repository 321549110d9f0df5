"""Who has to end so that what is more important finds a place, against trying every set."""

import dataclasses

from hypothesis import event, given
from hypothesis import strategies as st
from tests.hub.placement.boxes import node, workload
from tests.hub.placement.slow import preemption as slow
from tests.hub.placement.slow.fleet import assigned
from tests.hub.placement.slow.reasons import reasons
from tests.hub.placement.slow_both import Both
from tests.hub.placement.slow_cases import MANY, NAMES, loads, usually
from tests.hub.placement.slow_documents import arounds, fleets_of_all, loads_of_all

from skerry_hub.placement.preemption import FEW, preemption
from skerry_hub.terms import Placement

PRIORITIES = ((0, 5, 9), (0, 0, 9), (0, 0, 9), (9, 5, 5), (9, 0, 5))


@st.composite
def weighty(draw, name, priority):
    """Return a workload that takes much of a node, so that others are in its way."""
    made = draw(loads(name) if draw(usually) else loads_of_all(name))
    wanted = dataclasses.replace(
        made.resources,
        cpu_milli=draw(st.sampled_from((0, 700, 1000, 1500, 2300))),
        memory_bytes=draw(st.sampled_from((0, 40, 90, 130))),
    )
    placement = dataclasses.replace(made.placement, priority=priority)
    return dataclasses.replace(made, resources=wanted, placement=placement)


wanted = (
    st.sampled_from(PRIORITIES)
    .flatmap(st.permutations)
    .flatmap(lambda each: st.tuples(*map(weighty, NAMES, each)))
)


@given(fleets_of_all, wanted, arounds)
@MANY
def test_room_is_made_where_the_least_has_to_end(nodes, wanted, around):
    both = Both(nodes, wanted, around)
    for load in sorted(wanted, key=lambda one: one.placement.priority):
        both.scale(load.name, load.replicas)
    for load in wanted:
        if any(not reasons(both.plain, load, node) for node in nodes):
            continue  # Nobody has to end.
        found, expected = preemption(both.world, load), slow.best(both.plain, load)
        event(f"found {found is not None}")
        assert (found is None) == (expected is None)
        if found is not None:
            left = both.plain.without(*(one.id for one in found.victims))
            assert not reasons(left, load, both.plain.node(found.node))
            assert slow.Way(found.node, found.victims).worth == expected.worth


small = st.tuples(st.integers(0, 3), st.integers(0, 900), st.integers(0, 90))


@given(
    st.lists(small, min_size=FEW + 1, max_size=FEW + 3),
    st.integers(1, 4000),
    st.integers(0, 400),
    st.integers(0, 4),
)
@MANY
def test_of_many_on_a_node_none_ends_that_could_be_spared(others, cpu, memory, priority):
    box = node("n0", cpus=4, memory=400)
    loads = [
        dataclasses.replace(
            workload(f"w{at}", cpu=own_cpu, memory=own_memory),
            placement=Placement(priority=own_priority),
        )
        for at, (own_priority, own_cpu, own_memory) in enumerate(others)
    ]
    load = dataclasses.replace(
        workload("top", cpu=cpu, memory=memory), placement=Placement(priority=priority)
    )
    both = Both((box,), [*loads, load])
    there = [assigned(one, f"{one.name}-0", "n0", ()) for one in loads]
    for one in there:
        both.columns.reserve(one)
    both.plain = both.plain.having(*there)
    found, expected = preemption(both.world, load), slow.best(both.plain, load)
    assert (found is None) == (expected is None)
    if found is not None:
        ids = [one.id for one in found.victims]
        assert not reasons(both.plain.without(*ids), load, box)
        for spared in ids:
            assert reasons(both.plain.without(*(one for one in ids if one != spared)), load, box)
        assert max(one.priority for one in found.victims) == expected.worth[0]

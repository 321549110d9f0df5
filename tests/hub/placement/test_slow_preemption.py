"""Who has to end so that what is more important finds a place, against trying every set."""

import dataclasses

from hypothesis import event, given
from hypothesis import strategies as st
from tests.hub.placement.boxes import node, workload
from tests.hub.placement.slow import preemption as slow
from tests.hub.placement.slow.fleet import assigned
from tests.hub.placement.slow.reasons import reasons
from tests.hub.placement.slow_around import NOTHING
from tests.hub.placement.slow_both import Both
from tests.hub.placement.slow_cases import MANY, loads, often, seldom
from tests.hub.placement.slow_documents import arounds, fleets_of_all, loads_of_all

from skerry_hub.placement.preemption import FEW, preemption
from skerry_hub.terms import Placement

LESSER = ("a", "b", "c")
sizes = st.tuples(st.sampled_from((0, 400, 900, 1400, 2100)), st.sampled_from((0, 40, 90, 150)))
plain_nodes = st.sampled_from((1, 2, 2, 3)).flatmap(
    lambda count: st.tuples(
        *(
            st.builds(
                node,
                st.just(f"n{at}"),
                cpus=st.sampled_from((2, 4, 4)),
                memory=st.sampled_from((200, 400)),
                labels=st.sampled_from(({}, {"site": "quay"})),
            )
            for at in range(count)
        )
    )
)


@st.composite
def weighty(draw, name, priorities, replicas):
    """Return a workload that takes much of a node, and mostly asks for nothing else."""
    made = workload(name, mode="global" if draw(seldom) and draw(seldom) else "replicated")
    if draw(seldom):
        made = draw(loads(name) if draw(often) else loads_of_all(name))
    cpu_milli, memory_bytes = draw(sizes)
    wanted = dataclasses.replace(made.resources, cpu_milli=cpu_milli, memory_bytes=memory_bytes)
    return dataclasses.replace(
        made,
        replicas=draw(st.sampled_from(replicas)),
        resources=wanted,
        placement=dataclasses.replace(made.placement, priority=draw(st.sampled_from(priorities))),
    )


crowds = st.tuples(
    *(weighty(name, (0, 0, 3, 5), (1, 2, 3)) for name in LESSER), weighty("top", (3, 5, 9), (4, 9))
)


@given(
    st.one_of(plain_nodes, plain_nodes, fleets_of_all), crowds, st.one_of(st.just(NOTHING), arounds)
)
@MANY
def test_room_is_made_where_the_least_has_to_end(nodes, wanted, around):
    both = Both(nodes, wanted, around)
    for load in wanted:
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
            worth = slow.Way(found.node, found.victims).worth
            # Of many on one node not every set is looked at: what ends may be one too many.
            many = any(len(both.plain.on(node)) > FEW for node in nodes)
            assert worth[0] == expected.worth[0] if many else worth == expected.worth


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


def test_two_unimportant_ones_end_and_not_one_that_is_more_important():
    boxes = (node("n0", cpus=2), node("n1", cpus=2))
    ask = {"n0": (5, 2000, 1), "n1": (0, 1000, 2)}
    loads = [
        dataclasses.replace(
            workload(f"on-{name}", cpu=cpu, replicas=count, constraints=[f"node.id == {name}"]),
            placement=Placement(priority=priority),
        )
        for name, (priority, cpu, count) in ask.items()
    ]
    top = dataclasses.replace(workload("top", cpu=2000), placement=Placement(priority=9))
    both = Both(boxes, [*loads, top])
    for load in loads:
        both.scale(load.name, load.replicas)
    found = preemption(both.world, top)
    assert [one.id for one in found.victims] == ["on-n1-0", "on-n1-1"]
    assert slow.best(both.plain, top).worth == (0, 2, "n1")

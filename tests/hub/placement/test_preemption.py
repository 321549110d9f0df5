"""Whose instances would have to end: the least, the least important, and nothing else changes."""

import dataclasses
import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.placement.boxes import (
    GIB,
    accelerator,
    assignment,
    fleet,
    gpus,
    node,
    seen,
    workload,
)

from skerry_hub.documents import Policy, Quota
from skerry_hub.model import Hold, Liveness
from skerry_hub.placement.preemption import MOST_TRIED, preemption
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.session import Session
from skerry_hub.placement.world import World
from skerry_hub.terms import Affinity, Placement


def important(priority=10, *, name="shop-web", never=False, affinity=(), **more):
    placement = Placement(
        priority=priority,
        preemption="Never" if never else "LowerPriority",
        affinity=tuple(affinity),
    )
    return dataclasses.replace(workload(name, **more), placement=placement)


def there(name, where, priority, **more):
    held = more.pop("held", ())
    return assignment(f"{name}-0", where, of=workload(name, **more), priority=priority, held=held)


def victims(columns, load, **more):
    """Return the node and the ids, None where nothing helps; nothing must change by asking."""
    before = seen(columns)
    found = preemption(World(columns, **more), load)
    assert seen(columns) == before
    return None if found is None else (found.node, [one.id for one in found.victims])


@pytest.mark.parametrize(
    ("priority", "expected"),
    [(4, None), (5, None), (6, ("a", ["x-0"]))],
)
def test_only_what_is_less_important_ends(priority, expected):
    columns = fleet(node("a"), reserved=[there("x", "a", 5, cpu=4000)])
    assert victims(columns, important(priority, cpu=1000)) == expected


def test_who_never_preempts_ends_nothing():
    columns = fleet(node("a"), reserved=[there("x", "a", 5, cpu=4000)])
    assert victims(columns, important(cpu=1000, never=True)) is None


def test_instances_of_its_own_never_end():
    columns = fleet(node("a"), reserved=[there("shop-web", "a", 1, cpu=4000)])
    assert victims(columns, important(cpu=1000)) is None


def test_nothing_ends_where_there_is_room_or_where_it_would_not_help():
    columns = fleet(node("a"), reserved=[there("x", "a", 1, cpu=1000)])
    assert victims(columns, important(cpu=3000)) is None
    assert victims(columns, important(cpu=5000)) is None
    lost = fleet(node("a", liveness=Liveness.LOST), reserved=[there("x", "a", 1, cpu=4000)])
    assert victims(lost, important(cpu=1000)) is None


def test_the_most_important_are_spared_first_and_no_more_end_than_must():
    columns = fleet(
        node("a"),
        reserved=[there(f"x{p}", "a", p, cpu=1000) for p in (4, 1, 3, 2)],
    )
    assert victims(columns, important(cpu=1000)) == ("a", ["x1-0"])
    assert victims(columns, important(cpu=2000)) == ("a", ["x1-0", "x2-0"])
    assert victims(columns, important(3, cpu=2000)) == ("a", ["x1-0", "x2-0"])
    assert victims(columns, important(3, cpu=3000)) is None


def test_one_that_is_large_enough_ends_and_not_small_ones_too():
    columns = fleet(
        node("a"), reserved=[there("small", "a", 1, cpu=1000), there("large", "a", 2, cpu=3000)]
    )
    assert victims(columns, important(cpu=3000)) == ("a", ["large-0"])


def test_of_several_nodes_the_least_important_then_the_fewest_then_the_smallest_id():
    by_priority = fleet(
        node("a"),
        node("b"),
        reserved=[
            there("x", "a", 5, cpu=4000),
            *(there(f"y{i}", "b", 4, cpu=1000) for i in range(4)),
        ],
    )
    assert victims(by_priority, important(cpu=4000))[0] == "b"
    by_count = fleet(
        node("a"),
        node("b"),
        reserved=[
            *(there(f"y{i}", "a", 4, cpu=2000) for i in range(2)),
            there("x", "b", 4, cpu=4000),
        ],
    )
    assert victims(by_count, important(cpu=4000)) == ("b", ["x-0"])
    equal = fleet(
        node("b"), node("a"), reserved=[there("x", "a", 4, cpu=4000), there("y", "b", 4, cpu=4000)]
    )
    assert victims(equal, important(cpu=4000)) == ("a", ["x-0"])


def test_devices_and_ports_are_freed_too():
    columns = fleet(
        node("a", accelerators=[accelerator("1"), accelerator("2")]),
        reserved=[
            there("one", "a", 1, held=(Hold(device="gpu/1"),)),
            there("two", "a", 2, held=(Hold(device="gpu/2"),)),
            there("web", "a", 3, ports=("tcp/80",)),
        ],
    )
    assert victims(columns, important(accelerators=[gpus()])) == ("a", ["one-0"])
    assert victims(columns, important(accelerators=[gpus(2)])) == ("a", ["one-0", "two-0"])
    assert victims(columns, important(ports=("tcp/80",))) == ("a", ["web-0"])
    assert victims(columns, important(3, ports=("tcp/80",))) is None


def test_what_must_not_be_beside_it_ends():
    apart = (Affinity(workload="x", anti=True),)
    columns = fleet(node("a"), reserved=[there("x", "a", 1), there("y", "a", 1)])
    assert victims(columns, important(affinity=apart)) == ("a", ["x-0"])


def test_a_quota_that_is_used_up_is_made_room_in():
    columns = fleet(node("a"), reserved=[there("x", "a", 1), there("y", "a", 1)])
    rules = rules_of([Policy(name="p", projects=("shop",), quota=Quota(instances=2))], 1)
    known = {one.name: one for one in (workload("x"), workload("y"))}
    found = victims(columns, important(), rules=rules, workloads=known)
    assert found == ("a", ["y-0"])


def test_a_policy_is_never_broken_for_importance():
    columns = fleet(node("a"), reserved=[there("x", "a", 1, cpu=4000)])
    rules = rules_of([Policy(name="p", max_priority=5)], 1)
    assert victims(columns, important(6, cpu=1000), rules=rules) is None
    assert victims(columns, important(5, cpu=1000), rules=rules) == ("a", ["x-0"])


# --- against all ways -------------------------------------------------------------------------

PLACED = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(0, 4),
        st.sampled_from([0, 500, 1000, 2500]),
        st.sampled_from([0, GIB, 3 * GIB]),
        st.sampled_from([(), (), ("tcp/80",)]),
        st.sampled_from([(), (), ("1",), ("2",)]),
    ),
    max_size=7,
)


@given(
    PLACED,
    st.integers(0, 4),
    st.sampled_from([0, 1000, 3500]),
    st.sampled_from([0, 2 * GIB]),
    st.sampled_from([(), ("tcp/80",)]),
    st.integers(0, 2),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_other_way_ends_less_important_instances(placed, priority, cpu, memory, ports, devices):
    columns = fleet(
        *(node(name, accelerators=[accelerator("1"), accelerator("2")]) for name in "ab")
    )
    taken = set()
    for number, (at, worth, wanted, bytes_, asked, holds) in enumerate(placed):
        name = "ab"[at]
        unique = tuple(one for one in (*asked, *holds) if (name, one) not in taken)
        taken |= {(name, one) for one in unique}
        columns.reserve(
            there(
                f"x{number}",
                name,
                worth,
                cpu=wanted,
                memory=bytes_,
                ports=tuple(one for one in asked if one in unique),
                held=tuple(Hold(device=f"gpu/{one}") for one in holds if one in unique),
            )
        )
    load = important(
        priority,
        cpu=cpu,
        memory=memory,
        ports=ports,
        accelerators=[gpus(devices)] if devices else (),
    )
    world = World(columns)
    if Session(world, load, "").best() is not None:
        return
    best = None
    for name in "ab":
        lesser = [one for one in columns.assigned(name) if one.priority < priority]
        for count in range(1, len(lesser) + 1):
            for some in itertools.combinations(lesser, count):
                with columns.trial():
                    for one in some:
                        columns.release(one)
                    helps = Session(world, load, "").takes(columns.row(name))
                if helps:
                    most = max(one.priority for one in some)
                    best = most if best is None else min(best, most)
    found = preemption(world, load)
    assert (found is None) == (best is None)
    if found is None:
        return
    assert max(one.priority for one in found.victims) == best
    assert {one.node for one in found.victims} == {found.node}
    row = columns.row(found.node)
    for spared in (None, *found.victims):
        with columns.trial():
            for one in found.victims:
                if one is not spared:
                    columns.release(one)
            assert Session(world, load, "").takes(row) == (spared is None)


def test_nodes_that_lack_the_device_take_no_place_among_those_that_are_tried():
    small = dataclasses.replace(workload(name="low", cpu=1), placement=Placement(priority=-5))
    gpu = dataclasses.replace(
        workload(name="g", accelerators=[gpus()]), placement=Placement(priority=-5)
    )
    boxes = [node(f"n{i:03}") for i in range(MOST_TRIED + 5)]
    held = [assignment(f"low-{i}", one.id, of=small, priority=-5) for i, one in enumerate(boxes)]
    last = node("z", accelerators=[accelerator("1")])
    taken = Hold(device="gpu/1")
    columns = fleet(
        *boxes,
        last,
        reserved=[
            *held,
            assignment("low-900", "z", of=small, priority=-5),
            assignment("g-0", "z", of=gpu, held=(taken,), priority=-5),
        ],
    )
    found = preemption(World(columns), workload(accelerators=[gpus()]))
    assert (found.node, [one.id for one in found.victims]) == ("z", ["g-0"])

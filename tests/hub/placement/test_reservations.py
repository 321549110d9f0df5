"""Reservations: room that is kept for some, counted once, for a time."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.placement.boxes import (
    GIB,
    assignment,
    explain,
    fleet,
    node,
    place,
    steps,
    where,
    workload,
)

from skerry_hub.documents import Reservation
from skerry_hub.fleet.facts import Resource
from skerry_hub.placement.reservations import FEW, is_on, unreserved_of
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.world import World


def labelled(name, labels, **more):
    return dataclasses.replace(workload(name, **more), labels=labels)


def batch(name="shop-batch", **more):
    return labelled(name, {"tier": "batch"}, **more)


def room(name="room", selector="tier=batch", **more):
    return Reservation(name=name, selector=selector, **more)


def unplaced(columns, load, *reservations, now=0.0, users=()):
    decision = place(
        columns,
        load,
        [],
        keep=False,
        rules=rules_of(reservations, 1),
        now=now,
        workloads={one.name: one for one in users},
    )
    return decision.unplaced


@pytest.mark.parametrize(
    ("wanted", "kept", "expected"),
    [
        ({"cpu": 2000}, {"cpu_milli": 2000}, 0),
        ({"cpu": 2001}, {"cpu_milli": 2000}, 1),
        ({"memory": GIB}, {"memory_bytes": 3 * GIB}, 0),
        ({"memory": GIB + 1}, {"memory_bytes": 3 * GIB}, 1),
        ({"storage": 2 * GIB}, {"storage_bytes": 30 * GIB}, 0),
        ({"storage": 2 * GIB + 1}, {"storage_bytes": 30 * GIB}, 1),
        ({"cpu": 4000}, {"memory_bytes": 4 * GIB}, 0),
        ({}, {"cpu_milli": 9000}, 0),
    ],
)
def test_others_are_placed_only_beside_what_is_reserved(wanted, kept, expected):
    assert unplaced(fleet(node("a")), workload(**wanted), room(**kept)) == expected


def test_the_selected_use_the_room():
    one = room(cpu_milli=4000)
    assert unplaced(fleet(node("a")), workload(cpu=100), one) == 1
    assert unplaced(fleet(node("a")), batch(cpu=4000), one) == 0


def test_what_is_used_of_it_is_not_kept_twice():
    columns = fleet(node("a"))
    user = batch(cpu=1500)
    columns.reserve(assignment("shop-batch-0", "a", of=user))
    one = room(cpu_milli=2000)
    # 2500 are free, and 500 of the 2000 are not used yet.
    assert unplaced(columns, workload(cpu=2000), one, users=[user]) == 0
    assert unplaced(columns, workload(cpu=2001), one, users=[user]) == 1
    # More than the room is others' business no more.
    columns.reserve(assignment("shop-batch-1", "a", of=user))
    assert unplaced(columns, workload(cpu=1000), one, users=[user]) == 0
    columns.release(assignment("shop-batch-0", "a", of=user))
    columns.release(assignment("shop-batch-1", "a", of=user))
    assert unplaced(columns, workload(cpu=2001), one, users=[user]) == 1


def test_reservations_for_different_workloads_add_up():
    columns = fleet(node("a"))
    both = room(cpu_milli=1500), room("other", "tier=night", cpu_milli=1500)
    assert unplaced(columns, workload(cpu=1000), *both) == 0
    assert unplaced(columns, workload(cpu=1001), *both) == 1
    # Who may use one of them is held off from the other alone.
    assert unplaced(columns, batch(cpu=2500), *both) == 0
    assert unplaced(columns, batch(cpu=2501), *both) == 1


def test_one_instance_fills_no_two_reservations():
    columns = fleet(node("a"))
    user = batch(cpu=1000)
    columns.reserve(assignment("shop-batch-0", "a", of=user))
    both = room(cpu_milli=1000), room("second", cpu_milli=1000)
    assert unplaced(columns, workload(cpu=2000), *both, users=[user]) == 0
    assert unplaced(columns, workload(cpu=2001), *both, users=[user]) == 1


def test_only_named_nodes_keep_room():
    columns = fleet(node("a", labels={"site": "quay"}), node("b"))
    one = room(nodes=("node.labels.site == quay",), cpu_milli=4000)
    decision = place(columns, workload(cpu=100), [], keep=False, rules=rules_of([one], 1))
    assert where(decision) == {"shop-web-0": "b"}
    odd = room(nodes=("what?",), cpu_milli=4000)
    assert unplaced(columns, workload(cpu=4000, replicas=2), odd) == 0


@pytest.mark.parametrize(
    ("start", "end", "now", "on"),
    [
        (0.0, None, 0.0, True),
        (10.0, None, 9.9, False),
        (10.0, None, 10.0, True),
        (10.0, 20.0, 19.9, True),
        (10.0, 20.0, 20.0, False),
        (0.0, 0.0, 5.0, False),
    ],
)
def test_room_is_kept_from_the_start_until_the_end(start, end, now, on):
    one = room(cpu_milli=4000, start=start, end=end)
    assert is_on(one, now) == on
    assert unplaced(fleet(node("a")), workload(cpu=100), one, now=now) == int(on)


@pytest.mark.parametrize("keep", [True, False])
def test_who_holds_the_room_already_keeps_it(keep):
    columns = fleet(node("a"), node("b"))
    load = workload(cpu=3000)
    there = assignment("shop-web-0", "a", of=load)
    columns.reserve(there)
    rules = rules_of([room(cpu_milli=4000)], 1)
    decision = place(columns, load, [there], keep=keep, rules=rules)
    assert (steps(decision), where(decision)) == ([], {"shop-web-0": "a"})


def test_a_reason_says_what_is_kept_and_what_is_left():
    columns = fleet(node("a"))
    rules = rules_of([room(cpu_milli=2500), room("more", "tier=night", cpu_milli=500)], 1)
    told = explain(columns, workload(cpu=2000, replicas=2), [], rules=rules)
    assert told.blocked == {"reservation more, room": 1}
    (reason,) = told.verdicts[0].reasons
    assert reason.text == "cpu 3 kept for others: 1 left < 2"


def test_nothing_is_left_where_more_is_kept_than_there_is():
    told = explain(
        fleet(node("a")), workload(memory=GIB), [], rules=rules_of([room(memory_bytes=9 * GIB)], 1)
    )
    assert told.verdicts[0].reasons[0].text == "memory 9 GiB kept for others: 0 B left < 1 GiB"


# --- against a plain computation --------------------------------------------------------------

LABELS = st.sampled_from([{}, {"tier": "batch"}, {"tier": "night"}, {"tier": "batch", "x": "1"}])
ROOMS = st.builds(
    lambda selector, nodes, cpu: (selector, nodes, cpu),
    st.sampled_from(["tier=batch", "tier=night", "x=1"]),
    st.sampled_from([(), ("node.id == n1",), ("node.labels.site == quay",)]),
    st.integers(1, 4000),
)
USERS = st.lists(st.tuples(LABELS, st.integers(0, 3), st.integers(0, 1500)), max_size=6)


def plainly(columns, load, rooms, users, row):
    """Say whether a row has the processors for one more, reservation by reservation.

    What is short where nothing is reserved for others is another constraint's business.
    """
    facts = columns.facts(row)
    rest = {
        name: sum(
            one.resources.cpu_milli for one in columns.assigned(facts.id) if one.workload == name
        )
        for name in users
    }
    kept, is_meant = 0, False
    for one in sorted(rooms, key=lambda room: room.name):
        key, value = one.selector.split("=")
        if load.labels.get(key) == value:
            continue
        site = {**facts.own_labels, **facts.hub_labels}.get("site")
        meant = {(): True, ("node.id == n1",): facts.id == "n1"}
        if not meant.get(one.nodes, site == "quay"):
            continue
        missing, is_meant = one.cpu_milli, True
        for name in sorted(users):
            if users[name].labels.get(key) == value:
                filled = min(missing, rest[name])
                missing, rest[name] = missing - filled, rest[name] - filled
        kept += missing
    return not is_meant or columns.free_on(Resource.CPU, row) - kept >= load.resources.cpu_milli


@given(st.lists(ROOMS, min_size=1, max_size=3), USERS, LABELS, st.integers(1, 4000), st.booleans())
@settings(max_examples=200, deadline=None)
def test_what_is_left_is_what_a_plain_computation_says(rooms, used, labels, cpu, large):
    names = [f"n{number}" for number in range(FEW + 4 if large else 4)]
    columns = fleet(*(node(name, labels={"site": "quay"} if name > "n1" else {}) for name in names))
    users = {}
    for number, (own, there, amount) in enumerate(used):
        one = labelled(f"u{number}", own, cpu=amount)
        users[one.name] = one
        for index in range(1 + amount % 3):
            columns.reserve(assignment(f"u{number}-{index}", f"n{there}", of=one))
    kept = [
        Reservation(name=f"r{number}", selector=selector, nodes=nodes, cpu_milli=amount)
        for number, (selector, nodes, amount) in enumerate(rooms)
    ]
    load = labelled("shop-web", labels, cpu=cpu)
    world = World(columns, workloads=users, rules=rules_of(kept, 1))
    needs = unreserved_of(world, load)
    rows = columns.rows()
    for at, row in enumerate(rows.tolist()):
        expected = plainly(columns, load, kept, users, row)
        assert all(need.mask(columns, rows)[at] for need in needs) == expected
        assert all(need.mask(columns, rows[at : at + 1])[0] for need in needs) == expected
        assert expected == (not any(list(need.refusals(columns, row)) for need in needs))

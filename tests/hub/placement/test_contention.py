"""Contention against a plain computation, and what it makes of placements."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.placement.boxes import GIB, assignment, fleet, node, place, where, workload

from skerry_hub.fleet.facts import Resource
from skerry_hub.placement.contention import (
    FIRST_HOLD_S,
    MOST_CLASSES,
    MOST_NODES,
    THETA,
    Contention,
    Uncontended,
    decay,
)
from skerry_hub.placement.points import SCALE
from skerry_hub.terms import Placement

PACK = Placement(strategy="pack")


def boxes(*cpus):
    return fleet(*(node(name, cpus=count) for name, count in zip("abcdef", cpus, strict=False)))


@given(st.floats(0, 40))
def test_decay_is_the_exponential_to_four_digits(x):
    assert float(decay(np.array([x]))[0]) == pytest.approx(math.exp(-x), rel=1e-4)


def test_decay_ends_at_forty_and_never_rises():
    xs = np.linspace(0, 50, 2000)
    found = decay(xs)
    assert (np.diff(found) <= 0).all()
    assert found[0] == 1.0
    assert found[-1] > 0


def test_nothing_presses_before_anything_was_asked():
    columns = boxes(4, 4)
    contention = Contention(columns)
    assert contention.pressure(workload(cpu=1000), columns.rows(), 0.0).tolist() == [0.0, 0.0]
    assert contention.rate(0.0) == 0.0


def test_the_rate_is_of_those_that_came_while_one_is_there():
    columns = boxes(4)
    contention = Contention(columns)
    load = workload(cpu=1000)
    for moment in (0.0, 1000.0, 2000.0, 2500.0):
        contention.observe(load, columns.ids(), moment)
    assert contention.rate(2500.0) == 3 / 4  # that at 0 is half an hour ago
    assert contention.rate(1000.0 + FIRST_HOLD_S) == 2 / 4
    contention.ended(100.0)
    contention.ended(700.0)
    assert contention.rate(2900.0) == 0.0 / 4
    contention.observe(load, columns.ids(), 3000.0)
    assert contention.rate(3399.0) == 1 / 5
    assert contention.rate(3400.0) == 0.0


def test_what_may_be_on_many_nodes_or_on_none_is_no_class():
    columns = boxes(4, 4)
    contention = Contention(columns)
    contention.observe(workload(cpu=1000), [], 0.0)
    contention.observe(workload(cpu=1000), [f"n{number}" for number in range(MOST_NODES + 1)], 0.0)
    assert contention.pressure(workload(cpu=1000), columns.rows(), 0.0).tolist() == [0.0, 0.0]
    contention.observe(workload(cpu=1000), columns.ids(), 0.0)
    assert (contention.pressure(workload(cpu=1000), columns.rows(), 0.0) > 0).all()


def test_no_more_classes_are_kept_than_there_is_room_for():
    columns = boxes(4, 4)
    contention = Contention(columns)
    for number in range(MOST_CLASSES + 5):
        contention.observe(workload(cpu=1000), ["a", f"n{number}"], 0.0)
    assert len(contention._classes) == MOST_CLASSES


# --- plainly ----------------------------------------------------------------------------------


def plain_room(columns, name, typical, less=(0, 0, 0)):
    row = columns.row(name)
    parts = [
        (columns.free_on(resource, row) - less[resource]) / typical[resource]
        for resource in Resource
        if typical[resource] > 0
    ]
    return max(0.0, min(parts)) if parts else 0.0


def plain_pressure(columns, seen, load, name, rate):
    """Return the pressure on one node: over its classes, how much likelier it is to find none."""
    amounts = [
        (one.resources.cpu_milli, one.resources.memory_bytes, one.resources.storage_bytes)
        for one, _ in seen
    ]
    typical = [sum(column) / len(seen) for column in zip(*amounts, strict=True)]
    less = (load.resources.cpu_milli, load.resources.memory_bytes, load.resources.storage_bytes)
    lost = plain_room(columns, name, typical) - plain_room(columns, name, typical, less)
    found = 0.0
    for _, members in seen:
        if name in members:
            left = sum(plain_room(columns, member, typical) for member in members)
            found += math.exp(-min(left / THETA, 40.0)) * (math.exp(min(lost / THETA, 40.0)) - 1.0)
    return rate * found


LOADS = st.builds(
    lambda cpu, memory: workload(cpu=cpu, memory=memory),
    st.sampled_from([0, 500, 1000, 3000]),
    st.sampled_from([0, GIB, 2 * GIB]),
)


@given(
    st.lists(st.sampled_from([1, 4, 8]), min_size=1, max_size=5),
    st.lists(
        st.tuples(LOADS, st.sets(st.integers(0, 4), min_size=1, max_size=3)), min_size=1, max_size=6
    ),
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from([500, 2000])), max_size=4),
    LOADS,
)
@settings(max_examples=150, deadline=None)
def test_pressure_is_what_a_plain_computation_says(cpus, seen, used, load):
    columns = boxes(*cpus)
    names = columns.ids()
    asked = [
        (one, sorted({names[number % len(names)] for number in members})) for one, members in seen
    ]
    contention = Contention(columns)
    for one, members in asked:
        contention.pressure(load, columns.rows(), 10.0)  # what is kept must follow
        contention.observe(one, members, 10.0)
    for number, (at, cpu) in enumerate(used):
        columns.reserve(
            assignment(f"x-{number}", names[at % len(names)], of=workload("x", cpu=cpu))
        )
    found = contention.pressure(load, columns.rows(), 10.0).tolist()
    expected = [plain_pressure(columns, asked, load, name, 1.0) for name in names]
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-9)


def test_points_fall_with_the_pressure_and_end_at_none():
    columns = boxes(4, 4, 1)
    contention = Contention(columns)
    for _ in range(40):
        contention.observe(workload(cpu=1000), "c", 0.0)
    load = workload(cpu=1000)
    score = Uncontended(contention, load, 0.0)
    points = score.of(columns, columns.rows()).tolist()
    assert points == [SCALE, SCALE, 0]


def test_an_instance_leaves_the_room_that_few_others_have():
    """Whoever may be anywhere leaves the node that others depend on, though it is as good."""
    columns = boxes(4, 4)
    anywhere = dataclasses.replace(workload(cpu=1000), placement=PACK)
    contention = Contention(columns)
    before = place(columns, anywhere, [], keep=False, contention=contention)
    assert where(before) == {"shop-web-0": "a"}
    for _ in range(5):
        contention.observe(workload(cpu=2000), "a", 0.0)
    after = place(columns, anywhere, [], keep=False, contention=contention)
    assert where(after) == {"shop-web-0": "b"}
    spread = dataclasses.replace(anywhere, placement=Placement(strategy="spread"))
    assert where(place(columns, spread, [], keep=False, contention=contention)) == {
        "shop-web-0": "a"
    }


def test_a_class_follows_its_nodes_and_not_their_rows():
    """A node that is forgotten leaves its row to the next one, which is nothing of the class."""
    columns = boxes(4, 4)
    contention = Contention(columns)
    for _ in range(5):
        contention.observe(workload(cpu=2000), "b", 0.0)
    row = columns.row("b")
    columns.remove("b")
    assert contention.pressure(workload(cpu=1000), columns.rows(), 0.0).tolist() == [0.0]
    columns.put(node("z", cpus=4))
    assert columns.row("z") == row
    assert contention.pressure(workload(cpu=1000), columns.rows(), 0.0).tolist() == [0.0, 0.0]
    columns.put(node("b", cpus=4))
    pressed = contention.pressure(workload(cpu=1000), columns.rows(), 0.0)
    assert (pressed > 0).tolist() == [False, True, False]  # a, b, z

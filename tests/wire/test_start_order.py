"""The order of start that would never be through: the words of whoever refuses it."""

import pytest

from skerry_wire.lifecycle import After
from skerry_wire.start_order import left_over, wrong_order
from skerry_wire.workload import Container, HealthCheck

CHECK = HealthCheck(command=("true",))


def box(name, *others, **fields):
    """Return a container that starts after others, each `name` or `name:condition`."""
    told = (one.partition(":") for one in others)
    after = tuple(After(container=name, condition=how or "started") for name, _, how in told)
    return Container(name=name, image="x", after=after, **fields)


@pytest.mark.parametrize(
    ("containers", "wrong"),
    [
        ([box("a"), box("b", "a"), box("c", "a", "b")], []),
        ([box("a", "b:healthy"), box("b", health=CHECK)], []),
        ([box("a", "b:completed"), box("b", restart="no")], []),
        ([box("a", "b")], [(0, "b", "is not a container of the same workload")]),
        ([box("a", "a")], [(0, "a", "is the container itself")]),
        ([box("a", "b:healthy"), box("b")], [(0, "b", "has no health check that could say so")]),
        ([box("a", "b:completed"), box("b")], [(0, "b", "never completes: it needs restart: no")]),
    ],
)
def test_what_never_comes_is_said(containers, wrong):
    assert list(wrong_order(containers)) == wrong


def test_a_circle_of_any_length_is_found_and_who_waits_behind_it_is_not_in_it():
    circle = [box("a", "c"), box("b", "a"), box("c", "b"), box("d", "a")]
    assert list(wrong_order(circle)) == [
        (0, "c", "waits, in turn, for a"),
        (1, "a", "waits, in turn, for b"),
        (2, "b", "waits, in turn, for c"),
    ]
    assert [one.name for one in left_over(circle)] == ["a", "b", "c", "d"]
    assert left_over([box("a", "b"), box("b")]) == []

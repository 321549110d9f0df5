"""Names that a power cut left in storage: which of them are freed."""

import pytest
from tests.executor.orders import container, instance

from skerry_executor.leftovers import LEAST_AGE_S, MOST_AT_ONCE, Leftover, ours, removable
from skerry_executor.runtimes import storage_only

MADE = "2026-11-29T06:02:07.301765463Z"
MADE_AT = 1_795_932_127.301765


def left(name, age_s=LEAST_AGE_S):
    return Leftover(id=f"id-{name}", name=name, age_s=age_s)


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [
        ("skerry-shop-web-1-web", True),
        ("skerry-shop-web-0-web", False),  # wanted: it is made anew
        ("skerry-shop-web-0-log", True),  # of an instance that is wanted, and has no such any more
        ("skerry-", False),
        ("skerry", False),
        ("skerry-Shop", False),
        ("my-skerry-shop-web-1-web", False),
        ("alpine-working-container", False),
        ("", False),
    ],
)
def test_those_with_a_name_of_ours_that_nothing_wants(name, is_ours):
    wanted = [instance("shop-web-0", containers=[container("web")])]
    assert bool(ours([left(name)], wanted)) is is_ours


@pytest.mark.parametrize("age_s", [-40_000_000.0, -1.0, 0.0, LEAST_AGE_S - 1])
def test_what_may_be_in_the_making_stays(age_s):
    assert removable([left("skerry-x", age_s)]) == []


def test_no_more_than_a_few_go_at_once():
    assert len(removable([left(f"skerry-{at}") for at in range(100)])) == MOST_AT_ONCE


def listed(**changes):
    return {"Id": "a", "Names": ["skerry-x"], "Created": MADE, "State": "storage", **changes}


def test_what_podman_lists_of_its_storage_is_read():
    (found,) = storage_only.parse([listed(), listed(State="running")], MADE_AT + 90)
    assert (found.id, found.name, round(found.age_s, 3)) == ("a", "skerry-x", 90.0)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {},
        listed(Names=None),
        listed(Names=["a", "b"]),
        listed(Id=None),
        listed(Created=5),
        listed(Created="yesterday"),
        listed(Created="0001-01-01T00:00:00Z-"),
    ],
)
def test_what_cannot_be_read_is_left_alone(entry):
    assert storage_only.parse([entry], MADE_AT) == ()

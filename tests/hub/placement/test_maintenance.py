"""Times of maintenance: when they are, what they keep away, and what stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.placement.boxes import (
    assignment,
    explain,
    fleet,
    node,
    place,
    steps,
    where,
    workload,
)

from skerry_hub.documents import Window
from skerry_hub.placement.maintenance import maintenance_of, open_until
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.world import World

HOUR, DAY, WEEK = 3600.0, 86_400.0, 604_800.0
START = 1_000_000.0


def window(repeats="", duration_s=4 * HOUR, **more):
    return Window(name="w", start=START, duration_s=duration_s, repeats=repeats, **more)


@pytest.mark.parametrize(
    ("repeats", "since", "end"),
    [
        ("", -0.5, None),
        ("", 0.0, 4 * HOUR),
        ("", 4 * HOUR - 0.5, 4 * HOUR),
        ("", 4 * HOUR, None),
        ("", DAY, None),
        ("daily", -DAY + 1.0, None),
        ("daily", -0.5, None),
        ("daily", 0.0, 4 * HOUR),
        ("daily", 4 * HOUR, None),
        ("daily", DAY - 0.5, None),
        ("daily", DAY, DAY + 4 * HOUR),
        ("daily", 3 * DAY + HOUR, 3 * DAY + 4 * HOUR),
        ("weekly", DAY, None),
        ("weekly", WEEK - 0.5, None),
        ("weekly", WEEK, WEEK + 4 * HOUR),
        ("weekly", 500 * WEEK + 4 * HOUR - 0.5, 500 * WEEK + 4 * HOUR),
        ("weekly", 500 * WEEK + 4 * HOUR, None),
    ],
)
def test_a_window_is_open_from_its_start_until_just_before_its_end(repeats, since, end):
    found = open_until(window(repeats), START + since)
    assert found == (None if end is None else START + end)


@given(st.sampled_from(["", "daily", "weekly"]), st.floats(1, 86_399), st.floats(0, 4e9))
def test_the_end_is_after_now_and_no_farther_than_the_window_is_long(repeats, duration_s, now):
    one = window(repeats, duration_s)
    end = open_until(one, now)
    if end is None:
        return
    assert now < end <= now + duration_s + 1e-3
    # It is the same end whenever it is asked for while the window is open.
    assert open_until(one, (now + end) / 2) in (end, None)
    assert open_until(one, end) is None


COLUMNS = (node("a", labels={"site": "quay"}), node("b"))
QUAY = ("node.labels.site == quay",)


def test_nothing_new_comes_meanwhile_and_the_reason_says_until_when():
    rules = rules_of([window(nodes=QUAY, reason="firmware")], 1)
    columns = fleet(*COLUMNS)
    load = workload(replicas=2)
    told = explain(columns, load, [], rules=rules, now=START)
    assert (told.feasible, told.blocked) == (1, {"maintenance w": 1})
    (reason,) = told.verdicts[1].reasons
    assert reason.constraint == "maintenance w"
    assert reason.text == "is maintained until 1970-01-12 17:46 UTC: firmware"
    decision = place(columns, load, [], keep=False, rules=rules, now=START)
    assert set(where(decision).values()) == {"b"}
    later = place(columns, load, [], keep=False, rules=rules, now=START + 4 * HOUR)
    assert set(where(later).values()) == {"a", "b"}


@pytest.mark.parametrize("keep", [True, False])
def test_what_is_there_stays(keep):
    columns = fleet(*COLUMNS)
    there = assignment("shop-web-0", "a")
    columns.reserve(there)
    rules = rules_of([window(nodes=QUAY)], 1)
    decision = place(columns, workload(), [there], keep=keep, rules=rules, now=START)
    assert (steps(decision), where(decision)) == ([], {"shop-web-0": "a"})


def test_only_windows_that_are_open_are_constraints_and_one_without_nodes_is_of_all():
    closed = Window(name="later", start=START + DAY, duration_s=HOUR)
    rules = rules_of([window(), closed], 1)
    world = World(fleet(*COLUMNS), rules=rules, now=START)
    assert [one.name for one in maintenance_of(world)] == ["maintenance w"]
    decision = place(world.columns, workload(), [], keep=False, rules=rules, now=START)
    assert decision.unplaced == 1


def test_a_time_of_maintenance_can_be_waited_for():
    told = explain(fleet(*COLUMNS), workload(), [], rules=rules_of([window()], 1), now=START)
    (wait,) = told.relaxations
    assert (told.feasible, wait.cost) == (0, 1.0)
    assert wait.changes == (
        "wait until 1970-01-12 17:47 UTC, when maintenance w of host-a (a) ends",
    )

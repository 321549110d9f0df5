"""Until when a lease lasts, by a clock that is an argument."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry_executor.lease import KILL_MARGIN_S
from skerry_hub.leases import MARGIN_S, Leases, Place, Vacating, latest_end, surely_over_s

AT = 1000.0


def place(node="box-1", lease_s=60.0, since=5000.0):
    return Place(node=node, incarnation="a" * 32, generation=3, since=since, lease_s=lease_s)


def vacating(*places, instance="shop-web-0"):
    return Vacating(instance=instance, workload="shop-web", places=places)


def over(leases, mono_s, *places):
    return list(leases.over([vacating(*places)], mono_s))


def test_a_margin_for_both_clocks_and_for_the_end_itself():
    assert surely_over_s(60) == pytest.approx(70.6)
    assert surely_over_s(7 * 86400) > 7 * 86400 * 1.001


def test_a_killed_executor_has_twice_the_time_that_a_loaded_box_needs_for_the_next():
    measured_s = 5.0
    assert 2 * measured_s <= MARGIN_S + KILL_MARGIN_S


def test_it_has_ended_so_long_after_the_last_answer():
    leases = Leases(0.0)
    leases.granted("box-1", {"shop-web-0": 60.0}, AT)
    assert over(leases, AT + 70, place()) == []
    assert over(leases, AT + 71, place()) == [("shop-web-0", "box-1")]


def test_what_was_never_answered_counts_as_answered_when_the_hub_began():
    leases = Leases(AT)
    assert over(leases, AT + 70, place()) == []
    assert over(leases, AT + 71, place()) == [("shop-web-0", "box-1")]


def test_an_answer_for_less_does_not_shorten_what_was_answered_before():
    leases = Leases(0.0)
    leases.granted("box-1", {"shop-web-0": 600.0}, AT)
    leases.granted("box-1", {"shop-web-0": 15.0}, AT + 1)
    assert over(leases, AT + 100, place(lease_s=15.0)) == []
    assert over(leases, AT + 617, place(lease_s=15.0)) == [("shop-web-0", "box-1")]


def test_an_answer_for_less_does_not_shorten_what_an_earlier_hub_may_have_answered():
    leases = Leases(AT)
    leases.granted("box-1", {"shop-web-0": 15.0}, AT + 1)
    assert over(leases, AT + 60, place()) == []
    assert over(leases, AT + 71, place()) == [("shop-web-0", "box-1")]


def test_an_answer_without_an_instance_does_not_end_it():
    leases = Leases(0.0)
    leases.granted("box-1", {"shop-web-0": 60.0}, AT)
    leases.granted("box-1", {"shop-db-0": 60.0}, AT + 1)
    assert over(leases, AT + 60, place()) == []


def test_without_a_lease_no_time_ends_it():
    assert over(Leases(0.0), 1e9, place(lease_s=None)) == []
    assert latest_end(place(lease_s=None)) is None


def test_each_place_ends_by_itself():
    leases = Leases(0.0)
    leases.granted("box-2", {"shop-web-0": 60.0}, AT)
    both = place("box-1"), place("box-2")
    assert over(leases, AT + 10, *both) == [("shop-web-0", "box-1")]
    assert len(over(leases, AT + 100, *both)) == 2


def test_sweeping_forgets_only_what_is_over():
    leases = Leases(0.0)
    leases.granted("box-1", {"shop-web-0": 60.0, "shop-db-0": 6000.0}, AT)
    leases.sweep(AT + 1000)
    assert leases._ends == {"box-1": {"shop-db-0": pytest.approx(AT + 6070)}}


def test_the_longest_of_other_places_is_told():
    found = vacating(place("box-1"), place("box-2", lease_s=600.0), place("box-3"))
    assert found.elsewhere("box-3").node == "box-2"
    assert found.elsewhere("box-2").node == "box-3"
    assert vacating(place("box-1"), place("box-2", lease_s=None)).elsewhere("x").node == "box-2"
    assert vacating(place("box-1")).elsewhere("box-1") is None
    assert latest_end(place()) == pytest.approx(5070.6)


@given(
    answers=st.lists(st.tuples(st.floats(0, 100), st.sampled_from([15.0, 60.0])), max_size=20),
    rate=st.floats(0.9902, 1.0098),
    started=st.floats(0, 50),
)
def test_no_box_runs_longer_than_the_hub_waits(answers, rate, started):
    """A box counts from before each question, by a clock that is off by less than 1 %."""
    leases, ends_at = Leases(started), started
    for at, lease_s in sorted(answers):
        if at >= started:
            leases.granted("box-1", {"shop-web-0": lease_s}, at)
            ends_at = max(ends_at, at + lease_s / rate)
    assert leases.end("shop-web-0", place(lease_s=15.0)) >= ends_at

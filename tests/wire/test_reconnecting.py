"""How soon boxes come back, in numbers: what a broker is asked for, and what the hub counts on."""

import bisect
import random

import pytest

from skerry_wire import reconnecting as soon


def come_back(nodes, away_s, seed=1):
    """Return when each box connects after a broker's return, and how many attempts a second."""
    chance, ceiling_s = random.Random(seed), soon.ceiling_for(nodes)
    back, attempts = [], []
    for _ in range(nodes):
        at, number = 0.0, 0
        while at <= away_s and number < 10_000:
            number += 1
            least_s = soon.shortest_wait_s(ceiling_s, number)
            at += chance.uniform(least_s, soon.longest_wait_s(ceiling_s, number, at))
            attempts.append(at)
        back.append(at - away_s)
    return sorted(back), attempts


def most_in_a_second(attempts):
    """Return the most attempts within any second."""
    attempts = sorted(attempts)
    return max(at + 1 - bisect.bisect_right(attempts, one - 1.0) for at, one in enumerate(attempts))


@pytest.mark.parametrize("away_s", [0.0, 1.0, 4.0, 8.0, 12.0, 17.0, 20.0, 35.0, 600.0])
@pytest.mark.parametrize("nodes", [1, 60, 100, 1000])
def test_a_fleet_is_back_within_a_minute_and_no_second_has_more_than_a_broker_bears(nodes, away_s):
    """A broker may come back at any moment: so all attempts count, also those that found none."""
    for seed in range(5):
        back, attempts = come_back(nodes, away_s, seed)
        assert back[-1] <= 60
        assert back[-1] <= soon.back_within_s(soon.ceiling_for(nodes), away_s) - soon.CONNECT_S
        assert most_in_a_second(attempts) <= soon.CONNECTS_PER_S


def test_who_asked_in_vain_waits_until_all_others_have_asked():
    for attempt in range(2, 9):
        assert soon.shortest_wait_s(30.0, attempt) == soon.longest_wait_s(30.0, 1, 0.0) == 10.0
        assert soon.longest_wait_s(30.0, attempt, 0.0) == 30.0
    assert soon.shortest_wait_s(30.0, 1) == 0.0


def test_a_small_fleet_is_back_at_once_and_a_large_one_is_not_dropped_to_seconds():
    assert come_back(20, 1.0)[0][-1] <= soon.LEAST_S + 1
    assert soon.ceiling_for(100_000) == soon.ceiling_for(10**7) == soon.MOST_S
    assert soon.longest_wait_s(soon.MOST_S, 1, 0.0) == 40.0


def test_who_was_away_for_hours_asks_seldom_and_no_more_seldom_than_the_hub_counts_on():
    assert soon.longest_wait_s(soon.LEAST_S, 9, 24 * 3600.0) == soon.MOST_S
    assert soon.back_within_s(soon.LEAST_S, 24 * 3600.0) >= soon.CONNECT_S + soon.MOST_S


def test_the_hub_waits_for_who_finds_out_by_an_echo_that_the_connection_is_gone():
    first_s = soon.longest_wait_s(soon.USUAL_S, 1, 0.0)
    for away_s, found_out_s in ((100.0, 100.0), (500.0, 2 * soon.KEEPALIVE_S)):
        expected = soon.CONNECT_S + found_out_s + first_s
        assert soon.back_within_s(soon.USUAL_S, away_s) == pytest.approx(expected)


def test_the_ceiling_stays_while_a_fleet_grows_box_by_box():
    assert len({soon.ceiling_for(nodes) for nodes in range(513, 1025)}) == 1
    assert soon.ceiling_for(0) == soon.ceiling_for(1) == soon.LEAST_S
    assert soon.ceiling_for(1025) > soon.ceiling_for(1024)

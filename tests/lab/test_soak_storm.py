"""Boxes with certificates come back to a broker that was killed: a few here, many by ./dev soak."""

import os
import shutil

import pytest

from lab import soak_storm
from lab.soak_storm import Found, Wanted, most_within, table


def test_the_busiest_second_may_begin_at_any_time():
    assert most_within([], 1.0) == 0
    assert most_within([0.0, 0.9, 1.0, 1.5, 1.8, 3.0], 1.0) == 4
    assert most_within([0.0, 1.0, 2.0], 1.0) == 1


FINE = Found(
    boxes=1000, away_s=8.0, back_s=50.0, most_a_second=100, refused=20, shortest_gap_s=60.0
)


@pytest.mark.parametrize(
    "wrong", [{"back_s": 60.1}, {"back_s": None}, {"most_a_second": 101}, {"shortest_gap_s": 59.0}]
)
def test_it_is_met_where_all_are_back_nobody_hammers_and_the_refused_are_patient(wrong):
    import dataclasses  # noqa: PLC0415

    assert FINE.met
    assert not dataclasses.replace(FINE, **wrong).met
    assert "all back after 50 s, 100 connections in the busiest second" in table([FINE])


@pytest.mark.skipif(
    not shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin"),
    reason="mosquitto is not installed; ./dev test installs it",
)
def test_a_few_come_back_and_the_refused_stay_out(tmp_path):
    wanted = Wanted(boxes=30, refused=3, steady_s=1.0, watch_s=0.0)
    (found,) = soak_storm.measure(tmp_path, wanted, [2.0])
    assert found.met, found
    assert found.back_s <= 15

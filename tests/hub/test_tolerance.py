"""What is told of how long a node may be silent: the same as what loses it, and why."""

import dataclasses

import pytest
from tests.hub.records import kept
from tests.hub.test_loss import PATIENCE, Fleet, boxes

from skerry_hub.fleet.listening import Listening
from skerry_hub.lifecycle import Lifecycle
from skerry_hub.loss import Judgement, tolerance_of
from skerry_hub.model import Liveness
from skerry_hub.moment import moment
from skerry_hub.showing import node_view


def told(fleet, name="box-2", **fields):
    whole = {"patience": fleet.patience, "listening": fleet.listening, "now": fleet.now}
    by = Judgement(**{**whole, **fields})
    return tolerance_of(fleet.known, fleet.columns, fleet.known.nodes[name], by)


def test_a_node_is_lost_right_when_it_was_told_to_be():
    fleet = Fleet(boxes(6)).run(4, 2)
    found = told(fleet)
    assert (found.lost_after_s, found.reason) == (15, "--lost-after")
    fleet.run(int(found.lost_at - fleet.now) - 1)
    assert fleet.lost() == []
    assert fleet.run(2).lost() == ["box-2"]


def test_a_pause_that_it_came_back_from_is_why_it_has_longer():
    fleet = Fleet(boxes(6), patience=dataclasses.replace(PATIENCE, lost_s=30, unreachable_s=15))
    fleet.run(25, 2)
    fleet.vanished.clear()
    fleet.run(6)
    found = told(fleet)
    assert 100 <= found.lost_after_s <= 4 * 30
    pause_s = found.lost_after_s / 4
    reason = f"four times its longest pause between signs of life, {pause_s:.0f}s"
    assert found.reason == reason


def test_what_is_new_to_the_hub_has_longer_until_a_time_that_is_told():
    fleet = Fleet(boxes(6), patience=dataclasses.replace(PATIENCE, new_for_s=600, floor_s=210))
    found = told(fleet)
    since = float(fleet.columns.silence.since[fleet.columns.row("box-2")])
    assert found.lost_after_s == 210
    assert found.reason == f"--lost-after-new: its link is not known before {moment(since + 600)}"


def test_silence_is_counted_from_when_the_broker_was_back():
    fleet = Fleet(boxes(6))
    back = Listening(fleet.now + 10, fleet.now + 50)
    found = told(fleet, listening=back, now=fleet.now + 12)
    assert found.lost_at == fleet.now + 50 + 15
    assert f"counted from {moment(fleet.now + 50)}" in found.reason
    found = told(fleet, listening=None)
    assert (found.lost_at, found.reason) == (
        None,
        "--lost-after; the hub hears no box: no silence is counted",
    )


def test_a_workload_that_says_so_itself_is_named():
    own = kept(replicas=6, lifecycle=Lifecycle(lost_after_s=20))
    found = told(Fleet(boxes(6), own))
    assert found.lost_after_s == 15
    assert found.reason == "--lost-after; shop-web after 20s by its lostAfter"


@pytest.mark.parametrize("liveness", list(Liveness))
def test_a_node_shows_its_tolerance_and_when_it_ends_while_it_is_unreachable(liveness):
    fleet = Fleet(boxes(6))
    record = dataclasses.replace(fleet.known.nodes["box-2"], liveness=liveness)
    by = Judgement(patience=PATIENCE, listening=fleet.listening, now=fleet.now)
    view = node_view(fleet.known, fleet.columns, record, by)
    assert (view.lost_after_s, view.lost_after_reason) == (15, "--lost-after")
    assert (view.lost_at is None) == (liveness is not Liveness.UNREACHABLE)
    assert 5 <= view.usual_gap_s < 15
    assert fleet.now - 5 <= view.resources.measured_at <= fleet.now

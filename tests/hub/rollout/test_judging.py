"""One instance judged by what its node tells now."""

import dataclasses

import pytest
from tests.hub.records import NOW
from tests.hub.rollout.situations import NEW, at, seen, waiting

from skerry_hub.lifecycle import Update
from skerry_hub.rollout.judging import MOST_S, due_at, judge, overdue_at, patience_s

UPDATE = Update(settle_s=0, deadline_s=100)


def judged(member, word, passed_s=1.0, update=UPDATE):
    return judge(member, seen(word), NEW, update, NOW + passed_s, NOW)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("new", "done"),
        ("new!", "updating"),
        ("old", "updating"),
        ("starting", "updating"),
        ("unhealthy", "updating"),
        ("silent", "updating"),
        ("switching", "updating"),
        ("held", "updating"),
        ("unheard", "updating"),
        ("away", "updating"),
        ("rolled_back", "failed"),
        ("failed", "failed"),
        ("refused", "failed"),
    ],
)
def test_what_is_told_of_one_that_is_updated(word, state):
    assert judged(at(), word).state == state


def test_a_waiting_one_stays_so_whatever_is_told():
    for word in ("old", "old!", "away", "rolled_back"):
        assert judged(waiting(), word) == waiting()


def test_one_that_was_taken_back_may_begin_until_its_box_has_heard_of_it():
    back = waiting(withdrawn=True)
    heard = seen("old")
    for word in (heard, seen("held")):
        unheard = dataclasses.replace(word, informed=False)
        assert judge(back, unheard, NEW, UPDATE, NOW + 1, NOW).withdrawn
        assert not judge(back, word, NEW, UPDATE, NOW + 1, NOW).withdrawn
    assert judged(back, "switching").withdrawn
    assert judged(back, "new").state == "updating", "it had begun before"


def test_one_that_switches_still_is_not_done():
    told = seen("switching")
    settling = type(told)(
        node="box-1", hostname="host-1", revision=NEW, running=True, update=told.update
    )
    assert judge(at(), settling, NEW, UPDATE, NOW + 1, NOW).state == "updating"


def test_a_failed_one_is_done_when_it_comes_right_and_not_before_it_settled():
    failed = at(state="failed", reason="not up")
    slow = Update(settle_s=10)
    settling = judged(failed, "new", update=slow)
    assert settling.state == "failed"
    assert due_at(settling, slow, NOW) == NOW + 11
    assert judged(settling, "new", 12, slow).state == "done"


def test_progress_extends_the_time_but_not_for_ever():
    member = at()
    for hour in range(40):
        word = "switching" if hour % 2 else "waiting"
        member = judged(member, word, hour * 150)
    assert member.state == "updating"
    assert judged(member, "switching", MOST_S + 200).state == "failed"


def test_a_clock_that_is_set_back_makes_nothing_settle_for_ever():
    early = at(good_since=NOW + 10_000)
    slow = Update(settle_s=10)
    again = judged(early, "new", 1, slow)
    assert again.good_since == NOW + 1
    assert judged(again, "new", 11, slow).state == "done"


def test_nobody_who_is_away_held_or_ended_is_due():
    assert due_at(at(away=True), UPDATE, NOW) is None
    assert due_at(at(held=True), UPDATE, NOW) is None
    assert due_at(at(state="done"), UPDATE, NOW) is None
    assert due_at(waiting(), UPDATE, NOW) is None
    assert due_at(at(), UPDATE, NOW) == overdue_at(at(), UPDATE, NOW) == NOW + patience_s(UPDATE)

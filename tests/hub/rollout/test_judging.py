"""One instance judged by what its node tells now."""

import dataclasses
import random

import pytest
from tests.hub.records import NOW
from tests.hub.rollout.situations import NEW, OLD, at, seen, waiting

from skerry_hub.lifecycle import Update
from skerry_hub.rollout.judging import MOST_S, REPORT_S, due_at, judge, overdue_at, patience_s
from skerry_wire.lifecycle import PullStatus, UpdateStatus
from skerry_wire.messages import Health

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
    assert due_at(settling, seen("new"), slow, NOW) == NOW + 11
    assert judged(settling, "new", 12, slow).state == "done"


def pulling(done_bytes, image="registry.example/web:2"):
    pull = PullStatus(image=image, done_bytes=done_bytes)
    return dataclasses.replace(seen("waiting"), pull=pull)


def test_progress_extends_the_time_but_not_for_ever():
    member = at()
    step_s = 90
    for count in range(int(MOST_S / step_s)):
        member = judge(member, pulling(count), NEW, UPDATE, NOW + count * step_s, NOW)
        assert member.state == "updating"
    late = NOW + MOST_S + 200
    assert judge(member, pulling(2**40), NEW, UPDATE, late, NOW).state == "failed"


def test_a_fault_in_ever_other_words_has_failed_after_its_deadline():
    member, now = at(), NOW
    for wait_s in (0, 10, 20, 40, 40):
        now += wait_s
        words = f"image pull back-off of {wait_s} s: connection refused"
        told = UpdateStatus(revision=NEW, state="waiting", reason=words)
        looks = dataclasses.replace(seen("waiting"), update=told)
        member = judge(member, looks, NEW, UPDATE, now, NOW)
        assert member.state == "updating"
    member = judge(member, looks, NEW, UPDATE, NOW + UPDATE.deadline_s + REPORT_S, NOW)
    assert (member.state, member.reason) == ("failed", f"not up within 115 s: waiting: {words}")


@pytest.mark.parametrize("seed", range(40))
def test_whatever_a_box_tells_what_comes_no_nearer_fails_in_time(seed):
    """It has pulled so much, and told so; from then on it tells anything but more of that."""
    chance = random.Random(seed)
    update = Update(settle_s=chance.choice([0, 30]), deadline_s=chance.choice([20, 300]))
    first = dataclasses.replace(pulling(1000), made=chance.random() < 0.5)
    member = judge(at(), first, NEW, update, NOW, NOW)
    end = NOW + patience_s(update)
    begun, now = False, NOW
    while member.state == "updating":
        now += chance.choice([0.1, 1, 10])
        looks = random_look(chance)
        if not begun and (looks.made or looks.update.state == "switching"):
            # That it begins is nearer, once.
            begun, end = True, now + patience_s(update)
        member = judge(member, looks, NEW, update, min(now, end), NOW)
        assert now <= end or member.state == "failed"
    assert now - NOW >= update.deadline_s


def random_look(chance):
    told = UpdateStatus(
        revision=NEW,
        state=chance.choice(["waiting", "switching", "unknown"]),
        reason=f"{chance.choice(['401', 'connection refused'])}, try {chance.random()}",
    )
    return dataclasses.replace(
        seen("old"),
        update=told,
        revision=chance.choice([OLD, NEW, None]),
        running=False,
        made=chance.random() < 0.2,
        health=chance.choice(list(Health)),
        reason=str(chance.random()),
        pull=chance.choice([None, pulling(chance.randint(0, 1000)).pull]),
        informed=chance.random() < 0.9,
    )


def test_a_clock_that_is_set_back_makes_nothing_settle_for_ever():
    early = at(good_since=NOW + 10_000)
    slow = Update(settle_s=10)
    again = judged(early, "new", 1, slow)
    assert again.good_since == NOW + 1
    assert judged(again, "new", 11, slow).state == "done"


def test_nobody_who_is_away_held_or_ended_is_due():
    for member in (at(away=True), at(held=True), at(state="done"), waiting()):
        assert due_at(member, seen("old"), UPDATE, NOW) is None


@pytest.mark.parametrize(
    ("word", "allowed_s"),
    [("old", 115), ("made", 115), ("waiting", 115), ("unaccepted", 160), ("switching", 160)],
)
def test_the_hub_counts_where_its_box_does_not(word, allowed_s):
    looks = seen(word)
    assert due_at(at(), looks, UPDATE, NOW) == NOW + allowed_s
    assert overdue_at(at(), looks, UPDATE, NOW) == NOW + allowed_s

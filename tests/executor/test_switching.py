"""A switch as a transcript: what is there and what the clock says in, what is to run next out."""

import dataclasses

import pytest
from tests.executor.orders import container, instance, order
from tests.executor.test_reconcile import actual

from skerry_executor.actual import Phase
from skerry_executor.start_order import unmet
from skerry_executor.switching import (
    Aim,
    Entry,
    Held,
    Moment,
    Situation,
    aim,
    content_of,
    earlier_of,
    is_whole,
    why_not_up,
)
from skerry_wire.lifecycle import Job, Switch
from skerry_wire.messages import Health
from skerry_wire.workload import HealthCheck

CHECK = HealthCheck(command=("/bin/true",))
HELD = Held(reason="until Monday", look_after_s=60.0)


def with_switch(wanted, **changes):
    return dataclasses.replace(wanted, switch=Switch(**{"deadline_s": 100.0, **changes}))


OLD = with_switch(instance(revision="1"))
NEW = with_switch(instance(revision="2"), settle_s=10.0)
OTHER = with_switch(instance(revision="3"))
WAITING = Entry(earlier=OLD)
TRYING = Entry(earlier=OLD, phase="trying", tried=content_of(NEW), boot="a", begun_s=1000.0)
OLD_RUNS, NEW_RUNS = [actual(OLD)], [actual(NEW)]


def at(boot_s=1001.0, boot="a"):
    return Moment(boot=boot, boot_s=boot_s)


def aimed(there, entry, now=None, wanted=NEW, **seen):
    return aim(wanted, entry, Situation(there=there, now=now or at(), **seen))


def told(found):
    return found.update and (found.update.state, found.update.reason)


# --- before it begins ------------------------------------------------------------------------


def test_without_a_switch_or_anything_to_go_back_to_the_order_is_what_is_to_run():
    plain = instance(revision="2")
    assert aimed(OLD_RUNS, WAITING, wanted=plain) == Aim(instance=plain)
    assert aimed([], None) == Aim(instance=NEW)
    assert aimed(OLD_RUNS, None) == Aim(instance=NEW)


def test_it_begins_once_nothing_stands_against_it():
    found = aimed(OLD_RUNS, WAITING)
    assert (found.instance, found.entry, told(found)) == (NEW, WAITING, ("waiting", ""))
    assert found.begin == dataclasses.replace(TRYING, begun_s=1001.0)


def test_what_cannot_be_had_leaves_the_old_one_and_says_why():
    found = aimed(OLD_RUNS, WAITING, failure="no room on disk")
    assert (found.instance, found.begin) == (OLD, None)
    assert told(found) == ("waiting", "no room on disk")


def test_what_the_box_holds_back_waits_and_the_old_one_is_kept_going():
    found = aimed(OLD_RUNS, WAITING, held=HELD)
    assert (found.instance, found.begin, found.frozen) == (OLD, None, False)
    assert (told(found), found.look_after_s) == (("held", "until Monday"), 60.0)


def test_without_a_switch_what_is_held_back_is_left_as_it_is():
    plain = instance(revision="2")
    found = aimed(OLD_RUNS, None, wanted=plain, held=HELD)
    assert (found.instance, found.frozen, told(found)) == (plain, True, ("held", "until Monday"))
    assert not aimed([actual(plain)], None, wanted=plain, held=HELD).frozen
    assert not aimed([], None, wanted=plain, held=HELD).frozen, "what is new does not wait"
    assert aimed([], None, wanted=plain, held=dataclasses.replace(HELD, new=True)).frozen
    stopped = [actual(OLD, phase=Phase.EXITED, exit_code=1)]
    assert not aimed(stopped, None, wanted=plain, held=HELD).frozen, "nothing runs that must wait"


# --- while it is tried -----------------------------------------------------------------------


def test_it_is_over_when_it_stayed_up_for_so_long():
    first = aimed(NEW_RUNS, TRYING, at(1005.0))
    assert (first.instance, told(first)) == (NEW, ("switching", "up; it must stay so for 10 s"))
    assert first.entry.up_since_s == 1005.0
    later = aimed(NEW_RUNS, first.entry, at(1014.0))
    assert (later.look_after_s, told(later)) == (1.0, ("switching", "up; it must stay so for 10 s"))
    assert aimed(NEW_RUNS, later.entry, at(1015.0)) == Aim(instance=NEW)


@pytest.mark.parametrize("changes", [{"restarts": 1}, {"id": "other"}, {"pid": 7}])
def test_a_restart_begins_the_time_anew(changes):
    first = aimed(NEW_RUNS, TRYING, at(1005.0))
    again = aimed([actual(NEW, **changes)], first.entry, at(1014.0))
    assert again.entry.up_since_s == 1014.0


def test_what_fails_while_it_has_to_stay_up_has_until_the_deadline():
    ended = [actual(NEW, phase=Phase.EXITED, exit_code=1)]
    up = aimed(NEW_RUNS, TRYING, at(1050.0)).entry
    found = aimed(ended, up, at(1055.0))
    assert (found.entry.phase, found.entry.up_since_s) == ("trying", None)
    assert told(found) == ("switching", "web ended with 1")
    assert aimed(ended, up, at(1100.0)).entry.phase == "rolled_back"
    assert aimed(NEW_RUNS, up, at(1101.0)) == Aim(instance=NEW), "it was up in time"


@pytest.mark.parametrize(
    ("there", "why"),
    [
        ([], "web has not been created"),
        ([actual(OLD)], "web has not been created"),
        ([actual(NEW, phase=Phase.CREATED)], "web has not been started"),
        ([actual(NEW, phase=Phase.RESTARTING, exit_code=2)], "web ended with 2"),
        ([actual(NEW, phase=Phase.PAUSED)], "web is paused"),
        ([actual(NEW, health=Health.STARTING)], "web is starting"),
        ([actual(NEW, health=Health.UNHEALTHY)], "web is unhealthy"),
        (
            [actual(NEW, health=Health.UNHEALTHY, health_reason="answered 503")],
            "web is unhealthy: answered 503",
        ),
    ],
)
def test_it_is_tried_until_the_deadline_and_then_given_up(there, why):
    found = aimed(there, TRYING, at(1099.0))
    assert (found.instance, told(found)) == (NEW, ("switching", why))
    assert found.look_after_s == 1.0
    found = aimed(there, TRYING, at(1100.0))
    assert (found.instance, found.entry.phase) == (OLD, "rolled_back")
    assert told(found) == ("rolled_back", f"it was not up within 100 s: {why}")


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ({"there": [], "failure": "no such program"}, "no such program"),
        (
            {"there": [actual(instance("shop-web-0", "2", restart="no"), phase=Phase.EXITED,
                              exit_code=3)]},
            "web ended with 3",
        ),
    ],
)  # fmt: skip
def test_what_will_not_come_up_is_given_up_at_once(seen, why):
    wanted = with_switch(instance(revision="2", restart="no"))
    entry = dataclasses.replace(TRYING, tried=content_of(wanted))
    found = aimed(entry=entry, wanted=wanted, **seen)
    assert (found.instance, told(found)) == (OLD, ("rolled_back", why))


def test_what_may_be_over_in_a_moment_is_tried_until_the_deadline():
    taken = {"there": [], "failure": "port 80 is in use", "passing": True}
    assert told(aimed(entry=TRYING, **taken)) == ("switching", "port 80 is in use")
    assert aimed(entry=TRYING, now=at(1100.0), **taken).instance == OLD


def test_a_check_that_has_not_spoken_yet_is_waited_for():
    wanted = with_switch(instance(revision="2", health=CHECK))
    assert why_not_up(wanted, [actual(wanted)], None) == "web has not been checked yet"
    assert why_not_up(wanted, [actual(wanted, health=Health.HEALTHY)], None) is None


def test_a_container_that_is_through_is_up():
    wanted = instance(containers=[container("job", restart="no"), container("web")])
    job, web = wanted.containers
    there = [actual(wanted, job, phase=Phase.EXITED, exit_code=0), actual(wanted, web)]
    assert why_not_up(wanted, there, None) is None
    assert unmet(web, {}) is None


# --- afterwards ------------------------------------------------------------------------------


BACK = dataclasses.replace(TRYING, phase="rolled_back", reason="web ended with 3")


def test_what_was_given_up_is_not_tried_again_but_another_is():
    for there in (OLD_RUNS, NEW_RUNS, []):
        found = aimed(there, BACK, at(5.0, "b"))
        assert (found.instance, found.entry, found.begin) == (OLD, BACK, None)
        assert told(found) == ("rolled_back", "web ended with 3")
    found = aimed(OLD_RUNS, BACK, wanted=OTHER)
    assert (found.instance, found.begin.tried) == (OTHER, content_of(OTHER))


def test_without_rollback_what_failed_stays_and_may_recover():
    stays = with_switch(instance(revision="2"), rollback=False)
    entry = dataclasses.replace(TRYING, tried=content_of(stays))
    found = aimed([], entry, at(1100.0), wanted=stays)
    assert (found.instance, found.entry.phase) == (stays, "failed")
    assert aimed([], found.entry, wanted=stays).update.state == "failed"
    assert aimed([actual(stays)], found.entry, wanted=stays) == Aim(instance=stays)


@pytest.mark.parametrize("entry", [WAITING, TRYING, BACK])
def test_going_back_is_free_at_any_time_even_when_the_box_holds_updates(entry):
    back = aimed(NEW_RUNS, entry, wanted=OLD, held=HELD)
    assert (back.instance, back.entry, back.update) == (OLD, entry, None)
    assert aimed(OLD_RUNS, entry, wanted=OLD) == Aim(instance=OLD), "then it is over"


def test_a_newer_order_decides_anew_from_what_is_there():
    found = aimed(NEW_RUNS, TRYING, wanted=OTHER)
    assert (found.instance, found.begin.earlier) == (OTHER, OLD)
    assert found.entry == WAITING
    held = aimed(NEW_RUNS, TRYING, wanted=OTHER, held=HELD)
    assert held.frozen, "what runs in between is not replaced either"
    half = aimed([], TRYING, wanted=OTHER, failure="no image")
    assert half.instance == OLD


# --- power cuts ------------------------------------------------------------------------------


def test_after_a_power_cut_it_has_its_whole_time_again_but_not_for_ever():
    entry = TRYING
    for boot in ("b", "c"):
        found = aimed([], entry, at(7.0, boot))
        assert (found.entry.begun_s, found.update.state) == (7.0, "switching")
        entry = found.entry
    found = aimed([], entry, at(7.0, "d"))
    assert (found.instance, found.entry.phase) == (OLD, "rolled_back")
    assert told(found)[1] == "the box went down 3 times while it was tried"


def test_what_is_in_place_already_is_looked_at_as_if_it_was_just_put_there():
    found = aimed(NEW_RUNS, WAITING)
    assert (found.entry.phase, found.begin, found.look_after_s) == ("trying", None, 0.0)


def test_whole_means_all_of_one_and_nothing_else():
    two = instance(containers=[container("a"), container("b")])
    a, b = (actual(two, part) for part in two.containers)
    assert is_whole(two, [a, b])
    assert not is_whole(two, [a])
    assert not is_whole(two, [a, b, actual(OLD)])
    assert not is_whole(two, [a, dataclasses.replace(b, phase=Phase.CREATED)])


# --- what an order makes needed ---------------------------------------------------------------


def test_what_was_ordered_before_is_what_is_gone_back_to():
    sealed = dataclasses.replace(OLD, origin=b"x")
    before = order(sealed, instance("b-0"), instance("c-0"))
    same = dataclasses.replace(instance("b-0"), switch=Switch())
    plain = instance("c-0", "2")
    new = dataclasses.replace(instance("d-0"), switch=Switch())
    after = order(NEW, same, plain, new, generation=2)
    assert earlier_of(before, after, {}) == {NEW.id: WAITING}
    assert earlier_of(before, after, {NEW.id: TRYING}) == {}
    job = dataclasses.replace(NEW, job=Job())
    assert earlier_of(before, order(job), {}) == {}

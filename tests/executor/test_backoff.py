"""When what fails or ends again and again is tried again."""

import dataclasses

import pytest
from tests.executor.orders import container, instance

from skerry_executor import backoff
from skerry_executor.actual import Actual, Phase
from skerry_executor.backoff import CALM_S, FIRST_S, LOOP_S, MOST_S, Ending, Failing
from skerry_wire.lifecycle import Job, Lease
from skerry_wire.workload import BusDevice

TRYING = Failing(key="pull x", asked="1", kind="pull", what="image pull", reason="refused")


def seen(phase, restarts=0, exit_code=None):
    return Actual(
        id="c1", name="skerry-a-0-web", node="box-1", instance="a-0", container="web",
        workload="a", revision="1" * 16, spec="s", phase=phase, restarts=restarts,
        exit_code=exit_code,
    )  # fmt: skip


def ended_again(ending, restarts, now_s, exit_code=1):
    return backoff.looked(ending, seen(Phase.EXITED, restarts, exit_code), now_s, 0.0)


def resting(now_s=3.0):
    """Return what is known of a container that ended three times in three seconds."""
    ending = None
    for number in range(3):
        ending = ended_again(ending, number, now_s - 2 + number)
    return ending


# --- pulls and starts ---------------------------------------------------------------------


def test_waits_double_to_five_minutes_and_are_spread():
    one, now_s, waits = None, 100.0, []
    for _ in range(7):
        one = backoff.failed(one, TRYING, now_s, 0.0)
        waits.append(one.until_s - now_s)
        now_s = one.until_s
    assert waits == [10, 20, 40, 80, 160, 300, 300]
    assert one.reason == "image pull back-off of 5 min: refused"
    later = backoff.failed(None, TRYING, 0.0, 1.0)
    assert FIRST_S < later.until_s <= 1.1 * FIRST_S


def test_another_who_asks_begins_anew():
    one = backoff.failed(backoff.failed(None, TRYING, 0.0, 0.0), TRYING, 10.0, 0.0)
    assert backoff.left_s(one, "1", 12.0) == 18.0
    assert backoff.left_s(one, "2", 12.0) is None
    assert backoff.left_s(one, "1", 30.0) is None
    other = dataclasses.replace(TRYING, asked="2")
    assert backoff.failed(one, other, 12.0, 0.0).failures == 1


def test_a_failure_long_ago_counts_no_more():
    one = backoff.failed(backoff.failed(None, TRYING, 0.0, 0.0), TRYING, 10.0, 0.0)
    assert one.failures == 2
    assert backoff.failed(one, TRYING, one.until_s + CALM_S, 0.0).failures == 1


# --- what ends ----------------------------------------------------------------------------


def test_one_that_never_ended_is_not_remembered():
    assert backoff.looked(None, seen(Phase.RUNNING), 5.0, 0.0) is None


def test_a_few_ends_within_moments_are_a_loop():
    ending = resting()
    assert (ending.until_s, ending.rests, ending.restarts) == (3.0 + FIRST_S, 1, 3)
    told = backoff.looping(ending, 4.0)
    assert told.reason == "crash loop back-off of 10 s: exit 1, 3 restarts"
    assert (told.rests, told.look_s, told.exit_code) == (True, FIRST_S - 1, 1)


def test_many_ends_between_two_looks_are_a_loop_too():
    ending = ended_again(None, 0, 0.0)
    ending = backoff.looked(ending, seen(Phase.RUNNING, 500), 3600.0, 0.0)
    # It runs at this moment, and is about to be stopped.
    assert (ending.until_s, ending.restarts) == (3600.0 + FIRST_S, 501)


def test_ends_that_no_runtime_counts_are_told_by_their_processes():
    ending, now_s = None, 0.0
    for pid in (7, 7, 8, 8, 9):
        now_s += 5
        one = dataclasses.replace(seen(Phase.RESTARTING, 0, 1), ended_pid=pid)
        ending = backoff.looked(ending, one, now_s, 0.0)
    assert (ending.restarts, ending.until_s) == (3, now_s + FIRST_S)


def test_ends_that_lie_apart_are_none():
    ending, now_s = None, 0.0
    for number in range(20):
        now_s += LOOP_S + 1
        ending = ended_again(ending, number, now_s)
        assert ending.until_s is None
    assert backoff.looping(ending, now_s) is None


def test_after_its_first_rest_it_rests_with_each_end_and_longer():
    ending, now_s, waits = resting(), 3.0, []
    for _ in range(6):
        waits.append(round(ending.until_s - now_s))
        assert not backoff.looping(ending, ending.until_s).rests
        now_s = ending.until_s + 1
        ending = backoff.started(ending, seen(Phase.RUNNING), now_s)
        assert ending.until_s is None
        now_s += 5
        ending = ended_again(ending, 0, now_s)
    assert waits == [10, 20, 40, 80, 160, 300]
    assert ending.restarts == 3 + 6


def test_one_that_was_started_counts_as_failed_until_it_has_run_for_a_while():
    ending = backoff.started(resting(), seen(Phase.RUNNING), 20.0)
    told = backoff.looping(ending, 28.0)
    assert (told.rests, told.look_s) == (False, 8.0)
    assert told.reason == backoff.looping(resting(), 4.0).reason  # nothing new to tell
    assert backoff.looping(ending, 20.0 + LOOP_S) is None
    calm = backoff.looked(ending, seen(Phase.RUNNING), 20.0 + CALM_S, 0.0)
    assert (calm.rests, calm.streak, calm.restarts) == (0, 0, 3)
    assert ended_again(calm, 0, 21.0 + CALM_S).until_s is None


def test_that_it_was_stopped_is_no_end_of_its_own():
    ending = resting()
    after = backoff.looked(ending, seen(Phase.EXITED, 2, 137), 5.0, 0.0)
    assert after == ending
    told = backoff.counted(after, seen(Phase.EXITED, 2, 137))
    assert (told.exit_code, told.restarts) == (1, 3)


def test_an_end_that_is_not_known_was_a_failure():
    ending = Ending(id="c1", seen=4, rests=1, until_s=9.0, wait_s=10.0)
    told = backoff.counted(ending, seen(Phase.EXITED, 3, 0))
    assert told.exit_code == 1  # else what restarts on failure would be done


def test_a_runtime_that_counts_anew_does_not_lower_the_count():
    ending = backoff.looked(None, seen(Phase.RUNNING, 7), 0.0, 0.0)
    ending = backoff.looked(ending, seen(Phase.RUNNING, 0), 100.0, 0.0)
    assert backoff.counted(ending, seen(Phase.RUNNING, 0)).restarts == 7


def test_a_rest_that_nobody_ends_is_over_some_day():
    ending = resting()
    late_s = ending.until_s + CALM_S
    assert backoff.looping(ending, ending.until_s + 1).look_s == backoff.LATE_LOOK_S
    assert backoff.looked(ending, seen(Phase.EXITED, 2), late_s, 0.0).until_s is None


LEASED = Lease(duration_s=60)
ON_BUS = BusDevice(bus="usb", address="1-2")


@pytest.mark.parametrize(
    ("wanted", "spaces", "counts", "ours"),
    [
        (instance(restart="always"), False, True, True),
        (instance(restart="on-failure"), False, True, True),
        (instance(restart="on-failure", restart_retries=3), False, True, False),
        (instance(restart="on-failure", restart_retries=3), False, False, True),
        (instance(restart="no"), False, False, False),
        (instance(restart="always"), True, True, False),
        (instance(restart="always", bus_devices=(ON_BUS,)), True, True, True),
        (dataclasses.replace(instance(restart="always"), lease=LEASED), True, True, True),
        (
            dataclasses.replace(instance(restart="on-failure", restart_retries=3), lease=LEASED),
            True,
            True,
            True,
        ),
        (dataclasses.replace(instance(restart="always"), job=Job()), False, True, False),
    ],
)
def test_whose_ends_the_executor_counts(wanted, spaces, counts, ours):
    (one,) = wanted.containers
    found = backoff.counts_by_executor(wanted, one, spaces_restarts=spaces, counts_retries=counts)
    assert found is ours


def test_what_gives_up_by_itself_is_counted_and_does_not_rest():
    ending, told = None, []
    for number in range(4):
        one = seen(Phase.EXITED, 0, 3)
        ending = backoff.looked(ending, one, 3.0 * number, None)
        told.append(backoff.counted(ending, one).restarts)
        assert backoff.looping(ending, 3.0 * number) is None
        ending = backoff.started(ending, seen(Phase.RUNNING), 3.0 * number + 1)
    assert told == [0, 1, 2, 3]


def test_the_longest_wait_in_words():
    assert backoff.in_words(MOST_S) == "5 min"
    assert container().restart == "always"


def test_rests_end_apart_from_one_another():
    resting = Ending(id="c", until_s=100.2)
    assert backoff.apart(resting, []).until_s == 100.2
    assert backoff.apart(resting, [102.0, 101.0, 100.0, 90.0]).until_s == 103.0
    assert backoff.apart(Ending(id="c"), [0.0]).until_s is None

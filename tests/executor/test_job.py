"""Jobs, played as transcripts on two made-up clocks."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.executor.orders import container, instance
from tests.executor.test_reconcile import actual
from tests.wire.test_schedule import moment

from skerry_executor import job
from skerry_executor.actual import Phase
from skerry_executor.job import Clock, backoff_s, decide
from skerry_wire.lifecycle import Job

NOON = moment("2026-11-28T12:00:00")


class Box:
    """One job on a box: what is remembered, the containers of its newest attempt, both clocks."""

    def __init__(self, wanted=None, wall_s=NOON, **about):
        self.wanted = dataclasses.replace(wanted or instance("job-0"), job=Job(**about))
        self.boot_id, self.boot_s, self.wall_s = "boot-1", 1000.0, wall_s
        self.record = None
        self.actual = []
        self.started = []
        self.may_begin = True

    def wait(self, seconds):
        self.boot_s += seconds
        self.wall_s += seconds
        return self

    def reboot(self, off_s=60.0, wall_s=None):
        self.boot_id = f"boot-{int(self.boot_id[5:]) + 1}"
        self.boot_s = 5.0
        self.wall_s = self.wall_s + off_s if wall_s is None else wall_s
        # What ran was cut off; the runtime takes it for ended, and says 0 like podman.
        self.actual = [
            dataclasses.replace(one, phase=Phase.EXITED, exit_code=one.exit_code or 0)
            for one in self.actual
        ]
        return self

    def look(self):
        """Decide, and do it: containers of a new attempt take the place of the old ones."""
        clock = Clock(boot_id=self.boot_id, boot_s=self.boot_s, wall_s=self.wall_s)
        found = decide(self.wanted, self.record, self.actual, clock, may_begin=self.may_begin)
        self.record = found.record
        if found.halt is None:
            given = job.attempted(self.wanted, self.record)
            for part in given.containers:
                made = actual(given, part, Phase.RUNNING)
                if made.spec not in {one.spec for one in self.actual}:
                    others = [one for one in self.actual if one.container != part.name]
                    self.actual = [*others, made]
                    self.started.append((self.record.runs, self.record.attempts))
        return found

    def end(self, code=0, name="web"):
        self.actual = [
            dataclasses.replace(one, phase=Phase.EXITED, exit_code=code)
            if one.container == name
            else one
            for one in self.actual
        ]
        return self


def test_a_job_runs_once_and_is_done():
    box = Box()
    assert box.look().halt is None
    assert box.look().halt is None
    found = box.wait(100).end(0).look()
    assert (found.halt.state, found.halt.exit_code, found.halt.reached) == ("exited", 0, True)
    assert (found.status.runs, found.status.attempts, found.status.succeeded) == (1, 1, True)
    assert found.look_after_s is None
    box.actual = []  # somebody cleaned up
    for _ in range(3):
        assert box.wait(1000).look().halt.state == "exited"
    assert box.reboot().look().halt.state == "exited"
    assert box.started == [(1, 1)]


def test_what_fails_is_begun_again_with_longer_and_longer_waits():
    box = Box(retries=2)
    waits = []
    for attempt in (1, 2):
        box.look()
        found = box.end(3).look()
        assert (found.halt.state, found.halt.exit_code) == ("pending", 3)
        assert f"attempt {attempt} of 3: web ended with 3" in found.halt.reason
        waits.append(found.look_after_s)
        assert box.wait(found.look_after_s - 1).look().halt is not None
        assert box.wait(1).look().halt is None
    found = box.end(3).look()
    assert (found.halt.state, found.halt.reached, found.look_after_s) == ("failed", True, None)
    assert found.halt.reason == "failed at attempt 3: web ended with 3"
    assert (found.status.attempts, found.status.succeeded) == (3, False)
    assert waits == [10.0, 20.0]
    assert box.wait(1e6).look().halt.state == "failed"
    assert box.started == [(1, 1), (1, 2), (1, 3)]


def test_the_waits_are_those_of_kubernetes():
    assert [backoff_s(n) for n in range(1, 9)] == [10, 20, 40, 80, 160, 320, 360, 360]


def test_all_containers_end_well_or_all_are_begun_again():
    box = Box(instance("job-0", containers=[container("web"), container("side")]), retries=1)
    box.look()
    assert box.end(0).look().halt is None, "the other still runs"
    found = box.end(1, "side").look()
    assert found.halt.reason.startswith("attempt 1 of 2: side ended with 1")
    box.wait(10).look()
    assert box.end(0).end(0, "side").look().status.succeeded
    assert box.started == [(1, 1), (1, 1), (1, 2), (1, 2)]


def test_a_deadline_ends_the_run_its_waits_included():
    box = Box(deadline_s=100.0)
    assert box.look().ends_at_s == 1100.0
    box.wait(50).end(1).look()
    assert box.wait(10).look().ends_at_s == 1100.0, "the same of a later attempt"
    found = box.wait(40).look()
    assert (found.halt.state, found.halt.reached) == ("failed", True)
    assert "its deadline of 100 s is over" in found.halt.reason
    assert found.ends_at_s is None
    waiting = Box(deadline_s=5.0)
    waiting.look()
    waiting.wait(1).end(1).look()
    assert waiting.wait(5).look().halt.state == "failed"


def test_a_deadline_counts_over_reboots_as_far_as_it_was_seen():
    box = Box(deadline_s=100.0)
    box.look()
    box.wait(60).look()
    box.wait(20).reboot()
    found = box.look()
    assert "the box restarted" in found.halt.reason
    found = box.wait(10).look()
    assert found.halt is None
    assert found.ends_at_s == pytest.approx(40.0), "60 of 100 s were seen before"


def test_a_power_cut_fails_the_attempt_whatever_the_runtime_says():
    box = Box(retries=1)
    box.look()
    found = box.reboot().look()
    assert "attempt 1 of 2: the box restarted" in found.halt.reason
    assert found.look_after_s <= 10.0
    assert box.wait(10).look().halt is None
    assert box.reboot().look().halt.state == "failed"
    assert box.started == [(1, 1), (1, 2)]


def test_an_attempt_that_was_noted_and_not_started_is_the_same_one_after():
    box = Box()
    clock = Clock(boot_id="boot-1", boot_s=1000.0, wall_s=NOON)
    box.record = decide(box.wanted, None, (), clock).record  # kept; then kill -9
    box.look()
    assert box.started == [(1, 1)]


def test_the_end_of_an_earlier_attempt_is_none_of_this():
    box = Box(retries=3)
    box.look()
    box.end(1).look()
    old = box.actual
    box.wait(10).look()
    box.actual = old  # the new containers are not made yet
    assert box.look().halt is None
    assert box.record.attempts == 2


def test_another_content_is_another_job_and_other_limits_are_not():
    box = Box(retries=1)
    box.look()
    box.end(0).look()
    box.wanted = dataclasses.replace(box.wanted, job=Job(retries=5, deadline_s=60.0))
    assert box.look().halt.state == "exited"
    box.wanted = dataclasses.replace(instance("job-0", revision="2"), job=Job())
    assert box.look().halt is None
    assert box.started == [(1, 1), (1, 1)]


def test_without_a_lease_nothing_is_begun_and_what_was_begun_is_judged():
    box = Box()
    box.may_begin = False
    assert box.look().record.state == "idle"
    box.may_begin = True
    box.look()
    box.may_begin = False
    assert box.end(0).look().record.state == "succeeded"


# --- schedules -------------------------------------------------------------------------------


def hourly(**changes):
    return Box(schedule="0 * * * *", **changes)


def run_through(box, hours, step_s=600.0, lasts_s=60.0):
    """Let time pass, with each run lasting so long."""
    ends_at = None
    for _ in range(int(hours * 3600 / step_s)):
        box.wait(step_s)
        if ends_at is not None and box.boot_s >= ends_at:
            box.end(0)
            ends_at = None
        found = box.look()
        if found.halt is None and ends_at is None:
            ends_at = box.boot_s + lasts_s


def test_a_schedule_runs_at_its_moments_and_tells_the_next():
    box = hourly()
    found = box.look()
    assert (found.halt.state, found.halt.reached, found.status.runs) == ("pending", True, 0)
    assert found.next_at == NOON + 3600
    assert found.look_after_s == 600.0, "a clock that is set is noticed"
    assert box.wait(3590).look().look_after_s == 10.0
    found = box.wait(10).look()
    assert found.halt is None
    assert found.next_at == NOON + 7200
    assert box.wait(60).end(0).look().halt.exit_code == 0
    assert box.wait(60).look().status.succeeded
    run_through(box, 5)
    assert len(box.started) == 6


def test_never_two_at_once_and_a_run_into_the_next_moment_is_followed_at_once():
    box = hourly()
    box.look()
    box.wait(3600).look()
    assert box.wait(3600 * 1.2).look().halt is None
    assert box.started == [(1, 1)]
    assert box.end(0).look().halt is None
    assert box.started == [(1, 1), (2, 1)]


def test_of_what_was_missed_at_most_one_is_caught_up_and_only_soon():
    for off_s, runs in ((3600 * 5 + 60, 1), (3600 * 5 + 1700, 1), (3600 * 5 + 1900, 0)):
        box = hourly()
        box.look()
        box.reboot(off_s).look()
        assert len(box.started) == runs, off_s
        assert box.look().record.runs == runs


def test_a_clock_without_a_battery_repeats_nothing_after_each_start():
    box = Box(schedule="@daily")
    box.look()
    box.wait(12 * 3600 + 1).look()
    box.wait(60).end(0).look()
    assert len(box.started) == 1
    for _ in range(3):
        box.reboot(wall_s=10.0)
        box.look()
        box.wait(30)
        box.wall_s = NOON + 18 * 3600
        box.look()
    assert len(box.started) == 1


@pytest.mark.parametrize("wall_s", [20.0, NOON + 3652 * 86400 + 20, NOON - 5 * 86400 + 20])
def test_a_wrong_clock_neither_storms_nor_stops(wall_s):
    box = hourly()
    box.look()
    run_through(box, 3)
    right = box.wall_s
    before = len(box.started)
    box.wall_s = wall_s
    run_through(box, 24)
    there = len(box.started) - before
    assert 22 <= there <= 25
    box.wall_s = right + 24 * 3600
    run_through(box, 24)
    assert 22 <= len(box.started) - before - there <= 25


@pytest.mark.parametrize("lasts_s", [20.0, 600.0])
def test_the_time_of_a_box_that_booted_in_1970_comes_by_one_jump(lasts_s):
    box = Box(schedule="* * * * *", deadline_s=900.0, wall_s=40.0)
    box.look()
    run_through(box, 1, step_s=10.0, lasts_s=lasts_s)
    there = len(box.started)
    assert there >= 3600 / max(60.0, lasts_s) - 2, "in 1970 it runs the moments of 1970"
    under_way = box.record.state == "running"
    box.wall_s = NOON + 5
    box.look()
    assert len(box.started) - there <= 1, "and none of the 29 million that were passed over"
    assert not under_way or len(box.started) == there, "what runs is not ended, nor doubled"
    before = len(box.started)
    run_through(box, 1, step_s=10.0, lasts_s=lasts_s)
    after = len(box.started) - before
    assert 3600 / max(60.0, lasts_s) - 2 <= after <= 61
    # Once more without a battery: what was run then is not run again.
    box.reboot(wall_s=40.0)
    box.look()
    box.wall_s = NOON + 3700
    before = len(box.started)
    box.look()
    assert len(box.started) - before <= 1
    assert box.record.reason is None or "deadline" not in box.record.reason


def test_a_small_step_back_repeats_no_moment():
    box = hourly()
    box.look()
    box.wait(3600).look()
    box.wait(1).end(0).look()
    box.wall_s -= 30
    for _ in range(10):
        box.wait(10).look()
    assert len(box.started) == 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("wait"), st.floats(1, 7200)),
            st.tuples(st.just("end"), st.integers(0, 2)),
            st.tuples(st.just("set"), st.floats(0, 4e9)),
            st.tuples(st.just("off"), st.floats(1, 1e6)),
        ),
        max_size=40,
    )
)
def test_whatever_happens_runs_are_counted_one_by_one_and_none_begins_over_another(steps):
    box = hourly(retries=1)
    for what, value in steps:
        before = box.record
        match what:
            case "wait":
                box.wait(value)
            case "end":
                box.end(value)
            case "set":
                box.wall_s = value
            case "off":
                box.reboot(value)
        found = box.look()
        assert found.look_after_s is None or 0 < found.look_after_s <= job.LOOK_MOST_S
        if before is not None:
            assert found.record.runs - before.runs in (0, 1)
            if found.record.runs > before.runs:
                assert found.record.attempts == 1
                ran = [one for one in box.actual if one.phase is Phase.RUNNING]
                assert len(ran) == 1
    assert len(set(box.started)) == len(box.started)


def test_what_is_kept_does_not_wear_the_disk():
    box = Box(deadline_s=10_000.0)
    assert job.is_worth_keeping(None, box.look().record)
    kept, writes = box.record, 0
    for _ in range(100):
        box.wait(10).look()
        if job.is_worth_keeping(kept, box.record):
            kept, writes = box.record, writes + 1
    assert writes == 3
    box.end(0).look()
    assert job.is_worth_keeping(kept, box.record)


def test_a_job_is_finished_once_it_is_not_run_again_unless_it_is_another_one():
    box = Box(retries=0)
    assert not job.is_finished(box.wanted, None)
    box.look()
    assert not job.is_finished(box.wanted, box.record)
    box.end(0).look()
    assert job.is_finished(box.wanted, box.record)
    assert not job.is_finished(dataclasses.replace(box.wanted, revision="2"), box.record)
    assert not job.is_finished(dataclasses.replace(box.wanted, job=None), box.record)
    failed = Box(retries=0)
    failed.look()
    failed.end(1).look()
    assert job.is_finished(failed.wanted, failed.record)
    scheduled = Box(schedule="0 * * * *")
    run_through(scheduled, hours=2)
    assert scheduled.record.succeeded
    assert not job.is_finished(scheduled.wanted, scheduled.record)

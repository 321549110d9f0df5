"""What the command line takes for done, for waiting and for given up is what the hub does."""

import itertools

import pytest

from skerry_cli.job_records import Job, has_given_up, need_not_run
from skerry_hub import jobs
from skerry_wire.lifecycle import JobStatus
from skerry_wire.messages import InstanceState

STATUSES = [
    {"runs": runs, "succeeded": succeeded, "next_at": next_at}
    for runs, succeeded, next_at in itertools.product((0, 1), (None, True, False), (None, 1e9))
]


@pytest.mark.parametrize("status", STATUSES)
def test_what_need_not_run_is_what_the_hub_says(status):
    for state in InstanceState:
        found = need_not_run(str(state), Job(**status))
        assert found == jobs.need_not_run(state, JobStatus(**status))
    assert not need_not_run("exited", None)


@pytest.mark.parametrize(
    ("state", "job", "given_up"),
    [
        ("failed", Job(runs=1, attempts=4, succeeded=False), True),
        ("failed", Job(runs=1, attempts=1), False),
        ("failed", Job(runs=1, attempts=1, succeeded=False, next_at=1e9), False),
        ("running", Job(runs=1, attempts=1, succeeded=False), False),
        ("failed", None, False),
    ],
)
def test_a_job_has_given_up_when_it_failed_and_is_none_to_come(state, job, given_up):
    assert has_given_up(state, job) == given_up

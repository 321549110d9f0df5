"""How jobs go, in a few words."""

import pytest

from skerry_cli.job_records import Job
from skerry_cli.job_text import job_text
from skerry_cli.records import Instance

NOW = 1_800_000_000.0


def instances(*jobs):
    one = {"workload": "w", "revision": "r", "node": "n", "hostname": "h", "state": "exited"}
    return [Instance(id=f"w-{number}", job=job, **one) for number, job in enumerate(jobs)]


@pytest.mark.parametrize(
    ("jobs", "text"),
    [
        ((), "-"),
        ((None,), "-"),
        ((Job(),), "0 runs"),
        ((Job(runs=1, attempts=1),), "1 run"),
        ((Job(runs=1, attempts=1, succeeded=True),), "1 run, the last succeeded"),
        ((Job(runs=1, attempts=4, succeeded=False),), "1 run, the last failed, 4 attempts"),
        (
            (Job(runs=3, attempts=1, succeeded=True, next_at=NOW + 90),),
            "3 runs, the last succeeded, next in 90s",
        ),
        ((Job(next_at=NOW - 60),), "0 runs, next at 2027-01-15T07:59:00Z"),
        (
            (
                Job(runs=1, succeeded=True, next_at=NOW + 600),
                Job(runs=2, succeeded=False, next_at=NOW + 30),
                None,
            ),
            "3 runs, 1 done, 1 failed, next in 30s",
        ),
    ],
)
def test_jobs_in_a_few_words(jobs, text):
    assert job_text(instances(*jobs), NOW) == text

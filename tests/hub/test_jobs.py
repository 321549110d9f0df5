"""How jobs stand: which are done and stay, and which need not run."""

import pytest
from tests.hub.records import assignment, kept, node, report, status

from skerry_hub.jobs import done_of, done_on, need_not_run
from skerry_hub.lifecycle import Lifecycle
from skerry_wire.lifecycle import Job, JobStatus
from skerry_wire.messages import InstanceState

DONE = JobStatus(runs=1, attempts=1, succeeded=True)
EXITED, PENDING, FAILED = InstanceState.EXITED, InstanceState.PENDING, InstanceState.FAILED
OLD = "0" * 16


def job(**fields):
    return kept(replicas=3, lifecycle=Lifecycle(job=Job(**fields))).workload


def box(*statuses, name="box-1"):
    return node(name, report=report(instances=statuses))


@pytest.mark.parametrize(
    ("workload", "told", "done"),
    [
        (job(), {"job": DONE}, True),
        (job(), {"job": JobStatus(runs=1)}, False),
        (job(), {"job": JobStatus(runs=1, succeeded=False)}, False),
        (job(), {"job": DONE, "revision": OLD}, False),
        (job(), {"job": DONE, "name": "shop-db-0"}, False),
        (job(), {}, False),
        (job(schedule="@daily"), {"job": DONE}, False),
        (kept().workload, {"job": DONE}, False),
    ],
)
def test_a_job_is_done_where_its_node_says_so_of_its_content(workload, told, done):
    assert done_on(workload, box(status(**told))) == ({"shop-web-0"} if done else set())


def test_what_a_node_says_counts_only_for_what_is_placed_on_it():
    nodes = [box(*(status(f"shop-web-{n}", job=DONE) for n in (2, 0, 1))), node("box-2")]
    placed = [assignment(f"shop-web-{n}", f"box-{1 + n % 2}") for n in range(3)]
    assert done_of(job(), placed, nodes) == ("shop-web-0", "shop-web-2")
    assert done_of(job(), placed, nodes[1:]) == ()


@pytest.mark.parametrize(
    ("state", "told", "need_not"),
    [
        (EXITED, DONE, True),
        (EXITED, JobStatus(runs=2, succeeded=True, next_at=1e9), True),
        (EXITED, JobStatus(runs=1), False),
        (EXITED, None, False),
        (PENDING, JobStatus(next_at=1e9), True),
        (PENDING, JobStatus(), False),
        (PENDING, JobStatus(runs=1, attempts=1, next_at=1e9), False),
        (FAILED, JobStatus(runs=1, succeeded=False), False),
        (FAILED, JobStatus(runs=2, succeeded=False, next_at=1e9), False),
        (InstanceState.RUNNING, JobStatus(runs=1), False),
    ],
)
def test_a_job_need_not_run_when_it_is_done_or_waits_for_its_schedule(state, told, need_not):
    assert need_not_run(state, told) == need_not

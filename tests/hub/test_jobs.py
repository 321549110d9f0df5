"""How jobs stand: which are finished and stay, and which need not run."""

import pytest
from tests.hub.records import (
    FIRST,
    assignment,
    changed,
    finished,
    kept,
    node,
    report,
    settled,
    status,
)

from skerry_hub.jobs import finished_of, follow, need_not_run, why_finished
from skerry_hub.lifecycle import Lifecycle
from skerry_hub.state import Draft, Known
from skerry_wire.lifecycle import Job, JobStatus
from skerry_wire.messages import InstanceState

DONE = JobStatus(runs=1, attempts=1, succeeded=True)
FAILED_FOR_GOOD = JobStatus(runs=1, attempts=4, succeeded=False)
EXITED, PENDING, FAILED = InstanceState.EXITED, InstanceState.PENDING, InstanceState.FAILED
OLD = "0" * 16


def job(**fields):
    return kept(lifecycle=Lifecycle(job=Job(**fields)))


def fleet(wanted, told, placed=None, *, accepted=3, **fields):
    """Return a fleet whose box, ordered generation 3, tells something of its instance."""
    said = report(accepted=accepted, instances=() if told is None else (status(**told),))
    return Known([node(report=said, generation=3, **fields)], [wanted], [placed or assignment()])


def followed(known):
    draft = Draft(known)
    found = follow(draft, known.nodes["box-1"])
    after = settled(known, draft)
    assert all(after.assignments[one.id] is one for one in found)
    return after.assignments["shop-web-0"], len(found)


@pytest.mark.parametrize(
    ("wanted", "told", "words"),
    [
        (job(), {"job": DONE}, "it is done"),
        (job(), {"job": FAILED_FOR_GOOD}, "it has failed for good"),
        (job(), {"job": JobStatus(runs=1)}, ""),
        (job(), {"job": DONE, "revision": OLD}, ""),
        (job(), {"job": DONE, "name": "shop-db-0"}, ""),
        (job(), {}, ""),
        (job(schedule="@daily"), {"job": DONE}, ""),
        (job(), {"job": JobStatus(runs=9, succeeded=True, next_at=1e9)}, ""),
        (kept(), {"job": DONE}, ""),
    ],
)
def test_a_job_is_finished_where_its_node_says_so_of_its_content(wanted, told, words):
    after, changes = followed(fleet(wanted, told))
    assert (why_finished(after), changes) == (words, bool(words))
    if words:
        assert after == changed(assignment(), finished=after.finished)
        assert after.finished.incarnation == FIRST


def test_what_is_told_of_an_older_order_or_by_another_node_finishes_nothing():
    assert followed(fleet(job(), {"job": DONE}, accepted=2)) == (assignment(), 0)
    elsewhere = assignment(node="box-2")
    assert followed(fleet(job(), {"job": DONE}, elsewhere)) == (elsewhere, 0)


@pytest.mark.parametrize("told", [{"job": DONE}, {"job": FAILED_FOR_GOOD}, None])
def test_what_is_finished_is_noted_once_and_outlives_the_report(told):
    assert followed(fleet(job(), told, finished())) == (finished(), 0)


def test_a_job_that_its_node_runs_again_reserves_again():
    assert followed(fleet(job(), {"job": JobStatus(runs=1)}, finished())) == (assignment(), 1)


def test_finished_are_those_on_the_nodes_asked_about():
    placed = [finished("shop-web-2"), finished(), assignment("shop-web-1"), finished("shop-web-3")]
    placed[3] = changed(placed[3], node="box-2")
    assert finished_of(placed, {"box-1"}) == ("shop-web-0", "shop-web-2")
    assert finished_of(placed, {"box-3"}) == ()


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

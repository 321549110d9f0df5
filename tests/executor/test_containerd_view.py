"""A container of containerd as one of ours, from its labels and its task."""

import pytest
from tests.executor.orders import NODE, container, instance

from skerry_executor import specs
from skerry_executor.actual import Phase
from skerry_executor.runtimes import containerd_labels as labels
from skerry_executor.runtimes import containerd_view
from skerry_executor.runtimes.containerd_api import Record, Status, Task

STOPPED = Status.STOPPED
SUPERVISED = {labels.STATUS: "running"}


def seen(task, kept, more=None):
    ours = specs.labels_of(NODE, instance(), container())
    known = labels.with_kept({**ours, **(more or {})}, kept)
    record = Record(id="c1", labels=known, image="", snapshotter="", snapshot="", spec=b"{}")
    found = labels.kept_in(known)
    return containerd_view.actual_of(record, found, task)


def task(exit_status, status=STOPPED):
    return Task(pid=7, status=status, exit_status=exit_status)


@pytest.mark.parametrize(
    ("restart", "retries", "count", "code", "phase"),
    [
        ("always", 0, "9", 0, Phase.RESTARTING),
        ("on-failure", 0, "9", 1, Phase.RESTARTING),
        ("on-failure", 0, "9", 0, Phase.EXITED),
        ("on-failure", 3, "2", 1, Phase.RESTARTING),
        ("on-failure", 3, "3", 1, Phase.EXITED),
    ],
)
def test_what_the_monitor_starts_again_is_restarting(restart, retries, count, code, phase):
    kept = labels.Kept(name="n", restart=restart, retries=retries, started_at=1.5)
    found = seen(task(code), kept, {**SUPERVISED, labels.COUNT: count})
    assert (found.phase, found.restarts, found.exit_code) == (phase, int(count), code)
    assert found.ended_pid == 7


def test_an_end_that_was_seen_outlives_the_task_until_the_next_start():
    kept = labels.Kept(name="n", started_at=1712345678.123456)
    noted = {labels.ENDED: labels.end_of(kept, 3)}
    assert seen(None, kept).phase is Phase.CREATED
    found = seen(None, kept, noted)
    assert (found.phase, found.exit_code) == (Phase.EXITED, 3)
    later = labels.Kept(name="n", started_at=1712345679.0)
    assert seen(None, later, noted).phase is Phase.CREATED


@pytest.mark.parametrize("text", ["", "1.5", "1.5 x", " 0"])
def test_what_cannot_be_read_of_an_end_is_none(text):
    found = seen(None, labels.Kept(name="n", started_at=1.5), {labels.ENDED: text})
    assert found.phase is Phase.CREATED

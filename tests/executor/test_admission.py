"""What the box's own record of jobs says to its limits: finished ones leave their room."""

import dataclasses

import pytest
from tests.executor.client import asked
from tests.executor.orders import container, instance, order, signed
from tests.executor.test_serve import POLICY, Box

from skerry_executor import job_store
from skerry_wire.lifecycle import Job

LIMITS = f'{POLICY}[limits]\nmemory = "100 B"\n'
TOO_MUCH = "the memory limits add up to 160; this box allows 100 (limits.memory)"


def limited(name, command="exit 0"):
    part = container(command=("/bin/sh", "-c", command), memory_limit_bytes=80)
    return instance(name, containers=[part])


def job(name="job-0", **changes):
    return dataclasses.replace(limited(name, **changes), job=Job())


@pytest.fixture
def box(tmp_path):
    box = Box(tmp_path)
    box.policy.write_text(LIMITS)
    yield box
    box.end()


def test_a_finished_job_leaves_its_room_to_what_comes_after(box):
    asked(box.path, signed(order(job(), generation=1)))
    both = order(job(), limited("web-0", "sleep 9"), generation=2)
    outcome = asked(box.path, signed(both))
    assert (outcome.accepted, outcome.refusal) == (2, None)
    assert asked(box.path).refusal is None, "nor is what was accepted held later"


def test_one_that_runs_or_is_another_one_leaves_none(box):
    asked(box.path, signed(order(job(command="sleep 9"), generation=1)))
    running = order(job(command="sleep 9"), limited("web-0"), generation=2)
    assert asked(box.path, signed(running)).problems == (TOO_MUCH,)
    asked(box.path, signed(order(job(), generation=3)))
    other = order(dataclasses.replace(job(), revision="2" * 16), limited("web-0"), generation=4)
    assert asked(box.path, signed(other)).problems == (TOO_MUCH,)


def test_without_a_record_every_job_counts(box):
    asked(box.path, signed(order(job(), generation=1)))
    (box.settings.state / job_store.FILE).unlink()
    (box.settings.state / job_store.FILE).mkdir()
    both = order(job(), limited("web-0"), generation=2)
    assert asked(box.path, signed(both)).refusal.code == "policy"

"""What rests between crashes is started by the executor itself, though its agent is away."""

import dataclasses
import time

import pytest
from tests.executor.client import asked, leased
from tests.executor.orders import instance, order, signed
from tests.executor.test_instance_requests import ask, sealed
from tests.executor.test_serve import Box

from lab.processes import wait_for
from skerry_executor import backoffs, leasing, main, specs
from skerry_executor.actual import Phase
from skerry_executor.backoff import Ending, Kept
from skerry_executor.boot_clock import since_boot_s
from skerry_executor.challenges import boot_id
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.serve import OWN_VISIT_S
from skerry_wire import codec
from skerry_wire.lifecycle import Lease

NAME = specs.name_of("shop-web-0", "web")
FAR_S = 200.0


class Rested:
    """A box whose executor was killed while a container rested."""

    def __init__(self, folder, wanted):
        self.folder = folder
        box = Box(folder)
        self.runtime = box.runtime
        asked(box.path, signed(order(wanted)))
        if wanted.lease is not None:
            leased(box.path, shop_web_0=60.0)
            asked(box.path)
        box.end()
        self.runtime.put(self.runtime.container(NAME), phase=Phase.EXITED, exit_code=1, pid=None)

    def next_run(self, left_s):
        """Start the next run; what rests is due in `left_s`."""
        ending = Ending(
            id=self.runtime.container(NAME).id, seen=3, rests=1, at_s=since_boot_s(),
            until_s=since_boot_s() + left_s, wait_s=10.0, exit_code=1,
        )  # fmt: skip
        run = self.folder / "run"
        run.mkdir(exist_ok=True, mode=0o700)
        (run / backoffs.FILE).write_bytes(codec.pack(Kept(boot_id=boot_id(), endings=(ending,))))
        box = Box(self.folder, idle_s=0.05)
        box.runtime = self.runtime
        return box

    def runs(self):
        return self.runtime.container(NAME).phase is Phase.RUNNING


@pytest.fixture
def rested(tmp_path):
    return Rested(tmp_path, instance())


def test_the_next_run_starts_it(rested):
    began = time.monotonic()
    box = rested.next_run(left_s=0.0)
    try:
        assert main._is_due(box.settings)
        wait_for("its start", rested.runs, 10)
        assert time.monotonic() - began >= OWN_VISIT_S, "an agent that is there comes before"
        assert not main._is_due(box.settings)
    finally:
        box.end()


def test_one_that_cannot_be_started_is_not_tried_all_the_time(rested):
    box = rested.next_run(left_s=0.0)
    rested.runtime.fails["start"] = RuntimeFailure(Failure.OTHER, "no")

    def visits():
        return sum(verb == "list" for verb, _ in rested.runtime.calls)

    try:
        before = visits()
        wait_for("its start", lambda: visits() > before, 10)
        time.sleep(0.5)
        assert visits() <= before + 3
    finally:
        box.end()


def test_an_agent_that_comes_before_leaves_it_alone(rested):
    box = rested.next_run(left_s=FAR_S)
    try:
        outcome = asked(box.path)
        assert outcome.instances[0].reason == "crash loop back-off of 10 s: exit 1, 3 restarts"
        assert FAR_S - 20 < outcome.look_after_s <= FAR_S
        assert not rested.runs()
    finally:
        box.end()
    # Told to end, it leaves what rests to the runtime.
    assert rested.runs()


def test_what_has_a_lease_is_not_left_to_a_runtime_that_knows_of_none(tmp_path):
    rested = Rested(tmp_path, dataclasses.replace(instance(), lease=Lease(duration_s=60.0)))
    box = rested.next_run(left_s=FAR_S)
    box.end()
    assert not rested.runs()
    assert main._is_due(box.settings), "the next run starts it"


def test_one_that_cannot_be_started_is_no_reason_to_keep_the_executor(rested):
    box = rested.next_run(left_s=FAR_S)
    rested.runtime.fails["start"] = RuntimeFailure(Failure.OTHER, "no")
    box.end()
    assert not rested.runs()
    assert main._is_due(box.settings)


def test_a_visit_that_hangs_keeps_no_executor_that_is_to_end(rested):
    box = rested.next_run(left_s=FAR_S)
    with box.server._visits.turn:
        box.end()
    assert not rested.runs()


def test_restart_starts_it_at_once(rested):
    box = rested.next_run(left_s=FAR_S)
    try:
        done = ask(box, sealed(box, "restart"))[2]
        assert (done.error, done.visit) == (None, True)
        assert rested.runs()
        assert asked(box.path).reached
    finally:
        box.end()


def test_restart_starts_nothing_that_has_no_lease(tmp_path):
    rested = Rested(tmp_path, dataclasses.replace(instance(), lease=Lease(duration_s=60.0)))
    (tmp_path / "run" / leasing.FILE).unlink()
    box = rested.next_run(left_s=FAR_S)
    try:
        assert "it has no lease" in ask(box, sealed(box, "restart"))[2].error
        assert not rested.runs()
    finally:
        box.end()


def test_restart_pulls_what_waits_for_its_image(tmp_path):
    box = Box(tmp_path)
    try:
        missing = "registry.example/web:1"
        asked(box.path, signed(order(instance(image=missing))))
        assert "back-off of 10 s" in asked(box.path).instances[0].reason
        assert [one for one in box.runtime.calls if one[0] == "pull"] == [("pull", missing)]
        box.runtime.registry.add(missing)
        assert ask(box, sealed(box, "restart"))[2].visit
        assert asked(box.path).reached
    finally:
        box.end()

"""A switch that is cut off at every point there is, on the fake runtime and a real journal.

Whatever was cut off, and however: never both revisions run, and in the end the one runs that
should, whole.
"""

import contextlib
import dataclasses

import pytest
from tests.executor.fake_runtime import FakeRuntime
from tests.executor.orders import IMAGE, container, instance, order
from tests.executor.test_converge import DIGEST, Told

from skerry_executor.actual import Phase
from skerry_executor.cancel import Cancel
from skerry_executor.converge import Convergence
from skerry_executor.halt import Gate
from skerry_executor.journal import Journal
from skerry_executor.runtimes.base import RuntimeFailure
from skerry_executor.switches import Switches
from skerry_executor.switching import Moment, is_whole
from skerry_wire.lifecycle import After, Switch
from skerry_wire.workload import HealthCheck

BAD_HEALTH = HealthCheck(command=("/bin/false",))
PARTS = [container("db"), container("web", after=(After(container="db"),))]
HEALTHY = (After(container="db", condition="healthy"),)
OLD = instance(revision="1", containers=PARTS)
SWITCH = Switch(deadline_s=100.0, settle_s=20.0)


def revision(number, *parts):
    wanted = instance(revision=number, containers=parts or PARTS)
    return dataclasses.replace(wanted, switch=SWITCH)


GOOD = revision("2")
SICK = revision("2", PARTS[0], dataclasses.replace(PARTS[1], health=BAD_HEALTH))
BROKEN = revision("2", PARTS[0], dataclasses.replace(PARTS[1], command=("/nothere",)))


class Killed(BaseException):
    """The executor was killed here."""


class Box:
    """A runtime, a journal and a clock, of which each call may be the last one."""

    def __init__(self, folder):
        self.runtime = Mortal(self, images=[IMAGE])
        self.journal = Journal(folder)
        self.boot, self.boot_s = 0, 1000.0
        self.left = None
        self.outcome = None

    def tick(self):
        """Count one thing that changes something; end where the count ends."""
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed

    def run(self, wanted, generation=2):
        self.boot_s += 30.0
        now = Moment(boot=str(self.boot), boot_s=self.boot_s)
        switches = Switches(generation, Dying(self), lambda: now)
        work = Convergence(
            order(wanted, generation=generation), DIGEST, self.runtime, Cancel(), Told(),
            lambda _: None, switches=switches, patience_s=0.0,
        )  # fmt: skip
        self.outcome = work.run()
        return self.outcome

    def accept(self, before, after):
        with self.journal.accepting(order(before), order(after, generation=2)):
            pass

    def power_cut(self):
        """End all; the supervisor starts again whatever starts after a boot, made or begun."""
        self.boot += 1
        self.boot_s = 5.0
        for one in self.there():
            self.runtime.put(one, phase=Phase.EXITED, exit_code=137, pid=None)
            with contextlib.suppress(RuntimeFailure):
                self.runtime.start(one.id)

    def there(self):
        return self.runtime.containers("box-1")


class Mortal(FakeRuntime):
    """Is killed before a change, and between the changes holds that one revision runs at most."""

    def __init__(self, box, **has):
        super().__init__(**has)
        self._box = box

    def _call(self, verb, subject):
        running = {one.revision for one in self._by_name.values() if one.phase is Phase.RUNNING}
        assert len(running) < 2, "both revisions run"
        if verb in ("stop", "remove", "create", "start"):
            self._box.tick()
        super()._call(verb, subject)

    def put(self, one, **changes):
        # Without a process nobody waits to see whether it ends at once.
        super().put(one, **{**changes, "pid": None})


class Dying:
    """The journal, of which each change may be the last."""

    def __init__(self, box):
        self._box = box
        self.load = box.journal.load

    def put(self, entries, generation):
        if entries:
            self._box.tick()
        self._box.journal.put(entries, generation)

    def drop(self, name, generation):
        self._box.tick()
        self._box.journal.drop(name, generation)


def begun(folder, wanted):
    """Return a box on which the old revision runs and the new one was just ordered."""
    box = Box(folder)
    box.run(OLD, generation=1)
    assert is_whole(OLD, box.there())
    box.accept(OLD, wanted)
    return box


def looked_on(box, wanted, most=12):
    """Visit until nothing changes any more; return the last outcome."""
    for _ in range(most):
        changes = len(box.runtime.changes())
        box.run(wanted)
        update = box.outcome.instances[0].update
        if len(box.runtime.changes()) == changes and (update is None or update.state in
                                                      ("rolled_back", "failed")):  # fmt: skip
            return box.outcome
    raise AssertionError(f"never calm: {box.outcome}")


@pytest.mark.parametrize("cut", ["kill", "power"])
@pytest.mark.parametrize(
    ("wanted", "ends"), [(GOOD, GOOD), (SICK, OLD), (BROKEN, OLD)], ids=["good", "sick", "broken"]
)
def test_a_switch_that_is_cut_off_anywhere_ends_whole(tmp_path, wanted, ends, cut):
    points = 0
    while True:
        box = begun(tmp_path / f"{points}", wanted)
        box.left = points
        try:
            looked_on(box, wanted)
            break
        except Killed:
            box.left = None
        if cut == "power":
            box.power_cut()
        outcome = looked_on(box, wanted)
        assert is_whole(ends, box.there()), f"cut off at {points}"
        (status,) = outcome.instances
        assert status.revision == ends.revision
        assert (status.update and status.update.state) == (
            None if ends is wanted else "rolled_back"
        )
        assert outcome.reached is (ends is wanted)
        points += 1
    assert points > 10


def test_what_is_told_on_the_way_is_that_it_switches(tmp_path):
    box = begun(tmp_path, GOOD)
    told = Told()
    now = Moment(boot="0", boot_s=2000.0)
    work = Convergence(
        order(GOOD, generation=2), DIGEST, box.runtime, Cancel(), told, lambda _: None,
        switches=Switches(2, box.journal, lambda: now), patience_s=0.0,
    )  # fmt: skip
    work.run()
    seen = [(o.instances[0].state, o.instances[0].update.state) for o in told.outcomes]
    assert seen[0] == ("stopping", "switching")
    assert {update for _, update in seen} == {"switching"}
    assert not any(outcome.reached for outcome in told.outcomes)


def test_cut_off_again_and_again_it_still_ends(tmp_path):
    box = begun(tmp_path, GOOD)
    for left in range(40):
        box.left = left % 4
        try:
            box.run(GOOD)
        except Killed:
            continue
    box.left = None
    # Where the kills took longer than its deadline, it is the old one.
    ends = GOOD if looked_on(box, GOOD).reached else OLD
    assert is_whole(ends, box.there())


def test_a_newer_order_in_the_middle_is_what_comes_out(tmp_path):
    newest = revision("3")
    for points in range(12):
        box = begun(tmp_path / f"{points}", SICK)
        box.left = points
        with contextlib.suppress(Killed):
            looked_on(box, SICK)
        box.left = None
        with box.journal.accepting(order(SICK, generation=2), order(newest, generation=3)):
            pass
        for _ in range(4):
            box.run(newest, generation=3)
        assert is_whole(newest, box.there()), f"cut off at {points}"
        assert box.outcome.reached
    with pytest.raises(Exception, match="a newer order came"):
        box.journal.put({}, 2)


def test_going_back_in_the_middle_brings_the_old_one_whole(tmp_path):
    back = dataclasses.replace(OLD, switch=SWITCH)
    for points in range(12):
        box = begun(tmp_path / f"{points}", GOOD)
        box.left = points
        with contextlib.suppress(Killed):
            box.run(GOOD)
        box.left = None
        with box.journal.accepting(order(GOOD, generation=2), order(back, generation=3)):
            pass
        for _ in range(3):
            box.run(back, generation=3)
        assert is_whole(OLD, box.there()), f"cut off at {points}"
        assert (box.outcome.reached, box.journal.load()) == (True, ({}, ()))


def test_what_cannot_be_noted_is_not_begun(tmp_path):
    box = begun(tmp_path, GOOD)
    folder = tmp_path / "switches"
    for path in folder.iterdir():
        path.with_name(path.name + ".new").mkdir()
    outcome = box.run(GOOD)
    (status,) = outcome.instances
    assert (status.state, status.revision) == ("running", OLD.revision)
    assert status.update.state == "waiting"
    assert "cannot be written" in status.update.reason
    assert is_whole(OLD, box.there())
    for path in folder.glob("*.new"):
        path.rmdir()
    assert looked_on(box, GOOD).reached


def test_what_cannot_be_pulled_is_asked_for_once_in_a_run_that_stays_for_others(tmp_path):
    away = revision("2", dataclasses.replace(PARTS[0], image="registry.example/none:1"))
    box = begun(tmp_path, away)
    slow = instance("slow-0", containers=[container("db", health=BAD_HEALTH),
                                          container("web", after=HEALTHY)])  # fmt: skip
    now = Moment(boot="0", boot_s=2000.0)
    work = Convergence(
        order(away, slow, generation=2), DIGEST, box.runtime, Cancel(), Told(), lambda _: None,
        switches=Switches(2, box.journal, lambda: now), patience_s=1.0,
    )  # fmt: skip
    (status, _) = work.run().instances
    assert (status.revision, status.update.state) == (OLD.revision, "waiting")
    assert [verb for verb, _ in box.runtime.calls].count("pull") == 1
    assert [verb for verb, _ in box.runtime.calls].count("list") > 3


def test_a_lease_that_ends_in_the_middle_gives_nothing_up(tmp_path):
    box = begun(tmp_path, GOOD)
    now = Moment(boot="0", boot_s=2000.0)
    work = Convergence(
        order(GOOD, generation=2), DIGEST, box.runtime, Cancel(), Told(), lambda _: None,
        switches=Switches(2, box.journal, lambda: now), patience_s=0.0,
        gate=Gate(permit=lambda _: "its lease has ended"),
    )  # fmt: skip
    (status,) = work.run().instances
    assert (status.update.state, status.update.reason) == ("switching", "its lease has ended")
    box.boot_s = 2000.0
    assert looked_on(box, GOOD).reached


def test_no_room_leaves_the_old_one_as_it_is(tmp_path):
    box = begun(tmp_path, GOOD)
    asked = []

    def lacking(wanted, earlier, running):
        asked.append((wanted, earlier, len(running)))
        return "no room on disk: 1 MiB is free"

    now = Moment(boot="0", boot_s=2000.0)
    before = len(box.runtime.changes())
    work = Convergence(
        order(GOOD, generation=2), DIGEST, box.runtime, Cancel(), Told(), lambda _: None,
        switches=Switches(2, box.journal, lambda: now, lacking=lacking), patience_s=0.0,
    )  # fmt: skip
    (status,) = work.run().instances
    assert asked == [(GOOD, OLD, 2)]
    assert (status.update.state, status.update.reason) == (
        "waiting",
        "no room on disk: 1 MiB is free",
    )
    assert len(box.runtime.changes()) == before

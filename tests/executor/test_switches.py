"""The switches of a run: what is decided is kept first, and what failures mean."""

import dataclasses

import pytest
from tests.executor.orders import instance, order
from tests.executor.test_reconcile import actual
from tests.executor.test_switching import NEW, NEW_RUNS, OLD, OLD_RUNS, TRYING, WAITING, at

from skerry_executor.record import Record
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.state import StateError
from skerry_executor.switches import Switches
from skerry_wire.lifecycle import Job


class Kept:
    """Entries in memory, of which nothing can be kept while it is full."""

    def __init__(self, **entries):
        self.entries = {name.replace("_", "-"): entry for name, entry in entries.items()}
        self.full = False

    def load(self):
        return dict(self.entries), ()

    def put(self, entries, generation):
        if entries and self.full:
            raise StateError("No space left on device")
        self.entries.update(entries)

    def drop(self, name, generation):
        del self.entries[name]


def aimed(kept, there, failures=(), halted=(), wanted=NEW, **options):
    switches = Switches(2, kept, lambda: at(1050.0))
    return switches, switches.aims([wanted], there, dict(failures), halted, **options)[wanted.id]


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (Failure.PORT_IN_USE, "switching"),
        (Failure.TIMED_OUT, "switching"),
        (Failure.UNREACHABLE, "switching"),
        (Failure.NOT_PERMITTED, "switching"),
        (Failure.NO_DEVICE, "rolled_back"),
        (Failure.DISK_FULL, "rolled_back"),
        (Failure.OTHER, "rolled_back"),
    ],
)
def test_some_failures_may_be_over_in_a_moment(kind, state):
    kept = Kept(shop_web_0=TRYING)
    failures = {NEW.id: RuntimeFailure(kind, "why")}
    switches, found = aimed(kept, [], failures)
    assert (found.update.state, found.update.reason) == (state, "why")
    assert kept.entries[NEW.id].phase == ("trying" if state == "switching" else state)
    assert switches.earlier() == [OLD]


def test_what_is_only_looked_at_is_not_kept():
    kept = Kept(shop_web_0=TRYING)
    _, found = aimed(kept, [], {NEW.id: RuntimeFailure(Failure.OTHER, "why")}, keep=False)
    assert found.update.state == "rolled_back"
    assert kept.entries == {NEW.id: TRYING}


def test_what_may_not_run_now_or_is_a_job_is_not_switched():
    kept = Kept(shop_web_0=WAITING)
    _, found = aimed(kept, OLD_RUNS, halted=(NEW.id,))
    assert (found.instance, found.begin, found.update) == (NEW, None, None)
    _, found = aimed(kept, OLD_RUNS, wanted=dataclasses.replace(NEW, job=Job()))
    assert (found.begin, found.update) == (None, None)
    assert kept.entries == {NEW.id: WAITING}


def test_an_entry_goes_with_its_instance_but_not_before():
    kept = Kept(a_0=TRYING, shop_web_0=WAITING)
    aimed(kept, [*OLD_RUNS, actual(instance("a-0"))])
    assert set(kept.entries) == {"a-0", NEW.id}
    aimed(kept, OLD_RUNS)
    assert set(kept.entries) == {NEW.id}


def test_what_cannot_be_kept_is_done_and_decided_again():
    kept = Kept(shop_web_0=TRYING)
    kept.full = True
    ended = {NEW.id: RuntimeFailure(Failure.OTHER, "why")}
    _, found = aimed(kept, [], ended)
    assert found.instance == OLD
    assert kept.entries == {NEW.id: TRYING}


def test_it_begins_only_with_room_and_a_note():
    kept = Kept(shop_web_0=WAITING)
    switches = Switches(2, kept, at, lacking=lambda *_: None)
    switches.aims([NEW], OLD_RUNS, {}, ())
    kept.full = True
    with pytest.raises(RuntimeFailure, match="No space left"):
        switches.begin(NEW, ["x"])
    kept.full = False
    switches.begin(NEW, ["x"])
    assert kept.entries[NEW.id].phase == "trying"
    switches.begin(NEW, ["x"])


class Deaf:
    def progress(self, outcome):
        pass

    watch = progress


def test_what_is_another_now_has_not_failed():
    record = Record(order(NEW), "d" * 64, "fake", Deaf())
    switches = Switches(2, Kept(shop_web_0=WAITING), at)
    record.aimed(switches.aims([NEW], OLD_RUNS, {}, ()))
    record.failed(NEW.id, RuntimeFailure(Failure.OTHER, "no image"))
    aims = switches.aims([NEW], OLD_RUNS, record.setbacks(), ())
    record.aimed(aims)
    assert record.failures() == {}
    again = switches.aims([NEW], OLD_RUNS, record.setbacks(), ())
    assert again == aims, "it is not tried twice in one run"
    assert aims[NEW.id].update.reason == "no image"
    assert record.instances == (NEW, OLD)
    assert NEW_RUNS != OLD_RUNS

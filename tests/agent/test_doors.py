"""The real doors, each with what stands behind it."""

import queue
import threading

import pytest
from tests.agent.executors import FakeExecutor

from skerry_agent import effects
from skerry_agent.capability import SLOW_PROBE, SlowValues, revision_of
from skerry_agent.doors import Labels, Prober, RealDoors, prober
from skerry_agent.events import ExecutorDone, HardwareProbed
from skerry_agent.host import Host
from skerry_agent.journal import Journal, Saved
from skerry_agent.probes.result import Failed, Found
from skerry_wire.hardware import Cpu, Hardware
from skerry_wire.local import Outcome
from skerry_wire.messages import Heartbeat
from skerry_wire.topics import NodeTopic

QUICK = Hardware(cpu=Cpu(logical_count=4))
SLOW = Found(SlowValues(brand="A Processor"))


class Looks:
    """What a prober asks for, and what it posts."""

    def __init__(self, *, quick=lambda before: QUICK, slowly=lambda: SLOW, known=lambda: None):
        self.posted = queue.Queue()
        self.prober = Prober(quick, slowly, known, self.posted.put)

    def next(self):
        event = self.posted.get(timeout=10)
        assert isinstance(event, HardwareProbed)
        assert event.revision == revision_of(event.hardware)
        return event.hardware


def test_the_quick_part_comes_first_then_the_whole():
    may = threading.Event()
    looks = Looks(slowly=lambda: may.wait(10) and SLOW)
    looks.prober.start(slow=True)
    assert looks.next() == QUICK
    may.set()
    assert looks.next().cpu.model == "A Processor"
    looks.prober.start(slow=False)
    assert looks.next().cpu.model == "A Processor", "a later quick look keeps the slow part"


def test_what_this_boot_knows_already_is_there_at_once_and_not_looked_up_again():
    slowly = queue.Queue()
    looks = Looks(slowly=lambda: slowly.put(1) or SLOW, known=lambda: SLOW)
    looks.prober.start(slow=True)
    assert looks.next().cpu.model == "A Processor"
    looks.prober.start(slow=False)
    looks.next()
    assert slowly.empty()
    assert looks.posted.empty()


def test_a_quick_look_that_raises_is_answered_and_keeps_what_was_known():
    answers = iter([QUICK])
    looks = Looks(quick=lambda before: next(answers))
    looks.prober.start(slow=False)
    assert looks.next() == QUICK
    looks.prober.start(slow=False)
    again = looks.next()
    assert again.cpu == QUICK.cpu
    assert again.probes["all"].status == "failed"


def test_a_slow_look_that_raises_is_answered():
    def broken():
        raise RuntimeError("a bug")

    looks = Looks(slowly=broken)
    looks.prober.start(slow=True)
    assert looks.next() == QUICK
    assert looks.next().probes[SLOW_PROBE].reason == "RuntimeError: a bug"


def test_a_slow_look_that_failed_is_tried_again_and_one_that_succeeded_kept():
    answers = iter([Failed("hangs"), SLOW])
    looks = Looks(slowly=lambda: next(answers))
    looks.prober.start(slow=True)
    assert [looks.next().probes.get(SLOW_PROBE) for _ in range(2)][1].status == "failed"
    looks.prober.start(slow=True)
    looks.next()
    assert looks.next().probes[SLOW_PROBE].status == "found"
    looks.prober.start(slow=True)
    assert looks.next().probes[SLOW_PROBE].status == "found"


def test_one_look_at_a_time():
    inside, most, lock = [0], [0], threading.Lock()

    def look(_before):
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        threading.Event().wait(0.02)
        with lock:
            inside[0] -= 1
        return QUICK

    looks = Looks(quick=look)
    for _ in range(8):
        looks.prober.start(slow=False)
    for _ in range(8):
        looks.next()
    assert most == [1]


def test_the_prober_of_a_recorded_box(tree, tmp_path):
    posted = queue.Queue()
    tree.write("proc/meminfo", "MemTotal: 1000 kB")
    prober(tree.host, tmp_path / "cache", Labels({"site": "north"}), posted.put).start(slow=True)
    first, second = (posted.get(timeout=10).hardware for _ in range(2))
    assert first.memory.total_bytes == 1000 * 1024
    assert first.labels["site"] == "north"
    assert second.probes[SLOW_PROBE].status == "failed", "a recorded box runs no child"


class Published(list):
    def publish(self, effect):
        self.append(effect)


@pytest.fixture
def doors(tmp_path):
    executor = FakeExecutor(lambda request, visit: visit.say("done", Outcome(reached=True)))
    journal = Journal(tmp_path / "state")
    posted = queue.Queue()
    yield RealDoors(
        link=Published(),
        prober=Prober(lambda before: QUICK, lambda: SLOW, lambda: None, posted.put),
        host=Host("/"),
        journal=journal,
        identity=journal.identity("box-1"),
        executor=executor.path,
        state=tmp_path / "state",
        post=posted.put,
    )
    executor.close()
    journal.close()


def test_each_door_leads_where_it_says(doors):
    heartbeat = Heartbeat(incarnation="0" * 32, boot=1, seq=1, capability="c" * 16, generation=0)
    publish = effects.Publish(NodeTopic.HEARTBEAT, heartbeat)
    doors.publish(publish)
    assert doors.link == [publish]
    doors.probe(slow=False, labels={})
    assert doors.prober._post.__self__.get(timeout=10).hardware == QUICK
    load = doors.sample()
    assert load.uptime_s > 0
    assert load.storage_available_bytes > 0
    doors.save(Saved(order=b"order"))
    assert doors.journal.load() == (Saved(order=b"order"), None)
    doors.converge(effects.Converge(3, None), lambda *_: None)
    done = doors.prober._post.__self__.get(timeout=10)
    assert done == ExecutorDone(3, Outcome(reached=True))


def test_a_newer_run_takes_over_from_one_that_hangs(tmp_path):
    hold, posted = threading.Event(), queue.Queue()

    def answer(request, visit):
        if request.order == b"old":
            hold.wait(10)
        visit.say("done", Outcome(reached=True))

    executor = FakeExecutor(answer)
    journal = Journal(tmp_path / "state")
    doors = RealDoors(
        link=Published(),
        prober=Prober(lambda before: QUICK, lambda: SLOW, lambda: None, posted.put),
        host=Host("/"),
        journal=journal,
        identity=journal.identity("box-1"),
        executor=executor.path,
        state=tmp_path,
        post=posted.put,
    )
    doors.converge(effects.Converge(1, b"old"), lambda *_: None)
    old = doors._run
    assert executor.requests.get(timeout=5).order == b"old"
    doors.converge(effects.Converge(2, b"new"), lambda *_: None)
    assert posted.get(timeout=10) == ExecutorDone(2, Outcome(reached=True))
    old._thread.join(5)
    assert not old._thread.is_alive()
    assert posted.empty()
    hold.set()
    executor.close()
    journal.close()

"""The real doors, each with what stands behind it."""

import dataclasses
import os
import queue
import sys
import threading
import time

import pytest
from tests.agent.executors import FakeExecutor
from tests.agent.trees import Tree

from skerry_agent import effects
from skerry_agent.capability import Collected, CpuinfoValues, SlowAnswer, revision_of
from skerry_agent.doors import Labels, Prober, RealDoors, prober
from skerry_agent.events import (
    ExecutorDone,
    HardwareProbed,
    LabelsFailed,
    LabelsRead,
    NodesSeen,
    ProbeAnswered,
)
from skerry_agent.guard import IS_SLOW
from skerry_agent.host import Host, Unreadable
from skerry_agent.journal import Journal, Saved
from skerry_agent.operator_labels import LabelsError
from skerry_agent.slow.looks import SlowLooks
from skerry_agent.slow.table import CPUINFO
from skerry_wire.hardware import Cpu, Hardware, Nic, ProbeStatus, UsbDevice
from skerry_wire.local import Outcome
from skerry_wire.messages import Heartbeat, Target
from skerry_wire.topics import NodeTopic

QUICK = Hardware(cpu=Cpu(logical_count=4))
FOUND = SlowAnswer(ProbeStatus(status="found"), CpuinfoValues(brand="A Processor"))
FAILED = SlowAnswer(ProbeStatus(status="failed", reason="hangs"))


def quickly(_before):
    return Collected(QUICK, {})


class FakeSlow:
    """Stands for `SlowLooks`: one look, whose answer is what `look` returns."""

    def __init__(self, look=lambda: FOUND, known=None, wanted=True):
        self.answers = {} if known is None else {"cpuinfo": known}
        self.wanted = wanted and known is None
        self.settled = []
        self._look = look

    def settle(self, hardware):
        self.settled.append(hardware)

    def due(self, *, again=False):
        return ("cpuinfo",) if self.wanted or (again and self.answers["cpuinfo"] is FAILED) else ()

    def look(self, name):
        self.wanted = False
        self.answers = {name: self._look()}


class Looks:
    """What a prober asks for, and what it posts."""

    def __init__(self, quick=quickly, slow=None):
        self.posted = queue.Queue()
        self.slow = slow or FakeSlow()
        self.prober = Prober(quick, self.slow, self.posted.put)

    def next(self):
        event = self.posted.get(timeout=10)
        assert isinstance(event, HardwareProbed)
        assert event.revision == revision_of(event.hardware)
        return event.hardware


def test_the_quick_part_comes_first_then_the_whole():
    may = threading.Event()
    looks = Looks(slow=FakeSlow(lambda: may.wait(10) and FOUND))
    looks.prober.start(slow=True)
    assert looks.next() == QUICK
    may.set()
    assert looks.next().cpu.model == "A Processor"
    looks.prober.start(slow=False)
    assert looks.next().cpu.model == "A Processor", "a later quick look keeps the slow part"


def test_what_this_boot_knows_already_is_there_at_once_and_not_looked_up_again():
    looks = Looks(slow=FakeSlow(lambda: pytest.fail("looked up"), known=FOUND))
    looks.prober.start(slow=True)
    assert looks.next().cpu.model == "A Processor"
    looks.prober.start(slow=False)
    looks.next()
    assert looks.posted.empty()
    assert looks.slow.settled == [QUICK, QUICK]


def test_a_quick_look_that_raises_is_answered_and_keeps_what_was_known():
    answers = iter([Collected(QUICK, {})])
    looks = Looks(quick=lambda before: next(answers), slow=FakeSlow(known=FAILED))
    looks.prober.start(slow=False)
    assert looks.next().cpu == QUICK.cpu
    looks.prober.start(slow=False)
    again = looks.next()
    assert again.cpu == QUICK.cpu
    assert again.probes["all"].status == "failed"


def test_a_quick_look_gets_what_the_one_before_found():
    before = []
    looks = Looks(quick=lambda last: before.append(last) or Collected(QUICK, {}))
    for _ in range(2):
        looks.prober.start(slow=False)
        looks.next()
    assert before == [None, Collected(QUICK, {})]


def test_a_slow_look_that_failed_is_tried_again_when_asked_and_one_that_succeeded_is_not():
    answers = iter([FAILED, FOUND])
    looks = Looks(slow=FakeSlow(lambda: next(answers)))
    looks.prober.start(slow=True)
    assert [looks.next().probes.get("cpuinfo") for _ in range(2)] == [None, FAILED.status]
    looks.prober.start(slow=False)
    assert looks.next().probes["cpuinfo"] == FAILED.status
    looks.prober.start(slow=True)
    assert [looks.next().probes["cpuinfo"].status for _ in range(2)] == ["failed", "found"]
    looks.prober.start(slow=True)
    assert looks.next().probes["cpuinfo"].status == "found"


def test_a_slow_look_that_takes_long_keeps_no_quick_look_waiting_and_is_taken_by_one_thread():
    may, inside = threading.Event(), []
    looks = Looks(slow=FakeSlow(lambda: inside.append(1) or (may.wait(10) and FOUND)))
    looks.slow.due = lambda *, again=False: () if looks.slow.answers else ("cpuinfo",)
    for _ in range(5):
        looks.prober.start(slow=True)
        assert looks.next() == QUICK
    assert inside == [1]
    may.set()
    assert looks.next().cpu.model == "A Processor"


def test_what_comes_up_during_a_slow_look_is_looked_at_after_it():
    steps = [threading.Event(), threading.Event()]
    taken = []

    def look():
        taken.append(len(taken))
        steps[taken[-1]].wait(10)
        return FOUND

    looks = Looks(slow=FakeSlow(look))
    looks.prober.start(slow=True)
    looks.next()
    looks.prober.start(slow=False)
    looks.next()
    looks.slow.wanted = True  # another GPU, say
    for step in steps:
        step.set()
        assert looks.next().cpu.model == "A Processor"
    assert taken == [0, 1]


def test_one_look_at_a_time():
    inside, most, lock = [0], [0], threading.Lock()

    def look(_before):
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        threading.Event().wait(0.02)
        with lock:
            inside[0] -= 1
        return Collected(QUICK, {})

    looks = Looks(quick=look, slow=FakeSlow(known=FOUND))
    for _ in range(8):
        looks.prober.start(slow=False)
    for _ in range(8):
        looks.next()
    assert most == [1]


def test_the_prober_of_a_recorded_box(tree, tmp_path):
    posted = queue.Queue()
    tree.write("proc/meminfo", "MemTotal: 1000 kB")
    prober(tree.host, tmp_path / "cache", Labels({"site": "north"}), posted.put).start(slow=True)
    hardware = posted.get(timeout=10).hardware
    assert hardware.memory.total_bytes == 1000 * 1024
    assert hardware.labels["site"] == "north"
    assert hardware.probes["cpuinfo"].status == "absent", "a recorded box runs no child"
    assert posted.empty()


class SlowMemory(Host):
    """A live box on which one file is slow."""

    takes_s = 2.3

    def afresh(self):
        return self

    def read(self, path, *most):
        if path == "/proc/meminfo":
            time.sleep(self.takes_s)
        return super().read(path, *most)


def test_what_a_slow_probe_finds_is_announced_and_costs_the_others_their_time_once(tree, tmp_path):
    tree.write("proc/meminfo", "MemTotal: 1000 kB")
    posted = queue.Queue()
    own = prober(SlowMemory(tree.root, live=True), tmp_path / "cache", Labels(), posted.put)

    def next_of(kind):
        while not isinstance(event := posted.get(timeout=30), kind):
            pass
        return event

    own.start(slow=False)
    first = next_of(HardwareProbed).hardware
    assert first.probes["memory"].reason == "took longer than 2 s"
    assert next_of(ProbeAnswered) == ProbeAnswered("memory")
    while not posted.empty():
        posted.get()
    own.start(slow=False)
    assert next_of(HardwareProbed).hardware.memory.total_bytes == 1000 * 1024
    began_s = time.monotonic()
    own.start(slow=False)
    kept = next_of(HardwareProbed).hardware
    assert time.monotonic() - began_s < SlowMemory.takes_s / 2
    assert (kept.memory.total_bytes, kept.probes["memory"].reason) == (1000 * 1024, IS_SLOW)
    assert kept.probes["memory"].kept_from is not None


def test_what_is_too_large_for_a_message_is_made_to_fit():
    many = tuple(
        Nic(name=f"veth{n}" + "x" * 110, hardware=False, kind="other") for n in range(1000)
    )
    usb = tuple(
        UsbDevice(path=f"1-{n}", product_name="x" * 128, vendor_name="y" * 64) for n in range(500)
    )
    large = Hardware(nics=many, usb=usb, probes={"nics": ProbeStatus(status="found")})
    looks = Looks(lambda before: Collected(large, {}), FakeSlow(wanted=False))
    looks.prober.start(slow=False)
    told = looks.next()
    assert told.usb == usb
    assert told.nics == ()
    assert "left out" in told.probes["nics"].reason


def test_a_real_slow_look_reaches_the_capability(tree):
    tree.write("proc/sys/kernel/random/boot_id", "boot-1")
    code = 'print(\'{"brand": "B", "flags": []}\')'
    row = dataclasses.replace(CPUINFO, child=(sys.executable, "-c", code))
    looks = Looks(slow=SlowLooks(Host(tree.root, live=True), None, looks=(row,)))
    looks.prober.start(slow=True)
    assert looks.next() == QUICK
    assert looks.next().cpu.model == "B"


class Published(list):
    round_trip_ms = 12.5

    def publish(self, effect):
        self.append(effect)


@pytest.fixture
def doors(tmp_path):
    executor = FakeExecutor(lambda request, visit: visit.say("done", Outcome(reached=True)))
    journal = Journal(tmp_path / "state")
    posted = queue.Queue()
    yield RealDoors(
        link=Published(),
        prober=Prober(quickly, FakeSlow(wanted=False), posted.put),
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
    assert load.broker_round_trip_ms == 12.5
    target = Target(name="endpoint/erp", host="127.0.0.1", port=9)
    doors.measure_round_trip(effects.MeasureRoundTrip(target, 1))
    measured = doors.prober._post.__self__.get(timeout=10)
    assert (measured.target, measured.ms) == (target, None)
    assert "no address of another box" in measured.problem
    doors.save(Saved(order=b"order"))
    assert doors.journal.load() == (Saved(order=b"order"), None)
    doors.converge(effects.Converge(3, None), lambda *_: None)
    done = doors.prober._post.__self__.get(timeout=10)
    assert done == ExecutorDone(3, Outcome(reached=True))


def test_device_nodes_are_looked_for_and_none_is_opened(doors, tmp_path):
    os.mkfifo(tmp_path / "fifo")  # to open one would wait for a writer
    (tmp_path / "to-fifo").symlink_to("fifo")
    (tmp_path / "to-nothing").symlink_to("none")
    names = ("fifo", "to-fifo", "to-nothing", "none", "fifo/below")
    paths = ("/dev/null", *(str(tmp_path / name) for name in names))
    seen = doors.look_for(paths)
    assert seen == NodesSeen(paths, frozenset(paths[3:]))


def test_a_device_on_a_bus_is_looked_for_by_its_place(doors, tmp_path):
    tree = Tree(tmp_path / "box")
    tree.write("sys/devices/pci0000:00/usb1/1-2/uevent", "DEVNAME=bus/usb/001/004")
    tree.link("sys/bus/usb/devices/1-2", "../../../devices/pci0000:00/usb1/1-2")
    tree.link("sys/dev/char/189:3", "../../devices/pci0000:00/usb1/1-2")
    doors.host = tree.host
    seen = doors.look_for(("usb 1-2", "usb 1-3"))
    assert seen.missing == {"usb 1-3"}
    assert seen.signs == {"usb 1-2": "189:3=/sys/devices/pci0000:00/usb1/1-2", "usb 1-3": ""}


def test_a_device_of_cdi_is_looked_for_in_the_specifications(doors, tmp_path):
    tree = Tree(tmp_path / "box")
    unique = "GPU-11111111-2222-3333-4444-555555555555"
    told = f'{{"kind": "nvidia.com/gpu", "devices": [{{"name": "0"}}, {{"name": "{unique}"}}]}}'
    tree.write("etc/cdi/nvidia.json", told)
    doors.host = tree.host
    names = ("nvidia.com/gpu=0", f"nvidia.com/gpu={unique}", "nvidia.com/gpu=1")
    assert doors.look_for(names).missing == {"nvidia.com/gpu=1"}
    tree.write("etc/cdi/other.json", "nonsense")
    assert doors.look_for(names).missing == frozenset(), "nobody knows what stands in it"
    (tmp_path / "box/etc/cdi/other.json").unlink()
    (tmp_path / "box/etc/cdi/nvidia.json").unlink()
    assert doors.look_for(names).missing == set(names)


class MayNot(Host):
    """A box on which nothing may be looked at."""

    def read(self, path, most=0):
        return Unreadable("permission denied")


def test_what_may_not_be_looked_at_is_not_said_to_be_gone(doors):
    doors.host = MayNot("/")
    assert doors.look_for(("/dev/none",)).missing == frozenset()


def test_labels_are_read_when_asked_and_why_not(doors):
    doors.labels_now = lambda: {"site": "north"}
    assert doors.read_labels() == LabelsRead({"site": "north"})

    def damaged():
        raise LabelsError("it is damaged")

    doors.labels_now = damaged
    assert doors.read_labels() == LabelsFailed("it is damaged")


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
        prober=Prober(quickly, FakeSlow(wanted=False), posted.put),
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

"""The shell: what it performs, when it wakes, and that it ends."""

import os
import queue
import subprocess
import threading
import time

import pytest

from skerry_agent import effects
from skerry_agent import events as ev
from skerry_agent.journal import Saved
from skerry_agent.shell import MOST_WAITING, MOST_WAITING_BYTES, Inbox, Shell
from skerry_agent.state import Settings, State
from skerry_wire.hardware import Hardware
from skerry_wire.local import Outcome
from skerry_wire.messages import Targets
from skerry_wire.topics import NodeTopic


class FakeDoors:
    """Notes what the shell asks for, and answers as the real doors would."""

    def __init__(self, inbox):
        self.inbox = inbox
        self.done = queue.Queue()
        self.full_disk = False
        self.watch = None

    def publish(self, effect):
        self.done.put(effect)

    def probe(self, *, slow, labels):
        self.done.put(labels)
        self.inbox.post(ev.HardwareProbed(Hardware(), "c" * 16))

    def look_for(self, paths):
        self.done.put(paths)
        return ev.NodesSeen(paths, frozenset(paths))

    def read_enrollment(self, *, again):
        return ev.EnrollmentRead(None)

    def renew_certificate(self):
        self.called.append("renew")

    def read_labels(self):
        return ev.LabelsRead({"site": "north"})

    def sample(self):
        return ev.LoadSampled(uptime_s=1)

    def measure_round_trip(self, effect):
        self.done.put(effect)
        self.inbox.post(ev.RoundTripMeasured(effect.target, 12.5))

    def ask_executor(self, effect):
        self.done.put(effect)

    def hand_keys(self, effect):
        self.done.put(effect)

    def verify_targets(self, effect):
        self.done.put(effect)
        self.inbox.post(ev.TargetsJudged(effect.data, Targets(node="box-1")))

    def converge(self, effect, watch):
        self.done.put(effect)
        self.watch = watch
        self.inbox.post(ev.ExecutorDone(effect.run, Outcome(reached=True)))

    def save(self, saved):
        self.done.put(saved)
        if self.full_disk:
            raise OSError(28, "No space left on device")

    def until(self, test, timeout=10):
        while True:
            found = self.done.get(timeout=timeout)
            if test(found):
                return found


@pytest.fixture
def shell():
    inbox = Inbox()
    doors = FakeDoors(inbox)
    state = State(
        node="box-1",
        incarnation="0" * 32,
        boot=1,
        version="0",
        settings=Settings(heartbeat_s=1.0, exit_gap_s=0.01),
    )
    shell = Shell(state, doors, inbox)
    shell.doors, shell.inbox = doors, inbox
    shell.thread = threading.Thread(target=shell.run, daemon=True)
    shell.thread.start()
    yield shell
    inbox.post(ev.StopAsked())
    shell.thread.join(5)
    assert not shell.thread.is_alive()


def on(topic):
    return lambda effect: isinstance(effect, effects.Publish) and effect.topic == topic


def test_it_starts_by_looking_and_saving(shell):
    saved = shell.doors.until(lambda e: isinstance(e, Saved))
    assert [event.kind for event in saved.events] == ["started"]
    assert shell.doors.until(lambda e: isinstance(e, effects.Converge)).order is None


def test_a_deadline_wakes_it(shell):
    shell.inbox.post(ev.Connected(1))
    first = shell.doors.until(on(NodeTopic.HEARTBEAT))
    second = shell.doors.until(on(NodeTopic.HEARTBEAT))
    assert second.message.seq == first.message.seq + 1


def test_labels_are_read_again_when_asked_and_the_next_look_has_them(shell):
    shell.inbox.post(ev.ReloadAsked())
    assert shell.doors.until(lambda done: done == {"site": "north"})


def test_a_full_disk_is_reported(shell):
    shell.inbox.post(ev.Connected(1))
    shell.doors.until(on(NodeTopic.REPORT))
    shell.doors.full_disk = True
    # The instance that ends is looked at, and told of: the journal is written for that.
    shell.inbox.post(ev.HardwareProbed(Hardware(), "d" * 16))
    shell.inbox.post(ev.JournalFailed("No space left on device"))
    report = shell.doors.until(on(NodeTopic.REPORT)).message
    assert "No space left" in report.problems[0]


def test_an_exit_is_seen_through_its_pidfd(shell):
    shell.doors.until(lambda e: isinstance(e, effects.Converge))
    process = subprocess.Popen(["sleep", "60"])
    pidfd = os.pidfd_open(process.pid)
    shell.doors.watch("web-0", pidfd)
    time.sleep(0.1)
    assert shell.doors.done.qsize() <= 4
    process.kill()
    process.wait()
    again = shell.doors.until(lambda e: isinstance(e, effects.Converge))
    assert again.run == 2
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(pidfd)


def test_pidfds_of_the_run_before_are_closed(shell):
    shell.doors.until(lambda e: isinstance(e, effects.Converge))
    process = subprocess.Popen(["sleep", "60"])
    kept, ended = os.pidfd_open(process.pid), subprocess.Popen(["true"])
    shell.doors.watch("web-0", kept)
    other = os.pidfd_open(ended.pid)
    shell.doors.watch("web-1", other)
    shell.doors.until(lambda e: isinstance(e, effects.Converge))
    ended.wait()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(kept)
    process.kill()
    process.wait()


def test_a_flood_is_dropped_not_kept():
    inbox = Inbox()
    for _ in range(MOST_WAITING + 10):
        inbox.post(ev.Tick())
    assert inbox.dropped == 10
    assert len(inbox.drain()) == MOST_WAITING
    assert inbox.drain() == []


def test_a_flood_of_large_orders_is_dropped_long_before_that_and_a_stop_still_comes_through():
    inbox = Inbox()
    order = ev.OrderArrived(b"x" * 256 * 1024)
    for _ in range(100):
        inbox.post(order)
    inbox.post(ev.StopAsked())
    waiting = inbox.drain()
    assert len(waiting) == MOST_WAITING_BYTES // len(order.data) + 1
    assert waiting[-1] == ev.StopAsked()
    inbox.post(order)
    assert inbox.drain() == [order], "what was taken makes room again"


def test_it_sleeps_when_there_is_nothing_to_do(shell):
    shell.doors.until(lambda e: isinstance(e, effects.Converge))
    time.sleep(0.3)
    clock = time.pthread_getcpuclockid(shell.thread.ident)
    before = time.clock_gettime(clock)
    time.sleep(0.5)
    assert time.clock_gettime(clock) - before < 0.02


@pytest.fixture
def loop():
    """A shell that has nothing to do, and is not yet started."""
    inbox = Inbox()
    state = State(node="box-1", incarnation="0" * 32, boot=1, version="0")
    shell = Shell(state, FakeDoors(inbox), inbox)
    shell.inbox = inbox
    return shell


def run_until(shell, ready):
    thread = threading.Thread(target=shell.run, daemon=True)
    thread.start()
    assert ready.wait(10)
    shell.inbox.post(ev.StopAsked())
    thread.join(5)
    assert not thread.is_alive()


def test_the_loop_proves_that_it_goes_round(loop):
    fed, enough = [], threading.Event()

    def feed():
        fed.append(time.monotonic())
        if len(fed) == 4:
            enough.set()

    loop.every(0.05, feed)
    run_until(loop, enough)
    assert len(fed) >= 4


def test_other_wake_ups_do_not_make_it_prove_more_often(loop):
    fed, enough = [], threading.Event()
    loop.every(3600.0, lambda: fed.append(1))
    reader, writer = os.pipe()
    woken = []

    def ready():
        woken.append(os.read(reader, 1))
        if len(woken) == 20:
            enough.set()

    loop.listen(reader, ready)
    os.write(writer, b"x" * 20)
    run_until(loop, enough)
    assert fed == [1], "at the start, and then no more"
    os.close(reader)
    os.close(writer)

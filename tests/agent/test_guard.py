"""The guard: what hangs, raises or ends the interpreter stops no other call."""

import queue
import subprocess
import sys
import threading
import time

import pytest

from skerry_agent.guard import HANGS, IS_SLOW, Broken, Done, Guard


@pytest.fixture
def release():
    """An event for which calls hang; they end with the test."""
    event = threading.Event()
    yield event
    event.set()


def values(ended):
    return [one.value if isinstance(one, Done) else one.reason for one in ended]


def names_of_threads():
    return [thread.name for thread in threading.enumerate()]


def raising(error):
    def call():
        raise error

    return call


def test_calls_are_made_in_order_by_one_thread():
    seen = []

    def call():
        seen.append(threading.current_thread())
        return len(seen)

    assert values(Guard().run([(str(n), call) for n in range(50)])) == list(range(1, 51))
    assert len(set(seen)) == 1
    assert seen[0] is not threading.current_thread()


def test_nothing_to_do():
    assert Guard().run([]) == []


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad"),
        SystemExit(3),
        MemoryError("bad"),
        RecursionError("bad"),
        KeyboardInterrupt("bad"),
        GeneratorExit("bad"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_raises_is_broken_and_the_next_goes_on(error):
    ended = Guard().run([("a", raising(error)), ("b", lambda: 2)])
    assert ended[0].reason == f"{type(error).__name__}: {error}"
    assert ended[1].value == 2


def test_a_real_recursion_without_end_is_broken():
    def call():
        return call()

    ended = Guard().run([("a", call), ("b", lambda: 2)])
    assert ended[0].reason.startswith("RecursionError")
    assert ended[1].value == 2


def test_how_long_each_call_took_is_told():
    slow, quick = Guard().run([("slow", lambda: time.sleep(0.05)), ("quick", lambda: None)])
    assert slow.took_s >= 0.05 > quick.took_s


def test_a_call_that_hangs_is_left_behind_and_the_others_go_on(release):
    guard = Guard(0.1)
    started = time.monotonic()
    ended = guard.run([("a", lambda: 1), ("b", release.wait), ("c", lambda: 3)])
    assert values(ended) == [1, "took longer than 0.1 s", 3]
    assert time.monotonic() - started < 5


def test_several_that_hang(release):
    calls = [(str(n), release.wait if n % 2 else lambda: "fine") for n in range(6)]
    late = "took longer than 0.1 s"
    assert values(Guard(0.1).run(calls)) == ["fine", late, "fine", late, "fine", late]


def test_what_still_hangs_is_not_made_again_until_it_has_ended(release):
    guard, made, late = Guard(0.1), [], threading.Event()
    guard._on_late = lambda name: late.set()

    def hang():
        made.append(1)
        release.wait()
        return "back"

    calls = [("hangs", hang), ("fine", lambda: 2)]
    guard.run(calls)
    for _ in range(3):
        assert values(guard.run(calls)) == ["still hangs since an earlier look", 2]
    assert made == [1]
    release.set()
    assert late.wait(10)
    assert values(guard.run(calls)) == ["back", 2]
    assert made == [1], "its late answer is as good as another"


class Slow:
    """A call that takes `take_s`, under a guard that tells when it has ended."""

    def __init__(self, take_s=0.3, limit_s=0.1):
        self.take_s, self.made, self.late = take_s, 0, queue.Queue()
        self.guard = Guard(limit_s, on_late=self.late.put)

    def __call__(self):
        time.sleep(self.take_s)
        self.made += 1
        return self.made

    def run(self):
        """Return what a run gives of it and of another call, and how long that took."""
        began_s = time.monotonic()
        ended = values(self.guard.run([("slow", self), ("fine", lambda: "fine")]))
        return ended, time.monotonic() - began_s


def test_a_slow_call_costs_the_others_its_limit_once():
    slow = Slow(take_s=0.9, limit_s=0.3)
    ended, took_s = slow.run()
    assert ended == ["took longer than 0.3 s", "fine"]
    for number in range(1, 4):
        assert slow.late.get(timeout=10) == "slow"
        ended, took_s = slow.run()
        assert (ended, took_s < 0.3) == ([number, "fine"], True)
        ended, took_s = slow.run()
        assert (ended, took_s < 0.3) == ([IS_SLOW, "fine"], True)
        assert slow.run()[0] == [HANGS, "fine"], "it is under way, and not made twice"


def test_a_run_that_takes_a_late_answer_starts_no_other_call():
    slow = Slow()
    slow.run()
    slow.late.get(timeout=10)
    slow.run()
    time.sleep(0.5)
    assert (slow.made, slow.late.empty()) == (1, True), "or each look would ask for the next"


def test_a_call_that_is_quick_again_is_made_with_the_others():
    slow = Slow()
    slow.run()
    slow.late.get(timeout=10)
    slow.take_s = 0
    assert slow.run()[0] == [1, "fine"]
    assert slow.run()[0] == [IS_SLOW, "fine"]
    slow.late.get(timeout=10)
    assert [slow.run()[0][0] for _ in range(3)] == [2, 3, 4]


def test_a_slow_call_that_raises_says_why():
    def call():
        time.sleep(0.3)
        raise ValueError("bad")

    late = queue.Queue()
    guard = Guard(0.1, on_late=late.put)
    guard.run([("slow", call)])
    late.get(timeout=10)
    assert values(guard.run([("slow", call)])) == ["ValueError: bad"]


def test_the_whole_is_bounded(release):
    guard = Guard(0.1, whole_s=0.15)
    ended = guard.run([(str(n), release.wait) for n in range(20)])
    assert ended[-1] == Broken("was not begun: what came before took too long")
    assert sum("took longer" in one.reason for one in ended) <= 3


def test_slow_calls_that_keep_their_limit_are_bounded_as_a_whole_too():
    ended = Guard(5.0, whole_s=0.1).run([(str(n), lambda: time.sleep(0.06)) for n in range(20)])
    assert isinstance(ended[0], Done)
    assert ended[-1] == Broken("was not begun: what came before took too long")


def test_no_thread_is_left_when_nothing_hangs():
    before = names_of_threads()
    for _ in range(20):
        Guard().run([("a", lambda: 1)])
    deadline = time.monotonic() + 10
    while names_of_threads() != before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert names_of_threads() == before


def test_no_more_threads_than_calls_that_hang(release):
    guard = Guard(0.02)
    calls = [(str(n), release.wait) for n in range(3)]
    for _ in range(20):
        guard.run(calls)
    assert names_of_threads().count("probes") <= 3


def test_a_call_that_hangs_does_not_keep_the_process_from_its_end(tmp_path):
    program = """if True:
        import os, sys
        from skerry_agent.guard import Guard
        os.mkfifo(sys.argv[1])
        ended = Guard(0.1).run([("a", lambda: open(sys.argv[1]).read()), ("b", lambda: 2)])
        print(ended[0].reason, ended[1].value)
    """
    ended = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "fifo"],
        capture_output=True, text=True, timeout=20, env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "took longer than 0.1 s 2\n"

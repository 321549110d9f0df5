"""The guard: what hangs, raises or ends the interpreter stops no other call."""

import subprocess
import sys
import threading
import time

import pytest

from skerry_agent.guard import Broken, Done, Guard


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
    assert made == [1, 1]


def test_a_call_that_is_late_is_given_more_time_and_told_once(release):
    told = []
    guard = Guard(0.1, on_late=told.append)
    take_s = [0.3]

    def slow():
        time.sleep(take_s[0])
        return "fine"

    assert values(guard.run([("slow", slow)])) == ["took longer than 0.1 s"]
    deadline = time.monotonic() + 10
    while not told and time.monotonic() < deadline:
        release.wait(0.01)
    assert told == ["slow"]
    assert values(guard.run([("slow", slow)])) == ["fine"]
    take_s[0] = 0
    guard.run([("slow", slow)])
    assert guard._limit_of("slow") == 0.1, "once it is quick again the usual limit holds"


def test_patience_has_an_end():
    told = []
    guard = Guard(2.0, on_late=told.append)
    guard._came_late("dying", 100.0)
    guard._came_late("dying", 100.0)
    assert told == ["dying"], "a try that would end like the last one is not worth it"
    assert guard._limit_of("dying") == 16.0


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

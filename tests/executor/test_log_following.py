"""A log that is followed over the runs of its container."""

import threading

import pytest
from tests.executor.fake_runtime import FakeRuntime
from tests.executor.orders import IMAGE, container, instance
from tests.executor.surroundings import NAME, made

from lab.processes import wait_for
from skerry_executor.cancel import Cancel, Cancelled
from skerry_executor.log_following import LogFollowing
from skerry_executor.runtimes.base import LogMark, LogWish, Written

OVER_S = 0.3
FOLLOW = LogWish(follow=True)
FIFTY = "i=0; while [ $i -lt 50 ]; do echo line-$i; i=$((i+1)); done"


class Follower:
    """Follows a container's log in a thread, as a request does."""

    def __init__(self, runtime, wish=FOLLOW):
        self.instance = instance()
        self.written = {"out": b"", "err": b""}
        self.cancel = Cancel()
        self._following = LogFollowing(
            runtime, lambda: self.instance, self.cancel, self._take, OVER_S
        )
        self._thread = threading.Thread(target=self._run, args=(runtime.container(NAME), wish))
        self._thread.start()

    def _run(self, one, wish):
        try:
            self._following.follow(one, wish)
        except Cancelled:
            self._take("err", b"cancelled\n")

    def _take(self, stream, data):
        self.written[stream] += data

    @property
    def lines(self):
        return self.written["out"].decode().split()

    @property
    def said(self):
        return [one.removeprefix("skerry: ") for one in self.written["err"].decode().splitlines()]

    def until(self, what, test):
        wait_for(what, test, 20)

    def ended(self):
        """End what goes on; return what was said."""
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.said


class Logged(FakeRuntime):
    """Has a log for each container, which ends with each of its runs."""

    def __init__(self):
        super().__init__(images=[IMAGE])
        self.log = {}
        self.wishes = []
        self.starts = 0
        made(self, restart="always")
        self.start(NAME)

    def logs(self, reference, wish, cancel):
        self.wishes.append(wish)
        lines = self.log.setdefault(reference, [])
        at = wish.after.place if wish.after else 0
        began = self.container(NAME).started_at
        woken = threading.Event()
        while True:
            for line in lines[at:]:
                at += 1
                yield Written("out", line, LogMark(at))
            one = self.container(NAME)
            if one is None or one.id != reference or one.phase != "running":
                return
            if one.started_at != began:
                return
            with cancel.waking(woken.set):
                woken.wait(0.01)

    def start(self, reference):
        super().start(reference)
        self.starts += 1
        self.put(self.container(NAME), started_at=float(self.starts))

    def says(self, text):
        self.log[self.container(NAME).id].append(text.encode() + b"\n")


@pytest.fixture
def runtime():
    return Logged()


@pytest.fixture
def follower(runtime):
    found = Follower(runtime, LogWish(follow=True, tail=10))
    found.until("the log", lambda: runtime.wishes)
    yield found
    found.cancel.ask()
    found.ended()


def test_it_goes_on_with_the_next_run_and_no_line_comes_twice(runtime, follower):
    runtime.says("one")
    follower.until("the line", lambda: follower.lines == ["one"])
    runtime.stop(NAME, 0, Cancel())
    follower.until("the end", lambda: follower.said)
    runtime.start(NAME)
    runtime.says("two")
    follower.until("the line", lambda: follower.lines == ["one", "two"])
    assert follower.said[0].endswith("; its next run is waited for")
    assert follower.said[1] == "web runs anew"
    assert [(one.tail, one.after) for one in runtime.wishes] == [(10, None), (None, LogMark(1))]
    assert runtime.wishes[1].began_at == runtime.container(NAME).started_at


def test_what_was_made_anew_is_shown_from_its_beginning(runtime, follower):
    runtime.says("one")
    follower.until("the line", lambda: follower.lines == ["one"])
    runtime.stop(NAME, 0, Cancel())
    runtime.remove(NAME)
    follower.until("the end", lambda: follower.said)
    made(runtime, restart="always")
    runtime.log[runtime.container(NAME).id] = [b"first\n"]
    runtime.start(NAME)
    follower.until("the line", lambda: follower.lines == ["one", "first"])
    assert follower.said[1:] == ["web was made anew"]


def test_it_ends_when_the_instance_is_wanted_no_more(runtime, follower):
    follower.instance = None
    runtime.stop(NAME, 0, Cancel())
    assert follower.ended() == ["shop-web-0 has no web on this box any more"]


def test_it_ends_when_the_container_is_wanted_no_more(runtime, follower):
    follower.instance = instance(containers=(container("db"),))
    runtime.stop(NAME, 0, Cancel())
    assert follower.ended() == ["shop-web-0 has no web on this box any more"]


def test_it_ends_after_what_is_not_started_again(runtime, follower):
    follower.instance = instance(containers=(container(restart="no"),))
    runtime.stop(NAME, 0, Cancel())
    assert follower.ended()[-1].endswith(", and is not started again")


def test_whoever_waits_for_a_next_run_can_be_ended(runtime, follower):
    runtime.stop(NAME, 0, Cancel())
    follower.until("the end", lambda: follower.said)
    follower.cancel.ask()
    assert follower.ended()[-1] == "cancelled"


def test_each_line_of_each_run_comes_once(real):
    made(real.runtime, command=("/bin/sh", "-c", f"{FIFTY}; exec sleep 1000"), stop_grace_s=0.0)
    real.runtime.start(NAME)
    follower = Follower(real.runtime)
    for runs in (1, 2):
        follower.until("the lines", lambda runs=runs: len(follower.lines) >= 50 * runs)
        if runs < 2:
            real.runtime.stop(NAME, 0.0, Cancel())
            real.runtime.start(NAME)
    follower.instance = None
    real.runtime.stop(NAME, 0.0, Cancel())
    real.runtime.remove(NAME)
    said = follower.ended()
    assert follower.lines == [f"line-{number}" for number in range(50)] * 2
    # A file that both runs write is read on; where it is quick, nobody notices the end between.
    assert said.count("web runs anew") in ((0, 1) if real.runtime.name == "containerd" else (1,))

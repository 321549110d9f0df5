"""An answer that comes bit by bit, over a real socket pair."""

import socket
import threading
import time

import pytest
from tests.executor.sessions import FarEnd
from tests.executor.test_talk import replies

from skerry_executor.cancel import Cancel
from skerry_executor.pieces import Limits
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.session import Session
from skerry_executor.streaming import End, Streaming
from skerry_executor.talk import Talk


class Answer:
    """Runs a work in a thread; `theirs` is the client's end."""

    def __init__(self, work, limits=Limits(), within_s=30.0):  # noqa: B008 - frozen
        self.ours, self.theirs = socket.socketpair()
        self.cancel = Cancel()
        self.left = threading.Event()
        self.far = FarEnd()
        session = Session(self.far.key, takes_input=False)
        streaming = Streaming(Talk(self.ours), limits, within_s, self.cancel, session)

        def run():
            with self.ours:
                streaming.run(lambda write: work(write, self.cancel), self.left.set)

        self.thread = threading.Thread(target=run)
        self.thread.start()

    def all(self):
        """Return what was said, the end last, in plain."""
        with self.theirs:
            came = replies(self.theirs)
        found = [self.far.read(one.body) for one in came]
        assert [one.kind == "done" for one in came] == [one.end for one in found]
        self.thread.join(10)
        assert not self.thread.is_alive()
        return found


def waiting(cancel):
    woken = threading.Event()
    with cancel.waking(woken.set):
        woken.wait(30)


def test_what_is_written_comes_in_parts_and_then_the_end():
    def work(write, _cancel):
        write("out", b"a")
        write("out", b"b")
        write("err", b"c")
        return End(exit_code=3)

    *parts, end = Answer(work).all()
    assert [(part.stream, part.data) for part in parts] == [("out", b"ab"), ("err", b"c")]
    assert (end.error, end.exit_code) == (None, 3)


def test_what_is_written_comes_although_the_work_goes_on():
    go_on = threading.Event()

    def work(write, _cancel):
        write("out", b"first")
        assert go_on.wait(30)
        return End()

    answer = Answer(work)
    answer.theirs.settimeout(10)
    assert answer.theirs.recv(1, socket.MSG_PEEK)
    go_on.set()
    assert [one.data for one in answer.all()] == [b"first", b""]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeFailure(Failure.OTHER, "no such program"), "no such program"),
        (ValueError("oops"), "executor: ValueError: oops"),
    ],
)
def test_a_failure_is_told_after_what_came_before(error, words):
    def work(write, _cancel):
        write("out", b"before")
        raise error

    part, end = Answer(work).all()
    assert (part.data, end.error) == (b"before", words)


def test_a_client_that_goes_ends_the_work():
    ended = threading.Event()

    def work(write, cancel):
        write("out", b"x")
        try:
            waiting(cancel)
        finally:
            ended.set()
        return End()

    answer = Answer(work)
    answer.theirs.settimeout(10)
    answer.theirs.recv(1000)
    answer.theirs.close()
    assert ended.wait(5)
    assert answer.left.wait(5)
    answer.thread.join(5)
    assert not answer.thread.is_alive()


def test_time_ends_the_work_and_is_told():
    def work(_write, cancel):
        waiting(cancel)
        return End()

    (end,) = Answer(work, within_s=0.2).all()
    assert end.error == "it took more than 0.2 s"


def test_who_asks_for_the_end_gets_it():
    def work(_write, cancel):
        waiting(cancel)
        return End()

    answer = Answer(work)
    answer.cancel.ask()
    assert answer.all()[-1].error == "it was ended"


def test_a_flood_waits_for_its_reader_and_is_cut_off_at_the_limit():
    written = []

    def work(write, _cancel):
        for _ in range(1000):
            write("out", b"x" * 10_000)
            written.append(10_000)
        return End()

    answer = Answer(work, Limits(total_bytes=2_000_000))
    time.sleep(0.3)
    assert sum(written) < 1_000_000, "it runs ahead of its reader"
    *parts, end = answer.all()
    assert sum(len(part.data) for part in parts) == 2_000_000
    assert end.error == "it is cut off here, after 2000000 bytes"
    assert sum(written) <= 2_100_000


def test_a_rate_is_kept():
    def work(write, _cancel):
        for _ in range(80):
            write("out", b"x" * 1000)
        return End()

    began = time.monotonic()
    *parts, _ = Answer(work, Limits(bytes_per_s=200_000.0, burst_bytes=10_000)).all()
    assert sum(len(part.data) for part in parts) == 80_000
    assert time.monotonic() - began >= (8 * 8_192 - 10_000) / 200_000

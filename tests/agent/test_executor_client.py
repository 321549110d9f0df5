"""The agent's end of the executor's socket, against a real socket."""

import contextlib
import os
import queue
import socket
import struct
import tempfile
import threading

import pytest
from tests.agent.executors import FakeExecutor

from skerry_agent.events import ExecutorDone, ExecutorFailed, ExecutorProgressed, TargetsJudged
from skerry_agent.executor_client import Run, start_verifying
from skerry_wire import local
from skerry_wire.local import ExecutorReply, ExecutorRequest, Outcome
from skerry_wire.messages import Targets

REQUEST = ExecutorRequest(node="box-1", incarnation="0" * 32, order=b"order")


class Heard:
    """What a run says."""

    def __init__(self):
        self.events = queue.Queue()
        self.watched = queue.Queue()

    def run(self, path, number=1):
        run = Run(path, number, REQUEST, self.events.put, lambda *pair: self.watched.put(pair))
        run.start()
        return run

    def next(self):
        return self.events.get(timeout=10)


@pytest.fixture
def heard():
    heard = Heard()
    yield heard
    while not heard.watched.empty():
        os.close(heard.watched.get()[1])


@contextlib.contextmanager
def executor(answer, path=None):
    fake = FakeExecutor(answer, path)
    try:
        yield fake
    finally:
        fake.close()


def finish(_request, visit):
    visit.say("done", Outcome(accepted=1, reached=True))


def test_progress_and_end_are_posted_with_the_runs_number(heard):
    def answer(_request, visit):
        visit.say("progress", Outcome(accepted=1))
        visit.say("done", Outcome(accepted=1, reached=True))

    with executor(answer) as fake:
        heard.run(fake.path, 7)
        assert heard.next() == ExecutorProgressed(7, Outcome(accepted=1))
        assert heard.next() == ExecutorDone(7, Outcome(accepted=1, reached=True))
        assert fake.requests.get(timeout=5) == REQUEST


def open_pidfds():
    found = set()
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{fd}") == "anon_inode:[pidfd]":
                found.add(int(fd))
    return found


def test_pidfds_are_handed_over_and_those_without_a_name_closed(heard):
    def answer(_request, visit):
        pidfds = [os.pidfd_open(os.getpid()) for _ in range(3)]
        visit.say("watch", watched=["web-0", "web-1"], fds=pidfds)
        for pidfd in pidfds:
            os.close(pidfd)
        finish(_request, visit)

    with executor(answer) as fake:
        before = open_pidfds()
        heard.run(fake.path)
        assert isinstance(heard.next(), ExecutorDone)
        pairs = [heard.watched.get(timeout=5) for _ in range(2)]
    assert [name for name, _ in pairs] == ["web-0", "web-1"]
    for _, pidfd in pairs:
        assert pidfd in open_pidfds()
        os.close(pidfd)
    assert open_pidfds() == before


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        struct.pack(">I", local.MAX_FRAME_BYTES + 1),
        struct.pack(">I", 4) + b"\xc1\xc1\xc1\xc1",
        struct.pack(">I", 100) + b"short",
    ],
)
def test_nonsense_and_an_early_end_are_failures(heard, data):
    with executor(lambda _request, visit: visit.connection.sendall(data)) as fake:
        heard.run(fake.path, 3)
        failed = heard.next()
    assert isinstance(failed, ExecutorFailed)
    assert failed.run == 3


def test_a_socket_that_is_not_there_is_said_with_what_to_do(heard, tmp_path):
    heard.run(str(tmp_path / "none"))
    assert "skerry-executor.socket" in heard.next().reason


def test_a_socket_that_nobody_serves_is_said(heard):
    # Unix sockets have short paths; pytest's folders may be too long for them.
    with tempfile.TemporaryDirectory(prefix="sk-") as folder, socket.socket(socket.AF_UNIX) as idle:
        idle.bind(f"{folder}/x.sock")
        heard.run(f"{folder}/x.sock")
        assert "refused" in heard.next().reason


def test_a_path_that_is_too_long_is_said(heard):
    heard.run("/tmp/" + "x" * 200)
    assert "too long" in heard.next().reason


def test_a_socket_that_comes_back_in_time_is_no_failure(heard, tmp_path):
    with executor(finish) as gone:
        path = gone.path + "2"
        run = heard.run(path)
        with executor(finish, path):
            assert isinstance(heard.next(), ExecutorDone)
        run._thread.join(5)


def test_a_run_that_is_left_says_nothing_more_and_ends(heard):
    reached, hold = threading.Event(), threading.Event()

    def answer(_request, visit):
        visit.say("progress", Outcome(accepted=1))
        reached.set()
        hold.wait(10)

    with executor(answer) as fake:
        run = heard.run(fake.path)
        assert isinstance(heard.next(), ExecutorProgressed)
        assert reached.wait(5)
        run.leave()
        run._thread.join(5)
        hold.set()
    assert not run._thread.is_alive()
    assert heard.events.empty()


def test_one_that_is_left_while_the_socket_is_away_ends_too(heard, tmp_path):
    run = heard.run(str(tmp_path / "none"))
    run.leave()
    run._thread.join(5)
    assert not run._thread.is_alive()
    assert heard.events.empty()


def test_what_cannot_be_foreseen_is_a_failure_not_silence(heard):
    def post(event):
        if isinstance(event, ExecutorProgressed):
            raise RuntimeError("a bug")
        heard.events.put(event)

    with executor(lambda _request, visit: visit.say("progress", Outcome())) as fake:
        Run(fake.path, 1, REQUEST, post, lambda *_: None).start()
        assert "RuntimeError: a bug" in heard.next().reason


def judged(answer):
    """Ask a stand-in about targets, and return what is posted."""
    posted = queue.Queue()
    request = ExecutorRequest(node="box-1", incarnation="0" * 32, targets=b"signed")
    with executor(answer) as fake:
        start_verifying(fake.path, request, b"signed", posted.put)
        found = posted.get(timeout=10)
        assert fake.requests.get(timeout=10) == request
    return found


def test_targets_are_posted_as_the_executor_says():
    targets = Targets(node="box-1", issued_at=1.0)
    answers = [
        (ExecutorReply(kind="done", targets=targets), TargetsJudged(b"signed", targets)),
        (
            ExecutorReply(kind="done", targets_refused="forged"),
            TargetsJudged(b"signed", None, "forged"),
        ),
        (
            ExecutorReply(kind="done", outcome=Outcome(problems=("the state is damaged",))),
            TargetsJudged(b"signed", None, "the state is damaged", is_tried_again=True),
        ),
        (
            ExecutorReply(kind="done", outcome=Outcome()),
            TargetsJudged(
                b"signed",
                None,
                "the executor is of a version that verifies none",
                is_tried_again=True,
            ),
        ),
    ]
    for reply, expected in answers:

        def answer(_request, visit, reply=reply):
            visit.say("progress", Outcome())
            visit.connection.sendall(local.frame(reply))

        assert judged(answer) == expected


def test_an_executor_that_breaks_off_over_targets_is_asked_again():
    found = judged(lambda _request, _visit: None)
    assert (found.targets, found.is_tried_again) == (None, True)
    posted = queue.Queue()
    start_verifying("/no/such/socket", REQUEST, b"signed", posted.put)
    assert "skerry-executor.socket" in posted.get(timeout=10).reason

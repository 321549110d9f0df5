"""Requests under way at an executor that speaks its frames on a real socket."""

import queue
import threading

import pytest
from tests.agent.executors import FakeExecutor

from skerry_agent.asking import Asking
from skerry_agent.effects import AskExecutor, EndAsking, HandInput, PassOn
from skerry_agent.events import AnswerEnded, PartCame
from skerry_agent.part_window import LEAST as WINDOW
from skerry_wire import local
from skerry_wire.local import ExecutorInput, ExecutorReply, Outcome
from skerry_wire.messages import MAX_PIECE_BYTES

INPUT = local.frame(ExecutorInput(piece=b"typed"))


class Box:
    """An executor that answers as it is told, and what was posted."""

    def __init__(self, answer):
        self.executor = FakeExecutor(answer)
        self.posted = queue.Queue()
        self.asking = Asking(self.executor.path, "box-1", "0" * 32, self.posted.put)

    def ask(self, name="r-1", envelope=b"signed"):
        self.asking.perform(AskExecutor(name, envelope))

    def next(self):
        return self.posted.get(timeout=10)


def say(visit, **content):
    visit.connection.sendall(local.frame(ExecutorReply(**content)))


@pytest.fixture
def boxes():
    made = []

    def make(answer):
        made.append(Box(answer))
        return made[-1]

    yield make
    for box in made:
        box.executor.close()


def test_parts_and_the_end_are_handed_over(boxes):
    def answer(_request, visit):
        say(visit, kind="part", body=b"a")
        say(visit, kind="done", body=b"z")

    box = boxes(answer)
    box.ask()
    assert box.next() == PartCame("r-1", b"a")
    assert box.next() == AnswerEnded("r-1", body=b"z")
    request = box.executor.requests.get(timeout=10)
    assert (request.node, request.request, request.challenge) == ("box-1", b"signed", None)


def test_a_challenge(boxes):
    box = boxes(lambda _request, visit: say(visit, kind="done", challenge=b"c" * 32))
    box.ask(envelope=None)
    assert box.next() == AnswerEnded("r-1", body=b"c" * 32)
    assert box.executor.requests.get(timeout=10).challenge == "request"


def test_no_more_than_a_few_parts_are_read_before_the_broker_has_them(boxes):
    def answer(_request, visit):
        for number in range(6):
            say(visit, kind="part", body=b"%d" % number)
        say(visit, kind="done")

    box = boxes(answer)
    box.ask()
    for number in range(WINDOW):
        assert box.next().body == b"%d" % number
    with pytest.raises(queue.Empty):
        box.posted.get(timeout=0.2)
    for number in range(WINDOW, 6):
        box.asking.perform(PassOn("r-1"))
        assert box.next().body == b"%d" % number
    assert box.next() == AnswerEnded("r-1")


def test_a_request_that_is_ended_leaves_the_executor(boxes):
    left = threading.Event()

    def answer(_request, visit):
        say(visit, kind="part", body=b"x")
        if visit.connection.recv(1) == b"":
            left.set()

    box = boxes(answer)
    box.ask()
    box.next()
    box.asking.perform(EndAsking("r-1"))
    assert left.wait(10)
    assert box.next() == AnswerEnded("r-1", "it was ended")


def test_input_reaches_the_executor_in_frames(boxes):
    def answer(_request, visit):
        say(visit, kind="part", body=b"open")
        came = b""
        while len(came) < 2 * len(INPUT):
            came += visit.connection.recv(1000)
        say(visit, kind="done", error=str(came == 2 * INPUT))

    box = boxes(answer)
    box.ask()
    box.next()
    for _ in range(2):
        box.asking.perform(HandInput("r-1", b"typed"))
    assert box.next() == AnswerEnded("r-1", "True")
    box.asking.perform(HandInput("r-2", b"typed"))


def test_an_executor_that_does_not_read_its_input_is_left(boxes):
    go_on = threading.Event()

    def answer(_request, visit):
        say(visit, kind="part", body=b"open")
        go_on.wait(10)

    box = boxes(answer)
    box.ask()
    box.next()
    for _ in range(100):
        box.asking.perform(HandInput("r-1", bytes(MAX_PIECE_BYTES)))
    assert box.next() == AnswerEnded("r-1", "it was ended")
    go_on.set()


def test_one_whose_parts_wait_can_be_ended(boxes):
    def answer(_request, visit):
        for _ in range(WINDOW + 1):
            say(visit, kind="part", body=b"x")
        visit.connection.recv(1)

    box = boxes(answer)
    box.ask()
    for _ in range(WINDOW):
        box.next()
    box.asking.perform(EndAsking("r-1"))
    while isinstance(end := box.next(), PartCame):
        pass
    assert end == AnswerEnded("r-1", "it was ended")


def test_answers_share_what_may_be_on_its_way(boxes):
    def answer(_request, visit):
        for _ in range(4):
            say(visit, kind="part", body=b"x")
        visit.connection.recv(1)

    box = boxes(answer)
    for name in ("r-1", "r-2"):
        box.ask(name)
    for _ in range(WINDOW):
        box.next()
    with pytest.raises(queue.Empty):
        box.posted.get(timeout=0.2)
    for name in ("r-1", "r-2"):
        box.asking.perform(EndAsking(name))
    while not box.posted.empty() or any(one.is_alive() for one in box.asking._visits.values()):
        box.next()
    box.ask("r-3")
    until_part(box, "r-3")
    until_part(box, "r-3")


def until_part(box, name):
    """Wait for a part: what was lost with earlier answers takes no room of this one."""
    while not isinstance(found := box.next(), PartCame) or found.id != name:
        pass


def test_what_is_not_known_is_nothing():
    asking = Asking("/nowhere", "box-1", "0" * 32, pytest.fail)
    asking.perform(PassOn("r-1"))
    asking.perform(EndAsking("r-1"))
    assert asking._visits == {}


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ({"kind": "done", "error": "no such instance"}, "no such instance"),
        (
            {"kind": "done", "outcome": Outcome(problems=("user 5 may not ask",))},
            "user 5 may not ask",
        ),
        ({"kind": "done", "outcome": Outcome()}, "the executor is of an older version"),
    ],
)
def test_refusals_are_told(boxes, reply, error):
    box = boxes(lambda _request, visit: say(visit, **reply))
    box.ask()
    assert box.next() == AnswerEnded("r-1", error)


def test_an_executor_that_breaks_off_or_is_not_there_is_told(boxes):
    box = boxes(lambda _request, _visit: None)
    box.ask()
    assert "ended before it was done" in box.next().error
    box.executor.close()
    box.ask("r-2")
    assert "no socket at" in box.next().error

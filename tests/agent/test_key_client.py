"""Handing changes of keys to an executor: what it may answer, and what may go wrong."""

import queue

import pytest
from tests.agent.executors import FakeExecutor

from skerry_agent import key_client
from skerry_agent.events import KeysJudged
from skerry_wire import local
from skerry_wire.local import ExecutorReply, ExecutorRequest, Outcome
from skerry_wire.order_keys import KeyStanding

NEW = KeyStanding(sequence=10, trusted=("1" * 16,))
REQUEST = ExecutorRequest(node="box-1", incarnation="0" * 32, keys=b"signed")


def posted(*replies, path=None):
    def answer(_request, visit):
        for reply in replies:
            visit.connection.sendall(local.frame(reply))

    found, executor = queue.Queue(), FakeExecutor(answer)
    try:
        key_client.start(path or executor.path, REQUEST, b"signed", found.put)
        return found.get(timeout=10)
    finally:
        executor.close()


@pytest.mark.parametrize(
    ("replies", "said"),
    [
        ([ExecutorReply(kind="done", keys=NEW)], KeysJudged(b"signed", NEW)),
        (
            [ExecutorReply(kind="done", keys=NEW, error="forged")],
            KeysJudged(b"signed", NEW, "forged"),
        ),
        (
            [ExecutorReply(kind="progress"), ExecutorReply(kind="done", outcome=Outcome())],
            KeysJudged(b"signed", None, key_client.OLDER, is_tried_again=True),
        ),
        (
            [ExecutorReply(kind="done", outcome=Outcome(problems=("user 7 may not ask",)))],
            KeysJudged(b"signed", None, "user 7 may not ask", is_tried_again=True),
        ),
    ],
)
def test_what_the_executor_says_is_posted(replies, said):
    assert posted(*replies) == said


def test_one_that_breaks_off_or_is_not_there_is_asked_again():
    assert posted().is_tried_again
    found = posted(path="/no/such/socket")
    assert (found.standing, found.is_tried_again) == (None, True)
    assert "skerry-executor.socket" in found.reason

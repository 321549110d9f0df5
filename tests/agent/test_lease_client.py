"""Challenges and grants through the executor's socket."""

import queue

import pytest
from tests.agent.executors import FakeExecutor

from skerry_agent.events import GrantTaken, LeaseChallenged
from skerry_agent.lease_client import start_challenge, start_grant
from skerry_wire import local
from skerry_wire.local import ExecutorReply, ExecutorRequest, Outcome

CHALLENGE = b"c" * 32
ASKED = ExecutorRequest(node="box-1", incarnation="0" * 32, challenge="lease")
GIVEN = ExecutorRequest(node="box-1", incarnation="0" * 32, grant=b"signed")


def talked(start, request, *replies, path=None):
    """Return what is posted when the executor answers so."""

    def answer(_request, visit):
        for reply in replies:
            visit.connection.sendall(local.frame(reply))

    posted = queue.Queue()
    executor = FakeExecutor(answer)
    try:
        start(path or executor.path, request, posted.put)
        found = posted.get(timeout=10)
        if path is None:
            assert executor.requests.get(timeout=10) == request
    finally:
        executor.close()
    return found


def done(**content):
    return ExecutorReply(kind="done", **content)


def test_a_challenge_is_posted():
    found = talked(start_challenge, ASKED, done(challenge=CHALLENGE))
    assert found.challenge == CHALLENGE


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (done(error="no order yet"), "no order yet"),
        (done(outcome=Outcome()), "of a version without leases"),
    ],
)
def test_why_there_is_none_is_posted(reply, words):
    found = talked(start_challenge, ASKED, reply)
    assert found.challenge is None
    assert words in found.reason


def test_an_executor_that_is_away_is_said():
    assert "no socket" in talked(start_challenge, ASKED, path="/nowhere/x.sock").reason
    assert "no socket" in talked(start_grant, GIVEN, path="/nowhere/x.sock").error


def test_an_answer_that_breaks_off_is_said():
    progress = ExecutorReply(kind="progress", outcome=Outcome())
    found = talked(start_challenge, ASKED, progress)
    assert isinstance(found, LeaseChallenged)
    assert "ended before it was done" in found.reason


def test_what_became_of_a_grant_is_posted():
    assert talked(start_grant, GIVEN, done(visit=True)) == GrantTaken(None, visit=True)
    assert talked(start_grant, GIVEN, done()) == GrantTaken(None)
    assert talked(start_grant, GIVEN, done(error="stale")) == GrantTaken("stale")

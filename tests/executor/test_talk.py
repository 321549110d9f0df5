"""The executor's end of a conversation."""

import socket
import threading

import pytest

from skerry_executor import order
from skerry_executor.admission import Admitted
from skerry_executor.talk import Talk
from skerry_wire import codec, local
from skerry_wire.lifecycle import UpdateStatus
from skerry_wire.local import ExecutorReply, Outcome
from skerry_wire.messages import InstanceState, InstanceStatus, Refusal


def replies(connection):
    connection.settimeout(10)
    found = []
    with connection.makefile("rb") as file:
        while header := file.read(local.HEADER_BYTES):
            body = file.read(local.body_length(header))
            found.append(codec.decode(ExecutorReply, body, most=local.MAX_FRAME_BYTES))
    return found


def test_parts_and_the_end_of_a_request():
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            talk = Talk(ours)
            talk.challenged(b"c" * 32)
            talk.part(b"x" * local.MAX_PART_BYTES)
            talk.ended(b"end", visit=True)
            talk.refused("y" * 2000)
        first, part, end, refused = replies(theirs)
    assert (first.kind, first.challenge) == ("done", b"c" * 32)
    assert (part.kind, len(part.body)) == ("part", local.MAX_PART_BYTES)
    assert (end.kind, end.error, end.body, end.visit) == ("done", None, b"end", True)
    assert (refused.kind, refused.error) == ("done", "y" * 1024)


def test_a_client_that_is_gone_is_no_error():
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours:
        talk = Talk(ours)
        assert not talk.is_gone
        talk.part(b"x")
        assert talk.is_gone
        talk.refused("why")


def test_long_reasons_are_cut_rather_than_the_answer_lost():
    update = UpdateStatus(revision="2" * 16, state="waiting", reason="y" * 1024)
    many = tuple(
        InstanceStatus(id=f"a-{n}", workload="a", revision="1" * 16, state=InstanceState.RUNNING,
                       reason="x" * 1024, update=update)
        for n in range(512)
    )  # fmt: skip
    ours, theirs = socket.socketpair()
    with theirs:
        told = threading.Thread(
            target=lambda: (Talk(ours).progress(Outcome(instances=many)), ours.close())
        )
        told.start()
        (reply,) = replies(theirs)
        told.join()
    assert len(reply.outcome.instances) == 512
    assert reply.outcome.instances[0].reason == "x" * 80
    assert reply.outcome.instances[0].update.reason == "y" * 80


@pytest.mark.parametrize(
    ("code", "outcome", "most_s"),
    [
        (order.NOT_KEPT, Outcome(accepted=1), 30.0),
        ("policy", Outcome(accepted=1, retry_most_s=30.0), None),
        (None, Outcome(accepted=1, retry_most_s=20.0), 20.0),
    ],
)
def test_only_an_order_that_there_was_no_room_for_may_pass_later(code, outcome, most_s):
    ours, theirs = socket.socketpair()
    refusal = code and Refusal(generation=2, code=code, reason="why")
    with theirs:
        with ours:
            talk = Talk(ours)
            talk.admitted = Admitted(refusal=refusal)
            talk.done(outcome)
        (done,) = replies(theirs)
    assert (done.outcome.refusal, done.outcome.retry_most_s) == (refusal, most_s)

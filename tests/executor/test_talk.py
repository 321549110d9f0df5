"""Frames of an answer that would be too long by what it says of hundreds of instances."""

import socket

from skerry_executor.talk import Talk
from skerry_wire import codec, local
from skerry_wire.lifecycle import UpdateStatus
from skerry_wire.local import ExecutorReply, Outcome
from skerry_wire.messages import InstanceState, InstanceStatus


def test_long_reasons_are_cut_rather_than_the_answer_lost():
    update = UpdateStatus(revision="2" * 16, state="waiting", reason="y" * 1024)
    many = tuple(
        InstanceStatus(id=f"a-{n}", workload="a", revision="1" * 16, state=InstanceState.RUNNING,
                       reason="x" * 1024, update=update)
        for n in range(512)
    )  # fmt: skip
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**20)
        Talk(ours).progress(Outcome(accepted=1, instances=many))
        length = local.body_length(theirs.recv(local.HEADER_BYTES))
        body = b""
        while len(body) < length:
            body += theirs.recv(length - len(body))
    reply = codec.decode(ExecutorReply, body, strict=True, most=local.MAX_FRAME_BYTES)
    assert len(reply.outcome.instances) == 512
    assert reply.outcome.instances[0].reason == "x" * 80
    assert reply.outcome.instances[0].update.reason == "y" * 80

"""Messages of nodes on their way to the writer: whose are believed, and what becomes of the rest.

Where the broker knows no list of revoked certificates, this is what shuts a node out.
"""

import pytest
from tests.hub.records import FIRST, capability, event, heartbeat, presence, report
from tests.hub.rig import count

from skerry_hub.writer.complaints import Complaints
from skerry_hub.writer.inbox import Inbox
from skerry_hub.writer.receiving import CLASSES, Receiving
from skerry_wire import codec
from skerry_wire.messages import LeaseRequest, Reply
from skerry_wire.topics import NodeTopic

MESSAGES = {
    NodeTopic.PRESENCE: presence(),
    NodeTopic.CAPABILITY: capability(),
    NodeTopic.REPORT: report(),
    NodeTopic.EVENT: event(),
    NodeTopic.REPLY: Reply(incarnation=FIRST, boot=1, seq=1, id="r-1"),
}
OFTEN = {
    NodeTopic.HEARTBEAT: heartbeat(),
    NodeTopic.LEASE: LeaseRequest(incarnation=FIRST, boot=1, seq=1, challenge=b"c" * 32),
}


class Place:
    """What receives, and what came of it; box-1 was shut out."""

    def __init__(self):
        self.inbox = Inbox()
        self.answered, self.acks = [], []
        self.receiving = Receiving(
            self.inbox, Complaints(), self.take_reply, lambda node: node == "box-1"
        )

    def take_reply(self, node, reply):
        self.answered.append((node, reply))
        return True

    def say(self, node, kind, payload):
        topic = f"skerry/v1/nodes/{node}/{kind}"
        if kind in OFTEN:
            self.receiving.heartbeat(topic, payload)
        else:
            self.receiving.message(topic, payload, lambda: self.acks.append(node))

    @property
    def taken(self):
        """Return all that goes on to somebody, by whom it says that it is of."""
        waiting = [one.node for one in self.inbox.wait(0)]
        often = [node for node, _ in (*self.inbox.heartbeats(), *self.inbox.leases())]
        return [*waiting, *often, *(node for node, _ in self.answered)]


@pytest.fixture
def place():
    return Place()


def test_every_kind_of_message_is_tried_here():
    assert set(MESSAGES) == set(CLASSES)


@pytest.mark.parametrize("kind", [*MESSAGES, *OFTEN], ids=str)
def test_nothing_is_believed_of_who_was_shut_out(place, kind):
    payload = codec.encode({**MESSAGES, **OFTEN}[kind])
    place.say("box-1", kind, payload)
    assert place.taken == []
    assert place.acks == ["box-1"] * (kind in MESSAGES), "else the broker would bring it again"
    place.say("box-2", kind, payload)
    assert place.taken == ["box-2"], "all others are heard"


@pytest.mark.parametrize("kind", [*MESSAGES, *OFTEN], ids=str)
def test_what_he_says_is_counted_and_not_even_read(place, kind):
    counted = "heartbeat" if kind in OFTEN else kind.value
    before = count(counted, "revoked")
    place.say("box-1", kind, b"no message")
    assert count(counted, "revoked") == before + 1
    assert place.taken == []

"""Messages of nodes from bytes to records, for the inbox. What is none is counted, and no more."""

from __future__ import annotations

from collections.abc import Callable

from skerry_hub.writer.complaints import Complaints
from skerry_hub.writer.inbox import Inbox, Incoming
from skerry_wire import codec, topics
from skerry_wire.capability import Capability
from skerry_wire.errors import WireError
from skerry_wire.messages import (
    EVENT_EXPIRY_S,
    Event,
    Heartbeat,
    LeaseRequest,
    NodeMessage,
    Presence,
    Reply,
    Report,
)
from skerry_wire.topics import NodeTopic

CLASSES: dict[NodeTopic, type[NodeMessage]] = {
    NodeTopic.PRESENCE: Presence,
    NodeTopic.CAPABILITY: Capability,
    NodeTopic.REPORT: Report,
    NodeTopic.EVENT: Event,
    NodeTopic.REPLY: Reply,
}
FLOODED = "more came than the hub can take"


class Receiving:
    """Called from the broker's threads."""

    def __init__(
        self,
        inbox: Inbox,
        complaints: Complaints,
        answered: Callable[[str, Reply], bool],
        shut_out: Callable[[str], bool],
    ) -> None:
        """`answered` takes the reply of a node that somebody waits for, and says whether one does.

        It changes no record, so it need not be durable, nor wait for its turn. `shut_out` says
        whose messages are not to be believed: not every broker refuses those who were revoked.
        """
        self._shut_out = shut_out
        self._inbox = inbox
        self._complaints = complaints
        self._answered = answered

    def heartbeat(self, topic: str, payload: bytes) -> None:
        """Take a heartbeat, or a request to renew leases, which comes the same way."""
        where = topics.parse(topic)
        if not isinstance(where, topics.Node):
            self._complaints.note("heartbeat", "malformed", f"{topic[:100]!r} is no topic of ours")
            return
        if self._shut_out(where.node):
            self._complaints.note("heartbeat", "revoked", f"{where.node} was revoked")
            return
        if where.topic is NodeTopic.LEASE:
            self._lease(where.node, topic, payload)
            return
        try:
            heartbeat = codec.decode(Heartbeat, payload)
        except WireError as error:
            self._complaints.note("heartbeat", "malformed", f"{topic}: {error}")
            return
        if not self._inbox.beat(where.node, heartbeat):
            self._complaints.note("heartbeat", "dropped", FLOODED)

    def _lease(self, node: str, topic: str, payload: bytes) -> None:
        kind = NodeTopic.LEASE.value
        try:
            request = codec.decode(LeaseRequest, payload)
        except WireError as error:
            self._complaints.note(kind, "malformed", f"{topic}: {error}")
            return
        if not self._inbox.lease(node, request):
            self._complaints.note(kind, "dropped", FLOODED)

    def message(
        self,
        topic: str,
        payload: bytes,
        ack: Callable[[], None],
        retained: bool = False,
        expires_in_s: int | None = None,
    ) -> None:
        """Take any other message; `ack` is called once it is durable, or known to be none.

        `expires_in_s`: how long the broker would have kept it on.
        """
        where = topics.parse(topic)
        kind = where.topic if isinstance(where, topics.Node) else None
        if not isinstance(where, topics.Node) or kind not in CLASSES:
            self._complaints.note("other", "malformed", f"{topic[:100]!r} is no topic of ours")
            ack()
            return
        if self._shut_out(where.node):
            self._complaints.note(kind.value, "revoked", f"{where.node} was revoked")
            ack()
            return
        try:
            message = codec.decode(CLASSES[kind], payload)
        except WireError as error:
            self._complaints.note(kind.value, "malformed", f"{topic}: {error}")
            ack()
            return
        if isinstance(message, Reply) and self._answered(where.node, message):
            ack()
            return
        waited_s = 0.0
        if isinstance(message, Event) and expires_in_s is not None:
            waited_s = max(0.0, float(EVENT_EXPIRY_S - expires_in_s))
        incoming = Incoming(where.node, kind.value, message, ack, retained, waited_s)
        if not self._inbox.post(incoming):
            self._complaints.note(kind.value, "dropped", FLOODED)

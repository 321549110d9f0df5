"""The hub's only MQTT: two connections to the broker, that always come back.

One carries heartbeats and what renews leases (clean, QoS 0): they may be many, and a lost one is
made good by the next.
The other carries all the rest: its session outlives the hub, and a message is acknowledged only
once `ack` is called, after the commit. Nothing to be published is kept here: the outbox is.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from skerry_hub.broker_connection import (
    FLUSH_S,
    KEEPALIVE_S,
    MAX_PACKET_BYTES,
    Connection,
    ReadsAhead,
    Trust,
)
from skerry_hub.broker_url import BrokerUrl
from skerry_hub.state import Publication
from skerry_wire import codec, topics
from skerry_wire.topics import NodeTopic

log = structlog.get_logger("broker")

SESSION_EXPIRY_S = 14 * 86_400
RECEIVE_MOST = 500
"""Most messages that wait for their acknowledgement; the broker keeps the rest."""
PACKET_ROOM_BYTES = 4096
"""What topic and properties may take of a packet."""
_OFTEN = (NodeTopic.HEARTBEAT.value, NodeTopic.LEASE.value)
"""What comes over the connection of its own."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """As whom the hub's two connections come. A broker tells clients apart by these ids."""

    main: str
    beats: str
    main_trust: Trust = dataclasses.field(default_factory=Trust)
    beats_trust: Trust = dataclasses.field(default_factory=Trust)


def plain_ends(hub_id: str, trust: Trust | None = None) -> Ends:
    """Return those of a hub that shows no certificate."""
    trust = trust or Trust()
    main = f"skerry-hub-{hub_id}"
    return Ends(main=main, beats=f"{main}-heartbeats", main_trust=trust, beats_trust=trust)


@dataclasses.dataclass(frozen=True, slots=True)
class Ears:
    """Who is told what comes. Called from the connections' threads; must hand over and return."""

    heartbeat: Callable[[str, bytes], None]
    """Heartbeats, and requests to renew leases."""
    message: Callable[[str, bytes, Callable[[], None], bool, int | None], None]
    """Topic, payload, what acknowledges it, whether the broker had kept it, and for how long the
    broker would keep it on, in s, where it goes at all."""
    connected: Callable[[], None]
    disconnected: Callable[[str], None]
    """And why."""
    published: Callable[[int], None]
    beating: Callable[[bool, str], None] = lambda _can_come, _reason: None
    """Whether heartbeats can come, and why not: theirs is a connection of its own."""


class Broker:
    """Both connections of one hub."""

    def __init__(self, url: BrokerUrl, ends: Ends, will: Publication, ears: Ears) -> None:
        self._ears = ears
        self._main = _Rest(url, ends, will, ears)
        self._beats = _Heartbeats(url, ends, ears)

    def start(self) -> None:
        """Begin to connect."""
        self._main.start()
        self._beats.start()

    def publish(self, publication: Publication, token: int | None = None) -> None:
        """Send, if there is a connection. `published(token)` says that the broker has it."""
        self._main.publish(publication, token)

    def request(self, node: str, verb: str, payload: bytes, expiry_s: int) -> None:
        """Ask one node something."""
        topic = str(topics.NodeRequest(node, verb))
        self._main.publish(
            Publication(topic=topic, payload=payload, retain=False, expiry_s=expiry_s), None
        )

    def stop(self, farewell: Publication) -> None:
        """Say good-bye, wait shortly until the broker has what was sent, and disconnect."""
        self._main.publish(farewell, None)
        self._main.flush()
        self._main.stop()
        self._beats.stop()


class _Unsettled:
    """Which publications of one client the broker has not acknowledged. Two threads."""

    def __init__(self, published: Callable[[int], None]) -> None:
        self._published = published
        self._lock = threading.Lock()
        self._tokens: dict[int, int | None] = {}
        self._early: dict[int, bool] = {}
        """Acknowledged, or refused, before `publish` had returned the number."""

    def __len__(self) -> int:
        return len(self._tokens)

    def sent(self, mid: int, token: int | None) -> None:
        with self._lock:
            refused = self._early.pop(mid, None)
            if refused is None:
                self._tokens[mid] = token
        if refused is False and token is not None:
            self._published(token)

    def acknowledged(self, mid: int, *, refused: bool) -> None:
        with self._lock:
            if mid not in self._tokens:
                self._early[mid] = refused
                return
            token = self._tokens.pop(mid)
        # What the broker refuses stays in the outbox, for a broker that was put right.
        if token is not None and not refused:
            self._published(token)


class _Rest(Connection):
    """Everything but heartbeats."""

    def __init__(self, url: BrokerUrl, ends: Ends, will: Publication, ears: Ears) -> None:
        super().__init__(url, ends.main, ends.main_trust)
        self._will = will
        self._ears = ears
        self._unsettled = _Unsettled(ears.published)

    def publish(self, publication: Publication, token: int | None) -> None:
        client, unsettled = self._client, self._unsettled
        if client is None or not self._online:
            return
        if len(publication.payload) > self._most_bytes - PACKET_ROOM_BYTES:
            # The broker would end the connection, again and again.
            log.error(
                "too large to publish", topic=publication.topic, size=len(publication.payload)
            )
            return
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = (
            codec.CONTENT_TYPE if "/nodes/" in publication.topic else "application/json"
        )
        properties.UserProperty = ("v", codec.SCHEMA_VERSION)
        if publication.expiry_s is not None:
            properties.MessageExpiryInterval = publication.expiry_s
        info = client.publish(
            publication.topic,
            publication.payload,
            qos=publication.qos,
            retain=publication.retain,
            properties=properties,
        )
        unsettled.sent(info.mid, token)

    def flush(self) -> None:
        deadline = time.monotonic() + FLUSH_S
        while self._online and len(self._unsettled) and time.monotonic() < deadline:
            time.sleep(0.01)

    def _make(self) -> ReadsAhead:
        client = ReadsAhead(
            CallbackAPIVersion.VERSION2, self._id, protocol=paho.MQTTv5, manual_ack=True
        )
        client.max_inflight_messages_set(100)
        client.will_set(self._will.topic, self._will.payload, qos=1, retain=True)
        client.on_message = self._on_message
        # Numbers begin anew with each client, and so does what is known of them.
        unsettled = self._unsettled = _Unsettled(self._ears.published)

        def on_publish(_client: Any, _data: Any, mid: int, code: Any, *_: Any) -> None:
            try:
                if code.is_failure:
                    log.error("the broker refuses a publication", reason=str(code))
                unsettled.acknowledged(mid, refused=code.is_failure)
            except Exception:  # whatever it is, paho would end its loop
                log.exception("an acknowledgement could not be taken")

        client.on_publish = on_publish
        return client

    def _connect(self, client: paho.Client) -> None:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        properties.ReceiveMaximum = RECEIVE_MOST
        properties.MaximumPacketSize = MAX_PACKET_BYTES
        url = self._url
        client.connect(url.host, url.port, KEEPALIVE_S, clean_start=False, properties=properties)

    def _ready(self, client: paho.Client) -> None:
        # Retained messages come again at each connection: the hub may have missed some.
        options = SubscribeOptions(qos=1, noLocal=True)
        wanted = [one for one in topics.ALL_FROM_NODES if not one.endswith(_OFTEN)]
        client.subscribe([(one, options) for one in wanted])
        self._ears.connected()

    def _gone(self, reason: str) -> None:
        self._ears.disconnected(reason)

    def _on_message(self, client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        def ack() -> None:
            if self._client is client:
                client.ack(message.mid, message.qos)

        try:
            left_s = getattr(message.properties, "MessageExpiryInterval", None)
            self._ears.message(message.topic, bytes(message.payload), ack, message.retain, left_s)
        except Exception:  # whatever it is, paho would end its loop
            log.exception("a message could not be taken")


class _Heartbeats(Connection):
    """Heartbeats, and requests to renew leases.

    In MQTT 3.1.1, which leaves the properties of a message with the broker: they say nothing that
    the hub needs here, and paho takes longer to read them than the hub takes for all the rest.
    """

    def __init__(self, url: BrokerUrl, ends: Ends, ears: Ears) -> None:
        super().__init__(url, ends.beats, ends.beats_trust)
        self._take = ears.heartbeat
        self._beating = ears.beating

    def _make(self) -> ReadsAhead:
        client = ReadsAhead(CallbackAPIVersion.VERSION2, self._id, protocol=paho.MQTTv311)
        client.on_message = self._on_message
        return client

    def _connect(self, client: paho.Client) -> None:
        client.connect(self._url.host, self._url.port, KEEPALIVE_S)

    def _ready(self, client: paho.Client) -> None:
        client.subscribe([(f"{topics.ROOT}/nodes/+/{one}", 0) for one in _OFTEN])
        self._beating(True, "")

    def _gone(self, reason: str) -> None:
        self._beating(False, reason)

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            self._take(message.topic, bytes(message.payload))
        except Exception:  # whatever it is, paho would end its loop
            log.exception("a heartbeat could not be taken")

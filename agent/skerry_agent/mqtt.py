"""The agent's only MQTT: one connection that is always coming back, and never hammers.

Works with paho-mqtt 1.6.1 and 2.x. Nothing is kept in the library: each connection has a client
of its own, and the core says again at `Connected` what the broker may not have. Callbacks only
hand over; an exception in one would end paho's network loop without a word.
"""

from __future__ import annotations

import dataclasses
import logging
import random
import threading
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from skerry_agent.effects import Publish
from skerry_agent.events import (
    Acknowledged,
    AgentEvent,
    Connected,
    Disconnected,
    OrderArrived,
    RequestArrived,
)
from skerry_wire import codec, topics
from skerry_wire.errors import WireError
from skerry_wire.messages import Presence
from skerry_wire.topics import NodeTopic

log = logging.getLogger(__name__)

KEEPALIVE_S = 60
SESSION_EXPIRY_S = 3600
WILL_DELAY_S = 5
"""Long enough that an agent that comes straight back is never seen as gone."""
BACKOFF_FIRST_S = 1.0
BACKOFF_MOST_S = 120.0
STEADY_S = 30.0
"""A connection that held for so long was a good one: the back-off starts anew."""
FLUSH_S = 2.0
"""How long `stop` waits for the broker to take what was published."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where the broker is, and how to trust it. Paths are None where TLS does not need them."""

    host: str
    port: int
    tls: bool = False
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


def broker_at(url: str) -> Broker:
    """Return the broker of `mqtt://host[:1883]` or `mqtts://host[:8883]`; ValueError otherwise."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise ValueError(f"{url!r} is no broker: write mqtt://host:port or mqtts://host:port")
    if parts.username or parts.password or parts.path.strip("/") or parts.query:
        raise ValueError("a broker's URL has a host and a port and nothing else")
    tls = parts.scheme == "mqtts"
    return Broker(host=parts.hostname, port=parts.port or (8883 if tls else 1883), tls=tls)


class Link:
    """The connection of one node to its broker."""

    def __init__(
        self,
        broker: Broker,
        node: str,
        make_will: Callable[[int], Presence],
        post: Callable[[AgentEvent], None],
    ) -> None:
        """`make_will` gives the last will of the n-th connection; `post` takes what happens."""
        self._broker = broker
        self._node = node
        self._make_will = make_will
        self._post = post
        self._client: paho.Client | None = None
        self._tokens: dict[int, str] = {}
        self._early: set[int] = set()
        self._connection = 0
        self._online = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def publish(self, effect: Publish) -> None:
        """Send a message, if there is a connection to send it on."""
        client = self._client
        if client is None or not self._online:
            return
        try:
            payload = codec.encode(effect.message)
        except WireError as error:
            log.error("a message on %s cannot be sent: %s", effect.topic, error)
            return
        properties = _properties(PacketTypes.PUBLISH, effect.expiry_s)
        if effect.correlation is not None:
            properties.CorrelationData = effect.correlation
        topic = str(topics.Node(self._node, effect.topic))
        info = client.publish(
            topic, payload, qos=effect.qos, retain=effect.retain, properties=properties
        )
        self._remember(info.mid, effect.token or "")

    def stop(self) -> None:
        """Wait until what was published is with the broker, then say good-bye to it."""
        deadline = time.monotonic() + FLUSH_S
        while self._online and self._tokens and time.monotonic() < deadline:
            time.sleep(0.01)
        self._stopping.set()
        client = self._client
        if client is not None:
            client.disconnect()
        self._thread.join(FLUSH_S)

    # paho may call back before `publish` has returned the number of the message. Every number is
    # noted once by each side, in either order, with operations that are atomic by themselves: a
    # lock here would wait for paho's, which is held around its callbacks.

    def _remember(self, mid: int, token: str) -> None:
        self._tokens[mid] = token
        if mid in self._early:
            self._early.discard(mid)
            self._settle(self._tokens.pop(mid, ""))

    def _published(self, mid: int) -> None:
        token = self._tokens.pop(mid, None)
        if token is None:
            self._early.add(mid)
        else:
            self._settle(token)

    def _settle(self, token: str) -> None:
        if token:
            self._post(Acknowledged(token))

    def _run(self) -> None:
        failures = 0
        told = ""
        while not self._stopping.is_set():
            started = time.monotonic()
            was_online, reason = self._one_connection()
            if self._stopping.is_set():
                return
            if was_online or reason != told:
                self._post(Disconnected(reason))
                told = reason
            steady = was_online and time.monotonic() - started > STEADY_S
            failures = 0 if steady else failures + 1
            # Full jitter: a fleet that lost its broker does not come back all at once.
            ceiling = min(BACKOFF_MOST_S, BACKOFF_FIRST_S * 2.0 ** min(failures, 20))
            self._stopping.wait(random.uniform(0, ceiling))  # noqa: S311

    def _one_connection(self) -> tuple[bool, str]:
        """Connect and stay until that ends; return whether it ever stood, and why it ended."""
        self._connection += 1
        self._online = False
        self._tokens, self._early = {}, set()
        refusal: list[str] = []
        client = self._new_client(refusal)
        self._client = client
        try:
            client.connect(
                self._broker.host,
                self._broker.port,
                KEEPALIVE_S,
                clean_start=False,
                properties=_connect_properties(),
            )
            code = paho.MQTT_ERR_SUCCESS
            was_online = False
            while code == paho.MQTT_ERR_SUCCESS:
                code = client.loop(timeout=KEEPALIVE_S / 2)
                was_online = was_online or self._online
            reason = refusal[0] if refusal else f"connection lost: {paho.error_string(code)}"
        except (OSError, ValueError) as error:
            was_online = self._online
            reason = f"{self._broker.host}:{self._broker.port}: {error}"
        finally:
            self._online = False
            self._client = None
        return was_online, reason

    def _new_client(self, refusal: list[str]) -> paho.Client:
        client = _client(self._node)
        if self._broker.tls:
            broker = self._broker
            client.tls_set(ca_certs=broker.ca, certfile=broker.certificate, keyfile=broker.key)
        will = self._make_will(self._connection)
        properties = _properties(PacketTypes.WILLMESSAGE, None)
        properties.WillDelayInterval = WILL_DELAY_S
        client.will_set(
            str(topics.Node(self._node, NodeTopic.PRESENCE)),
            codec.encode(will),
            qos=1,
            retain=True,
            properties=properties,
        )

        def on_connect(client: paho.Client, _data: Any, _flags: Any, code: Any, *_: Any) -> None:
            if code.value != 0:
                refusal.append(f"the broker refuses the connection: {code}")
                return
            order = str(topics.Node(self._node, NodeTopic.ORDER))
            client.subscribe([(order, _qos1()), (topics.requests_to(self._node), _qos1())])
            self._online = True
            self._post(Connected(self._connection))

        client.on_connect = on_connect
        client.on_publish = lambda _client, _data, mid, *_: self._published(mid)
        client.on_message = self._on_message
        return client

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            if len(message.payload) > codec.MAX_MESSAGE_BYTES:
                log.warning("%d bytes on %s: too large", len(message.payload), message.topic)
                return
            match topics.parse(message.topic):
                case topics.Node(node=self._node, topic=NodeTopic.ORDER) if message.payload:
                    self._post(OrderArrived(bytes(message.payload)))
                case topics.NodeRequest(node=self._node, verb=verb):
                    correlation = getattr(message.properties, "CorrelationData", None)
                    self._post(RequestArrived(verb, bytes(message.payload), correlation))
        except Exception:  # whatever it is, paho would end its loop
            log.exception("a message could not be taken")


def _client(client_id: str) -> paho.Client:
    """Return a client of whichever paho is installed: 2.x wants to be told its callbacks' shape."""
    if hasattr(paho, "CallbackAPIVersion"):
        return paho.Client(paho.CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5)
    older: Any = paho.Client
    return older(client_id, protocol=paho.MQTTv5)  # type: ignore[no-any-return]


def _qos1() -> Any:
    return SubscribeOptions(qos=1)


def _connect_properties() -> Any:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    properties.MaximumPacketSize = 1024 * 1024
    return properties


def _properties(kind: int, expiry_s: int | None) -> Any:
    properties = Properties(kind)  # type: ignore[no-untyped-call]
    properties.ContentType = codec.CONTENT_TYPE
    properties.UserProperty = ("v", codec.SCHEMA_VERSION)
    if expiry_s is not None:
        properties.MessageExpiryInterval = expiry_s
    return properties

"""The agent's only MQTT: one connection that is always coming back, and never hammers.

Works with paho-mqtt 1.6.1 and 2.x. Nothing is kept in the library: each connection has a client
of its own, and the core says again at `Connected` what the broker may not have. Callbacks only
hand over; an exception in one would end paho's network loop without a word.
"""

from __future__ import annotations

import collections
import json
import logging
import random
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from skerry_agent import link_endings, tcp_round_trip, tls
from skerry_agent.attempts import Attempts
from skerry_agent.broker import Broker
from skerry_agent.effects import Publish
from skerry_agent.events import (
    Acknowledged,
    AgentEvent,
    Connected,
    Disconnected,
    Ending,
    GrantArrived,
    KeysArrived,
    OrderArrived,
    RequestArrived,
    TargetsArrived,
)
from skerry_wire import codec, reconnecting, topics
from skerry_wire.errors import WireError
from skerry_wire.messages import Presence
from skerry_wire.topics import NodeTopic

log = logging.getLogger(__name__)

KEEPALIVE_S = int(reconnecting.KEEPALIVE_S)
SESSION_EXPIRY_S = 3600
WILL_DELAY_S = 5
"""Long enough that an agent that comes straight back is never seen as gone."""
FLUSH_S = 2.0
"""How long `stop` waits for the broker to take what was published."""
STALL_S = 2 * reconnecting.MOST_S + 3 * KEEPALIVE_S
"""A link that is alive goes round its loop within this: paho leaves it when the broker is silent,
so each round proves an echo, a new attempt to connect, or a wait for one."""
LOOK_S = 300.0
"""How often a link that nobody has told of a broker looks whether it was told one."""
NO_BROKER = "nobody has told this box where its broker is: run `skerry-agent join`"


class Link:
    """The connection of one node to its broker."""

    def __init__(
        self,
        broker: Broker | None,
        node: str,
        make_will: Callable[[int], Presence],
        post: Callable[[AgentEvent], None],
        broker_now: Callable[[], Broker | None] | None = None,
    ) -> None:
        """`make_will` gives the last will of the n-th connection; `post` takes what happens.

        `broker_now` tells before each connection where the broker is by now.
        """
        self._broker = broker
        self._broker_now = broker_now
        self._node = node
        self._make_will = make_will
        self._post = post
        self._client: paho.Client | None = None
        self._tokens: dict[int, str] = {}
        self._early: set[int] = set()
        self._connection = 0
        self._online = False
        self._stands_since: float | None = None
        self._ceiling_s = reconnecting.USUAL_S
        self._secured_by = b""
        self._attempts = Attempts(time.monotonic())
        self._said: collections.deque[tuple[int, int, float]] = collections.deque(maxlen=8)
        self._said_before = False
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._seen_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def look_again(self) -> None:
        """Go on with what holds by now: where the broker is, and what the box shows to it."""
        broker = self._broker if self._broker_now is None else self._broker_now()
        client = self._client
        changed = broker != self._broker or tls.vouching(broker) != self._secured_by
        if client is not None and self._online and changed:
            client.disconnect()
        self._woken.set()

    @property
    def is_stalled(self) -> bool:
        """Say whether the link's thread has ended or hangs, which only a new process mends."""
        return time.monotonic() - self._seen_at > STALL_S

    @property
    def round_trip_ms(self) -> float | None:
        """Return the kernel's round-trip time of the connection to the broker, if it stands."""
        client = self._client
        connection = client.socket() if client is not None and self._online else None
        if not isinstance(connection, socket.socket):
            return None
        return tcp_round_trip.kernel_ms(connection)

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
        if isinstance(effect.message, Presence):
            self._said.append(_moment_of(effect.message))
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
        self._woken.set()
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
        attempts, told = self._attempts, ""
        while not self._stopping.is_set():
            self._seen_at = time.monotonic()
            self._woken.clear()  # before the look: what changes after it is not missed
            if self._broker_now is not None:
                self._broker = self._broker_now()
            if self._broker is None:
                stood_s, reason, ending = None, NO_BROKER, Ending.LOST
            else:
                stood_s, reason, ending = self._one_connection(self._broker)
            if self._stopping.is_set():
                return
            now = time.monotonic()
            wait = attempts.ended(stood_s, now, self._ceiling_s, ending)
            if stood_s is not None or reason != told:
                self._post(Disconnected(reason, ending, attempts.is_shared(now)))
                told = reason
            # Full jitter: a fleet that lost its broker does not come back all at once.
            wait_s = random.uniform(wait.least_s, wait.most_s)  # noqa: S311
            self._woken.wait(LOOK_S if self._broker is None else wait_s)

    def _one_connection(self, broker: Broker) -> tuple[float | None, str, Ending]:
        """Connect, stay until that ends; return how long it stood, if it did, and how it ended."""
        self._connection += 1
        self._online = False
        self._stands_since = None
        self._said_before = bool(self._said)
        self._tokens, self._early = {}, set()
        ended = link_endings.Told()
        try:
            client = self._new_client(broker, ended)
            self._client = client
            client.connect(
                broker.host,
                broker.port,
                KEEPALIVE_S,
                clean_start=False,
                properties=_connect_properties(),
            )
            connection = client.socket()
            if isinstance(connection, socket.socket):
                # What is small shall not wait until what was sent before has arrived.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = paho.MQTT_ERR_SUCCESS
            while code == paho.MQTT_ERR_SUCCESS:
                code = client.loop(timeout=KEEPALIVE_S / 2)
                self._seen_at = time.monotonic()
            reason = ended.in_words(f"connection lost: {paho.error_string(code)}")
        except (OSError, ValueError) as error:
            ended.failed(error)
            reason = f"{broker.host}:{broker.port}: {ended.in_words(str(error))}"
        except Exception as error:  # whatever paho stumbles over, the next connection is a new one
            log.exception("the connection to the broker broke in an unforeseen way")
            reason = f"{type(error).__name__}: {error}"
        finally:
            self._online = False
            self._client = None
        since = self._stands_since
        return None if since is None else time.monotonic() - since, reason, ended.ending

    def _new_client(self, broker: Broker, ended: link_endings.Told) -> paho.Client:
        client = _client(self._node)
        self._secured_by = tls.vouching(broker)
        _secure(client, broker)
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
                ended.refused(str(code))
                return
            told = [str(topics.Node(self._node, topic)) for topic in topics.TO_NODES]
            told.append(topics.requests_to(self._node))
            told.append(str(topics.HubPresence()))
            told.append(str(topics.Node(self._node, NodeTopic.PRESENCE)))  # who spoke meanwhile
            client.subscribe([(topic, _qos1()) for topic in told])
            self._online, self._stands_since = True, time.monotonic()
            self._post(Connected(self._connection))

        # With this, paho leaves all writing to the link's thread. Else whoever publishes writes,
        # too, and packets overtake each other, or come within one another.
        client.on_socket_register_write = lambda *_: None
        client.on_connect = on_connect
        client.on_publish = lambda _client, _data, mid, *_: self._published(mid)
        client.on_message = self._on_message
        client.on_disconnect = lambda _client, _data, *told: ended.said(told)
        client.on_log = lambda client, _data, _level, text: ended.logged(client, text)
        return client

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            if len(message.payload) > codec.MAX_MESSAGE_BYTES:
                log.warning("%d bytes on %s: too large", len(message.payload), message.topic)
                return
            match topics.parse(message.topic):
                case topics.Node(node=self._node, topic=NodeTopic.ORDER) if message.payload:
                    self._post(OrderArrived(bytes(message.payload)))
                case topics.Node(node=self._node, topic=NodeTopic.TARGETS) if message.payload:
                    self._post(TargetsArrived(bytes(message.payload)))
                case topics.Node(node=self._node, topic=NodeTopic.KEYS) if message.payload:
                    self._post(KeysArrived(bytes(message.payload)))
                case topics.Node(node=self._node, topic=NodeTopic.GRANT) if message.payload:
                    self._post(GrantArrived(bytes(message.payload)))
                case topics.Node(node=self._node, topic=NodeTopic.PRESENCE) if message.retain:
                    self._look_who(bytes(message.payload))
                case topics.HubPresence():
                    self._ceiling_s = told_ceiling_s(message.payload) or self._ceiling_s
                case topics.NodeRequest(node=self._node, verb=verb):
                    correlation = getattr(message.properties, "CorrelationData", None)
                    self._post(RequestArrived(verb, bytes(message.payload), correlation))
        except Exception:  # whatever it is, paho would end its loop
            log.exception("a message could not be taken")

    def _look_who(self, payload: bytes) -> None:
        """Note where what the broker kept of this node was said by somebody else.

        Once this agent has spoken, only its own words may be there, or its last will.
        """
        try:
            kept = codec.decode(Presence, payload) if payload else None
        except WireError:
            return
        if kept is None or not kept.online or not self._said_before:
            return
        if _moment_of(kept) not in self._said:
            self._attempts.saw_another(time.monotonic())


def _moment_of(presence: Presence) -> tuple[int, int, float]:
    """Return what tells an agent's words from those of one that began as its copy."""
    return presence.boot, presence.seq, presence.since


def told_ceiling_s(presence: bytes | bytearray) -> float | None:
    """Return how long a box waits at most to connect, as the hub's presence says it, if it does."""
    try:
        found = json.loads(presence)["reconnect_s"]
        wait_s = float(found)
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return min(reconnecting.MOST_S, max(reconnecting.LEAST_S, wait_s)) if wait_s > 0 else None


def greet(broker: Broker, client_id: str, timeout_s: float) -> str | None:
    """Connect once, say good-bye, and return what went wrong, or None. For `skerry-agent check`."""
    client = _client(client_id)
    answers: list[Any] = []
    client.on_connect = lambda _client, _data, _flags, code, *_: answers.append(code)
    deadline = time.monotonic() + timeout_s
    try:
        _secure(client, broker)
        client.connect(broker.host, broker.port, KEEPALIVE_S, clean_start=True)
        code = paho.MQTT_ERR_SUCCESS
        while not answers and code == paho.MQTT_ERR_SUCCESS and time.monotonic() < deadline:
            code = client.loop(timeout=0.1)
        client.disconnect()
    except (OSError, ValueError) as error:
        return f"no MQTT connection: {error}"
    if not answers:
        return f"does not answer to MQTT within {timeout_s:g} s"
    return None if answers[0].value == 0 else f"refuses this box: {answers[0]}"


def _secure(client: paho.Client, broker: Broker) -> None:
    if broker.tls:
        # Files are read now, so each connection shows the certificate that there is by then.
        client.tls_set_context(tls.context_of(broker.ca, broker.certificate, broker.key))


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

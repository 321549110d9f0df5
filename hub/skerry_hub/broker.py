"""The hub's only MQTT: two connections to the broker, that always come back.

One carries heartbeats and what renews leases (clean, QoS 0): they may be many, and a lost one is
made good by the next.
The other carries all the rest: its session outlives the hub, and a message is acknowledged only
once `ack` is called, after the commit. Nothing to be published is kept here: the outbox is.
"""

from __future__ import annotations

import dataclasses
import random
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from skerry_hub.state import Publication
from skerry_wire import codec, topics
from skerry_wire.topics import NodeTopic

log = structlog.get_logger("broker")

KEEPALIVE_S = 30
SESSION_EXPIRY_S = 14 * 86_400
RECEIVE_MOST = 500
"""Most messages that wait for their acknowledgement; the broker keeps the rest."""
BACKOFF_FIRST_S = 0.2
BACKOFF_MOST_S = 15.0
STEADY_S = 30.0
READ_AHEAD_BYTES = 64 * 1024
READ_MOST = 1000
"""Most packets that are read before the connection's own needs are looked after."""
FLUSH_S = 2.0
MAX_PACKET_BYTES = 1024 * 1024
PACKET_ROOM_BYTES = 4096
"""What topic and properties may take of a packet."""
_OFTEN = (NodeTopic.HEARTBEAT.value, NodeTopic.LEASE.value)
"""What comes over the connection of its own."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BrokerUrl:
    """Where the broker is."""

    host: str
    port: int
    tls: bool
    username: str | None
    password: str | None = dataclasses.field(repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def broker_at(url: str) -> BrokerUrl:
    """Return the broker of `mqtt[s]://[user:password@]host[:port]`. Raises ValueError."""
    form = "a broker is mqtt://host:port or mqtts://host:port"
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(form) from None  # its own words quote the URL, and what is secret in it
    rest = parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or rest or port == 0:
        raise ValueError(form)
    tls = parts.scheme == "mqtts"
    return BrokerUrl(
        host=parts.hostname,
        port=port or (8883 if tls else 1883),
        tls=tls,
        username=parts.username and urllib.parse.unquote(parts.username),
        password=parts.password and urllib.parse.unquote(parts.password),
    )


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

    def __init__(self, url: BrokerUrl, hub_id: str, will: Publication, ears: Ears) -> None:
        self._ears = ears
        self._main = _Rest(url, f"skerry-hub-{hub_id}", will, ears)
        self._beats = _Heartbeats(url, f"skerry-hub-{hub_id}-heartbeats", ears)

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


class _ReadsAhead(paho.Client):
    """Asks the kernel for much at once; paho itself asks for each field of each packet.

    Who waits for the socket must first use up what was read: `more` says whether there is some.
    """

    _ahead = b""
    _at = 0

    @property
    def more(self) -> bool:
        """Say whether something was read that no packet has used yet."""
        return self._at < len(self._ahead)

    def _sock_recv(self, bufsize: int) -> bytes:
        at = self._at
        data = self._ahead[at : at + bufsize]
        if data:
            self._at = at + bufsize
            return data
        self._ahead = super()._sock_recv(READ_AHEAD_BYTES)
        self._at = bufsize
        return self._ahead[:bufsize]


class _Connection:
    """A connection that comes back, each time with a new client: nothing old is ever resent."""

    _most_bytes = MAX_PACKET_BYTES

    def __init__(self, url: BrokerUrl, client_id: str) -> None:
        self._url = url
        self._id = client_id
        self._client: paho.Client | None = None
        self._online = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=client_id, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        client = self._client
        if client is not None:
            client.disconnect()
        self._thread.join(FLUSH_S)

    def _run(self) -> None:
        failures, told = 0, ""
        while not self._stopping.is_set():
            started = time.monotonic()
            was_online, reason = self._one()
            if self._stopping.is_set():
                return
            if was_online or reason != told:
                log.warning("not connected", broker=str(self._url), reason=reason)
                told = reason
            failures = 0 if was_online and time.monotonic() - started > STEADY_S else failures + 1
            ceiling = min(BACKOFF_MOST_S, BACKOFF_FIRST_S * 2.0 ** min(failures, 20))
            self._stopping.wait(random.uniform(ceiling / 4, ceiling))  # noqa: S311

    def _one(self) -> tuple[bool, str]:
        client = self._make()
        refusal: list[str] = []

        def on_connect(
            _client: Any, _data: Any, _flags: Any, code: Any, properties: Any = None, *_: Any
        ) -> None:
            if code.value != 0:
                refusal.append(f"the broker refuses the connection: {code}")
                return
            most = getattr(properties, "MaximumPacketSize", MAX_PACKET_BYTES)
            self._most_bytes = min(most, MAX_PACKET_BYTES)
            self._online = True
            self._ready(client)

        def on_subscribe(_client: Any, _data: Any, _mid: Any, codes: Any, *_: Any) -> None:
            refused = [str(code) for code in codes if code.is_failure]
            if refused:
                log.error("the broker refuses a subscription", reason=", ".join(refused))

        client.on_connect = on_connect
        client.on_subscribe = on_subscribe
        # With this, paho leaves all writing to the connection's own thread. Else whoever publishes
        # writes, too, and packets overtake each other, or come within one another.
        client.on_socket_register_write = _nothing
        self._client = client
        was_online, reason = False, ""
        try:
            if self._url.username is not None:
                client.username_pw_set(self._url.username, self._url.password)
            if self._url.tls:
                client.tls_set()
            self._connect(client)
            _send_at_once(client)
            code = MQTTErrorCode.MQTT_ERR_SUCCESS
            while code == MQTTErrorCode.MQTT_ERR_SUCCESS:
                code = self._loop(client)
                was_online = was_online or self._online
            reason = refusal[0] if refusal else f"connection lost: {paho.error_string(code)}"
        except OSError as error:
            reason = error.strerror or str(error)
        except Exception as error:
            # What a broker sends may be anything, and paho raises many things: never for good.
            log.exception("the connection failed", broker=str(self._url))
            reason = f"{type(error).__name__}: {error}"
        finally:
            self._online, self._client = False, None
            self._gone(reason)
        return was_online, reason

    def _make(self) -> _ReadsAhead:
        raise NotImplementedError

    def _connect(self, client: paho.Client) -> None:
        raise NotImplementedError

    def _ready(self, client: paho.Client) -> None:
        raise NotImplementedError

    def _gone(self, reason: str) -> None:
        """Be told that the connection has ended, if it ever stood."""

    def _loop(self, client: _ReadsAhead) -> MQTTErrorCode:
        code = client.loop(timeout=KEEPALIVE_S / 2)
        while code == MQTTErrorCode.MQTT_ERR_SUCCESS and client.more:
            for _ in range(READ_MOST):
                code = client.loop_read()
                if code != MQTTErrorCode.MQTT_ERR_SUCCESS or not client.more:
                    return code
            # A flood may last: the broker must hear from us.
            code = client.loop_write() or client.loop_misc()
        return code


def _nothing(*_: object) -> None:
    pass


def _send_at_once(client: paho.Client) -> None:
    """Have an acknowledgement not wait until the one before has arrived."""
    connection = client.socket()
    if isinstance(connection, socket.socket):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


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


class _Rest(_Connection):
    """Everything but heartbeats."""

    def __init__(self, url: BrokerUrl, client_id: str, will: Publication, ears: Ears) -> None:
        super().__init__(url, client_id)
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

    def _make(self) -> _ReadsAhead:
        client = _ReadsAhead(
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


class _Heartbeats(_Connection):
    """Heartbeats, and requests to renew leases.

    In MQTT 3.1.1, which leaves the properties of a message with the broker: they say nothing that
    the hub needs here, and paho takes longer to read them than the hub takes for all the rest.
    """

    def __init__(self, url: BrokerUrl, client_id: str, ears: Ears) -> None:
        super().__init__(url, client_id)
        self._take = ears.heartbeat
        self._beating = ears.beating

    def _make(self) -> _ReadsAhead:
        client = _ReadsAhead(CallbackAPIVersion.VERSION2, self._id, protocol=paho.MQTTv311)
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

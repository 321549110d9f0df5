"""The link to the broker, against a real mosquitto. Runs on paho-mqtt 1.6.1 and 2.x."""

import queue
import socket
import time

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from tests.watched_socket import WatchedSocket

from lab.broker import Mosquitto
from lab.processes import wait_for
from skerry_agent import mqtt
from skerry_agent.broker import broker_at
from skerry_agent.effects import Publish
from skerry_agent.events import (
    Acknowledged,
    Connected,
    Disconnected,
    KeysArrived,
    OrderArrived,
    RequestArrived,
    TargetsArrived,
)
from skerry_agent.state import PresenceSeq, presence_seq
from skerry_wire import codec
from skerry_wire.messages import Event, EventKind, Heartbeat, Presence
from skerry_wire.topics import NodeTopic

NODE = "box-1"
STAMP = {"incarnation": "0" * 32, "boot": 1}


@pytest.fixture
def broker(tmp_path):
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    yield broker
    broker.stop()


class Ear:
    """Another client, that hears everything below skerry/v1 and may speak."""

    def __init__(self, broker):
        self.heard = queue.Queue()
        self._client = mqtt._client("ear")
        self._client.on_message = lambda _client, _data, message: self.heard.put(message)
        self._client.connect("127.0.0.1", broker.port)
        self._client.subscribe("skerry/v1/#", qos=1)
        self._client.loop_start()
        # The broker's echo shows that the subscription stands.
        self._client.publish("skerry/v1/echo", b"", qos=1)
        assert self.heard.get(timeout=10).topic == "skerry/v1/echo"

    def say(self, topic, payload, *, retain=False, correlation=None):
        properties = Properties(PacketTypes.PUBLISH)
        if correlation:
            properties.CorrelationData = correlation
        self._client.publish(topic, payload, 1, retain, properties)

    def next(self, topic, timeout=10):
        while True:
            message = self.heard.get(timeout=timeout)
            if message.topic == f"skerry/v1/nodes/{NODE}/{topic}":
                return message

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def ear(broker):
    ear = Ear(broker)
    yield ear
    ear.close()


def will(connection):
    seq = presence_seq(connection, PresenceSeq.WILL)
    return Presence(**STAMP, seq=seq, online=False, since=0.0, version="0")


@pytest.fixture
def link(broker):
    happened = queue.Queue()
    link = mqtt.Link(broker_at(broker.url), NODE, will, happened.put)
    link.happened = happened
    link.start()
    yield link
    link.stop()


def until(link, kind, timeout=15):
    """Return the next event of a kind, passing over others."""
    while True:
        event = link.happened.get(timeout=timeout)
        if isinstance(event, kind):
            return event


def test_which_paho_this_is():
    # Printed by ./dev test, which runs this file on both.
    print("paho-mqtt", getattr(paho, "__version__", "1.x"))
    assert mqtt._client("x") is not None


def test_it_connects_and_what_it_publishes_arrives_with_its_properties(link, ear):
    assert until(link, Connected) == Connected(1)
    heartbeat = Heartbeat(**STAMP, seq=1, capability="c" * 16, generation=0)
    link.publish(Publish(NodeTopic.HEARTBEAT, heartbeat, qos=0, expiry_s=60))
    message = ear.next("heartbeat")
    assert codec.decode(Heartbeat, message.payload) == heartbeat
    assert message.qos == 0


def test_the_broker_sees_content_type_version_and_expiry(link, broker):
    seen = queue.Queue()
    client = mqtt._client("v5-ear")
    client.on_message = lambda _client, _data, message: seen.put(message)
    client.connect("127.0.0.1", broker.port)
    client.subscribe("skerry/v1/nodes/+/heartbeat")
    client.loop_start()
    until(link, Connected)
    heartbeat = Heartbeat(**STAMP, seq=1, capability="c" * 16, generation=0)
    for _ in range(50):
        link.publish(Publish(NodeTopic.HEARTBEAT, heartbeat, qos=0, expiry_s=60))
        if not seen.empty():
            break
        time.sleep(0.1)
    properties = seen.get(timeout=5).properties
    client.disconnect()
    client.loop_stop()
    assert properties.ContentType == "application/msgpack"
    assert ("v", "1") in properties.UserProperty
    assert 0 < properties.MessageExpiryInterval <= 60


def test_an_acknowledgement_names_its_token(link):
    until(link, Connected)
    for count in range(50):
        event = Event(**STAMP, seq=count + 1, id=f"e-{count}", kind=EventKind.STARTED, at=0.0)
        link.publish(Publish(NodeTopic.EVENT, event, token=event.id))
    acknowledged = {until(link, Acknowledged).token for _ in range(50)}
    assert acknowledged == {f"e-{count}" for count in range(50)}
    assert link._tokens == {}
    assert link._early == set()


def test_one_thread_alone_writes_so_that_no_packet_overtakes_another(link, ear):
    until(link, Connected)
    wire = link._client._sock = WatchedSocket(link._client._sock)
    for count in range(20):
        event = Event(**STAMP, seq=1, id=f"e-{count}", kind=EventKind.STARTED, at=0.0)
        link.publish(Publish(NodeTopic.EVENT, event, token=event.id))
    came = [codec.decode(Event, ear.next("event").payload).id for _ in range(20)]
    assert came == [f"e-{count}" for count in range(20)]
    assert wire.writers == {link._thread}


@pytest.mark.parametrize(
    ("said", "ceiling_s"),
    [
        (b'{"online": true, "reconnect_s": 40.96, "new": 1}', 40.96),
        (b'{"reconnect_s": 1e9}', 120.0),
        (b'{"reconnect_s": 0.1}', 3.0),
        *(
            (one, None)
            for one in (b'{"reconnect_s": null}', b"{}", b"[]", b"7", b"", b"\xff", b"{")
        ),
        *((one, None) for one in (b'{"reconnect_s": NaN}', b'{"reconnect_s": -1}', b"[" * 100_000)),
    ],
)
def test_how_soon_the_hub_wants_boxes_back(said, ceiling_s):
    assert mqtt.told_ceiling_s(said) == ceiling_s


def test_it_takes_what_the_hub_says_of_coming_back_and_keeps_it(link, ear):
    until(link, Connected)
    ear.say("skerry/v1/hub/presence", b'{"online": true, "reconnect_s": 7}', retain=True)
    wait_for("the ceiling", lambda: link._ceiling_s == 7.0, 10)
    ear.say("skerry/v1/hub/presence", b'{"online": false, "reconnect_s": null}', retain=True)
    ear.say(f"skerry/v1/nodes/{NODE}/request/probe", b"x")
    until(link, RequestArrived)
    assert link._ceiling_s == 7.0


def test_orders_and_requests_come_in_and_other_nodes_do_not(link, ear):
    until(link, Connected)
    ear.say("skerry/v1/nodes/box-2/order", b"not mine", retain=True)
    ear.say(f"skerry/v1/nodes/{NODE}/order", b"mine", retain=True)
    assert until(link, OrderArrived) == OrderArrived(b"mine")
    ear.say(f"skerry/v1/nodes/{NODE}/request/probe", b"ask", correlation=b"c-1")
    assert until(link, RequestArrived) == RequestArrived("probe", b"ask", b"c-1")


def test_a_retained_order_arrives_at_the_next_connection_too(link, ear, broker):
    until(link, Connected)
    ear.say(f"skerry/v1/nodes/{NODE}/order", b"mine", retain=True)
    until(link, OrderArrived)
    broker.stop()
    until(link, Disconnected)
    broker.start()
    assert until(link, Connected, timeout=30).connection >= 2
    assert until(link, OrderArrived) == OrderArrived(b"mine")


def test_targets_come_in_whenever_it_connects_and_the_kernel_tells_the_time_to_the_broker(
    link, ear
):
    ear.say("skerry/v1/nodes/box-1/targets", b"old", retain=True)
    assert until(link, TargetsArrived).data == b"old"
    assert 0 < link.round_trip_ms < 100
    ear.say("skerry/v1/nodes/box-1/targets", b"", retain=True)
    ear.say("skerry/v1/nodes/box-1/targets", b"new")
    assert until(link, TargetsArrived).data == b"new"
    link.stop()
    assert link.round_trip_ms is None  # there is no connection


def test_too_large_a_message_is_dropped(link, ear):
    until(link, Connected)
    ear.say(f"skerry/v1/nodes/{NODE}/order", b"x" * (codec.MAX_MESSAGE_BYTES + 1))
    ear.say(f"skerry/v1/nodes/{NODE}/order", b"small")
    assert until(link, OrderArrived) == OrderArrived(b"small")


def test_a_dropped_connection_publishes_the_will(broker, ear):
    happened = queue.Queue()
    link = mqtt.Link(broker_at(broker.url), NODE, will, happened.put)
    link.start()
    assert isinstance(happened.get(timeout=10), Connected)
    link._stopping.set()  # it shall not come back
    link._client._sock.shutdown(socket.SHUT_RDWR)  # as if the process had died
    message = ear.next("presence", timeout=mqtt.WILL_DELAY_S + 10)
    presence = codec.decode(Presence, message.payload)
    assert not presence.online
    assert presence.seq == presence_seq(1, PresenceSeq.WILL)


def test_a_clean_end_publishes_no_will(broker, ear):
    link = mqtt.Link(broker_at(broker.url), NODE, will, (happened := queue.Queue()).put)
    link.start()
    assert isinstance(happened.get(timeout=10), Connected)
    link.stop()
    with pytest.raises(queue.Empty):
        ear.next("presence", timeout=mqtt.WILL_DELAY_S + 2)


def test_stop_waits_for_what_was_published(broker, ear):
    happened = queue.Queue()
    link = mqtt.Link(broker_at(broker.url), NODE, will, happened.put)
    link.start()
    assert isinstance(happened.get(timeout=10), Connected)
    gone = Presence(**STAMP, seq=5, online=False, since=1.0, version="0")
    link.publish(Publish(NodeTopic.PRESENCE, gone, retain=True))
    link.stop()
    assert codec.decode(Presence, ear.next("presence").payload) == gone
    assert not link._thread.is_alive()


def test_without_a_broker_it_says_so_once_and_keeps_trying(tmp_path):
    broker = Mosquitto(tmp_path / "late")
    happened = queue.Queue()
    link = mqtt.Link(broker_at(broker.url), NODE, will, happened.put)
    link.start()
    try:
        first = happened.get(timeout=10)
        assert isinstance(first, Disconnected)
        assert "refused" in first.reason
        time.sleep(3)
        assert happened.empty(), "the same reason is told once"
        broker.start()
        assert isinstance(happened.get(timeout=40), Connected)
    finally:
        link.stop()
        broker.stop()


def test_publishing_while_offline_is_dropped_not_queued(tmp_path):
    link = mqtt.Link(broker_at("mqtt://127.0.0.1:9"), NODE, will, lambda event: None)
    link.publish(Publish(NodeTopic.PRESENCE, will(1)))
    assert link._tokens == {}


@pytest.mark.parametrize(
    "url", ["http://x", "mqtt://", "mqtt://u:p@h", "mqtt://h/path", "h:1883", "mqtt://h:x"]
)
def test_a_wrong_broker_is_refused(url):
    with pytest.raises(ValueError, match=r".+"):
        broker_at(url)


def test_ports():
    assert broker_at("mqtt://h").port == 1883
    assert broker_at("mqtts://h").port == 8883
    assert broker_at("mqtts://h:1").tls


def test_changes_of_keys_come_in_beside_the_order_that_they_are_needed_for(broker, ear):
    ear.say(f"skerry/v1/nodes/{NODE}/order", b"mine", retain=True)
    ear.say(f"skerry/v1/nodes/{NODE}/keys", b"changes", retain=True)
    happened = queue.Queue()
    link = mqtt.Link(broker_at(broker.url), NODE, will, happened.put)
    link.start()
    try:
        came = [happened.get(timeout=15) for _ in range(3)]
    finally:
        link.stop()
    # In which order, the broker decides.
    assert {KeysArrived(b"changes"), OrderArrived(b"mine")} < set(came)

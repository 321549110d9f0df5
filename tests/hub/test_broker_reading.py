"""How the hub reads from its broker: ahead, against a real mosquitto and against a split stream.

The read-ahead replaces a method of paho's that is not public. So these are its contract: should a
paho no longer ask it, `test_paho_reads_through_it` fails.
"""

import queue
import socket
import threading
import time

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from lab.broker import Mosquitto
from skerry_hub import broker_connection
from skerry_hub.broker import Broker, Ears, plain_ends
from skerry_hub.broker_url import broker_at
from skerry_hub.state import Publication

TOPIC = "skerry/v1/nodes/box-1/heartbeat"
WILL = Publication(topic="skerry/v1/hub/presence", payload=b"{}")


def packet(payload):
    """Return a PUBLISH of MQTT 3.1.1, QoS 0."""
    body = len(TOPIC).to_bytes(2, "big") + TOPIC.encode() + payload
    assert 128 <= len(body) < 128 * 128, "two bytes of length, which may come apart"
    return bytes((0x30, len(body) & 127 | 128, len(body) >> 7)) + body


@pytest.fixture
def reading():
    """A client on one end of a stream, what it heard, and the other end."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    client = broker_connection.ReadsAhead(
        CallbackAPIVersion.VERSION2, "reader", protocol=paho.MQTTv311
    )
    client._sock = ours
    heard = []
    client.on_message = lambda _client, _data, message: heard.append(bytes(message.payload))
    yield client, heard, theirs
    theirs.close()


PAYLOADS = [bytes([number]) * 150 for number in range(20)]


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 100, 5000])
def test_packets_that_arrive_in_pieces_are_whole_and_in_order(reading, piece):
    client, heard, theirs = reading
    stream = b"".join(map(packet, PAYLOADS))
    for at in range(0, len(stream), piece):
        theirs.sendall(stream[at : at + piece])
        assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
        while client.more:
            assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert heard == PAYLOADS


def test_paho_reads_through_it(reading):
    client, heard, theirs = reading
    theirs.sendall(packet(PAYLOADS[0]) + packet(PAYLOADS[1]))
    client.loop_read()
    assert heard == PAYLOADS[:1]
    assert client.more, "the second packet was read with the first"
    with pytest.raises(BlockingIOError):
        client.socket().recv(1)


def test_an_end_of_the_stream_is_seen_after_what_came_before_it(reading):
    client, heard, theirs = reading
    theirs.sendall(packet(PAYLOADS[0]))
    theirs.shutdown(socket.SHUT_WR)
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert heard == PAYLOADS[:1]
    assert not client.more
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_CONN_LOST


# --- the real broker ----------------------------------------------------------------------


@pytest.fixture
def mosquitto(tmp_path):
    mosquitto = Mosquitto(tmp_path / "broker")
    mosquitto.start()
    yield mosquitto
    mosquitto.stop()


@pytest.fixture
def hub(mosquitto):
    """A hub's two connections, and queues of what they heard."""
    beats, messages, connected = queue.Queue(), queue.Queue(), threading.Event()
    ears = Ears(
        heartbeat=lambda topic, payload: beats.put((topic, payload)),
        message=lambda topic, payload, ack, *_: (messages.put((topic, payload)), ack()),
        connected=connected.set,
        disconnected=lambda _reason: connected.clear(),
        published=lambda _token: None,
    )
    hub = Broker(broker_at(mosquitto.url), plain_ends("test"), WILL, ears)
    hub.start()
    assert connected.wait(10)
    yield hub, beats, messages
    hub.stop(WILL)


@pytest.fixture
def node(mosquitto):
    """A client that speaks for nodes, in MQTT 5 as they do."""
    client = paho.Client(CallbackAPIVersion.VERSION2, "node", protocol=paho.MQTTv5)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def until_subscribed(node, beats):
    """Say something until it is heard: nothing tells when the heartbeats' subscription stands."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        node.publish(TOPIC, b"first", 0)
        try:
            return beats.get(timeout=0.05)
        except queue.Empty:
            continue
    raise AssertionError("nothing was heard")


def test_a_burst_of_heartbeats_with_properties_is_heard_once_and_in_order(hub, node):
    _, beats, _ = hub
    until_subscribed(node, beats)
    properties = Properties(PacketTypes.PUBLISH)
    properties.ContentType, properties.UserProperty = "application/msgpack", ("v", "1")
    properties.MessageExpiryInterval = 60
    sent = [b"%d" % number for number in range(3000)]
    for payload in sent:
        node.publish(TOPIC, payload, 0, properties=properties)
    heard = []
    while len(heard) < len(sent):
        topic, payload = beats.get(timeout=10)
        assert topic == TOPIC
        if payload != b"first":
            heard.append(payload)
    assert heard == sent


def test_a_burst_of_other_messages_is_heard_once_and_in_order(hub, node):
    _, _, messages = hub
    # Few: this broker writes its file for each.
    sent = [b"%d" % number for number in range(100)]
    for payload in sent:
        node.publish("skerry/v1/nodes/box-1/event", payload, 1)
    assert [messages.get(timeout=10)[1] for _ in sent] == sent

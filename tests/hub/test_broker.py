"""The hub's link to the broker: a contract that the fake passes too, and the real one's own."""

import dataclasses
import os
import queue
import socket
import subprocess
import sys
import threading
import time

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from tests.hub.fake_broker import FakeBroker
from tests.watched_socket import WatchedSocket

from lab.processes import wait_for
from skerry_hub.broker import Broker, Ears, _Unsettled, plain_ends
from skerry_hub.broker_connection import MAX_PACKET_BYTES
from skerry_hub.broker_url import broker_at
from skerry_hub.state import Publication

PRESENCE = "skerry/v1/hub/presence"
WILL = Publication(topic=PRESENCE, payload=b'{"online": false}')
ORDER = "skerry/v1/nodes/box-1/order"
EVENT = "skerry/v1/nodes/box-1/event"


class Heard:
    """What the hub's ears were told."""

    def __init__(self):
        self.beats, self.messages = queue.Queue(), queue.Queue()
        self.published, self.told = queue.Queue(), queue.Queue()
        self.connected = threading.Event()
        self.ears = Ears(
            heartbeat=lambda *what: self.beats.put(what),
            message=lambda *what: self.messages.put(what),
            connected=lambda: (self.connected.set(), self.told.put("connected")),
            disconnected=lambda _reason: (self.connected.clear(), self.told.put("disconnected")),
            published=self.published.put,
        )


class Both:
    """One broker, real or not, that can go away and come back."""

    def __init__(self, heard, mosquitto):
        self.heard = heard
        self._mosquitto = mosquitto
        if mosquitto is None:
            self.broker = FakeBroker(heard.ears)
        else:
            self.broker = Broker(broker_at(mosquitto.url), plain_ends("test"), WILL, heard.ears)

    def go_away(self):
        if self._mosquitto is None:
            self.broker.go_away()
        else:
            self._mosquitto.kill()
            wait_for("the end", lambda: not self.heard.connected.is_set())

    def come_back(self):
        if self._mosquitto is None:
            self.broker.come_back()
        else:
            self._mosquitto.start()
        assert self.heard.connected.wait(30)


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture(params=["fake", "real"])
def both(request, heard):
    mosquitto = None if request.param == "fake" else request.getfixturevalue("mosquitto")
    both = Both(heard, mosquitto)
    both.broker.start()
    assert heard.connected.wait(10)
    yield both
    both.broker.stop(WILL)


# --- the contract -------------------------------------------------------------------------


def test_each_token_is_acknowledged_once(both, heard):
    for token in range(300):
        both.broker.publish(Publication(topic=ORDER, payload=b"%d" % token), token)
    assert [heard.published.get(timeout=10) for _ in range(300)] == list(range(300))
    both.broker.publish(Publication(topic=ORDER, payload=b"no token"))
    both.broker.publish(Publication(topic=ORDER, payload=b"last"), 999)
    assert heard.published.get(timeout=10) == 999
    assert heard.published.empty()


def test_without_a_connection_nothing_is_acknowledged_and_nothing_fails(both, heard):
    both.go_away()
    both.broker.publish(Publication(topic=ORDER, payload=b"x"), 1)
    both.broker.request("box-1", "order", b"x", 10)
    both.come_back()
    both.broker.publish(Publication(topic=ORDER, payload=b"y"), 2)
    assert heard.published.get(timeout=10) == 2


def test_comings_and_goings_are_told(both, heard):
    assert heard.told.get(timeout=10) == "connected"
    both.go_away()
    assert heard.told.get(timeout=10) == "disconnected"
    both.come_back()
    while heard.told.get(timeout=10) != "connected":
        continue  # each try that fails is a going


def test_many_threads_may_publish(both, heard):
    def publish(start):
        for token in range(start, start + 50):
            both.broker.publish(Publication(topic=ORDER, payload=b"x"), token)

    threads = [threading.Thread(target=publish, args=(50 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(heard.published.get(timeout=10) for _ in range(200)) == list(range(200))


def test_an_acknowledgement_may_come_before_its_number_does():
    published = []
    unsettled = _Unsettled(published.append)
    unsettled.acknowledged(7, refused=False)
    unsettled.sent(7, 70)
    unsettled.sent(8, 80)
    unsettled.acknowledged(8, refused=False)
    assert published == [70, 80]
    assert len(unsettled) == 0


def test_why_there_is_no_connection_is_told_in_words(heard):
    reasons = queue.Queue()
    ears = dataclasses.replace(heard.ears, disconnected=reasons.put)
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        url = f"mqtt://127.0.0.1:{unheard.getsockname()[1]}"
        broker = Broker(broker_at(url), plain_ends("test"), WILL, ears)
        broker.start()
        assert reasons.get(timeout=10) == "Connection refused"
        broker.stop(WILL)


def test_what_the_broker_refuses_stays_in_the_outbox():
    published = []
    unsettled = _Unsettled(published.append)
    unsettled.acknowledged(7, refused=True)
    unsettled.sent(7, 70)
    unsettled.sent(8, 80)
    unsettled.acknowledged(8, refused=True)
    assert published == []
    assert len(unsettled) == 0


# --- the real one -------------------------------------------------------------------------


@pytest.fixture
def hub(mosquitto, heard):
    """A hub's link; `hub(heard)` ends it and makes another, as the next process would."""
    made = []

    def make(its_heard=heard):
        for former in made:
            former.stop(WILL)
        made.clear()
        its_ears = its_heard.ears
        broker = Broker(broker_at(mosquitto.url), plain_ends("test"), WILL, its_ears)
        made.append(broker)
        broker.start()
        assert its_heard.connected.wait(10)
        # A broker does in order what one connection asks for: now the subscriptions stand, too.
        broker.publish(Publication(topic="skerry/v1/test", payload=b"", retain=False), -1)
        assert its_heard.published.get(timeout=10) == -1
        return broker

    make.now = make()
    yield make
    for broker in made:
        broker.stop(WILL)


class Other:
    """Any other client of the broker."""

    def __init__(self, mosquitto, *topics):
        self.seen = queue.Queue()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self.client.on_message = lambda _client, _data, message: self.seen.put(message)
        ready = threading.Event()
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect("127.0.0.1", mosquitto.port)
        self.client.loop_start()
        if topics:
            self.client.subscribe([(topic, 1) for topic in topics])
            assert ready.wait(10)

    def say(self, topic, payload, qos=1, retain=False):
        said = self.client.publish(topic, payload, qos, retain)
        said.wait_for_publish(10)
        assert said.is_published(), "the broker has not acknowledged it"

    def next(self, topic):
        while True:
            message = self.seen.get(timeout=10)
            if message.topic == topic:
                return message

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def other(mosquitto):
    made = []

    def make(*topics):
        made.append(Other(mosquitto, *topics))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_what_is_published_says_what_it_is(hub, other):
    listener = other("skerry/v1/#")
    broker = hub.now
    broker.publish(Publication(topic=ORDER, payload=b"\x00"), 1)
    order = listener.next(ORDER)
    assert order.properties.ContentType == "application/msgpack"
    assert order.properties.UserProperty == [("v", "1")]
    broker.publish(Publication(topic="skerry/v1/fleet/box-1", payload=b"{}", retain=False), 2)
    assert listener.next("skerry/v1/fleet/box-1").properties.ContentType == "application/json"
    broker.request("box-1", "probe", b"x", 7)
    request = listener.next("skerry/v1/nodes/box-1/request/probe")
    assert (request.retain, request.qos) == (False, 1)
    assert request.properties.MessageExpiryInterval <= 7


def test_what_is_retained_is_there_for_who_comes_later_and_says_so(hub, heard, other):
    node = other()
    node.say(EVENT.replace("event", "report"), b"kept", retain=True)
    topic, payload, ack, retained, _ = heard.messages.get(timeout=10)
    assert (payload, retained) == (b"kept", False), "passed on as it came"
    ack()
    later = Heard()
    hub(later)
    topic, payload, _, retained, _ = later.messages.get(timeout=10)
    assert (topic.rpartition("/")[2], payload, retained) == ("report", b"kept", True)


def test_how_long_an_event_has_waited_is_told(hub, heard, other):
    properties = Properties(PacketTypes.PUBLISH)
    properties.MessageExpiryInterval = 60
    sender = other()
    hub.now.stop(WILL)
    sender.client.publish(EVENT, b"late", 1, properties=properties).wait_for_publish(10)
    time.sleep(1.5)
    later = Heard()
    hub(later)
    _, payload, _, _, expires_in_s = later.messages.get(timeout=10)
    assert (payload, expires_in_s in (58, 59)) == (b"late", True)


DYING = """
import sys, threading
from skerry_hub.broker import Broker, plain_ends
from skerry_hub.broker_url import broker_at
from tests.hub.test_broker import WILL, Heard

heard = Heard()
Broker(broker_at(sys.argv[1]), plain_ends("dying"), WILL, heard.ears).start()
heard.connected.wait(20)
print("up", flush=True)
threading.Event().wait(60)
"""


def test_a_farewell_is_said_and_a_death_is_told_by_the_will(mosquitto, heard, other, pytestconfig):
    listener = other(PRESENCE)
    broker = Broker(broker_at(mosquitto.url), plain_ends("leaving"), WILL, heard.ears)
    broker.start()
    assert heard.connected.wait(10)
    broker.stop(Publication(topic=PRESENCE, payload=b"farewell"))
    assert listener.next(PRESENCE).payload == b"farewell"
    root = pytestconfig.rootpath
    environment = {"PYTHONPATH": f"{root}:{root}/packaging:{root}/hub:{root}/wire:{root}/agent"}
    child = subprocess.Popen(
        [sys.executable, "-c", DYING, mosquitto.url],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
    )
    try:
        assert child.stdout.readline() == b"up\n"
    finally:
        child.kill()
        child.wait()
    assert listener.next(PRESENCE).payload == WILL.payload


def test_a_message_that_was_not_acknowledged_comes_again(hub, heard, other):
    other().say(EVENT, b"first")
    _, payload, *_ = heard.messages.get(timeout=10)
    assert payload == b"first"
    # Not acknowledged: the hub dies, and the next one is told again.
    later = Heard()
    hub(later)
    topic, payload, ack, *_ = later.messages.get(timeout=10)
    assert (topic, payload) == (EVENT, b"first")
    ack()
    other().say(EVENT, b"second")
    assert later.messages.get(timeout=10)[1] == b"second"
    last = Heard()
    hub(last)
    assert last.messages.get(timeout=10)[1] == b"second", "the first was acknowledged"


def test_a_broker_that_ends_in_order_brings_what_was_not_acknowledged_again(
    hub, heard, other, mosquitto
):
    other().say(EVENT, b"first")
    _, _, stale_ack, *_ = heard.messages.get(timeout=10)
    mosquitto.stop()
    wait_for("the end", lambda: not heard.connected.is_set())
    stale_ack()  # of a connection that is gone: nothing happens
    mosquitto.start()
    assert heard.connected.wait(30)
    topic, payload, ack, *_ = heard.messages.get(timeout=20)
    assert (topic, payload) == (EVENT, b"first")
    ack()


def test_what_a_broker_sent_before_it_was_killed_is_heard(hub, heard, other, mosquitto):
    node = other()
    for number in range(50):
        node.say(EVENT, b"%d" % number)
    mosquitto.kill()
    assert [heard.messages.get(timeout=10)[1] for _ in range(50)] == [b"%d" % n for n in range(50)]
    mosquitto.start()
    assert heard.connected.wait(30)


def test_heartbeats_come_by_themselves_whatever_else_waits(hub, heard, other):
    node = other()
    for number in range(200):
        node.say(EVENT, b"%d" % number)  # nobody acknowledges these
    node.say("skerry/v1/nodes/box-1/heartbeat", b"beat", qos=0)
    assert heard.beats.get(timeout=10) == ("skerry/v1/nodes/box-1/heartbeat", b"beat")


def test_the_hub_does_not_hear_itself_nor_orders_and_requests(hub, heard, other):
    node = other()
    node.say("skerry/v1/nodes/box-1/request/probe", b"x")
    node.say(ORDER, b"x")
    node.say("skerry/v1/fleet/box-1", b"x")
    node.say(EVENT, b"event")
    assert heard.messages.get(timeout=10)[1] == b"event"
    assert heard.messages.empty()


def test_what_no_broker_would_take_is_not_sent_and_the_connection_stays(hub, heard, other):
    broker = hub.now
    broker.publish(Publication(topic=ORDER, payload=b"x" * MAX_PACKET_BYTES), 1)
    broker.publish(Publication(topic=ORDER, payload=b"small"), 2)
    assert heard.published.get(timeout=10) == 2
    assert heard.connected.is_set()


def test_ears_that_fail_end_no_connection(mosquitto, heard, other):
    def fail(*_what):
        raise ZeroDivisionError

    ears = Ears(fail, fail, heard.ears.connected, heard.ears.disconnected, fail)
    broker = Broker(broker_at(mosquitto.url), plain_ends("failing"), WILL, ears)
    broker.start()
    assert heard.connected.wait(10)
    node = other(ORDER)
    node.say(EVENT, b"x")
    node.say("skerry/v1/nodes/box-1/heartbeat", b"x", qos=0)
    for token in range(3):
        broker.publish(Publication(topic=ORDER, payload=b"%d" % token), token)
        assert node.next(ORDER).payload == b"%d" % token
    assert heard.connected.is_set()
    broker.stop(WILL)


def test_something_else_on_the_port_is_tried_again_and_again(heard):
    with socket.create_server(("127.0.0.1", 0)) as server:
        broker = Broker(
            broker_at(f"mqtt://127.0.0.1:{server.getsockname()[1]}"),
            plain_ends("x"),
            WILL,
            heard.ears,
        )
        broker.start()
        for _ in range(4):  # two tries of both connections
            client, _ = server.accept()
            client.recv(100)
            client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"\xff" * 50)
            client.close()
        broker.stop(WILL)
    assert not heard.connected.is_set()


def test_one_thread_alone_writes_so_that_no_packet_overtakes_another(hub, heard):
    main = hub.now._main
    wire = main._client._sock = WatchedSocket(main._client._sock)
    for token in range(20):
        hub.now.publish(Publication(topic=ORDER, payload=b"%d" % token), token)
    assert [heard.published.get(timeout=10) for _ in range(20)] == list(range(20))
    assert wire.writers == {main._thread}

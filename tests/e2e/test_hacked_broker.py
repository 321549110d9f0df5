"""Who has the broker hears all and says all, keeps what he likes, brings it again: nothing runs.

On the real agent, executor and podman. The broker has no access list here, so that whoever connects
can do what an attacker could that owns it. He has every message that the hub ever signed, and keys
of his own; he has not the hub's. Requests (exec, logs) and input are in `test_requests.py` and
`test_sessions.py`: forged, changed and brought again.
"""

import dataclasses
import json
import threading
import time

import nacl.signing
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from tests.e2e.test_faults import forged

from lab.boxes import Boxes
from lab.makes import MAKES, SITES
from lab.processes import LabError, wait_for
from skerry_wire import codec, envelope, topics
from skerry_wire.messages import Envelope
from skerry_wire.order_keys import KeyChange, KeyChanges
from skerry_wire.topics import NodeTopic

pytestmark = pytest.mark.e2e

PAUSE_S = 3.0
"""So long a box holds the next order back after a refusal, and longer after each further one."""


class Attacker:
    """Whoever owns the broker."""

    def __init__(self, fleet):
        self._fleet = fleet
        self.heard = {}
        """All that was said, by topic, in its order."""
        self.key = nacl.signing.SigningKey.generate()
        self.key_id = envelope.key_id_of(bytes(self.key.verify_key))
        self._news = threading.Condition()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", fleet.broker.port)
        self._client.subscribe("#")
        self._client.loop_start()

    def _take(self, _client, _data, message):
        with self._news:
            self.heard.setdefault(message.topic, []).append(message.payload)
            self._news.notify_all()

    def sign(self, data):
        return self.key.sign(data).signature

    def orders(self, node):
        """Return the envelopes of all orders that were ever sent to a node."""
        return self._envelopes(node, NodeTopic.ORDER)

    def targets(self, node):
        return self._envelopes(node, NodeTopic.TARGETS)

    def _envelopes(self, node, topic):
        said = self.heard.get(str(topics.Node(node, topic)), [])
        return [codec.decode(Envelope, payload) for payload in said if payload]

    def until(self, what, test):
        with self._news:
            assert self._news.wait_for(test, 30), what

    def say(self, topic, message, *, retain=True):
        """Say something on a topic of the box."""
        payload = message if isinstance(message, bytes) else codec.encode(message)
        where = str(topics.Node(self._fleet.box.node, topic))
        self._client.publish(where, payload, qos=1, retain=retain).wait_for_publish(10)

    def say_of_the_hub(self, **presence):
        payload = json.dumps(presence).encode()
        where = str(topics.HubPresence())
        self._client.publish(where, payload, qos=1, retain=True).wait_for_publish(10)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def attacker(fleet):
    attacker = Attacker(fleet)
    yield attacker
    attacker.close()


def flipped(data, at=None):
    at = len(data) // 2 if at is None else at
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def refused(fleet, code):
    """Wait until the box has refused an order for this reason."""

    def look():
        found = fleet.node()["order"]["refusal"]
        return found is not None and f"({code})" in found

    try:
        wait_for(f"a refusal: {code}", look, 60)
    except LabError as error:
        raise LabError(f"{error}; it is {fleet.node()['order']}") from None
    time.sleep(PAUSE_S)


@pytest.fixture
def signed(fleet, attacker):
    """Return two orders that the hub has signed for this box, of what runs no more."""
    history(fleet, attacker)
    first, second, *_, newest = attacker.orders(fleet.box.node)
    assert envelope.open_payload(first).instances
    assert envelope.open_payload(second).instances
    assert not envelope.open_payload(newest).instances
    yield first, second
    assert fleet.containers() == []
    # The hub is believed as before, and what it orders runs.
    fleet.apply("shop", revision="3")
    assert len(fleet.containers()) == 1
    assert fleet.until_settled()["order"]["refusal"] is None


def test_what_the_hub_signed_for_another_time_or_another_box_does_not_run(fleet, attacker, signed):
    foreign = order_of_another_box(fleet, attacker)
    attacker.say(NodeTopic.ORDER, foreign)
    refused(fleet, "other_node")
    for replayed in signed:
        attacker.say(NodeTopic.ORDER, replayed)
        refused(fleet, "stale_generation")


def test_what_was_changed_does_not_run(fleet, attacker, signed):
    old, _ = signed
    for code, changes in (
        ("bad_signature", {"payload": flipped(old.payload)}),
        ("unknown_key", {"key_id": attacker.key_id}),
        ("bad_signature", {"signature": flipped(old.signature)}),
    ):
        attacker.say(NodeTopic.ORDER, dataclasses.replace(old, **changes))
        refused(fleet, code)


def test_what_he_signed_himself_or_what_is_no_order_does_not_run(fleet, attacker, signed):
    own = forged(fleet, key=attacker.key)
    attacker.say(NodeTopic.ORDER, own)
    refused(fleet, "unknown_key")
    attacker.say(NodeTopic.ORDER, dataclasses.replace(own, key_id=signed[0].key_id))
    refused(fleet, "bad_signature")
    # What the hub signed as something else.
    attacker.say(NodeTopic.ORDER, attacker.targets(fleet.box.node)[-1])
    refused(fleet, "malformed")


def history(fleet, attacker):
    """Have the hub sign two orders by which something runs, and one by which nothing does."""
    node = fleet.box.node
    for revision in ("1", "2"):
        fleet.apply("shop", revision=revision)
        fleet.until_settled()
    fleet.clear()
    attacker.until("three orders", lambda: len(attacker.orders(node)) >= 3)


def order_of_another_box(fleet, attacker):
    """Make up a box, as who owns the broker can, and have the hub order something of it."""
    made = {"box-2": (MAKES["gateway"], SITES[0])}
    boxes = Boxes(fleet.hub.broker_url, fleet.hub.key, made, {})
    try:
        boxes.start()
        wait_for(
            "the other box",
            lambda: any(
                one["id"] == "box-2" and one["capability"]
                for one in fleet.hub.get("/api/v1/nodes")["items"]
            ),
        )
        fleet.hub.cli("cordon", fleet.box.node)
        fleet.apply("evil", wait=False)
        attacker.until("its order", lambda: attacker.orders("box-2"))
        fleet.hub.cli("delete", "workload", "evil-web")
        fleet.hub.cli("uncordon", fleet.box.node)
        return attacker.orders("box-2")[0]
    finally:
        boxes.stop()


def test_no_key_of_an_attacker_is_ever_trusted(fleet, attacker):
    fleet.apply("shop")
    before = fleet.containers()
    real = attacker.orders(fleet.box.node)[-1]
    mine = bytes(attacker.key.verify_key)
    change = KeyChange(sequence=2**40, trusted=(mine,))
    signed = envelope.seal_key_change(change, attacker.key_id, attacker.sign)
    as_the_hub = dataclasses.replace(signed, key_id=real.key_id)
    # What the hub signed, as another thing: an order is no change of keys.
    for sealed in (signed, as_the_hub, real, dataclasses.replace(real, type=envelope.KEYS)):
        attacker.say(NodeTopic.KEYS, KeyChanges(changes=(codec.encode(sealed),)))
        time.sleep(0.5)
    attacker.say(NodeTopic.KEYS, b"\xc1 nonsense")
    attacker.say(NodeTopic.ORDER, forged(fleet, key=attacker.key))
    refused(fleet, "unknown_key")
    keys = list((fleet.box.folder / "keys").iterdir())
    assert [one.name for one in keys] == ["hub.pub"]
    assert fleet.containers() == before
    fleet.apply("shop", revision="2")
    assert len(fleet.containers()) == 1


def test_what_else_a_broker_says_ends_nothing(fleet, attacker):
    """It can be silent, which is all that it can do to a box: what runs goes on."""
    fleet.apply("shop")
    before = fleet.containers()
    real = attacker.orders(fleet.box.node)[-1]
    for topic in (NodeTopic.TARGETS, NodeTopic.GRANT, NodeTopic.KEYS, NodeTopic.ORDER):
        for payload in (b"", b"\xc1", b"\x91" * 5000, codec.encode(real)):
            attacker.say(topic, payload)
    for presence in ({"reconnect_s": 0.0}, {"reconnect_s": 1e300}, {"online": False}, {}):
        attacker.say_of_the_hub(**presence)
    time.sleep(2)
    assert fleet.containers() == before
    assert fleet.node()["liveness"] == "online"
    fleet.apply("shop", revision="2")
    assert len(fleet.containers()) == 1

"""Simulated boxes, on a real broker: what a hub hears of them, and what they do about orders."""

import base64
import queue
import shutil
import time

import nacl.signing
import paho.mqtt.client as paho
import pytest

from lab.boxes import Boxes, Distances, standing
from lab.broker import PROGRAM, Mosquitto
from lab.makes import MAKES, SITES, hardware_of
from skerry_agent.state import PresenceSeq, presence_seq
from skerry_wire import codec, envelope, topics
from skerry_wire.capability import Capability
from skerry_wire.messages import Event as NodeEvent
from skerry_wire.messages import EventKind, Heartbeat, Order, Presence, Report
from skerry_wire.workload import Container, Instance

KEY = nacl.signing.SigningKey(b"k" * 32)
PUBLIC = base64.b64encode(bytes(KEY.verify_key)).decode()
MESSAGES = {
    "presence": Presence,
    "capability": Capability,
    "heartbeat": Heartbeat,
    "report": Report,
    "event": NodeEvent,
}


class Ear:
    """Hears what nodes say, and sends them orders."""

    def __init__(self, port):
        self.heard = queue.Queue()
        self._client = paho.Client(
            **({"callback_api_version": paho.CallbackAPIVersion.VERSION2}
               if hasattr(paho, "CallbackAPIVersion") else {}),
            protocol=paho.MQTTv5,
        )  # fmt: skip
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(f"{topics.ROOT}/nodes/#", qos=1)
        self._client.loop_start()

    def _take(self, _client, _data, message):
        _, _, _, node, topic = message.topic.split("/")[:5]
        if topic in MESSAGES:
            self.heard.put((node, codec.decode(MESSAGES[topic], message.payload)))

    def until(self, node, kind, test=lambda _: True, timeout_s=30):
        """Return the next message of a node that passes; what comes before it is dropped."""
        deadline = time.monotonic() + timeout_s
        while True:
            who, message = self.heard.get(timeout=max(0.01, deadline - time.monotonic()))
            if who == node and isinstance(message, kind) and test(message):
                return message

    def order(self, box, incarnation, generation, *names, key=KEY):
        container = Container(name="web", image="web:1")
        order = Order(
            node=box.node,
            incarnation=incarnation,
            generation=generation,
            issued_at=time.time(),
            instances=tuple(
                Instance(id=name, workload="web", revision="0" * 16, containers=(container,))
                for name in names
            ),
        )
        key_id = envelope.key_id_of(bytes(key.verify_key))
        sealed = envelope.seal(order, key_id, lambda data: key.sign(data).signature)
        topic = str(topics.Node(box.node, topics.NodeTopic.ORDER))
        self._client.publish(topic, codec.encode(sealed), qos=1, retain=True)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker(tmp_path):
    if not shutil.which(PROGRAM):
        pytest.skip("mosquitto is not installed; ./dev test installs it")
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def lab(broker):
    """Return an ear and three boxes, of which the first has GPUs."""
    kinds = {"gpu-1": ("inference", 0), "till-1": ("gateway", 0), "far-1": ("cloud", 6)}
    made = {node: (MAKES[make], SITES[site]) for node, (make, site) in kinds.items()}
    ear = Ear(broker.port)
    boxes = Boxes(broker.url, PUBLIC, made, {"erp": SITES[0]})
    yield ear, boxes
    boxes.stop()
    ear.close()


def test_a_box_tells_its_hardware_and_obeys_only_the_hubs_orders(lab):
    ear, boxes = lab
    boxes.start()
    told = ear.until("gpu-1", Capability)
    assert told.revision == codec.revision_of(told.hardware)
    assert told.hardware.labels["site"] == "quay-1"
    assert told.hardware.labels["kubernetes.io/arch"] == "amd64"
    box = boxes["gpu-1"]
    ear.order(box, told.incarnation, 1, "web-0", "web-1")
    report = ear.until("gpu-1", Report, lambda one: one.generation == 1)
    assert [(one.id, one.state) for one in report.instances] == [
        ("web-0", "running"),
        ("web-1", "running"),
    ]
    assert box.instances == ("web-0", "web-1")
    ear.order(box, told.incarnation, 2, key=nacl.signing.SigningKey.generate())
    refused = ear.until("gpu-1", Report, lambda one: one.refusal is not None)
    assert refused.refusal.code == "unknown_key"
    assert box.instances == ("web-0", "web-1")
    assert boxes["till-1"].instances == ()


def test_a_device_is_unplugged_and_the_box_says_who_used_it(lab):
    ear, boxes = lab
    boxes.start()
    told = ear.until("gpu-1", Capability)
    boxes["gpu-1"].unplug("/dev/nvidia0")
    event = ear.until("gpu-1", NodeEvent, lambda one: one.kind is EventKind.UNPLUGGED)
    assert event.subject == "gpu 0000:21:00.0"
    # The event tells what the capability told before it.
    assert len(told.hardware.accelerators) == 2
    assert len(boxes["gpu-1"].hardware.accelerators) == 1


def test_a_box_that_vanishes_is_said_to_be_gone_by_its_will_and_comes_back_with_all_it_ran(lab):
    ear, boxes = lab
    box = boxes["till-1"]
    box.start()
    told = ear.until("till-1", Capability)
    ear.order(box, told.incarnation, 1, "web-0")
    ear.until("till-1", Report, lambda one: one.generation == 1)
    box.vanish()
    gone = ear.until("till-1", Presence, lambda one: not one.online)
    assert gone.seq == presence_seq(1, PresenceSeq.WILL)
    box.start()
    back = ear.until("till-1", Presence, lambda one: one.online)
    assert (back.boot, back.incarnation) == (2, told.incarnation)
    report = ear.until("till-1", Report, lambda one: one.boot == 2 and one.instances)
    assert [one.id for one in report.instances] == ["web-0"]


def test_round_trips_are_those_of_the_places():
    near, far = SITES[0], SITES[6]
    distances = Distances({"endpoint/erp": near, "node/far-1": far})
    assert distances.ms(near, "endpoint/erp") < 1
    way = near.round_trip_ms(far)
    assert way <= distances.ms(near, "node/far-1") <= 1.04 * way
    assert near.round_trip_ms(far) == far.round_trip_ms(near)
    assert distances.ms(near, "endpoint/nowhere") is None


def test_the_boxes_are_of_every_site_and_make_and_more_of_them_have_other_names():
    few, many = standing(), standing(100)
    assert len(few) == 36
    assert {make.name for make, _ in few.values()} == set(MAKES)
    assert {site.name for _, site in few.values()} == {site.name for site in SITES}
    assert len(many) == 100
    assert list(many)[:36] == list(few)


@pytest.mark.parametrize("make", MAKES.values(), ids=lambda make: make.name)
def test_what_a_make_has_fits_a_message(make):
    hardware = hardware_of(make, "box-1", {"site": "quay-1"})
    assert codec.from_plain(type(hardware), codec.to_plain(hardware)) == hardware
    assert len(hardware.accelerators) == len(make.accelerators)


def test_boxes_end_in_good_order(lab):
    ear, boxes = lab
    for box in boxes:
        box.start()
        ear.until(box.node, Report)
    boxes.stop()
    gone = set()
    while gone != {"gpu-1", "till-1", "far-1"}:
        who, one = ear.heard.get(timeout=10)
        if isinstance(one, Presence) and not one.online:
            gone.add(who)

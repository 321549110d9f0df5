"""The thread of round-trip times, round by round."""

import dataclasses

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.hub.records import NOW, capability, presence
from tests.hub.rig import Rig, until

from skerry_executor.targets import verify
from skerry_hub import metrics
from skerry_hub.documents import Endpoint, KeptDocument
from skerry_hub.keys import OrderKey
from skerry_hub.latency import NOWHERE
from skerry_hub.model import Liveness, Node
from skerry_hub.state import Known
from skerry_hub.writer.measuring import CHOOSE_S, REFINE_S, Measuring
from skerry_wire import codec, envelope
from skerry_wire.messages import Envelope, Heartbeat

ERP = Endpoint(name="erp", host="erp.example", port=443)


KEY = OrderKey(Ed25519PrivateKey.generate())


def sealed(targets):
    return envelope.seal_targets(targets, KEY.id, KEY.sign)


def opened(payload):
    """Return the targets of a message, which are signed."""
    return envelope.open_targets(codec.decode(Envelope, payload))


def node(name, address=None, liveness=Liveness.ONLINE):
    told = dataclasses.replace(capability(), round_trip_address=address)
    return Node(
        id=name,
        incarnation=told.incarnation,
        registered_at=NOW,
        presence=presence(),
        capability=told,
        liveness=liveness,
    )


def kept(document):
    return KeptDocument(document=document, version=1, created_at=NOW, updated_at=NOW)


class Fleet:
    """A hub's records, and what it publishes of targets."""

    def __init__(self, *nodes, documents=(), **more):
        self.known = Known(nodes, documents=[kept(one) for one in documents])
        self.said = []
        self.measuring = Measuring(
            lambda: self.known,
            self.said.append,
            sealed,
            **more,
        )
        self.now = 100.0

    def put(self, *nodes):
        self.known.nodes.update({one.id: one for one in nodes})

    def documents(self, *documents):
        self.known.documents = Known(documents=[kept(one) for one in documents]).documents

    def round(self, seconds=CHOOSE_S):
        """Let time pass, and return what was said to which nodes."""
        self.said.clear()
        self.now += seconds
        self.measuring.round(self.now)
        return {
            one.topic.split("/")[3]: [target.name for target in opened(one.payload).targets]
            for one in self.said
        }

    @property
    def network(self):
        return self.measuring.network


def counted(result):
    return metrics.ROUND_TRIPS.labels(result)._value.get()


def test_nodes_that_are_there_are_told_their_targets_once_and_again_when_they_change():
    fleet = Fleet(node("a"), node("b"), node("c", liveness=Liveness.LOST), documents=[ERP])
    assert fleet.round() == {"a": ["endpoint/erp"], "b": ["endpoint/erp"]}
    assert all(one.retain for one in fleet.said)
    assert {one.topic for one in fleet.said} == {
        "skerry/v1/nodes/a/targets",
        "skerry/v1/nodes/b/targets",
    }
    assert fleet.round() == {}
    fleet.put(node("c"))
    assert fleet.round() == {"c": ["endpoint/erp"]}
    fleet.put(node("b", "b.example:22"))
    assert fleet.round() == {
        "a": ["endpoint/erp", "node/b"],
        "c": ["endpoint/erp", "node/b"],
    }
    fleet.documents()
    assert fleet.round() == {"a": ["node/b"], "b": [], "c": ["node/b"]}


def test_who_has_no_target_is_told_so_once_that_it_tells_what_it_has_measured():
    fleet = Fleet(node("a"))
    assert fleet.round() == {"a": []}
    assert fleet.round() == {}


def test_a_broker_that_came_back_is_told_all_again():
    fleet = Fleet(node("a"), node("b"), documents=[ERP])
    fleet.round()
    fleet.measuring.say_again()
    assert set(fleet.round()) == {"a", "b"}
    assert fleet.round() == {}


def test_a_node_that_trusts_another_key_now_is_told_again():
    fleet = Fleet(node("a"), node("b"), documents=[ERP])
    fleet.round()
    fleet.measuring.say_again_to("b")
    assert set(fleet.round()) == {"b"}
    assert fleet.round() == {}


def test_a_large_fleet_is_told_little_by_little():
    fleet = Fleet(*(node(f"n{number}") for number in range(1200)))
    rounds = [len(fleet.round(1.0)) for _ in range(4)]
    assert rounds == [500, 500, 200, 0]


def test_what_very_many_tell_at_once_is_taken_too():
    fleet = Fleet(*(node(f"n{number}") for number in range(100)), documents=[ERP])
    fleet.round()
    for number in range(100):
        fleet.measuring.told(f"n{number}", {"endpoint/erp": 5.0 + number, "broker": 105.0 - number})
    fleet.round()
    ms, _ = fleet.network.to_endpoint("erp", ["n3", "n97"])
    assert ms.tolist() == [8.0, 102.0]
    assert len(fleet.network) == 102


def test_a_fit_that_takes_long_goes_on_in_the_next_rounds():
    fleet = Fleet(node("a"), node("b"), documents=[ERP], slice_s=0.0)
    fleet.round()
    fleet.measuring.told("a", {"endpoint/erp": 12.0})
    fleet.round(REFINE_S)
    fleet.measuring.told("b", {"broker": 4.0, "endpoint/erp": 20.0})
    fleet.round(1.0)
    fleet.round(REFINE_S)
    # It is taken between the steps of the fit, which is not done yet.
    assert fleet.network.to_endpoint("erp", ["b"])[0][0] == 20.0
    assert fleet.measuring._refining is not None
    for _ in range(500):
        fleet.round(1.0)
    assert fleet.measuring._refining is None


def test_what_is_told_becomes_a_picture_and_then_a_better_one():
    fleet = Fleet(node("a"), node("b"), documents=[ERP])
    fleet.round()
    assert fleet.network is NOWHERE
    fleet.measuring.told("a", {"endpoint/erp": 12.0, "broker": 3.0})
    fleet.measuring.told("b", {"broker": 4.0})
    fleet.round(REFINE_S)
    ms, error = fleet.network.to_endpoint("erp", ["a", "b"])
    assert ms[0] == 12.0
    assert 0 < ms[1] < 100
    assert error[1] > 0.5 * ms[1]  # an estimate of very little is worth little, and says so
    before = fleet.network
    fleet.round(REFINE_S)
    assert fleet.network is before  # nothing new
    fleet.measuring.told("a", {"endpoint/erp": 24.0})
    fleet.round(REFINE_S)
    assert fleet.network is not before
    assert 12.0 < fleet.network.to_endpoint("erp", ["a"])[0][0] < 24.0


def test_only_what_was_asked_and_what_can_be_is_taken():
    fleet = Fleet(node("a"), node("b", "b.example:22"), documents=[ERP])
    fleet.round()
    before = {result: counted(result) for result in ("taken", "refused", "not_asked")}
    fleet.measuring.told("a", {"endpoint/erp": 0.0, "node/b": 5.0, "broker": 70_000.0})
    fleet.measuring.told("b", {"node/b": 5.0, "node/a": 5.0, "endpoint/x": 5.0, "": 1.0})
    fleet.measuring.told("nobody", {"broker": 5.0})
    fleet.round()
    after = {result: counted(result) - before[result] for result in before}
    assert after == {"taken": 1, "refused": 2, "not_asked": 4}
    assert len(fleet.network) == 2


def test_a_node_that_is_gone_is_forgotten_and_an_endpoint_too():
    fleet = Fleet(node("a"), node("b"), documents=[ERP])
    fleet.round()
    for name in ("a", "b"):
        fleet.measuring.told(name, {"endpoint/erp": 12.0, "broker": 3.0})
    fleet.round()
    assert len(fleet.network) == 4
    del fleet.known.nodes["b"]
    fleet.measuring.forget("b")
    fleet.documents(Endpoint(name="erp", host="elsewhere.example", port=443))
    fleet.round(REFINE_S)
    assert "b" not in fleet.network
    assert np.isnan(fleet.network.to_endpoint("erp", ["a"])[0]).all()  # it is another now
    assert fleet.network.between("broker/", ["a"])[0][0] == 3.0


def test_what_the_last_picture_was_asked_for_is_at_hand_in_the_next():
    fleet = Fleet(node("a"), documents=[ERP])
    fleet.round()
    fleet.measuring.told("a", {"endpoint/erp": 12.0})
    fleet.round()
    fleet.network.to_endpoint("erp", ["a"])
    fleet.measuring.told("a", {"endpoint/erp": 13.0})
    fleet.round(REFINE_S)
    assert fleet.network.asked == ("endpoint/erp",)


def test_what_is_said_is_signed_for_one_node_and_ever_newer():
    fleet = Fleet(node("a"), node("b"), documents=[ERP])
    fleet.round()
    said = {one.topic.split("/")[3]: one.payload for one in fleet.said}
    keys = {KEY.id: KEY.public}
    first = verify(said["a"], keys, "a")
    assert first.targets[0].host == "erp.example"
    assert "for node a, this is b" in verify(said["a"], keys, "b")
    fleet.measuring.say_again()
    fleet.round()
    assert verify(fleet.said[0].payload, keys, "a").issued_at > first.issued_at


def test_a_hub_tells_a_node_its_targets_and_takes_what_its_heartbeat_tells(tmp_path):
    rig = Rig(tmp_path).start()
    try:
        rig.join("box-1")
        topic = "skerry/v1/nodes/box-1/targets"
        payload = until("the targets", lambda: rig.broker.payloads(topic))[0]
        found = opened(payload)
        assert (found.node, found.targets) == ("box-1", ())
        assert found.issued_at > 0
        beat = Heartbeat(
            incarnation=rig.node().incarnation,
            boot=9,
            seq=1,
            capability="0" * 8,
            generation=0,
            round_trip_ms={"broker": 12.5},
        )
        rig.beat("box-1", beat)
        until("a picture", lambda: "box-1" in rig.service.measuring.network)
        assert rig.service.measuring.network.between("broker/", ["box-1"])[0][0] == 12.5
    finally:
        rig.stop()


def test_a_round_that_fails_does_not_end_the_thread():
    fleet = Fleet(node("a"))
    failed = []

    def fail():
        failed.append(True)
        raise RuntimeError("once")

    measuring = Measuring(lambda: fleet.known if len(failed) else fail(), fleet.said.append, sealed)
    measuring.start()
    try:
        until("the next round", lambda: fleet.said)
    finally:
        measuring.stop()
    assert failed == [True]

"""Leases through the whole hub: asked for, answered, and waited for, also by its next life."""

import contextlib
import sqlite3

import pytest
from tests.hub.records import FIRST, report, status, workload
from tests.hub.rig import Rig, until

from skerry_hub import draining
from skerry_hub.api.answers import Answers
from skerry_hub.lifecycle import Lifecycle
from skerry_wire import codec, envelope
from skerry_wire.messages import Envelope, LeaseRequest

TOPIC = "skerry/v1/nodes/{}/lease"


@pytest.fixture
def rigs(tmp_path):
    made = []

    def make(**fields):
        made.append(Rig(tmp_path, **fields).start())
        return made[-1]

    yield make
    for rig in made:
        rig.stop()


def leased(lease_s=15.0):
    return workload(lifecycle=Lifecycle(lease_s=lease_s))


def ask(rig, node, seq):
    request = LeaseRequest(incarnation=FIRST, boot=1, seq=seq, challenge=b"c" * 32)
    rig.service.on_heartbeat(TOPIC.format(node), codec.encode(request))


def grants(rig, node="box-1"):
    found = rig.broker.payloads(f"skerry/v1/nodes/{node}/grant")
    return [envelope.open_grant(codec.decode(Envelope, one)).instances for one in found]


def drain(rig, node):
    return rig.service.call(lambda work: draining.drain(work, rig.node(node), force=False))


def ordered(rig, node):
    orders = rig.orders(node)
    return [one.id for one in orders[-1].instances] if orders else []


def running(rig, node, generation, *names):
    digest, statuses = rig.node(node).digest, tuple(map(status, names))
    said = report(seq=generation + 10, accepted=generation, digest=digest, instances=statuses)
    assert rig.say(node, said).wait(20)
    rig.idle()


def test_a_lease_is_answered_and_a_move_waits_for_the_nodes_word(rigs):
    rig = rigs()
    rig.join("box-1", "box-2")
    rig.apply(leased())
    assert ordered(rig, "box-1") == ["shop-web-0"]
    ask(rig, "box-1", 1)
    until("an answer", lambda: grants(rig) == [{"shop-web-0": 15.0}])
    running(rig, "box-1", 1, "shop-web-0")
    drain(rig, "box-1")
    assert ordered(rig, "box-1") == []
    assert ordered(rig, "box-2") == []
    (view,) = Answers(rig.service).workload("shop-web").workload.instances
    assert view.node == "box-2"
    assert "lease of 15 s on host-box-1" in view.reason
    assert view.waits_until > 0
    running(rig, "box-1", 2)
    assert ordered(rig, "box-2") == ["shop-web-0"]
    assert rig.store.load().vacating == {}


def test_who_is_not_ordered_there_any_more_is_not_renewed(rigs):
    rig = rigs()
    rig.join("box-1", "box-2")
    rig.apply(leased())
    drain(rig, "box-1")
    ask(rig, "box-1", 1)
    ask(rig, "box-2", 1)
    rig.idle()
    assert grants(rig) == grants(rig, "box-2") == []


def test_the_next_life_waits_for_what_the_last_one_answered(rigs):
    rig = rigs()
    rig.join("box-1", "box-2")
    rig.apply(leased())
    drain(rig, "box-1")
    rig.stop()
    rig = rigs(key=rig.key)
    rig.join("box-2", seq=2)
    assert ordered(rig, "box-2") == []
    end = rig.service._leasing.leases.end
    (place,) = rig.service.known.vacating["shop-web-0"].places
    assert place.node == "box-1"
    assert end("shop-web-0", place) == pytest.approx(rig.service._leasing.leases._began + 25.15)
    # As if that time had passed:
    rig.service._leasing.leases._began -= 60
    until("its order", lambda: ordered(rig, "box-2") == ["shop-web-0"])
    assert rig.store.load().vacating == {}


@pytest.mark.sqlite_file
def test_a_store_that_fails_ends_no_lease(rigs, tmp_path):
    rig = rigs()
    rig.join("box-1")
    rig.apply(leased())
    with _failing(tmp_path):
        said = rig.say("box-1", report(seq=5, accepted=1, digest=rig.node().digest))
        ask(rig, "box-1", 1)
        until("an answer", lambda: grants(rig) == [{"shop-web-0": 15.0}])
        assert not said.is_set()
    assert said.wait(20)


@contextlib.contextmanager
def _failing(folder):
    for words in ("nodes RENAME TO away", "away RENAME TO nodes"):
        with (
            contextlib.closing(sqlite3.connect(folder / "hub.db", timeout=30)) as database,
            database,
        ):
            database.execute(f"ALTER TABLE {words}")
        if words.startswith("nodes"):
            yield

"""The JSON views for other systems: on change, not too often, never too large."""

import json

from tests.hub.records import AS_USUAL, assignment, columns_of, kept, node

from skerry_hub.state import Known
from skerry_hub.views import EventView
from skerry_hub.writer.broadcast import (
    CHUNK,
    MAX_VIEW_BYTES,
    NODE_GAP_S,
    WORKLOAD_GAP_S,
    Broadcast,
    event_publication,
)

KNOWN = Known([node()], [kept()], [assignment()])


def sent(broadcast, mono_s, known=KNOWN):
    found = []
    broadcast.send(known, columns_of(known), AS_USUAL, found.append, mono_s)
    return found


def test_what_has_changed_is_published_once_as_json_and_kept_by_the_broker():
    broadcast = Broadcast()
    broadcast.changed(["box-1"], ["shop-web"])
    found = sent(broadcast, 100.0)
    assert [one.topic for one in found] == ["skerry/v1/fleet/box-1", "skerry/v1/workloads/shop-web"]
    assert all(one.retain for one in found)
    view = json.loads(found[0].payload)
    assert (view["id"], view["liveness"], view["diverged"]) == ("box-1", "online", None)
    assert json.loads(found[1].payload)["placed"] == 1
    assert sent(broadcast, 200.0) == []


def test_each_view_waits_for_its_gap_and_is_then_the_newest():
    broadcast = Broadcast()
    broadcast.changed(["box-1"], ["shop-web"])
    sent(broadcast, 100.0)
    broadcast.changed(["box-1"], ["shop-web"])
    assert sent(broadcast, 100.5) == []
    assert len(sent(broadcast, 100.0 + WORKLOAD_GAP_S)) == 1
    newer = Known([node(diverged="it is ahead")])
    assert sent(broadcast, 100.0 + NODE_GAP_S - 0.1, newer) == []
    (found,) = sent(broadcast, 100.0 + NODE_GAP_S, newer)
    assert json.loads(found.payload)["diverged"] == "it is ahead"


def test_what_is_gone_is_not_published_and_nothing_of_it_is_kept():
    broadcast = Broadcast()
    broadcast.changed(["box-1"], ["shop-web"])
    sent(broadcast, 100.0)
    broadcast.changed(["box-1"], ["shop-web"])
    assert sent(broadcast, 200.0, Known()) == []
    assert (broadcast._due, broadcast._sent) == ({}, {})


def test_very_many_go_in_pieces():
    known = Known([node(f"box-{number}") for number in range(CHUNK + 5)])
    broadcast = Broadcast()
    broadcast.changed(known.nodes, ())
    assert len(sent(broadcast, 100.0, known)) == CHUNK
    assert len(sent(broadcast, 100.1, known)) == 5


def test_a_view_that_no_broker_takes_goes_without_its_instances():
    many = [assignment(f"shop-web-{number}") for number in range(3000)]
    known = Known([node()], [kept(replicas=3000)], many)
    broadcast = Broadcast()
    broadcast.changed((), ["shop-web"])
    (found,) = sent(broadcast, 100.0, known)
    assert len(found.payload) < MAX_VIEW_BYTES
    view = json.loads(found.payload)
    assert (view["placed"], view["instances"]) == (3000, [])


def test_an_event_is_said_once_and_not_kept():
    told = EventView(id="e-1", node="box-1", kind="exited", at=1.0)
    found = event_publication(told)
    assert found.topic == "skerry/v1/fleet/box-1/event"
    assert not found.retain
    assert found.expiry_s
    assert json.loads(found.payload)["id"] == "e-1"

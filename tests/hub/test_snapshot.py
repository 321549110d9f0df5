"""A snapshot written and read again is the same to placement."""

import dataclasses
import json

from tests.hub import documents
from tests.hub.records import (
    NOW,
    assignment,
    capability,
    hardware,
    kept,
    kept_document,
    node,
    report,
)

from skerry_hub.fleet.columns import Columns
from skerry_hub.latency import Network
from skerry_hub.model import Liveness, Taint
from skerry_hub.snapshot import PIECE, Snapshot, pieces, snapshot_of
from skerry_hub.snapshot_reading import read_fleet
from skerry_hub.state import Draft, Known
from skerry_hub.work import Work
from skerry_wire import codec


def box(name, **fields):
    """Return a node whose revision is that of its hardware, as agents have it."""
    own = hardware(f"host-{name}")
    said = capability(hostname=f"host-{name}", revision=codec.revision_of(own), boot=4, seq=9)
    return node(name, capability=said, report=report(seq=5), generation=7, **fields)


def known(count=3):
    nodes = [box(f"box-{number}") for number in range(count)]
    nodes[0] = dataclasses.replace(
        nodes[0], labels={"site": "quay-3"}, taints=(Taint(key="wet", effect="NoSchedule"),)
    )
    nodes[1] = dataclasses.replace(nodes[1], liveness=Liveness.LOST, diverged="it is ahead")
    nodes.append(node("new", capability=None))
    return Known(
        nodes,
        [kept("shop-web", replicas=2), kept("shop-db")],
        [assignment("shop-web-0", node="box-0"), assignment("shop-web-1", node="box-1")],
        documents=[kept_document(one) for one in documents.EVERY],
    )


NETWORK = Network.of({"box-0": {"box-1": 12.5, "endpoint/erp": 3.0}, "box-1": {"box-0": 13.0}})


def moment(found, network=NETWORK):
    work = Work(Draft(found), Columns(), NOW, network, "pack")
    return snapshot_of(found, work)


def text(snapshot):
    return b"".join(pieces(snapshot)).decode()


def again(written, size=1000):
    cut = (written[at : at + size] for at in range(0, len(written), size))
    return read_fleet(cut, "fleet.json")


def test_what_is_read_again_decides_the_same():
    found = known()
    fleet = again(text(moment(found)))
    assert fleet.snapshot.inputs == found.inputs.digest
    assert fleet.snapshot.known().inputs.digest == found.inputs.digest
    assert (fleet.snapshot.at, fleet.snapshot.strategy, fleet.edited) == (NOW, "pack", 0)
    assert fleet.snapshot.workloads == tuple(found.workloads.values())
    assert fleet.snapshot.assignments == tuple(found.assignments.values())
    one, *_ = fleet.snapshot.nodes
    assert one.capability.hardware == found.nodes["box-0"].capability.hardware
    assert (one.labels, one.taints) == ({"site": "quay-3"}, found.nodes["box-0"].taints)
    assert [one.document for one in fleet.snapshot.documents] == list(documents.EVERY)


def test_what_was_read_is_written_the_same():
    first = text(moment(known(), Network()))
    fleet = again(first)
    kept_again = [
        dataclasses.replace(one, created_at=NOW, updated_at=NOW) for one in fleet.snapshot.documents
    ]
    assert text(dataclasses.replace(fleet.snapshot, documents=tuple(kept_again))) == first


def test_times_that_nodes_measured_are_told_by_target():
    fleet = again(text(moment(known())))
    assert fleet.snapshot.round_trip_ms == {
        "box-0": {"box-1": 12.5, "endpoint/erp": 3.0},
        "box-1": {"box-0": 13.0},
    }
    plain = json.loads(text(moment(known())))
    assert plain["round_trips"][0]["ms"] == {"node/box-1": 12.5, "endpoint/erp": 3.0}


def test_what_nodes_report_is_no_part_of_it():
    found = text(moment(known()))
    other = known()
    draft = Draft(other)
    draft.nodes.put(
        "box-0",
        dataclasses.replace(
            other.nodes["box-0"], report=report(seq=8), last_seen=NOW + 60, generation=9
        ),
    )
    other.settle(draft)
    lines = {json.dumps(one) for one in json.loads(found)["nodes"]}
    assert {json.dumps(one) for one in json.loads(text(moment(other)))["nodes"]} == lines
    assert "report" not in json.loads(found)["nodes"][0]


def test_a_record_is_a_line_and_few_are_one_piece():
    snapshot = moment(known(2 * PIECE + 5))
    longest = max(len(piece) for piece in pieces(snapshot))
    assert longest < PIECE * 2000
    lines = text(snapshot).splitlines()
    assert sum(line.startswith('{"id":"box-') for line in lines) == 2 * PIECE + 5


def test_a_fleet_of_nothing_is_one_too():
    snapshot = Snapshot(at=NOW, inputs="0" * 32)
    assert json.loads(text(snapshot))["nodes"] == []
    assert again(text(snapshot)).snapshot == snapshot

"""Real agents measure real ways, and the hub completes them: from setting to `skerry get`."""

import json
import subprocess

import pytest

from lab.broker import Mosquitto
from lab.fleet import Box, Hub
from lab.processes import free_port, wait_for
from skerry_wire import codec, envelope, topics
from skerry_wire.messages import Target, Targets

pytestmark = pytest.mark.e2e

BOXES = 4
LOOPBACK = "127.0.0.0/8"


@pytest.fixture
def lab(tmp_path):
    """A broker, a hub, and boxes whose administrators allow measuring on this machine."""
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    hub = Hub(tmp_path / "hub", broker)
    hub.start()
    nothing = tmp_path / "no-runtime.sock"
    boxes = [
        Box(tmp_path / f"box-{number}", broker.url, nothing, node=f"box-{number}")
        for number in range(BOXES)
    ]
    try:
        yield broker, hub, boxes
    finally:
        for box in boxes:
            box.stop()
        hub.stop()
        broker.stop()


def round_trips(hub, *words):
    found = json.loads(hub.cli("get", "round-trips", "-o", "json", *words).stdout)
    return {(one["node"], one["target"]): one for one in found["items"]}


def test_boxes_measure_what_the_hub_names_and_only_where_they_are_allowed_to(lab, tmp_path):
    broker, hub, boxes = lab
    near = f"127.0.0.1:{broker.port}"
    for box in boxes:
        box.trust(hub.key)
        box.start_executor()  # which verifies what the hub names
    # The broker's port answers to anybody, so it is the endpoint and the boxes' own address too.
    for box in boxes[:2]:
        box.start_agent(
            SKERRY_AGENT_ROUND_TRIP_NETWORKS=LOOPBACK, SKERRY_AGENT_ROUND_TRIP_ADDRESS=near
        )
    boxes[2].start_agent()  # its administrator allows nothing on the box itself
    boxes[3].start_agent(SKERRY_AGENT_ROUND_TRIPS="false")
    for box in boxes:
        hub.cli("wait", "node", box.node, "--for", "online", "--timeout", "60s")
    files = tmp_path / "endpoints.yaml"
    files.write_text(
        "kind: Endpoint\nname: erp\nhost: localhost\nport: "
        f"{broker.port}\n---\nkind: Endpoint\nname: gone\nhost: 127.0.0.1\nport: {free_port()}\n"
    )
    hub.cli("apply", "-f", str(files))

    def all_told():
        found = round_trips(hub)
        wanted = {
            *(("box-0", target) for target in ("broker", "endpoint/erp", "node/box-1")),
            *(("box-1", target) for target in ("broker", "endpoint/erp", "node/box-0")),
            ("box-2", "broker"),
        }
        return found if found.keys() == wanted else None

    # At most one target each 15 s, and each for the first time within a minute of being told.
    found = wait_for("every time to be told", all_told, 240)
    assert all(one["measured"] and 0 < one["ms"] < 100 for one in found.values())
    boxes[0].agent.wait_for_log("round-trip time to endpoint/gone: 127.0.0.1 port", 120)
    boxes[2].agent.wait_for_log("127.0.0.1 is no address of another box", 120)
    assert "round-trip time" not in boxes[3].agent.log()

    # A box that may not measure the endpoint has an estimate, with what it is worth.
    (estimate,) = round_trips(hub, "--node", "box-2", "--to", "endpoint/erp").values()
    assert not estimate["measured"]
    assert estimate["error_ms"] > 0
    assert "Round-trip times" in hub.cli("describe", "node", "box-0").stdout

    # Whoever writes on the broker names nothing: a list that the hub did not sign changes nothing.
    victim = Target(name="endpoint/victim", host="127.0.0.1", port=free_port())
    forged = envelope.seal_targets(
        Targets(node="box-0", issued_at=2e9, targets=(victim,)), "0" * 16, lambda _: b"s" * 64
    )
    payload = tmp_path / "forged"
    payload.write_bytes(codec.encode(forged))
    topic = str(topics.Node("box-0", topics.NodeTopic.TARGETS))
    publish = ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-t", topic, "-f", str(payload)]
    subprocess.run(publish, check=True, timeout=30)
    boxes[0].agent.wait_for_log("targets of round-trip times refused: key 0000000000000000", 30)
    assert "3 of round-trip times, signed; 1 lists refused" in boxes[0].status()
    wait_for(
        "the hub to say so", lambda: "refused: key" in hub.cli("describe", "node", "box-0").stdout
    )
    assert "victim" not in boxes[0].agent.log()

    # Nothing is stored: a hub that was killed has all of it again with the next heartbeats.
    hub.kill()
    hub.start()
    again = wait_for("every time to be told again", all_told, 30)
    assert again.keys() == found.keys()
    text = hub.get("/metrics").decode()
    assert 'skerry_round_trips_total{result="taken"}' in text
    assert "skerry_round_trip_places 4.0" in text or "skerry_round_trip_places 5.0" in text

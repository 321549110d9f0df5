"""A box that vanishes: a real broker and hub, simulated boxes with the agent's core and link."""

import dataclasses
import shutil

import pytest

from lab.boxes import Boxes, standing
from lab.broker import PROGRAM, Mosquitto
from lab.fleet import Hub
from lab.processes import wait_for

pytestmark = pytest.mark.e2e
TOLERANCE = ("--lost-after", "3", "--lost-after-new", "3", "--new-for", "1")
COMPOSE = """\
name: shop
services:
  web: {image: localhost/skerry-demo-web:1}
  ledger:
    image: localhost/skerry-demo-web:1
    x-lifecycle: {stopAfter: 15s}
  data:
    image: localhost/skerry-demo-web:1
    volumes: [data:/data]
volumes: {data: {}}
"""


class Fleet:
    def __init__(self, folder):
        self.folder = folder
        self.broker = Mosquitto(folder / "broker")
        self.hub = Hub(folder / "hub", self.broker, TOLERANCE)

    def start(self):
        self.broker.start()
        self.hub.start()
        self.boxes = Boxes(self.broker.url, self.hub.key, standing(8), {})
        for box in self.boxes:
            box.settings = dataclasses.replace(box.settings, heartbeat_s=1.0, round_trips=False)
            box.start()
        wait_for("every box to be online", lambda: len(self.liveness("online")) == 8, 60)

    def stop(self):
        self.boxes.stop()
        self.hub.stop()
        self.broker.stop()

    def liveness(self, wanted):
        return {
            one["id"]
            for one in self.hub.get("/api/v1/nodes")["items"]
            if one["liveness"] == wanted and one["capability"]
        }

    def instance(self, workload):
        (found,) = self.hub.get(f"/api/v1/workloads/shop-{workload}")["workload"]["instances"]
        return found

    def runs_at(self, workload):
        """Return the boxes that run it, as the boxes have it."""
        return [box.node for box in self.boxes if f"shop-{workload}-0" in box.instances]


@pytest.fixture
def fleet(tmp_path):
    if not shutil.which(PROGRAM):
        pytest.skip("mosquitto is not installed; ./dev test installs it")
    fleet = Fleet(tmp_path)
    try:
        fleet.start()
        yield fleet
    finally:
        fleet.stop()


def test_what_a_vanished_box_had_runs_elsewhere_and_once_where_it_has_a_lease(fleet):
    path = fleet.folder / "shop.yaml"
    path.write_text(COMPOSE)
    fleet.hub.cli("apply", "-f", str(path))
    names = ("web", "ledger", "data")
    wait_for("all to run", lambda: all(fleet.runs_at(name) for name in names), 30)
    first = {name: fleet.runs_at(name)[0] for name in names}
    gone = {first[name]: fleet.boxes[first[name]] for name in names}
    assert len(gone) <= 3, "less than half of the fleet"
    wait_for("a lease", lambda: fleet.instance("ledger")["state"] == "running", 20)
    for box in gone.values():
        box.vanish()

    wait_for("another place", lambda: len(fleet.runs_at("web")) == 2, 20)
    assert fleet.instance("web")["node"] not in gone
    listed = fleet.hub.get("/api/v1/instances?workload=shop-web")["items"]
    states = {one["node"]: one["state"] for one in listed}
    assert states[first["web"]] == "unknown", "nobody sees whether it still runs there"
    assert sorted(states.values())[0] in ("pending", "running")
    waiting = fleet.instance("ledger")
    assert waiting["node"] not in gone
    assert (waiting["state"], fleet.runs_at("ledger")) == ("pending", [first["ledger"]])
    assert "waits for its lease of 15 s" in waiting["reason"]
    described = fleet.hub.cli("describe", "workload", "shop-ledger").stdout
    assert "waits for its lease" in described
    assert "s at most" in described
    wait_for("its silence", lambda: fleet.instance("data")["state"] == "unknown", 10)
    stays = fleet.instance("data")
    assert stays["node"] == first["data"]
    assert "last seen running" in stays["reason"]
    assert "its volume" in stays["reason"]
    assert "stays" in fleet.hub.cli("explain", "shop-data").stdout

    # Its lease is not over: it starts elsewhere as soon as the box is back, and has ended it there.
    gone[first["ledger"]].start()
    wait_for("one place", lambda: fleet.runs_at("ledger") == [waiting["node"]], 15)
    events = fleet.hub.cli("get", "events").stdout
    assert "replaced" in events

"""The example files work as they are, but for their paths."""

import pathlib
import shutil
import time

import pytest

from lab.broker import PROGRAM
from lab.processes import Process, free_port, wait_for
from lab.secured import Certificates, Client
from skerry_hub import mosquitto_conf, mosquitto_process
from skerry_hub.pki import crl
from skerry_hub.workloads import compose

EXAMPLES = pathlib.Path(__file__).parents[2] / "packaging" / "examples"
NODE = "skerry/v1/nodes/box-1"
NOT_ALLOWED = 135


class Broker:
    """The example's broker with its paths and port changed."""

    def __init__(self, folder):
        self.certificates = Certificates(folder / "certificates")
        self.port = free_port()
        made = self.certificates
        text = (EXAMPLES / "mosquitto.conf").read_text()
        text = text.replace("listener 8883", f"listener {self.port} 127.0.0.1")
        text = text.replace("/etc/skerry/broker/", f"{folder}/")
        text = text.replace("/var/lib/mosquitto", f"{folder}")
        (folder / "mosquitto.conf").write_text(text + "user root\n")
        shutil.copy(EXAMPLES / "mosquitto.access", folder / mosquitto_conf.ACL)
        shutil.copy(made.broker(), folder / mosquitto_conf.CERTIFICATE)
        shutil.copy(made.ca, folder / mosquitto_conf.CA)
        (folder / mosquitto_conf.CRL).write_bytes(crl.make(made.authority, [], time.time()))
        self.process = Process("mosquitto", [PROGRAM, "-c", folder / "mosquitto.conf"], folder)
        wait_for("mosquitto", lambda: mosquitto_process.listens("127.0.0.1", self.port))


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    broker = Broker(tmp_path_factory.mktemp("broker"))
    yield broker
    broker.process.stop()


@pytest.fixture
def clients(broker):
    made = broker.certificates
    found = {
        "box-1": made.node("box-1"),
        "box-2": made.node("box-2"),
        "hub": made.hub(),
        "dashboard": made.reader("dashboard"),
    }
    clients = {name: Client(broker, certificate) for name, certificate in found.items()}
    assert not any(one.refused for one in clients.values())
    yield clients
    for one in clients.values():
        one.stop()


def test_a_box_speaks_for_itself_and_hears_what_is_for_it(clients):
    assert clients["box-1"].say(f"{NODE}/report") != NOT_ALLOWED
    assert clients["box-2"].say(f"{NODE}/report") == NOT_ALLOWED
    for box in ("box-1", "box-2"):
        clients[box].hear("skerry/v1/#")
    assert clients["hub"].say(f"{NODE}/order") != NOT_ALLOWED
    assert [topic for topic, _, _ in clients["box-1"].drain()] == [f"{NODE}/order"]
    assert clients["box-2"].drain() == []


def test_a_dashboard_sees_the_views_alone(clients):
    clients["dashboard"].hear("skerry/v1/#")
    for topic in (f"{NODE}/order", "skerry/v1/fleet/box-1"):
        assert clients["hub"].say(topic) != NOT_ALLOWED
    assert [topic for topic, _, _ in clients["dashboard"].drain()] == ["skerry/v1/fleet/box-1"]
    assert clients["dashboard"].say("skerry/v1/fleet/box-1") == NOT_ALLOWED


def test_nobody_comes_in_without_a_certificate(broker):
    assert Client(broker, None).refused


def test_the_example_workloads_are_read():
    text = (EXAMPLES / "shop.yaml").read_text()
    parsed = compose.parse([compose.SourceFile(name="shop.yaml", text=text)])
    found = [one.workload for one in parsed]
    assert [(one.name, one.mode, one.replicas) for one in found] == [
        ("shop-web", "replicated", 2),
        ("shop-metrics", "global", 1),
    ]

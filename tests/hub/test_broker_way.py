"""Which broker a hub has by its settings, and a whole hub with certificates: boxes come and go."""

import contextlib
import json
import os
import shutil
import time
import types
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.hub.test_main import HUB

from lab.processes import Process, free_port, wait_for
from lab.secured import Client, SecuredBroker
from skerry_hub import broker_way, config, mosquitto_conf, mosquitto_process
from skerry_hub.config import ConfigError
from skerry_hub.pki import authority, crl

needs_mosquitto = pytest.mark.skipif(
    not shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin"),
    reason="mosquitto is not installed; ./dev test installs it",
)
OTHERS = "127.1"
"""This machine, in a way that a hub does not take for loopback."""


def settings(folder, **given):
    import argparse  # noqa: PLC0415

    parser = argparse.ArgumentParser()
    config.add_options(parser)
    words = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    return config.checked(
        vars(parser.parse_args([f"--data={folder}", "--name=hub.example", *words]))
    )


def way(folder, **given):
    found = settings(folder, **given)
    return found, broker_way.way(found, "the authority", "1234")


@needs_mosquitto
def test_on_loopback_the_own_broker_is_plain_and_on_any_other_address_it_is_not(tmp_path):
    found, plain = way(tmp_path, mqtt_port=1884)
    assert (str(plain.url), plain.authority, plain.own) == ("mqtt://127.0.0.1:1884", None, None)
    assert plain.ends.main == "skerry-hub-1234"
    assert found.addresses.public_broker == "mqtt://hub.example:1884"
    for host, at in (("0.0.0.0", "127.0.0.1"), ("10.1.2.3", "10.1.2.3"), ("[::]", "::1")):
        found, secured = way(tmp_path, mqtt_listen=f"{host}:8883")
        assert (secured.url.host, secured.url.port, secured.url.tls) == (at, 8883, True)
        assert secured.mosquitto is not None
        assert secured.ends.main == "skerry:hub"
        assert secured.ends.beats_trust.certificate == tmp_path / "tls" / "hub-beats.pem"
        assert secured.trust.name == "broker.skerry.internal"
        assert found.addresses.public_broker == "mqtts://hub.example:8883"


def test_a_broker_beside_the_hub_gets_files_and_boxes_are_told_the_hubs_name(tmp_path):
    folder = tmp_path / "broker"
    found, beside = way(tmp_path, broker="mqtts://broker:8883", broker_folder=folder)
    assert beside.own.folder == folder
    assert "\nlistener 8883 0.0.0.0\n" in beside.own.conf
    assert (beside.url.host, beside.mosquitto) == ("broker", None)
    assert beside.trust.name == "broker.skerry.internal"
    assert found.addresses.public_broker == "mqtts://hub.example:8883"


def test_at_others_brokers_the_hub_shows_its_certificate_unless_it_has_a_password(tmp_path):
    _, one = way(tmp_path, broker="mqtts://b.example", broker_ca="/etc/ca.pem")
    assert one.ends.main == "skerry:hub"
    assert one.ends.main_trust.certificate == tmp_path / "tls" / "hub.pem"
    assert (str(one.trust.ca), one.trust.name, one.own) == ("/etc/ca.pem", None, None)
    _, two = way(tmp_path, broker="mqtts://u:p@b.example")
    assert two.ends.main == "skerry-hub-1234"
    assert (two.ends.main_trust.certificate, two.authority) == (None, None)
    _, three = way(tmp_path, broker="mqtt://b.example")
    assert (three.ends.beats, three.authority) == ("skerry-hub-1234-heartbeats", None)


@pytest.mark.parametrize(
    "given",
    [
        {"broker_folder": "x"},
        {"broker_folder": "x", "broker": "mqtt://b"},
        {"broker_folder": "x", "broker": "mqtts://u:p@b"},
        {"broker_folder": "x", "broker": "mqtts://b", "broker_ca": "ca.pem"},
    ],
)
def test_what_does_not_go_together_is_said(tmp_path, given):
    with pytest.raises(ConfigError, match="--broker"):
        settings(tmp_path, **given)


# --- a whole hub ------------------------------------------------------------------------------


class Hub(Process):
    """One whose broker asks for certificates; its own, unless `words` name another."""

    def __init__(self, folder, port, mqtt_port, *others):
        self.data = folder / "data"
        self.url = f"http://127.0.0.1:{port}"
        self.port = mqtt_port
        words = ["--listen", f"127.0.0.1:{port}", "--auth", "off", "--name", "127.0.0.1"]
        words += others or ["--mqtt-listen", f"{OTHERS}:{mqtt_port}"]
        super().__init__("hub", [*HUB, "serve", "--data", str(self.data), *words], folder)
        wait_for("the hub", self._ready, 60)
        # What a client of the lab needs to know.
        self.certificates = types.SimpleNamespace(ca=self.data / "ca.pem")

    def _ready(self):
        assert self.alive, self.log()
        with contextlib.suppress(OSError):
            return self.ask("/readyz", method="GET", raw=True)
        return False

    def ask(self, path, body=None, method="POST", *, raw=False):
        data = None if body is None else json.dumps(body).encode()
        head = {"content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data, head, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            found = answer.read()
        return found if raw else json.loads(found)

    def join(self, node, folder):
        """Join as a box does; return its key and certificate in a file."""
        token = self.ask("/api/v1/join-tokens", {"ttl_s": 600})["token"]
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "box-9")])
        csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        pem = csr.public_bytes(serialization.Encoding.PEM).decode()
        answer = self.ask("/api/v1/join", {"token": token, "csr": pem, "node": node})
        assert answer["broker"] == f"mqtts://127.0.0.1:{self.port}"
        assert answer["broker_ca"] == self.certificates.ca.read_text()
        path = folder / f"{node}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_text(private.decode() + answer["certificate"])
        return path


@pytest.fixture
def hub(tmp_path):
    made = []
    ports = free_port(), free_port()

    def start():
        for former in made:
            former.stop()
        made.append(Hub(tmp_path, *ports))
        return made[-1]

    yield start
    for one in made:
        one.stop()


@needs_mosquitto
def test_a_box_joins_is_revoked_and_is_out_also_after_a_restart(hub, tmp_path):
    running = hub()
    one, two = (running.join(node, tmp_path) for node in ("box-1", "box-2"))
    box, other = Client(running, one), Client(running, two)
    assert box.refused is None, running.log()
    box.hear("skerry/v1/hub/presence")
    assert json.loads(box.heard.get(timeout=10)[1])["online"] is True
    report = "skerry/v1/nodes/box-1/report"
    assert box.say(report, b"kept", retain=True) < 128
    assert running.ask("/api/v1/nodes/box-1/revoke")["revoked_at"]
    wait_for("its session to be ended", lambda: not box.alive)
    assert Client(running, one).refused
    assert other.alive
    other.stop()
    wait_for("what it left to be gone", lambda: "nothing kept of it" in running.log())
    log_before = running.log()
    running = hub()
    assert Client(running, one).refused
    again = Client(running, two)
    assert again.refused is None
    again.stop()
    time.sleep(1)
    assert "is ended" not in running.log()[len(log_before) :], "it is done once"


@needs_mosquitto
def test_what_a_hub_did_not_live_to_do_is_done_at_its_next_start(hub, tmp_path):
    running = hub()
    certificate = running.join("box-1", tmp_path)
    box = Client(running, certificate, clean=False)
    assert box.say("skerry/v1/nodes/box-1/report", b"kept", retain=True) < 128
    # A broker that hangs: nothing of the revocation comes through.
    mosquitto = next(iter(children_of(running.pid)))
    os.kill(mosquitto, 19)
    running.ask("/api/v1/nodes/box-1/revoke")
    running.kill()
    os.kill(mosquitto, 18)
    wait_for("its broker to end", lambda: not os.path.exists(f"/proc/{mosquitto}"))
    running = hub()
    wait_for("the rest to be done", lambda: "nothing kept of it" in running.log())
    assert Client(running, certificate).refused


def children_of(pid):
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as file:
            yield from map(int, file.read().split())


@needs_mosquitto
def test_the_hubs_files_are_what_its_own_broker_runs_by(hub):
    running = hub()
    folder = running.data / broker_way.FOLDER
    assert {one.name for one in folder.iterdir()} >= set(mosquitto_conf.FILES)
    conf = (folder / mosquitto_conf.CONF).read_text()
    assert mosquitto_conf.listener_port(conf) == running.port


@needs_mosquitto
def test_at_a_broker_of_somebody_else_the_hub_shows_its_certificate(tmp_path):
    """One whose own certificate is of another authority, and that knows the hub's for clients."""
    broker = SecuredBroker(tmp_path / "broker")
    data = tmp_path / "data"
    data.mkdir()
    hubs = authority.load_or_make(data, time.time())
    broker.write()
    (broker.folder / "ca.pem").write_bytes(hubs.pem)
    (broker.folder / "crl.pem").write_bytes(crl.make(hubs, [], time.time()))
    log = (tmp_path / "mosquitto.log").open("ab")
    conf = mosquitto_conf.secured("127.0.0.1", broker.port) + "\nlog_type notice\n"
    process = mosquitto_process.start(
        broker.folder, conf, broker.folder, persistent=False, output=log
    )
    where = [f"--broker=mqtts://localhost:{broker.port}", f"--broker-ca={broker.certificates.ca}"]
    hub = None
    try:
        hub = Hub(tmp_path, free_port(), broker.port, *where)
        said = (tmp_path / "mosquitto.log").read_text()
        for name in ("skerry:hub", "skerry:hub-beats"):
            assert f" as {name} (p" in said
            assert f"u'{name}'" in said
    finally:
        if hub is not None:
            hub.stop()
        process.terminate()
        process.wait()

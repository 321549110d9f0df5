"""The example files work as they are, but for their paths."""

import datetime
import pathlib
import queue
import subprocess

import paho.mqtt.client as paho
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from lab.broker import PROGRAM
from lab.processes import Process, free_port
from skerry_hub.workloads import compose

EXAMPLES = pathlib.Path(__file__).parents[2] / "packaging" / "examples"
NODE = "skerry/v1/nodes/box-1"
GRANTED = 1


def named(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def certificate(folder, name, issuer=None, *, host=None):
    """Write `<name>.pem` and `<name>.key`; return them as (certificate, key)."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(issuer[0].subject if issuer else named(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if host:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False
        )
    made = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made, key


class Client:
    """Somebody on the broker, and what he hears."""

    def __init__(self, port, *, tls=None, user=None):
        self.heard = queue.Queue()
        self._answers = queue.Queue()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        if tls:
            self._client.tls_set(*map(str, tls))
        if user:
            self._client.username_pw_set(user, f"{user}-password")
        self._client.on_message = lambda _c, _d, message: self.heard.put(message.topic)
        self._client.on_connect = lambda _c, _d, _f, code, _p: self._answers.put(code.value)
        self._client.on_publish = lambda _c, _d, _m, code, _p: self._answers.put(code.value)
        self._client.on_subscribe = lambda _c, _d, _m, codes, _p: self._answers.put(codes[0].value)
        self._client.on_disconnect = lambda _c, _d, _f, code, _p: self._answers.put(code.value)
        self._client.connect("localhost", port)
        self._client.loop_start()
        self.let_in = self._answers.get(timeout=10) == 0

    def say(self, topic):
        """Publish, and return whether the broker took it."""
        self._client.publish(topic, b"x", 1)
        return self._answers.get(timeout=10) < 128

    def hear(self, topic):
        self._client.subscribe(topic, options=SubscribeOptions(qos=1))
        return self._answers.get(timeout=10) == GRANTED

    def stop(self):
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """The example's broker with its paths and ports changed; (folder, ports by the example's)."""
    folder = tmp_path_factory.mktemp("broker")
    authority = certificate(folder, "ca")
    certificate(folder, "broker", authority, host="localhost")
    for name in ("box-1", "box-2"):
        certificate(folder, name, authority)
    for number, user in enumerate(("hub", "dashboard")):
        made = ["-c"] if number == 0 else []
        words = [*made, "-b", folder / "passwords", user, f"{user}-password"]
        subprocess.run(["mosquitto_passwd", *words], check=True)
    (folder / "access").write_text((EXAMPLES / "mosquitto.access").read_text())
    ports = {8883: free_port(), 1883: free_port()}
    text = (EXAMPLES / "mosquitto.conf").read_text()
    for example, port in ports.items():
        text = text.replace(f"listener {example}", f"listener {port}")
    text = text.replace("/etc/skerry/broker/", f"{folder}/").replace(
        "/var/lib/mosquitto", f"{folder}"
    )
    (folder / "mosquitto.conf").write_text(text + "user root\n")
    process = Process("mosquitto", [PROGRAM, "-v", "-c", folder / "mosquitto.conf"], folder)
    process.wait_for_log(f"listen socket on port {ports[1883]}")
    yield folder, ports
    process.stop()


@pytest.fixture
def clients(broker):
    folder, ports = broker
    made = [
        Client(
            ports[8883],
            tls=(folder / "ca.pem", folder / f"{name}.pem", folder / f"{name}.key"),
        )
        for name in ("box-1", "box-2")
    ]
    made += [Client(ports[1883], user=user) for user in ("hub", "dashboard")]
    assert all(one.let_in for one in made)
    yield dict(zip(("box-1", "box-2", "hub", "dashboard"), made, strict=True))
    for one in made:
        one.stop()


def test_a_box_speaks_for_itself_alone(clients):
    for topic in ("presence", "capability", "heartbeat", "report", "event", "reply", "lease"):
        assert clients["box-1"].say(f"{NODE}/{topic}")
        assert not clients["box-2"].say(f"{NODE}/{topic}")
    hubs = ("skerry/v1/hub/presence", "skerry/v1/fleet/box-1")
    for topic in (f"{NODE}/order", f"{NODE}/targets", f"{NODE}/grant", f"{NODE}/keys", *hubs):
        assert not clients["box-1"].say(topic)


def test_a_box_hears_its_own_orders_alone(clients):
    for box in ("box-1", "box-2"):
        clients[box].hear("skerry/v1/#")
    said = {f"{NODE}/{topic}" for topic in ("order", "targets", "grant", "keys", "request/probe")}
    assert all(clients["hub"].say(topic) for topic in said)
    assert {clients["box-1"].heard.get(timeout=10) for _ in said} == said
    # What comes after shows that nothing came before.
    assert clients["hub"].say("skerry/v1/nodes/box-2/order")
    assert clients["box-2"].heard.get(timeout=10) == "skerry/v1/nodes/box-2/order"
    assert clients["hub"].say("skerry/v1/hub/presence")
    for box in ("box-1", "box-2"):
        assert clients[box].heard.get(timeout=10) == "skerry/v1/hub/presence", "how soon to return"


def test_the_hub_hears_every_box_and_a_dashboard_only_the_views(clients):
    assert clients["hub"].hear("skerry/v1/nodes/+/presence")
    clients["dashboard"].hear("skerry/v1/#")
    assert clients["box-2"].say("skerry/v1/nodes/box-2/presence")
    assert clients["hub"].heard.get(timeout=10) == "skerry/v1/nodes/box-2/presence"
    assert not clients["dashboard"].say("skerry/v1/fleet/box-1")
    assert clients["hub"].say("skerry/v1/fleet/box-1")
    assert clients["dashboard"].heard.get(timeout=10) == "skerry/v1/fleet/box-1"


def test_nobody_comes_in_without_a_certificate_or_a_password(broker):
    folder, ports = broker
    strangers = [Client(ports[8883], tls=(folder / "ca.pem",)), Client(ports[1883])]
    for one in strangers:
        assert not one.let_in
        one.stop()


def test_the_example_workloads_are_read():
    text = (EXAMPLES / "shop.yaml").read_text()
    parsed = compose.parse([compose.SourceFile(name="shop.yaml", text=text)])
    found = [one.workload for one in parsed]
    assert [(one.name, one.mode, one.replicas) for one in found] == [
        ("shop-web", "replicated", 2),
        ("shop-metrics", "global", 1),
    ]

"""Logs, exec, restart and top through the broker, and a broker that is not to be trusted."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading

import paho.mqtt.client as paho
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.public import PublicKey, SealedBox
from paho.mqtt.enums import CallbackAPIVersion

from lab.processes import wait_for
from skerry_hub.keys import OrderKey
from skerry_wire import codec, envelope
from skerry_wire.messages import Envelope, InstanceRequest, Reply, Report, Request

pytestmark = pytest.mark.e2e

TALKER = """\
name: shop
services:
  talker:
    image: {image}
    command:
      - /bin/sh
      - -c
      - "trap 'exit 0' TERM; echo begun; while :; do echo tick; echo tock >&2; sleep 0.1; done"
"""
POLICY = '[images]\nallow = ["localhost"]\n[requests]\nexec = true\n'
NAME = "shop-talker-0"


@pytest.fixture
def shop(fleet):
    path = fleet.folder / "shop.yaml"
    path.write_text(TALKER.format(image=fleet.podman.image))
    fleet.hub.cli("apply", "-f", str(path), "--wait", "--timeout", "60s")
    return fleet


def test_what_runs_on_a_box_is_asked_through_the_broker_which_itself_gets_nothing(shop):
    attacker = Attacker(shop.broker.port, shop.box.node)
    try:
        _as_an_operator(shop)
        _sees_nothing(attacker)
        _gets_nothing(shop, attacker)
    finally:
        attacker.close()


def _as_an_operator(shop):
    cli, box = shop.hub.cli, shop.box
    found = wait_for("some lines", lambda: cli("logs", NAME).stdout.count("tick") > 2)
    assert found
    log = cli("logs", "shop-talker", "--prefix")
    assert log.stdout.startswith(f"{NAME} | begun\n{NAME} | tick\n")
    assert f"{NAME} | tock\n" in log.stderr
    assert cli("logs", NAME, "--tail", "1").stdout in ("tick\n", "")
    refused = cli("exec", NAME, "--", "true", check=False)
    assert (refused.returncode, "requests.exec" in refused.stderr) == (1, True)
    box.allow(POLICY)
    words = ("exec", f"box-1/{NAME}", "--", "/bin/sh", "-c", "echo out; echo err >&2; exit 7")

    def allowed():
        done = cli(*words, check=False)
        return done if done.returncode != 1 else None

    done = wait_for("the policy to be known", allowed)
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")
    (used,) = json.loads(cli("top", "-o", "json").stdout)["items"]
    assert (used["instance"], used["node"], used["memory_bytes"] > 0) == (NAME, "box-1", True)
    before = shop.containers()
    cli("restart", "shop-talker")
    (after,) = shop.containers()
    assert after != before[0]
    assert after.split()[0] == before[0].split()[0], "the same container, started anew"
    assert cli("logs", NAME, "--tail", "all").stdout.count("begun") == 2
    _follow_and_leave(shop)


def _follow_and_leave(shop):
    """Ctrl-C ends what is followed on the box, too: its run of the executor has nothing left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "skerry_cli", "logs", "-f", "--tail", "0", NAME],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "SKERRY_HUB": shop.hub.url},
    )
    assert process.stdout.readline() == "tick\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    process.stdout.close()
    wait_for("the executor to notice", lambda: "the client is gone" in shop.box.executor.log())


class Attacker:
    """Whoever has the broker: hears all, says all, and has no key."""

    def __init__(self, port, node):
        self.node = node
        self.heard = {}
        self.replies = {}
        self.seen = []
        """All that was asked of the box, and answered, as the broker has it."""
        self.incarnation = ""
        self._news = threading.Condition()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(f"skerry/v1/nodes/{node}/request/+")
        self._client.subscribe(f"skerry/v1/nodes/{node}/reply")
        self._client.loop_start()

    def _take(self, _client, _data, message):
        with self._news:
            self.seen.append(message.payload)
            if message.topic.endswith("/reply"):
                reply = codec.decode(Reply, message.payload)
                self.replies[reply.id] = reply
                self.incarnation = reply.incarnation
            else:
                request = codec.decode(Request, message.payload)
                self.heard[request.verb] = request
            self._news.notify_all()

    def said(self, verb):
        with self._news:
            assert self._news.wait_for(lambda: verb in self.heard, 10), verb
            return self.heard[verb]

    def ask(self, name, verb, envelope=b""):
        """Return the reply to a request of his own."""
        request = Request(id=name, verb=verb, envelope=envelope)
        topic = f"skerry/v1/nodes/{self.node}/request/{verb}"
        self._client.publish(topic, codec.encode(request), qos=1)
        with self._news:
            assert self._news.wait_for(lambda: name in self.replies, 10), name
            return self.replies[name]

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


def _sees_nothing(attacker):
    """Of all that was asked and answered so far the broker had names of verbs, and noise."""
    assert len(attacker.seen) > 30
    for secret in (b"tick", b"tock", b"begun", b"echo out", b"out\n", b"/bin/sh", NAME.encode()):
        assert not [one for one in attacker.seen if secret in one], secret


def _gets_nothing(shop, attacker):
    shop.hub.cli("logs", NAME, "--tail", "1")
    taken = attacker.said("instance").envelope
    public = codec.decode(Report, kept(shop, "report")).sealing_key
    challenge = attacker.ask("a-1", "challenge").body
    assert len(challenge) == 32
    own = OrderKey(Ed25519PrivateKey.generate())
    wanted = InstanceRequest(
        node=shop.box.node, incarnation=attacker.incarnation, challenge=challenge, verb="logs",
        instance=NAME, answer_key=bytes(32),
    )  # fmt: skip
    signed = envelope.seal_request(wanted, own.id, own.sign)
    order = codec.decode(Envelope, kept(shop, "order"))

    def sealed(message):
        data = message if isinstance(message, bytes) else codec.encode(message)
        return bytes(SealedBox(PublicKey(public)).encrypt(data))

    attempts = [
        ("a request that was answered", taken, "answers no challenge of this box"),
        ("a changed one", taken[:-1] + bytes([taken[-1] ^ 1]), "is not sealed to this box's key"),
        ("one in clear", codec.encode(signed), "is not sealed to this box's key"),
        ("a key of his own", sealed(signed), "is not among the box's trusted keys"),
        (
            "a key that is not his",
            sealed(dataclasses.replace(signed, key_id=order.key_id)),
            "the signature is not that of key",
        ),
        ("nothing signed", sealed(b"\x80"), "it is not signed"),
        ("an order as a request", sealed(order), "is no request"),
    ]
    for number, (what, data, reason) in enumerate(attempts):
        reply = attacker.ask(f"b-{number}", "instance", data)
        assert reason in (reply.error or ""), what
        assert (reply.body, reply.part) == (b"", 0), what
    assert shop.hub.cli("logs", NAME, "--tail", "1").returncode == 0


def kept(shop, topic):
    """Return what the broker keeps of the box: its report, or the order for it."""
    done = subprocess.run(
        ["mosquitto_sub", "-p", str(shop.broker.port), "-C", "1", "-N", "-W", "5",
         "-t", f"skerry/v1/nodes/{shop.box.node}/{topic}"],
        capture_output=True,
    )  # fmt: skip
    return done.stdout

"""A box joins a real hub over HTTPS, works on its broker with certificates, and renews.

Contract test of the small hub in tests/agent/joining/hubs.py. In a network namespace of its own,
since a hub has TLS where others reach it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from cryptography import x509

from lab.processes import Process, wait_for
from skerry_agent.joined import read

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root, and ip of iproute2"
    ),
]
HUB = "10.99.0.1"
API, MQTT = "127.0.0.1:8443", f"{HUB}:8883"
LIFE_S = 40.0


class Place:
    """A network of its own, with a hub in it; `run` runs what boxes and operators run."""

    def __init__(self, folder):
        self.folder = folder
        self.data = folder / "hub"
        self.name = f"sk-join-{os.getpid()}"
        self.hub = None
        self._ip("netns", "add", self.name)
        self._ip("-n", self.name, "link", "set", "lo", "up")
        self._ip("-n", self.name, "addr", "add", f"{HUB}/24", "dev", "lo")

    def _ip(self, *words):
        subprocess.run(["ip", *words], check=True, capture_output=True)

    def command(self, module, *words):
        inside = ["ip", "netns", "exec", self.name]
        return [*inside, sys.executable, "-m", module, *map(str, words)]

    @property
    def environment(self):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SKERRY_")}
        home = {"HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder / "config")}
        return {**clean, **home, "PYTHONPATH": ":".join(filter(None, sys.path)), "NO_COLOR": "1"}

    def run(self, module, *words, check=True, stdin=None):
        done = subprocess.run(
            self.command(module, *words),
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=120,
            input=stdin,
        )
        assert not check or done.returncode == 0, done.stderr + done.stdout
        return done

    def start_hub(self):
        days = LIFE_S / 86_400
        self.hub = Process(
            "hub",
            self.command(
                "skerry_hub.main", "serve", "--data", self.data,
                "--listen", API, "--tls", "yes", "--auth", "off",
                "--mqtt-listen", MQTT, "--name", HUB, "--public-url", f"https://{API}",
                "--certificate-days", f"{days:.6f}",
            ),
            self.folder,
            self.environment,
        )  # fmt: skip
        wait_for("the hub", (self.data / "ca.pem").exists, 60)
        wait_for("the API", lambda: self.skerry("get", "nodes", check=False).returncode == 0, 60)

    def skerry(self, *words, check=True):
        where = ("--hub", f"https://{API}", "--ca-file", self.data / "ca.pem")
        return self.run("skerry_cli", *where, *words, check=check)

    def join_words(self, *more):
        """Return the words of the one command that `skerry token create` prints."""
        told = self.skerry("token", "create", *more).stdout
        (line,) = [one for one in told.splitlines() if "skerry-agent join" in one]
        words = line.split()
        return words[words.index("join") :]

    def close(self):
        if self.hub is not None:
            self.hub.stop()
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("joining"))
    try:
        place.start_hub()
        yield place
    finally:
        place.close()


class Box:
    def __init__(self, place, folder):
        self.place, self.folder = place, folder
        folder.mkdir(exist_ok=True)
        self.state = folder / "state"
        self.settings = folder / "agent.toml"
        self.settings.write_text(
            f'state = "{self.state}"\ncontrol = "{folder}/c"\nexecutor = "{folder}/none"\n'
            "heartbeat_s = 1\n"
        )
        self.agent = None

    @property
    def options(self):
        return ("--config", self.settings)

    def join(self, words, *more, check=True):
        keys = ("--trusted-keys", self.folder / "keys")
        return self.place.run("skerry_agent.main", *words, *self.options, *keys, *more, check=check)

    def start(self):
        command = self.place.command("skerry_agent.main", "run", *self.options)
        self.agent = Process("agent", command, self.folder, self.place.environment)

    def tell(self, number):
        # `ip netns exec` becomes the program that it runs.
        os.kill(self.agent.pid, number)

    def status(self):
        words = ("status", "--json", *self.options)
        done = self.place.run("skerry_agent.main", *words, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else {}

    @property
    def certificate(self):
        return x509.load_pem_x509_certificate((self.state / "joined" / "box.pem").read_bytes())

    def wait_connected(self, is_so=True, timeout_s=60):
        wait_for("the link", lambda: self.status().get("connected") is is_so, timeout_s)

    def stop(self):
        if self.agent is not None:
            self.agent.stop()


@pytest.fixture
def box(place, tmp_path):
    box = Box(place, tmp_path / "box")
    yield box
    box.stop()


def node_of(place, node):
    done = place.skerry("get", "nodes", "-o", "json", check=False)
    items = json.loads(done.stdout)["items"] if done.returncode == 0 else []
    return next((one for one in items if node in (one.get("node"), one.get("id"))), None)


def test_a_box_that_waits_joins_by_the_printed_command_and_is_on_the_hub(place, box):
    box.start()
    box.agent.wait_for_log("has not joined a hub")
    words = place.join_words("--label", "site=quay-3")
    assert "join: " not in box.join(words, "--node-id", "till-1").stdout
    box.tell(signal.SIGHUP)
    box.wait_connected()
    wait_for("the hub to know it", lambda: node_of(place, "till-1"))
    told = box.status()
    assert told["node"] == "till-1"
    assert told["hub"] == f"https://{API}"
    assert told["problems"] == [] or all("executor" in one for one in told["problems"])
    done = place.run("skerry_agent.main", "check", *box.options, check=False)
    assert f"ok  joined: https://{API}, as node till-1" in done.stdout
    assert "ok  certificate: until" in done.stdout
    assert "takes this box's certificate" in done.stdout
    key = (place.data / "order-key.pub").read_text().strip()
    assert key in (box.folder / "keys" / "hub.pub").read_text()
    # The same token again, on another box: used up.
    other = Box(place, box.folder.parent / "other")
    done = other.join(words, check=False)
    assert done.returncode == 1
    assert "the token is not valid" in done.stderr
    # The same box, within the token's time: the answer was lost.
    before = box.certificate
    box.join(words)
    assert box.certificate == before


def test_the_broker_is_no_hub_and_that_is_said_at_once(place, box):
    words = [f"https://{MQTT}" if API in one else one for one in place.join_words()]
    done = box.join(words, "--wait", "60", check=False)
    assert done.returncode == 1, done.stderr
    assert "perhaps the broker's port" in done.stderr
    assert "tried again" not in done.stderr


def test_certificates_are_renewed_while_it_is_connected_and_after_they_have_ended(place, box):
    box.join(place.join_words(), "--node-id", "till-2")
    first = box.certificate
    box.start()
    box.wait_connected()
    wait_for("a renewal", lambda: box.certificate.serial_number != first.serial_number, LIFE_S + 30)
    assert box.certificate.public_key() == first.public_key()
    left_s = first.not_valid_after_utc.timestamp() - time.time()
    assert left_s > 0, "before it has ended"
    assert box.status()["connected"]
    box.stop()
    # Off for longer than its certificate holds; and the disk says nothing of that: a clock that
    # was set back.
    second = box.certificate
    end_s = second.not_valid_after_utc.timestamp() - time.time()
    path = box.state / "joined" / "hub.json"
    kept = json.loads(path.read_text())
    path.write_text(
        json.dumps(
            {**kept, "issued_at": time.time() + 1e6, "lifetime_s": 1e6, "renew_after_s": 7e5}
        )
    )
    time.sleep(max(0.0, end_s + 1))
    (box.folder / "agent.log").unlink()
    box.start()
    box.agent.wait_for_log("refuses this box's certificate", 60)
    box.agent.wait_for_log("the certificate was renewed", 120)
    box.wait_connected(timeout_s=30)
    assert read(box.state).lifetime_s <= LIFE_S + 1


def test_a_revoked_box_is_told_so_and_comes_back_with_a_new_token_as_itself(place, box):
    box.join(place.join_words(), "--node-id", "till-3")
    box.start()
    box.wait_connected()
    wait_for("the hub to know it", lambda: node_of(place, "till-3"))
    place.skerry("node", "revoke", "till-3", "--yes", check=False)
    box.agent.wait_for_log("refuses this box's certificate", 60)
    done = place.run("skerry_agent.main", "renew", *box.options, check=False)
    assert done.returncode == 1
    assert "not joined, or was revoked" in done.stderr
    assert "`skerry token create --node till-3`" in done.stderr
    key = box.certificate.public_key()
    box.join(place.join_words("--node", "till-3"))
    box.tell(signal.SIGHUP)
    box.wait_connected()
    assert box.certificate.public_key() == key
    assert box.status()["node"] == "till-3"


def test_a_copied_disk_is_found_out_and_one_becomes_another_node(place, box):
    box.join(place.join_words(), "--node-id", "till-4")
    box.start()
    box.wait_connected()
    box.stop()
    copy = Box(place, box.folder.parent / "copy")
    shutil.copytree(box.state, copy.state)
    try:
        for one in (box, copy):
            one.start()
        said = "another box connects as this node again and again"
        both = (box, copy)
        wait_for("it to be said", lambda: any(said in one.agent.log() for one in both), 400)
        copy.agent.stop()
        done = copy.join(place.join_words(), "--new-identity")
        assert done.returncode == 0
        copy.start()
        copy.wait_connected()
        assert copy.status()["node"] != "till-4"
    finally:
        copy.stop()

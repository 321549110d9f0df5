"""The hub's own broker: starts, is started again, and never outlives its hub."""

import os
import queue
import shutil
import signal
import socket
import subprocess
import sys

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from lab.processes import free_port, wait_for
from skerry_hub.mosquitto import BrokerError, Mosquitto
from skerry_hub.mosquitto_process import last_words, listens

pytestmark = pytest.mark.skipif(
    not shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin"),
    reason="mosquitto is not installed; ./dev test installs it",
)


@pytest.fixture
def own(tmp_path):
    own = Mosquitto(tmp_path / "a folder", free_port())
    own.start()
    yield own
    own.stop()


def gone(port):
    return not listens("127.0.0.1", port)


def ended(pid):
    try:
        with open(f"/proc/{pid}/stat") as status:
            return status.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def publish(port, topic, payload):
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.publish(topic, payload, 1, retain=True).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def test_it_serves_on_loopback_alone_and_ends_when_it_is_told(own):
    publish(own.port, "a", b"x")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", own.port)) == 0
    pid = own._child.pid
    own.stop()
    assert gone(own.port)
    assert ended(pid)


def test_its_files_are_its_owners_alone(own, tmp_path):
    assert (tmp_path / "a folder").stat().st_mode & 0o777 == 0o700


def kept(port, topic, *, wait_s=0.5):
    """Return what the broker keeps at a topic; None where that is nothing."""
    heard = queue.Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.on_message = lambda _client, _data, message: heard.put(message.payload)
    client.connect("127.0.0.1", port)
    client.subscribe(topic, qos=1)
    client.loop_start()
    try:
        return heard.get(timeout=wait_s)
    except queue.Empty:
        return None
    finally:
        client.disconnect()
        client.loop_stop()


def test_what_it_has_at_an_orderly_end_is_there_at_the_next_start(own, tmp_path):
    publish(own.port, "kept", b"x")
    own.stop()
    follower = Mosquitto(tmp_path / "a folder", own.port)
    follower.start()
    assert kept(own.port, "kept", wait_s=10) == b"x"
    follower.stop()


def test_when_it_is_killed_it_is_started_again_and_nothing_older_comes_back(own, tmp_path):
    publish(own.port, "deleted later", b"x")
    own.stop()
    follower = Mosquitto(tmp_path / "a folder", own.port)
    follower.start()
    publish(own.port, "deleted later", b"")
    before = follower._child.pid
    follower._child.kill()
    wait_for("another", lambda: follower._child.pid != before and not gone(own.port))
    assert kept(own.port, "deleted later") is None
    publish(own.port, "after", b"x")
    follower.stop()


def test_an_end_in_order_that_it_was_not_asked_for_leaves_nothing_older_either(own):
    publish(own.port, "deleted later", b"x")
    before = own._child.pid
    own._child.terminate()  # by somebody else: it saves
    wait_for("another", lambda: own._child.pid != before and not gone(own.port))
    assert not own._saved.exists()


def test_a_port_in_use_is_said_with_both_ways_out(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} is in use: .*--mqtt-port.*--broker"):
            Mosquitto(tmp_path, port).start()


PARENT = """
import pathlib, sys, threading
from skerry_hub.mosquitto import Mosquitto

own = Mosquitto(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
own.start()
print(own._child.pid, flush=True)
threading.Event().wait(60)
"""


@pytest.mark.skipif(not shutil.which("setpriv"), reason="there is no setpriv (util-linux) here")
def test_it_ends_with_a_hub_that_is_killed(tmp_path):
    port = free_port()
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), str(port)], stdout=subprocess.PIPE
    )
    try:
        pid = int(parent.stdout.readline())
        assert not gone(port)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    try:
        wait_for("its end", lambda: gone(port) and ended(pid))
    finally:
        if not ended(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_hub_that_follows_at_once_waits_until_its_broker_has_ended(own, tmp_path):
    follower = Mosquitto(tmp_path / "next", own.port)
    own._stopping.set()
    own._child.terminate()
    follower.start()
    assert not gone(follower.port)
    follower.stop()


def test_what_it_said_last_is_told_where_it_does_not_start(tmp_path):
    own = Mosquitto(tmp_path, free_port(), conf="no_such_option true\n")
    with pytest.raises(BrokerError, match='Unknown configuration variable "no_such_option"'):
        own.start(1.0)


def test_a_log_says_something_or_that_it_says_nothing(tmp_path):
    log = tmp_path / "log"
    assert last_words(log) == "it says nothing"
    log.write_text("\n\n")
    assert last_words(log) == "it says nothing"
    log.write_text("x" * 2000 + "\none\ntwo \n")
    assert last_words(log) == "one; two"

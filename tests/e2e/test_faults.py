"""Every part is killed, cut off, fed nonsense or filled up; what runs keeps running."""

import base64
import dataclasses
import os
import shutil
import socket
import subprocess
import threading
import time

import nacl.signing
import paho.mqtt.client
import paho.mqtt.enums
import paho.mqtt.publish
import pytest

from lab.fleet import POLICY, module
from lab.processes import free_port, wait_for
from skerry_wire import codec, envelope
from skerry_wire.messages import Order
from skerry_wire.workload import Container, Instance

pytestmark = pytest.mark.e2e
AWAY_S = float(os.environ.get("SKERRY_TEST_AWAY_S", "8"))
"""How long a part is away: longer than three heartbeats and the back-off, and longer by request."""


def say(fleet, topic, payload, *, retain=False):
    paho.mqtt.publish.single(
        topic, payload, qos=1, retain=retain, hostname="127.0.0.1", port=fleet.broker.port
    )


def registries(fleet):
    """Return where images of the box may come from, as the hub knows it."""
    hardware = fleet.hub.get(f"/api/v1/nodes/{fleet.box.node}")["hardware"]
    return [one["registry"] for one in (hardware.get("policy") or {}).get("images", ())]


def allow(fleet, *wanted):
    """Let images of these registries run on the box, and wait until the hub knows it."""
    quoted = ", ".join(f'"{one}"' for one in wanted)
    fleet.box.allow(f"[images]\nallow = [{quoted}]\n")
    wait_for("the hub to know", lambda: registries(fleet) == list(wanted))


# --- orders that are not the hub's --------------------------------------------------------


def forged(fleet, **changes):
    """Return an order for one more container, signed with a key of the attacker's own."""
    key = changes.pop("key", nacl.signing.SigningKey.generate())
    container = Container(name="c", image=fleet.podman.image, command=("/bin/sleep", "1000"))
    instance = Instance(id="evil-0", workload="evil", revision="0" * 16, containers=(container,))
    order = Order(
        node=fleet.box.node,
        incarnation=fleet.node()["incarnation"],
        generation=1000,
        issued_at=time.time(),
        instances=(instance,),
    )
    order = dataclasses.replace(order, **changes)
    key_id = envelope.key_id_of(bytes(key.verify_key))
    return envelope.seal(order, key_id, lambda data: key.sign(data).signature)


def test_a_forged_order_is_refused_and_nothing_runs(fleet):
    fleet.apply("shop")
    before = fleet.containers()
    real_id = envelope.key_id_of(base64.b64decode(fleet.hub.key))
    sealed = forged(fleet)
    for attempt in (sealed, dataclasses.replace(sealed, key_id=real_id)):
        topic = f"skerry/v1/nodes/{fleet.box.node}/order"
        say(fleet, topic, codec.encode(attempt))
        refused = fleet.until_node("the refusal", lambda n: n["order"]["refusal"])
        assert refused["order"]["accepted"] == 1
        time.sleep(3)  # the box holds the next order back after a refusal
    assert fleet.containers() == before
    events = fleet.hub.get(f"/api/v1/events?node={fleet.box.node}")["items"]
    assert {e["subject"] for e in events if e["kind"] == "refused"} >= {
        "unknown_key",
        "bad_signature",
    }
    # The hub's own next order is taken, and clears the refusal.
    fleet.apply("shop", revision="2")
    assert fleet.until_settled()["order"]["refusal"] is None


def test_garbage_on_every_topic_changes_nothing(fleet):
    fleet.apply("shop")
    before = fleet.containers()
    node = fleet.box.node
    nonsense = [b"", b"\xc1", b"\x91" * 5000, os.urandom(300), b"{}", b"x" * 300_000]
    topics = [
        f"skerry/v1/nodes/{name}/{topic}"
        for name in (node, "unknown-1", "UPPER")
        for topic in ("presence", "capability", "heartbeat", "report", "event", "reply", "nonsense")
    ]
    topics += [f"skerry/v1/nodes/{node}/request/probe", f"skerry/v1/nodes/{node}/order"]
    for topic in topics:
        for payload in nonsense:
            say(fleet, topic, payload)
    time.sleep(2)
    assert [n["id"] for n in fleet.hub.get("/api/v1/nodes")["items"]] == [node]
    assert fleet.node()["liveness"] == "online"
    assert fleet.containers() == before
    fleet.apply("shop", revision="2")
    assert "malformed" in fleet.hub.get("/metrics").decode()


# --- parts that die -----------------------------------------------------------------------


KILLED = ["hub", "broker", "all"]
"""Agent and executor alone are killed at random points in test_soak.py."""


def kill(fleet, part):
    """Kill a part (or all) at once, and start again what was killed."""
    names = ["agent", "executor", "hub", "broker"] if part == "all" else [part]
    processes = {
        "agent": lambda: fleet.box.agent,
        "executor": lambda: fleet.box.executor,
        "hub": lambda: fleet.hub.process,
        "broker": lambda: fleet.broker.process,
    }
    starts = {
        "agent": fleet.box.start_agent,
        "executor": fleet.box.start_executor,
        "hub": fleet.hub.start,
        "broker": fleet.broker.start,
    }
    for name in names:
        processes[name]().kill()
    time.sleep(1)
    for name in reversed(names):
        starts[name]()


@pytest.mark.parametrize("part", KILLED)
def test_a_part_that_is_killed_restarts_and_doubles_nothing(fleet, part):
    fleet.apply("shop")
    before = fleet.containers()
    kill(fleet, part)
    fleet.until_online()
    fleet.until_settled()
    fleet.apply("other")
    assert before[0] in fleet.containers()
    assert len(fleet.containers()) == 2


@pytest.mark.parametrize("part", KILLED)
@pytest.mark.parametrize("delay_s", [0.0, 0.15, 0.4])
def test_a_kill_in_the_middle_of_an_apply_loses_nothing_that_was_acknowledged(fleet, part, delay_s):
    fleet.apply("shop")
    before = fleet.containers()
    acknowledged = []

    def apply():
        path = fleet.write("other")
        done = fleet.hub.cli("apply", "-f", str(path), check=False)
        acknowledged.append(done.returncode == 0)

    thread = threading.Thread(target=apply)
    thread.start()
    time.sleep(0.35 + delay_s)  # the command line itself takes that long to start
    kill(fleet, part)
    thread.join(60)
    fleet.until_online()
    if not acknowledged[0]:
        fleet.hub.cli("apply", "-f", str(fleet.folder / "other.yaml"))
    fleet.until_instance("other-web-0", "running")
    fleet.until_settled()
    running = fleet.containers()
    assert before[0] in running, "the container that ran was touched"
    assert len(running) == 2


def test_the_broker_is_away_and_nothing_moves(fleet):
    fleet.apply("shop")
    before = fleet.containers()
    fleet.broker.kill()
    time.sleep(AWAY_S)
    assert fleet.containers() == before
    placed = fleet.instance("shop-web-0")["node"]
    fleet.broker.start()
    fleet.until_online()
    assert fleet.containers() == before
    assert fleet.instance("shop-web-0")["node"] == placed
    assert fleet.until_settled()["order"]["issued"] == 1


def retained(fleet):
    """Return what the broker keeps, by topic."""
    found, whole = {}, threading.Event()

    def take(client, _data, message):
        if message.topic == "mark":
            whole.set()
        elif message.retain:
            found[message.topic] = message.payload

    client = paho.mqtt.client.Client(paho.mqtt.enums.CallbackAPIVersion.VERSION2)
    client.on_message = take
    client.connect("127.0.0.1", fleet.broker.port)
    client.subscribe([("skerry/#", 1), ("mark", 1)])
    client.publish("mark", b"", qos=1)  # comes after all that is retained
    client.loop_start()
    try:
        assert whole.wait(10)
        return found
    finally:
        client.disconnect()
        client.loop_stop()


def test_a_broker_that_is_killed_soon_keeps_all_again_and_nothing_that_was_deleted(fleet):
    fleet.apply("shop")
    fleet.apply("other")
    view = "skerry/v1/workloads/other-web"
    wait_for("its view", lambda: view in retained(fleet))
    fleet.broker.stop()
    fleet.broker.start()
    fleet.until_online()
    fleet.hub.cli("delete", "workload", "other-web")
    wait_for("one container to go", lambda: len(fleet.containers()) == 1)
    fleet.until_settled()
    wait_for("its view to go", lambda: view not in retained(fleet))
    running, before = fleet.containers(), retained(fleet)
    kinds = {topic.rpartition("/")[2] for topic in before if "/nodes/" in topic}
    assert kinds == {"presence", "capability", "report", "order", "targets"}

    fleet.broker.kill()
    fleet.broker.start()
    wait_for("all to be there again", lambda: retained(fleet).keys() >= before.keys(), 60)
    after = retained(fleet)
    assert after.keys() == before.keys()
    order = f"skerry/v1/nodes/{fleet.box.node}/order"
    assert after[order] == before[order]
    assert fleet.until_settled()["order"]["refusal"] is None
    assert fleet.containers() == running


def test_the_hub_is_away_and_nothing_moves(fleet):
    fleet.apply("shop")
    before = fleet.containers()
    fleet.hub.kill()
    time.sleep(AWAY_S)
    assert fleet.containers() == before
    fleet.hub.start()
    fleet.until_online()
    assert fleet.until_settled()["order"]["issued"] == 1
    assert fleet.containers() == before


# --- the hub's database put back ----------------------------------------------------------


def held(fleet):
    return fleet.until_node("the box to be held", lambda n: n["diverged"])


def hub_command(fleet, name, *words):
    command = module("skerry_hub.main", name, "--data", str(fleet.hub.folder / "data"), *words)
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def restore(fleet, change):
    """Have the running hub backed up, let `change` happen, and restore the backup."""
    backup = fleet.folder / "backup"
    hub_command(fleet, "backup", "-o", str(backup))
    assert backup.stat().st_mode & 0o777 == 0o600
    change()
    fleet.hub.stop()
    said = hub_command(fleet, "restore", "--force", str(backup))
    assert "skerry node adopt" in said
    fleet.hub.start()
    return held(fleet)


def put_back(fleet, change):
    """Copy the hub's data, let `change` happen, and put the copy back."""
    data, copy = fleet.hub.folder / "data", fleet.hub.folder / "copy"
    fleet.hub.stop()
    shutil.copytree(data, copy)
    fleet.hub.start()
    fleet.until_online()
    change()
    fleet.hub.stop()
    shutil.rmtree(data)
    shutil.copytree(copy, data)
    fleet.hub.start()
    return held(fleet)


def test_a_node_ahead_of_a_restored_hub_is_held_until_the_operator_says(fleet):
    fleet.apply("shop")
    found = put_back(fleet, lambda: fleet.apply("other"))
    assert "ahead" in found["diverged"] or "newer" in found["diverged"]
    running = fleet.containers()
    assert len(running) == 2
    fleet.hub.cli("delete", "workload", "shop-web")
    time.sleep(3)
    assert fleet.containers() == running, "nothing is removed from a node that is held"
    fleet.hub.cli("node", "overwrite", fleet.box.node, "--yes")
    wait_for("the box to run what the hub wants: nothing", lambda: not fleet.containers())
    assert fleet.until_settled()["diverged"] is None


def test_after_a_restore_of_an_older_backup_what_a_held_node_runs_can_be_adopted(fleet):
    fleet.apply("shop")
    restore(fleet, lambda: fleet.apply("other"))
    running = fleet.containers()
    fleet.hub.cli("node", "adopt", fleet.box.node)
    fleet.until_node("the hold to end", lambda n: n["diverged"] is None)
    fleet.until_settled()
    assert fleet.containers() == running
    names = {item["name"] for item in fleet.hub.get("/api/v1/workloads")["items"]}
    assert names == {"shop-web", "other-web"}


# --- the box's own troubles ---------------------------------------------------------------


def test_a_podman_that_is_gone_is_said_in_words_and_heals(fleet):
    fleet.apply("shop")
    fleet.podman.stop()
    try:
        fleet.apply("other", wait=False)
        node = fleet.until_node("the problem", lambda n: n["problems"])
        assert any("podman" in problem or "runtime" in problem for problem in node["problems"])
        described = fleet.hub.cli("describe", "node", fleet.box.node).stdout
        assert node["problems"][0][:40] in described
    finally:
        fleet.podman.serve()
    fleet.until_instance("other-web-0", "running")
    fleet.until_node("the problem to end", lambda n: not n["problems"])


def test_what_is_deleted_while_podman_is_away_is_gone_only_once_it_is(fleet):
    fleet.apply("shop")
    running = fleet.containers()

    def removed():
        items = fleet.hub.get(f"/api/v1/events?node={fleet.box.node}")["items"]
        return [e["subject"] for e in items if e["kind"] == "removed"]

    fleet.podman.stop()
    try:
        fleet.hub.cli("delete", "workload", "shop-web")
        node = fleet.until_node("the problem", lambda n: n["problems"])
        assert [(i["id"], i["state"]) for i in node["instances"]] == [("shop-web-0", "unknown")]
        assert removed() == []
        assert fleet.containers() == running
    finally:
        fleet.podman.serve()
    wait_for("the container to go", lambda: not fleet.containers(), 60)
    wait_for("the event", lambda: removed() == ["shop-web-0"])


def test_an_image_that_cannot_be_pulled_is_said_and_others_are_untouched(fleet):
    fleet.apply("shop")
    before = fleet.containers()
    allow(fleet, "localhost", "127.0.0.1:9")
    fleet.apply("broken", image="127.0.0.1:9/no/such:1", wait=False)
    failed = fleet.until_instance("broken-web-0", "failed")
    assert "127.0.0.1:9/no/such:1" in failed["reason"]
    assert failed["reason"] in fleet.hub.cli("describe", "workload", "broken-web").stdout
    assert fleet.containers() == before
    fleet.apply("broken")
    assert len(fleet.containers()) == 2


FOREIGN = "registry.example/foreign:1"
ITS_REASON = f"image {FOREIGN} is not among those allowed"


def test_what_the_boxs_policy_does_not_allow_is_not_placed_there_and_the_reason_is_said(fleet):
    fleet.apply("shop")
    before, issued = fleet.containers(), fleet.node()["order"]["issued"]
    path = str(fleet.write("foreign", image=FOREIGN))
    assert "node policy 1 node" in fleet.hub.cli("apply", "-f", path, check=False).stderr
    said = fleet.hub.cli("explain", "foreign-web", check=False).stdout
    assert f"the box's policy: {ITS_REASON}" in said
    assert (fleet.containers(), fleet.node()["order"]["issued"]) == (before, issued)
    fleet.hub.cli("delete", "workload", "foreign-web")


def test_a_policy_that_the_hub_has_not_heard_of_is_enforced_all_the_same_and_then_known(fleet):
    allow(fleet, "localhost", "registry.example")
    fleet.apply("shop")
    before = fleet.containers()
    (fleet.box.folder / "policy.toml").write_text(POLICY)
    fleet.apply("foreign", image=FOREIGN, wait=False)
    node = fleet.until_node("the refusal", lambda n: n["order"]["refusal"])
    assert ITS_REASON in node["order"]["refusal"]
    assert fleet.containers() == before
    # The refusal brought the policy along: nothing more of the kind is tried.
    wait_for("the hub to know", lambda: registries(fleet) == ["localhost"])
    fleet.hub.cli("delete", "workload", "foreign-web")
    assert fleet.until_settled()["order"]["refusal"] is None


def test_a_port_in_use_is_said_retried_and_heals(fleet):
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        fleet.apply("shop", port=port, wait=False)
        failed = fleet.until_instance("shop-web-0", "failed")
        assert str(port) in failed["reason"] or "in use" in failed["reason"]
    fleet.until_instance("shop-web-0", "running")

"""The order key changes under a running fleet of real parts, and what an attacker has of that."""

import json
import subprocess

import pytest

from lab.fleet import Box
from lab.processes import wait_for

pytestmark = pytest.mark.e2e


def keys(fleet):
    done = fleet.hub.cli("key", "status", "-o", "json", check=False)
    assert done.returncode in (0, 5), done.stderr
    return json.loads(done.stdout)


def until_changed(fleet, old):
    """Wait until another key signs alone, and every box trusts it."""

    def look():
        found = keys(fleet)
        done = found["current"] != old and found["next"] is None and not found["lagging"]
        return found if done else None

    return wait_for("the order key to be changed", look, 90)


def trusted(fleet):
    """Return the ids of the keys that the box itself says it trusts."""
    folder = fleet.box.folder
    done = subprocess.run(
        [*fleet.executor_command, "keys", f"--state={folder}/executor", f"--keys={folder}/keys"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {line.split()[0] for line in done.stdout.splitlines() if "  trusted" in line}


@pytest.fixture
def shop(fleet):
    import sys  # noqa: PLC0415

    fleet.executor_command = [sys.executable, "-m", "skerry_executor.main"]
    fleet.apply("shop")
    return fleet


def said(fleet, topic):
    """Return what the broker keeps on a topic of the box."""
    done = subprocess.run(
        ["mosquitto_sub", "-p", str(fleet.broker.port), "-C", "1", "-N", "-W", "5",
         "-t", f"skerry/v1/nodes/{fleet.box.node}/{topic}"],
        capture_output=True, check=False,
    )  # fmt: skip
    return done.stdout


def say(fleet, topic, payload):
    subprocess.run(
        ["mosquitto_pub", "-p", str(fleet.broker.port), "-q", "1", "-r", "-s",
         "-t", f"skerry/v1/nodes/{fleet.box.node}/{topic}"],
        input=payload, check=True,
    )  # fmt: skip


def test_a_rotation_restarts_nothing_and_orders_go_on(shop):
    before, old = shop.containers(), keys(shop)["current"]
    shop.hub.cli("key", "rotate", "--yes")
    changed = until_changed(shop, old)
    wait_for("the box to distrust the old key", lambda: trusted(shop) == {changed["current"]}, 60)
    assert shop.containers() == before
    shop.until_settled()
    assert shop.hub.cli("logs", "shop-web-0").returncode == 0, "requests are signed with it, too"
    shop.apply("shop", revision="2")
    assert shop.containers() != before


def test_a_box_that_is_off_for_two_rotations_follows_when_it_is_back(shop):
    first = keys(shop)["current"]
    shop.box.stop()
    for _ in range(2):
        shop.hub.cli("key", "rotate", "--yes")
        shop.hub.cli("key", "retire", "--force", "--yes")
    shop.write("shop", revision="2")
    shop.hub.cli("apply", "-f", str(shop.folder / "shop.yaml"))
    shop.hub.kill()
    shop.hub.start()
    shop.box.start()
    changed = until_changed(shop, first)
    wait_for("the box to trust the newest alone", lambda: trusted(shop) == {changed["current"]}, 60)
    shop.until_settled()
    assert shop.instance("shop-web-0")["state"] == "running"


def test_a_broker_under_an_attacker_s_control_brings_no_old_key_back(shop):
    first, order = keys(shop)["current"], said(shop, "order")
    shop.hub.cli("key", "rotate", "--yes")
    early = wait_for("the change to be told", lambda: said(shop, "keys"))
    changed = until_changed(shop, first)
    wait_for("the box to distrust the old key", lambda: trusted(shop) == {changed["current"]}, 60)
    before = shop.containers()
    for topic, payload in (("keys", early), ("order", order), ("keys", early)):
        say(shop, topic, payload)
    wait_for(
        "the refusal of the old order",
        lambda: "unknown_key" in (shop.node()["order"]["refusal"] or ""), 60,
    )  # fmt: skip
    assert trusted(shop) == {changed["current"]}
    assert shop.containers() == before


def test_a_stolen_key_is_distrusted_at_once(shop):
    first = keys(shop)["current"]
    shop.hub.cli("key", "rotate", "--stolen", "--yes")
    changed = until_changed(shop, first)
    assert trusted(shop) == {changed["current"]}
    shop.apply("shop", revision="2")


def test_a_box_that_is_set_up_after_it_needs_the_new_key_alone(shop, tmp_path):
    first = keys(shop)["current"]
    shop.hub.cli("key", "rotate", "--yes")
    until_changed(shop, first)
    other = Box(tmp_path / "other", shop.hub.broker_url, shop.podman.socket, node="box-2")
    other.trust(shop.hub.key)
    other.start()
    try:
        wait_for(
            "it to trust the key",
            lambda: keys(shop)["nodes"] == 2 and not keys(shop)["lagging"], 60,
        )  # fmt: skip
    finally:
        other.stop()


def test_three_dozen_boxes_follow_within_seconds_and_keep_what_they_run(simulated):
    simulated.apply("fleet", {"web": {"deploy": {"mode": "global"}}})
    boxes = [one.node for one in simulated.boxes]

    def orders():
        return {
            one["id"]: (one["order"]["issued"], one["order"]["accepted"])
            for one in simulated.hub.get("/api/v1/nodes")["items"]
        }

    settled = wait_for(
        "all to run it", lambda: all(a == b > 0 for a, b in orders().values()) and orders(), 60
    )
    old = keys(simulated)["current"]
    simulated.hub.cli("key", "rotate", "--yes")
    changed = until_changed(simulated, old)
    assert changed["trusting"] == len(boxes)
    assert orders() == settled, "the same orders, signed anew"
    simulated.apply("fleet", {"web": {"deploy": {"mode": "global"}, "environment": {"A": "2"}}})
    wait_for(
        "all to take the next one",
        lambda: all(a == b > settled[name][0] for name, (a, b) in orders().items()), 60,
    )  # fmt: skip

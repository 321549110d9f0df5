"""A real container among simulated boxes, placed by a device that one real box alone has."""

import json
import os
import pathlib
import signal

import pytest
from tests.e2e.simulated import NOT_PLACED, x

from lab.fleet import Box
from lab.processes import wait_for

pytestmark = pytest.mark.e2e

KINDS = "serial,watchdog,gpio,i2c,ptp,camera"
"""Of which a container may have one on a machine that others use."""


@pytest.fixture
def real(simulated, podman, tmp_path):
    """A real agent and executor on a real podman, in the same fleet."""
    box = Box(tmp_path / "real", simulated.hub.broker_url, podman.socket, node="real-1")
    try:
        box.trust(simulated.hub.key)
        box.start()
        simulated.hub.cli("wait", "node", "real-1", "--for", "online", "--timeout", "60s")
        yield box
        simulated.clear()
    finally:
        box.stop()
        podman.run("rm", "--all", "--force", "--time=0", check=False)


def devices(simulated):
    words = ("get", "devices", "--kind", KINDS, "-o", "json")
    return json.loads(simulated.hub.cli(*words).stdout)["items"]


def only_here(simulated):
    """Return a device that the real box alone has, by kind and name."""
    found = devices(simulated)
    others = {(one["kind"], one["name"]) for one in found if one["node"] != "real-1"}
    for one in found:
        is_new = (one["kind"], one["name"]) not in others
        if one["node"] == "real-1" and is_new and pathlib.Path(*one["paths"][:1]).is_char_device():
            return one
    pytest.skip(f"this machine has no device of {KINDS} that a container could have")


def allow(box, path):
    """Let the box's policy give containers a device, as its administrator would."""
    with (box.folder / "policy.toml").open("a") as file:
        file.write(f'[devices]\nallow = ["{path}"]\n')
    os.kill(box.agent.pid, signal.SIGHUP)  # systemctl reload skerry-agent


def test_a_container_gets_the_device_that_it_was_placed_by(simulated, real, podman):
    device = only_here(simulated)
    kind, name, path = device["kind"], device["name"], device["paths"][0]
    service = x(devices=[{"kind": kind, "constraints": [f"name == {name}"]}])
    service |= {"image": podman.image, "command": ["/bin/sleep", "1000"]}

    # The box gives nobody the device: so it is not placed, and why is told.
    done = simulated.apply("meter", {"read": service})
    assert done.status == NOT_PLACED
    assert done.unplaced["meter-read"]["nodes"] == len(simulated.boxes) + 1
    (here,) = [one for one in devices(simulated) if one["id"] == device["id"]]
    assert (here["usable"], "policy" in here["reason"]) == (False, True)

    # Its administrator allows it, and it is placed without being asked for again.
    allow(real, path)
    wait_for("it to be placed", lambda: simulated.where("meter-read"), 60)
    assert simulated.where("meter-read") == {"meter-read-0": "real-1"}
    simulated.until_running("meter-read")

    # The device node is in the container, with the numbers that it has on the box.
    (container,) = podman.run("ps", "--format", "{{.Names}}").split()
    seen = podman.run("exec", container, "/bin/busybox", "stat", "-c", "%F %t:%T", path)
    number = pathlib.Path(path).stat().st_rdev
    assert seen.strip() == f"character special file {os.major(number):x}:{os.minor(number):x}"
    assert simulated.used_devices(kind) == {device["id"]: ["meter-read-0"]}

    # A second one finds it taken, and every other box has none.
    service["deploy"]["replicas"] = 2
    assert simulated.apply("meter", {"read": service}).status == NOT_PLACED
    said = simulated.explain("meter-read")
    assert (said["placed"], said["feasible"]) == (1, 0)
    assert len(podman.run("ps", "--quiet").split()) == 1

    # The hub dies, and the container does not.
    simulated.hub.kill()
    simulated.hub.start()
    simulated.hub.cli("wait", "node", "real-1", "--for", "online", "--timeout", "60s")
    assert podman.run("ps", "--format", "{{.Names}}").split() == [container]
    simulated.hub.cli("delete", "workload", "meter-read", "--wait", "--timeout", "60s")
    assert podman.run("ps", "--quiet").split() == []

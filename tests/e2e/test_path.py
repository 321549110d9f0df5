"""The whole path, and what other systems see of it."""

import json
import subprocess

import pytest

from lab.processes import wait_for

pytestmark = pytest.mark.e2e


def test_a_workload_is_applied_updated_and_deleted(fleet):
    fleet.apply("shop")
    (before,) = fleet.containers()
    fleet.apply("shop")
    assert fleet.containers() == [before], "the same content again restarts nothing"
    fleet.apply("shop", revision="2")
    (after,) = fleet.containers()
    assert after != before
    node = fleet.until_settled()
    assert node["order"]["issued"] == 2
    assert fleet.hub.cli("delete", "workload", "shop-web").returncode == 0
    wait_for("the container to go", lambda: not fleet.containers())


JOB = """\
name: night
services:
  report:
    image: {image}
    command: ["/bin/sh", "-c", {script}]
    deploy: {{mode: replicated-job}}
    volumes: ["{folder}:/out"]
    x-lifecycle: {{job: {{retries: 0{schedule}}}}}
"""


def policy(fleet):
    hardware = fleet.hub.get(f"/api/v1/nodes/{fleet.box.node}")["hardware"]
    return json.dumps(hardware.get("policy"))


def test_a_job_runs_once_for_each_content_and_is_told_as_done(fleet):
    folder = fleet.folder / "out"
    folder.mkdir()
    fleet.box.allow(f'[images]\nallow = ["localhost"]\n[mounts]\nbind = ["{folder}"]\n')
    wait_for("the hub to know what the box allows", lambda: str(folder) in policy(fleet))
    path = fleet.folder / "night.yaml"

    def apply(script, schedule="", check=True):
        text = JOB.format(
            image=fleet.podman.image, folder=folder, script=json.dumps(script), schedule=schedule
        )
        path.write_text(text)
        return fleet.hub.cli("apply", "-f", str(path), "--wait", "--timeout", "60s", check=check)

    def until_completed(check=True):
        words = ("wait", "workload", "night-report", "--for", "completed", "--timeout", "60s")
        return fleet.hub.cli(*words, check=check)

    def ran():
        return (folder / "ran").read_text().split()

    apply("echo one >> /out/ran")
    until_completed()
    assert ran() == ["one"]
    view = fleet.hub.get("/api/v1/workloads/night-report")["workload"]
    assert (view["state"], view["current"], view["running"]) == ("completed", 1, 0)
    told = fleet.hub.cli("describe", "workload", "night-report").stdout
    assert "1 run, the last succeeded" in told
    assert "What is wrong" not in told

    # What is done is not done again: neither by the same content, nor by a kill, nor by a drain.
    assert "is completed" in apply("echo one >> /out/ran").stdout
    fleet.box.executor.kill()
    fleet.box.start_executor()
    drained = fleet.hub.cli("drain", fleet.box.node, "--timeout", "30s").stdout
    assert "night-report-0" in drained
    fleet.hub.cli("uncordon", fleet.box.node)
    apply("echo two >> /out/ran")
    until_completed()
    assert ran() == ["one", "two"]

    # An apply waits until it runs, which may be seen before it has failed.
    apply("echo three >> /out/ran; exit 3", check=False)
    failed = until_completed(check=False)
    assert failed.returncode == 1
    assert "ended with 3" in failed.stderr
    assert ran() == ["one", "two", "three"]

    done = apply("echo four >> /out/ran", ', schedule: "0 0 1 1 *"')
    assert "workload/night-report is scheduled" in done.stdout
    assert "next in" in fleet.hub.cli("get", "workloads", "-o", "wide").stdout
    assert ran() == ["one", "two", "three"]


def heard(fleet):
    """Return what the broker says within some seconds, the last of each topic."""
    done = subprocess.run(
        ["mosquitto_sub", "-p", str(fleet.broker.port), "-v", "-t", "skerry/v1/#", "-W", "3"],
        capture_output=True,
        check=False,
    )
    seen = {}
    for line in done.stdout.split(b"\nskerry/"):
        topic, _, payload = line.partition(b" ")
        seen[topic.removeprefix(b"skerry/").decode()] = payload
    return seen


def test_what_other_systems_see_is_json_on_the_documented_topics(fleet):
    fleet.apply("shop")
    for _ in range(5):
        seen = heard(fleet)
        # A view follows what it shows; on a busy machine by some seconds.
        if b'"online"' in seen.get(f"v1/fleet/{fleet.box.node}", b""):
            break
    for topic in ("presence", "capability", "report", "order", "heartbeat"):
        assert f"v1/nodes/{fleet.box.node}/{topic}" in seen
    view = json.loads(seen[f"v1/fleet/{fleet.box.node}"])
    assert view["liveness"] == "online"
    workload = json.loads(seen["v1/workloads/shop-web"])
    assert (workload["wanted"], workload["placed"]) == (1, 1)
    assert json.loads(seen["v1/hub/presence"])["online"] is True


def test_a_workload_that_fits_nowhere_is_explained(fleet):
    path = fleet.write("shop")
    path.write_text(
        path.read_text()
        + "    deploy: {resources: {reservations: {memory: 900T}},"
        + " placement: {constraints: ['node.labels.site == mars']}}\n"
    )
    done = fleet.hub.cli("apply", "-f", str(path), check=False)
    assert done.returncode == 3
    told = fleet.hub.cli("explain", "shop-web", check=False).stdout
    assert "memory" in told
    assert "site" in told
    assert fleet.containers() == []


def test_a_bad_file_is_refused_by_name_and_line(fleet):
    path = fleet.write("shop")
    path.write_text(path.read_text() + "    cgroup_parent: /x\n")
    done = fleet.hub.cli("apply", "-f", str(path), check=False)
    assert done.returncode == 2
    assert "shop.yaml:8" in done.stderr
    assert "cgroup_parent" in done.stderr

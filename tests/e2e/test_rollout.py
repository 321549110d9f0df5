"""Rollouts on real parts: podman on one box, then three dozen simulated boxes."""

import json

import pytest

from lab.processes import wait_for

pytestmark = pytest.mark.e2e


def status(hub, name):
    return json.loads(hub.cli("rollout", "status", name, "-o", "json", check=False).stdout)


def apply(fleet, revision, program="/bin/httpd", check=True):
    path = fleet.write("shop", revision=revision)
    text = path.read_text().replace("  web:\n", "  web:\n    stop_grace_period: 0s\n")
    path.write_text(text.replace("/bin/httpd", program))
    return fleet.hub.cli("apply", "-f", str(path), "--wait", "--timeout", "60s", check=check)


def test_a_bad_revision_goes_back_on_its_box_pauses_and_is_undone(fleet):
    apply(fleet, "1")
    before = fleet.containers()
    apply(fleet, "2")
    assert status(fleet.hub, "shop-web")["rollout"]["state"] == "done"
    after = fleet.containers()
    assert [line.split()[0] for line in before] != [line.split()[0] for line in after]

    done = apply(fleet, "3", "/bin/no-such-program", check=False)
    assert done.returncode == 1
    assert "its rollout is paused: 1 of 1 failed" in done.stderr
    found = status(fleet.hub, "shop-web")
    assert found["instances"][0]["state"] == "failed"
    wait_for("what ran before to run again", lambda: len(fleet.containers()) == 1)

    fleet.hub.cli("rollout", "undo", "shop-web", "--wait", "--timeout", "60s")
    assert status(fleet.hub, "shop-web")["rollout"]["state"] == "done"
    history = fleet.hub.cli("rollout", "history", "shop-web").stdout.splitlines()[1:]
    assert [line.split()[0] for line in history] == ["4", "3", "2", "1"]
    assert "undo to 2" in history[0]


def test_an_apply_that_waits_tells_that_it_was_rolled_back(fleet):
    path = fleet.write("shop", revision="1")
    good = path.read_text().replace("  web:\n", "  web:\n    stop_grace_period: 0s\n")
    path.write_text(good)
    command = ("apply", "-f", str(path), "--wait", "--timeout", "60s")
    fleet.hub.cli(*command)
    rollback = "    deploy: {update_config: {failure_action: rollback}}\n    stop_grace"
    path.write_text(good.replace("/bin/httpd", "/bin/none").replace("    stop_grace", rollback))
    done = fleet.hub.cli(*command, check=False)
    assert done.returncode == 1
    assert "rolled back to revision" in done.stderr
    assert "is running" not in done.stdout
    told = fleet.hub.cli("rollout", "status", "shop-web", "-w", "--timeout", "60s", check=False)
    assert "failed and was rolled back to revision" in told.stdout
    assert "1/1" in fleet.hub.cli("get", "workloads").stdout


def test_a_first_revision_is_not_done_before_it_runs(fleet, podman):
    path = fleet.write("shop", image="localhost/not-here:1")
    deadline = "    x-lifecycle: {update: {deadline: 1s}}\n    image:"
    path.write_text(path.read_text().replace("    image:", deadline))
    command = ("apply", "-f", str(path), "--wait", "--timeout", "3s")
    done = fleet.hub.cli(*command, check=False)
    assert (done.returncode, "not-here" in done.stderr) == (4, True)
    found = status(fleet.hub, "shop-web")["rollout"]
    assert (found["state"], found["done"], found["updating"]) == ("progressing", 0, 1)
    podman.run("tag", podman.image, "localhost/not-here:1")
    try:
        fleet.hub.cli("rollout", "status", "shop-web", "-w", "--timeout", "60s")
        assert status(fleet.hub, "shop-web")["rollout"]["state"] == "done"
        assert "1/1" in fleet.hub.cli("rollout", "list").stdout
    finally:
        fleet.clear()
        podman.run("untag", "localhost/not-here:1", "localhost/not-here:1")


def web(image, **lifecycle):
    return {
        "web": {
            "image": f"localhost/skerry-demo-web:{image}",
            "deploy": {"mode": "global", "update_config": {"parallelism": 12}},
            "x-lifecycle": {"update": {"waveBy": "site", **lifecycle}},
        }
    }


def test_a_fleet_is_updated_site_by_site_though_the_hub_is_killed_and_a_box_is_away(simulated):
    simulated.clear()
    simulated.apply("roll", web(1))
    simulated.until_running("roll-web")
    away = sorted(simulated.where("roll-web").values())[-1]
    simulated.boxes[away].vanish()

    def liveness():
        return simulated.hub.get(f"/api/v1/nodes/{away}")["node"]["liveness"] != "online"

    wait_for("one to be away", liveness, 30)
    simulated.apply("roll", web(2))
    simulated.hub.kill()
    simulated.hub.start()
    done = simulated.hub.cli("rollout", "status", "roll-web", "-w", "--timeout", "90s")
    found = status(simulated.hub, "roll-web")["rollout"]
    assert (found["state"], found["behind"]) == ("done", 1)
    assert found["done"] == found["total"] - 1
    assert f"1 of {found['total']} follow later: roll-web-{away} (its node is " in done.stdout
    simulated.boxes[away].start()
    wait_for(
        "it to follow", lambda: status(simulated.hub, "roll-web")["rollout"]["behind"] == 0, 60
    )
    simulated.hub.cli("rollout", "status", "roll-web", "-w", "--timeout", "60s")
    simulated.until_running("roll-web")
    simulated.clear()

"""A secret from the command line to the container on a real podman, and nowhere else."""

import json
import pathlib

import pytest

from lab.processes import wait_for

pytestmark = pytest.mark.e2e

PLAIN = "tr0ub4dor-und-drei"
NEXT = "k0rrekt-pferd"
TOKEN = "t0ken-fuer-alle"
FILE = """\
name: safe
services:
  web:
    image: {image}
    command: ["/bin/sleep", "1000"]
    user: "1000:50"
    stop_grace_period: 0s
    configs: [{{source: app, target: /etc/app.conf}}]
    secrets: [db]
    x-secret-environment: {{TOKEN: token}}
configs:
  app: {{file: ./app.conf}}
secrets:
  db: {{external: true, name: db-password}}
  token: {{external: true}}
"""


def keep(fleet, verb, name, content):
    path = fleet.folder / "content"
    path.write_text(content)
    done = fleet.hub.cli("secret", verb, name, "--from-file", str(path))
    path.unlink()
    return done


def inside(podman, *words):
    (name,) = podman.run("ps", "--format", "{{.Names}}").split()
    return podman.run("exec", name, "/bin/busybox", *words)


def has(podman, content):
    """Say whether the container that runs, if one does just now, has this secret."""
    (name, *_) = [*podman.run("ps", "--format", "{{.Names}}").split(), "none"]
    words = ("exec", name, "/bin/busybox", "cat", "/run/secrets/db")
    return podman.run(*words, check=False) == content


def everywhere(fleet, podman):
    """Yield what others than the box's root may come to see: name and bytes."""
    skipped = fleet.folder / "box" / "executor" / "files"
    for path in fleet.folder.rglob("*"):
        if path.is_file() and not path.is_relative_to(skipped):
            yield str(path), path.read_bytes()
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield str(path), path.read_bytes()
        except OSError:
            continue
    (name,) = podman.run("ps", "--format", "{{.Names}}").split()
    found = json.loads(podman.run("inspect", name))[0]
    found["Config"]["Env"] = [one for one in found["Config"]["Env"] if TOKEN not in one]
    yield "inspect", json.dumps(found).encode()
    for path in ("/api/v1/events", "/api/v1/workloads/safe-web", "/api/v1/secrets/db-password"):
        yield path, json.dumps(fleet.hub.get(path)).encode()


def test_a_secret_is_in_its_container_and_nowhere_else(fleet, podman):
    keep(fleet, "create", "db-password", PLAIN)
    keep(fleet, "create", "token", TOKEN)
    (fleet.folder / "app.conf").write_text("a = $1\n")
    path = fleet.folder / "safe.yaml"
    path.write_text(FILE.format(image=podman.image))
    fleet.hub.cli("apply", "-f", str(path), "--wait", "--timeout", "60s")

    assert inside(podman, "cat", "/run/secrets/db") == PLAIN
    assert inside(podman, "stat", "-c", "%a %u %g", "/run/secrets/db").split() == [
        "400", "1000", "50",
    ]  # fmt: skip
    assert inside(podman, "cat", "/etc/app.conf") == "a = $1\n"
    assert f"TOKEN={TOKEN}" in inside(podman, "cat", "/proc/self/environ").split("\0")
    for where, data in everywhere(fleet, podman):
        for secret in (PLAIN, TOKEN):
            assert secret.encode() not in data, where
    (before,) = fleet.containers()

    # Another version restarts nothing by itself; applied again it is a new revision.
    done = keep(fleet, "update", "db-password", NEXT)
    assert "apply these anew to give it to them: safe-web" in done.stderr
    assert inside(podman, "cat", "/run/secrets/db") == PLAIN
    fleet.hub.cli("apply", "-f", str(path), "--wait", "--timeout", "60s")
    wait_for("the new version", lambda: has(podman, NEXT))
    assert fleet.containers() != [before]
    fleet.until_settled()
    files = fleet.folder / "box" / "executor" / "files"
    assert sorted(one.read_text() for one in files.rglob("*") if one.is_file()) == [
        "a = $1\n",
        NEXT,
    ]

    # An executor that lost its key tells another one: nothing is sealed to it before it is trusted.
    fleet.box.stop()
    (fleet.folder / "box" / "executor" / "sealing-key").unlink()
    fleet.box.start()
    fleet.until_node("the other key", lambda one: one["other_sealing_key"])
    running = fleet.containers()
    keep(fleet, "update", "db-password", PLAIN)
    fleet.hub.cli("apply", "-f", str(path))
    found = fleet.until_node(
        "the box to say what is wrong",
        lambda one: any("trust-key" in (i["reason"] or "") for i in one["instances"]),
    )
    assert found["instances"][0]["state"] == "running"
    assert fleet.containers() == running
    fleet.hub.cli("node", "trust-key", fleet.box.node, "--yes")
    wait_for("the trusted key", lambda: has(podman, PLAIN), 60)
    fleet.until_settled()

    fleet.clear()
    wait_for("the files to go", lambda: not list(files.iterdir()))

"""On a real podman: a switch forth where the new revision is healthy, back where it is not; and
instances whose containers share a network, which one of them owns."""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import time

import pytest
from tests.executor.client import Client, asked
from tests.executor.orders import IMAGE, NODE, container, instance, order, signed
from tests.executor.surroundings import mounted
from tests.executor.test_listen import Held

from lab.processes import free_port, wait_for
from skerry_executor import specs
from skerry_executor.outcome import CHECK_LOOK_S
from skerry_executor.room import free_bytes
from skerry_executor.runtimes import containers
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_wire.lifecycle import After, HttpProbe, Switch
from skerry_wire.workload import HealthCheck, Mount, PortMapping

POLICY = '[images]\nallow = ["localhost"]\n[updates]\ndisk_reserve = "1 MiB"\n'
SERVE = ("/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/")
SWITCH = Switch(deadline_s=1.5, settle_s=0.2)


@pytest.fixture
def held(tmp_path, podman):
    held = Held(tmp_path, idle_s="60")
    (tmp_path / "policy.toml").write_text(POLICY)
    held.environment["SKERRY_EXECUTOR_RUNTIME_SOCKET"] = str(podman.socket)
    held.start()
    yield held
    held.process.stop()
    podman.run("rm", "--all", "--force", "--time=0")


def served(revision, port, path="/bin/busybox"):
    """Return an instance of two containers, of which one serves files and is probed."""
    check = HealthCheck(
        command=(), http=HttpProbe(port=8080, path=path), interval_s=0.2, timeout_s=1.0, retries=2
    )
    web = container(
        "web", command=SERVE, health=check, stop_grace_s=0.0, after=(After(container="side"),),
        ports=(PortMapping(host=port, container=8080),),
    )  # fmt: skip
    side = container("side", stop_grace_s=0.0)
    wanted = instance(revision=revision, containers=[web, side])
    return dataclasses.replace(wanted, switch=SWITCH)


def visited(held, until):
    """Come as often as is asked for, as an agent does, until the outcome is the wanted one."""

    def look():
        outcome = asked(held.path)
        if until(outcome):
            return outcome
        time.sleep(min(outcome.look_after_s or 0.2, 0.5))
        return None

    return wait_for("the switch", look)


@contextlib.contextmanager
def tmpfs_volume(podman, name, size_mib):
    podman.run("volume", "create", name)
    place = podman.run("volume", "inspect", "--format", "{{.Mountpoint}}", name).strip()
    with mounted(place, size_mib):
        yield pathlib.Path(place)
        podman.run("rm", "--all", "--force", "--time=0")
    podman.run("volume", "rm", name)


def ids(podman):
    return set(podman.run("ps", "--quiet", "--no-trunc").split())


def test_what_is_not_healthy_goes_back_and_what_is_stays(held, podman):
    port = free_port()
    assert asked(held.path, signed(order(served("1", port)))).reached
    first = ids(podman)
    assert len(first) == 2

    asked(held.path, signed(order(served("2", port, "/missing"), generation=2)))
    outcome = visited(
        held,
        lambda outcome: (
            (update := outcome.instances[0].update) is not None
            and update.state == "rolled_back"
            and outcome.instances[0].health == "healthy"
        ),
    )
    (status,) = outcome.instances
    assert (status.state, status.revision, outcome.reached) == ("running", "1" * 16, False)
    assert status.update.revision == "2" * 16
    assert status.update.reason.startswith("it was not up within 1.5 s: web is ")
    back = ids(podman)
    assert len(back) == 2
    assert not back & first

    asked(held.path, signed(order(served("3", port), generation=3)))
    outcome = visited(held, lambda outcome: outcome.reached)
    assert (outcome.instances[0].revision, outcome.instances[0].update) == ("3" * 16, None)
    assert len(ids(podman)) == 2
    assert asked(held.path).look_after_s == CHECK_LOOK_S, "its probe goes on at rest"


def test_killed_in_the_middle_it_goes_on_with_the_journal(held, podman):
    port = free_port()
    assert asked(held.path, signed(order(served("1", port)))).reached
    first = ids(podman)
    Client(held.path).ask(signed(order(served("2", port, "/missing"), generation=2)))
    wait_for("the start of the switch", lambda: not ids(podman) & first or None)
    for child in held.children():
        os.kill(child, signal.SIGKILL)
    outcome = visited(
        held,
        lambda outcome: (
            (update := outcome.instances[0].update) is not None
            and update.state == "rolled_back"
            and outcome.instances[0].state == "running"
        ),
    )
    assert outcome.instances[0].revision == "1" * 16
    assert len(ids(podman)) == 2


def test_a_full_volume_holds_a_switch_back_and_what_runs_goes_on(held, podman):
    if os.geteuid():
        pytest.skip("mounts need root")
    mounts = (Mount(kind="volume", source="skerry-full", target="/data"),)

    def keeping(revision):
        web = container("web", stop_grace_s=0.0, mounts=mounts)
        return dataclasses.replace(instance(revision=revision, containers=[web]), switch=SWITCH)

    with tmpfs_volume(podman, "skerry-full", size_mib=2) as volume:
        assert asked(held.path, signed(order(keeping("1")))).reached
        first = ids(podman)
        (volume / "fill").write_bytes(b"x" * 3 * 2**19)
        asked(held.path, signed(order(keeping("2"), generation=2)))
        outcome = visited(held, lambda outcome: outcome.instances[0].update is not None)
        update = outcome.instances[0].update
        assert update.state == "waiting"
        assert update.reason.startswith("no room on disk: 0 MiB are free where volume skerry-full ")
        assert ids(podman) == first
        (volume / "fill").unlink()
        visited(held, lambda outcome: outcome.reached)
        assert not ids(podman) & first


def test_no_pull_begins_while_less_than_the_reserve_is_free(held, podman_box, request):
    image = podman_box.remote_image(request)
    policy = held.folder / "policy.toml"
    free = free_bytes(podman_box.runtime.storage().containers)
    reserve_mib = free // 2**20 + 2**20
    allowed = POLICY.replace('"localhost"', f'"{image.partition("/")[0]}"')
    policy.write_text(allowed.replace("1 MiB", f"{reserve_mib} MiB"))
    outcome = asked(held.path, signed(order(instance(image=image))))
    (status,) = outcome.instances
    assert status.state == "failed"
    assert f"{image} is not pulled: no room on disk: " in status.reason
    assert f"{reserve_mib} MiB are to stay so" in status.reason
    assert not podman_box.runtime.has_image(image)
    policy.write_text(allowed)
    assert asked(held.path).reached


# --- a network that is shared -------------------------------------------------------------


PREPARED = (After(container="init", condition="completed"),)
INIT = container("init", command=("/bin/true",), restart="no")
PARTS = [INIT, *(container(name, after=PREPARED, stop_grace_s=0.0) for name in ("web", "side"))]


def sharing(revision="1", parts=PARTS):
    return dataclasses.replace(instance(revision=revision, containers=parts), shared_network=True)


def process(podman, name):
    state = json.loads(podman.run("inspect", f"skerry-shop-web-0-{name}"))[0]["State"]
    return state["Pid"] if state["Running"] else 0


def network(podman, name):
    """Return the network that a container's process has."""
    with contextlib.suppress(FileNotFoundError):
        return os.stat(f"/proc/{process(podman, name)}/ns/net").st_ino
    return None


def reaches(held, wanted=None):
    asked(held.path, wanted)
    return visited(held, lambda outcome: outcome.reached)


def test_who_owns_a_network_lasts_and_goes_last_and_the_others_follow_it(held, podman):
    # As once made: with a preparation as the owner, which has ended before anything can join it.
    runtime = containers.connect(str(podman.socket))
    old, lasting = sharing(), dataclasses.replace(INIT, restart="always")
    owned = sharing(parts=[lasting, *(container(one.name) for one in PARTS[1:])])
    for part in PARTS:
        labels = specs.labels_of(NODE, old, part)
        runtime.create(specs.name_of(old.id, part.name), IMAGE, part, labels, owned)
    runtime.start("skerry-shop-web-0-init")
    with pytest.raises(RuntimeFailure) as failure:
        runtime.remove("skerry-shop-web-0-init")
    assert failure.value.kind is Failure.JOINED

    outcome = reaches(held, signed(order(sharing("2"))))
    assert outcome.instances[0].revision == "2" * 16
    first = process(podman, "web")
    assert network(podman, "web") == network(podman, "side") is not None

    # Where the runtime gives it another network with its next start, the others are started anew.
    os.kill(first, signal.SIGKILL)
    wait_for("the crash", lambda: process(podman, "web") not in (0, first))
    reaches(held)
    assert network(podman, "web") == network(podman, "side") is not None

    reaches(held, signed(order(generation=2)))
    assert ids(podman) == set()

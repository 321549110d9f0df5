"""What the executor relies on in a runtime: the fake, podman, docker, containerd and a kubelet
all keep to it, but for what they lack."""

import time
import urllib.request

import pytest
from tests.executor.orders import IMAGE, NODE, container, instance
from tests.executor.surroundings import NAME, made, started

from lab.podman import PAGE
from lab.processes import free_port, wait_for
from skerry_executor.actual import HostPort, Phase
from skerry_executor.cancel import Cancel
from skerry_executor.runtimes import api
from skerry_executor.runtimes.base import Failure, LogWish, RuntimeFailure
from skerry_executor.runtimes.containers import ContainerRuntime
from skerry_wire.messages import Health
from skerry_wire.workload import DeviceMapping, HealthCheck, Mount, PortMapping

# --- the life of a container --------------------------------------------------------------


def test_a_container_is_created_started_stopped_and_removed_each_as_often_as_one_likes(any_runtime):
    runtime = any_runtime.runtime
    assert runtime.containers(NODE) == ()
    assert runtime.container(NAME) is None
    created = made(runtime)
    (found,) = runtime.containers(NODE)
    assert (found.id, found.name, found.phase, found.pid) == (created, NAME, Phase.CREATED, None)
    assert (found.node, found.instance, found.container) == (NODE, "shop-web-0", "web")
    assert (found.workload, found.revision) == ("shop-web", "1" * 16)

    for reference in (NAME, created):
        runtime.start(reference)
    running = runtime.container(created)
    assert running == runtime.container(NAME)
    assert (running.phase, running.exit_code, running.health) == (Phase.RUNNING, None, Health.NONE)
    assert running.pid > 0
    assert running.started_at > 0

    for reference in (NAME, created, "skerry-no-such"):
        runtime.stop(reference, 0.0, Cancel())
    stopped = runtime.container(NAME)
    assert (stopped.phase, stopped.exit_code, stopped.pid) == (Phase.EXITED, 137, None)

    for reference in (NAME, created):
        runtime.remove(reference)
    assert runtime.containers(NODE) == ()
    with pytest.raises(RuntimeFailure) as failure:
        runtime.start(NAME)
    assert failure.value.kind is Failure.NOT_FOUND


def test_what_runs_is_removed_too(any_runtime):
    started(any_runtime.runtime)
    any_runtime.runtime.remove(NAME)
    assert any_runtime.runtime.container(NAME) is None


def test_a_container_that_ended_has_its_exit_code(any_runtime):
    made(any_runtime.runtime, command=("/bin/sh", "-c", "exit 7"))
    any_runtime.runtime.start(NAME)

    def look():
        found = any_runtime.runtime.container(NAME)
        return found if found.phase is Phase.EXITED else None

    assert wait_for("the end", look).exit_code == 7


def test_containers_of_others_are_not_seen(any_runtime):
    runtime = any_runtime.runtime
    made(runtime, name="other-node", node="box-2")
    runtime.create("no-label", IMAGE, container(network="host"), {}, instance())
    assert runtime.containers(NODE) == ()
    assert runtime.container("no-label") is None
    assert runtime.container("other-node").node == "box-2"


def test_a_name_that_is_taken_is_said(any_runtime):
    made(any_runtime.runtime)
    with pytest.raises(RuntimeFailure) as failure:
        made(any_runtime.runtime)
    assert failure.value.kind is Failure.NAME_TAKEN
    assert NAME in failure.value.reason


def test_a_program_that_is_not_in_the_image_is_said(any_runtime):
    made(any_runtime.runtime, entrypoint=("/nothere",))
    with pytest.raises(RuntimeFailure) as failure:
        any_runtime.runtime.start(NAME)
    assert failure.value.kind is Failure.OTHER
    assert "/nothere" in failure.value.reason


def test_it_tells_where_it_keeps_what_takes_room(real, tmp_path_factory):
    storage = real.runtime.storage()
    for folder in (storage.containers, storage.volumes):
        assert folder.is_relative_to(tmp_path_factory.getbasetemp()), "not where it usually does"
    started(real.runtime, mounts=(Mount(kind="volume", source="skerry-room", target="/v"),))
    assert (storage.volumes / "skerry-room").is_dir()


# --- what a container has -----------------------------------------------------------------


@pytest.mark.lacking(containerd="it has no ports of its own")
def test_a_port_in_use_is_said_by_its_number(any_runtime, request):
    port = any_runtime.taken_port(request)
    made(any_runtime.runtime, ports=(PortMapping(host=port, container=80, host_ip="127.0.0.1"),))
    with pytest.raises(RuntimeFailure) as failure:
        any_runtime.runtime.start(NAME)
    assert failure.value.kind is Failure.PORT_IN_USE
    assert f"port {port} is already in use" in failure.value.reason


@pytest.mark.lacking(containerd="it has no ports of its own")
def test_ports_are_published(real):
    port = free_port()
    found = started(
        real.runtime,
        command=("/bin/httpd", "-f", "-p", "80", "-h", "/www"),
        ports=(PortMapping(host=port, container=80, host_ip="127.0.0.1"),),
    )
    assert found.ports == {HostPort(port, "tcp")}

    def look():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as page:
                return page.read().decode()
        except OSError:
            return None

    assert wait_for("the page", look) == PAGE


def said_by(real, **changes):
    """Return what a container writes until it ends."""
    made(real.runtime, **changes)
    real.runtime.start(NAME)
    look = lambda: real.runtime.container(NAME).phase is Phase.EXITED  # noqa: E731
    wait_for("the end", look)
    log = real.runtime.logs(NAME, LogWish(), Cancel())
    return b"".join(one.data for one in log).decode()


def script(text):
    return {"entrypoint": ("/bin/busybox", "sh", "-c"), "command": (text,)}


def test_mounts_are_as_asked_for(real, tmp_path):
    (tmp_path / "rw").mkdir()
    (tmp_path / "ro").mkdir()
    (tmp_path / "ro" / "file").write_text("from the box\n")
    text = """
        cat /ro/file
        touch /ro/new && echo "wrote read-only"
        touch /rw/new /tmp/new /named/new /anonymous/new && echo "wrote the others"
        grep -c ' /tmp tmpfs ' /proc/mounts
    """
    said = said_by(
        real,
        **script(text),
        read_only=True,
        mounts=(
            Mount(kind="bind", source=str(tmp_path / "rw"), target="/rw"),
            Mount(kind="bind", source=str(tmp_path / "ro"), target="/ro", read_only=True),
            Mount(kind="tmpfs", target="/tmp"),
            Mount(kind="volume", source="skerry-test", target="/named"),
            Mount(kind="volume", target="/anonymous"),
        ),
    )
    # What goes to the other stream may stand between.
    assert {"from the box", "wrote the others", "1"} <= set(said.splitlines())
    assert "wrote read-only" not in said
    assert (tmp_path / "rw" / "new").exists()


@pytest.mark.lacking(kubelet="a pod has no device nodes")
def test_environment_user_folder_and_devices_are_as_asked_for(real):
    text = 'echo "$A"; pwd; busybox id -u; echo into > /dev/hole && echo "wrote the device"'
    said = said_by(
        real,
        **script(text),
        environment={"A": "a = 'b'  c", "PATH": "/bin"},
        user="1234",
        working_dir="/www",
        devices=(DeviceMapping(host="/dev/null", container="/dev/hole"),),
    )
    assert said.splitlines() == ["a = 'b'  c", "/www", "1234", "wrote the device"]


@pytest.mark.lacking(containerd="asked below", kubelet="asked below")
def test_limits_restart_and_grace_are_as_asked_for(real):
    made(
        real.runtime,
        cpu_limit_milli=250,
        memory_limit_bytes=64 * 2**20,
        restart="on-failure",
        restart_retries=3,
        stop_grace_s=2.5,
    )
    form = "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.RestartPolicy.Name}}"
    assert real.lab.run("inspect", "--format", form, NAME).split() == [
        str(64 * 2**20),
        "250000000",
        "on-failure",
    ]
    assert real.runtime.container(NAME).stop_grace_s == 3.0


@pytest.mark.lacking(kubelet="it has no limit of its own for a container")
@pytest.mark.parametrize(("limit", "forks"), [(20, False), (200, True)])
def test_no_more_processes_are_there_than_it_may_have(real, limit, forks):
    text = "exec 2>&1; n=0; while [ $n -lt 30 ]; do sleep 9 & n=$((n+1)); done; echo all"
    said = said_by(real, **script(text), pids_limit=limit)
    assert ("can't fork" not in said) is forks
    assert ("all" in said) is forks


@pytest.mark.lacking(kubelet="a pod has no device nodes")
def test_a_container_without_its_device_is_refused_in_words(real):
    missing = (DeviceMapping(host="/dev/no-such", container="/dev/x"),)
    with pytest.raises(RuntimeFailure) as failure:
        started(real.runtime, devices=missing)
    assert failure.value.kind is Failure.NO_DEVICE
    assert "there is no device /dev/no-such on this box" in failure.value.reason


def test_health_begins_with_starting(any_runtime):
    check = HealthCheck(command=("/bin/true",), interval_s=3600.0)
    found = started(any_runtime.runtime, health=check)
    assert found.health in (Health.STARTING, Health.HEALTHY)


@pytest.mark.parametrize(
    "command", [("/bin/test", "-d", "/www"), ("/bin/sh", "-c", "test -d /w*w")]
)
@pytest.mark.lacking(containerd="it is asked by checked", kubelet="it is asked by checked")
def test_a_health_check_gets_its_arguments_whole(real, command):
    started(real.runtime, health=HealthCheck(command=command, interval_s=0.5))
    if real.runtime.name == "podman":
        # Its checks are timers of systemd, which not every machine has.
        real.lab.run("healthcheck", "run", NAME)
    healthy = lambda: real.runtime.container(NAME).health is Health.HEALTHY  # noqa: E731
    assert wait_for("the health", healthy)


# --- away and back ------------------------------------------------------------------------


@pytest.mark.lacking(containerd="see test_containerd", kubelet="see test_kubelet")
def test_a_runtime_that_hangs_is_said_in_time_and_is_there_again_after(real):
    started(real.runtime)
    hasty = ContainerRuntime(api.connect(str(real.lab.socket), look_s=0.5))
    asked = (
        lambda: hasty.containers(NODE),
        lambda: hasty.container(NAME),
        lambda: hasty.has_image(IMAGE),
        hasty.images,
        lambda: hasty.usage(NAME),
        lambda: list(hasty.logs(NAME, LogWish(), Cancel())),
        lambda: api.connect(str(real.lab.socket), look_s=0.5),
    )
    with real.hanging():
        for act in asked:
            began = time.monotonic()
            with pytest.raises(RuntimeFailure) as failure:
                act()
            assert time.monotonic() - began < 2.0
            assert failure.value.kind is Failure.TIMED_OUT
            assert "does not answer in time" in failure.value.reason
    (found,) = real.runtime.containers(NODE)
    assert found.phase is Phase.RUNNING


# --- where podman must not be believed ----------------------------------------------------


@pytest.mark.lacking(kubelet="refused there, see test_kubelet")
def test_read_only_binds_do_not_bring_what_is_mounted_below_them(real, tmp_path):
    said = said_by(
        real,
        **script("grep ' /ro' /proc/mounts | busybox cut -d' ' -f2,4"),
        mounts=(Mount(kind="bind", source="/sys/fs", target="/ro", read_only=True),),
    )
    mounts = [line.split() for line in said.splitlines()]
    assert mounts
    assert all("ro" in options.split(",") for _, options in mounts)


@pytest.mark.lacking(containerd="its monitor looks every 10 s", kubelet="a pod ends whole")
def test_what_keeps_ending_stays_stopped_once_it_was(any_runtime):
    """podman has nothing to stop at the moment, and starts it the next."""
    runtime = any_runtime.runtime
    made(runtime, command=("/bin/sh", "-c", "exit 1"), restart="always")
    runtime.start(NAME)
    time.sleep(0.5)
    runtime.stop(NAME, 0.0, Cancel())
    stopped = runtime.container(NAME)
    assert stopped.phase is Phase.EXITED
    time.sleep(1.0)
    assert runtime.container(NAME) == stopped

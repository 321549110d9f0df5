"""Containers in the words of docker and of podman."""

import dataclasses

import pytest
from tests.executor.orders import container, instance

from skerry_executor.runtimes import cdi, creation, specgen
from skerry_wire.lifecycle import After, HttpProbe, LogLimits
from skerry_wire.workload import BusDevice, HealthCheck, Mount, PortMapping

ON_BUS = (BusDevice(bus="usb", address="1-1"),)
WEB = PortMapping(host=80, container=8080)
SIDE = PortMapping(host=81, container=8081)


def docker(wanted, of=None):
    network = creation.network_of(of or instance(containers=[wanted]), wanted)
    return creation.body_of("i", wanted, {}, network)


def podman(wanted, of=None):
    network = creation.network_of(of or instance(containers=[wanted]), wanted)
    return specgen.body_of("n", "i", wanted, {}, network)


@pytest.mark.parametrize(
    ("command", "test"),
    [
        (("CMD-SHELL", "a  b"), ["CMD-SHELL", "a  b"]),
        (("NONE",), ["NONE"]),
        (("CMD", "a", "b"), ["CMD", "a", "b"]),
        (("a", "b c"), ["CMD", "a", "b c"]),
        (("a", ""), ["CMD", "a", ""]),
    ],
)
def test_health_checks_get_their_arguments_whole(command, test):
    wanted = container(health=HealthCheck(command=command))
    assert docker(wanted)["Healthcheck"]["Test"] == test
    assert podman(wanted)["healthconfig"]["Test"] == test


def test_a_probe_is_not_the_runtimes_affair():
    wanted = container(health=HealthCheck(command=(), http=HttpProbe(port=80)))
    assert "Healthcheck" not in docker(wanted)
    assert "healthconfig" not in podman(wanted)


@pytest.mark.parametrize(
    ("restart", "devices", "on_docker", "on_podman"),
    [
        ("always", (), "always", "always"),
        ("on-failure", (), "on-failure", "on-failure"),
        ("no", ON_BUS, "no", "no"),
        # docker starts at boot what a power cut ended: before anybody has looked at the devices.
        ("always", ON_BUS, "no", "on-failure"),
        ("on-failure", ON_BUS, "no", "on-failure"),
    ],
)
def test_what_has_devices_on_a_bus_is_never_started_at_boot(restart, devices, on_docker, on_podman):
    wanted = container(restart=restart, bus_devices=devices)
    assert docker(wanted)["HostConfig"]["RestartPolicy"]["Name"] == on_docker
    assert podman(wanted)["restart_policy"] == on_podman


def test_retries_are_limited_where_they_are():
    wanted = container(restart="on-failure", restart_retries=3)
    assert docker(wanted)["HostConfig"]["RestartPolicy"]["MaximumRetryCount"] == 3
    assert podman(wanted)["restart_tries"] == 3


# --- networks -----------------------------------------------------------------------------


def test_the_first_to_start_has_the_network_that_the_others_join():
    web = container("web", ports=(WEB,), after=(After(container="side"),))
    side = container("side", ports=(SIDE,))
    both = dataclasses.replace(instance(containers=(web, side)), shared_network=True)
    assert creation.network_of(both, side) == creation.Network(mode="bridge", ports=(SIDE, WEB))
    joins = creation.Network(mode="container", of="skerry-shop-web-0-side")
    assert creation.network_of(both, web) == joins
    assert docker(web, both)["HostConfig"]["NetworkMode"] == "container:skerry-shop-web-0-side"
    assert docker(web, both)["HostConfig"]["PortBindings"] == {}
    assert docker(web, both)["ExposedPorts"] == {}
    value = {"nsmode": "container", "value": "skerry-shop-web-0-side"}
    assert podman(web, both)["netns"] == value
    assert podman(web, both)["portmappings"] == []
    assert [one["host_port"] for one in podman(side, both)["portmappings"]] == [81, 80]


def test_each_has_its_own_network_else():
    web = container("web", ports=(WEB,), network="host")
    found = creation.network_of(instance(containers=(web, container("side"))), web)
    assert found == creation.Network(mode="host", ports=(WEB,))


# --- limits, signals, devices -------------------------------------------------------------


def test_logs_are_limited_in_each_runtimes_words():
    wanted = container(log=LogLimits(max_bytes=5000, files=3))
    config = {"max-size": "5000", "max-file": "3"}
    assert docker(wanted)["HostConfig"]["LogConfig"] == {"Type": "json-file", "Config": config}
    assert podman(wanted)["log_configuration"] == {"driver": "k8s-file", "size": 15000}
    assert "LogConfig" not in docker(container())["HostConfig"]
    assert "log_configuration" not in podman(container())


@pytest.mark.parametrize(
    ("name", "number"),
    [("SIGTERM", 15), ("TERM", 15), ("9", 9), ("SIGRTMIN+3", 37), ("RTMIN+3", 37), ("SIGNO", None)],
)
def test_signals_have_their_numbers(name, number):
    assert podman(container(stop_signal=name)).get("stop_signal") == number


def test_memory_is_limited_with_its_swap():
    limits = podman(container(memory_limit_bytes=1000, cpu_limit_milli=250))["resource_limits"]
    assert limits == {
        "memory": {"limit": 1000, "swap": 2000},
        "cpu": {"quota": 25000, "period": 100000},
    }


def test_processes_are_limited_on_both():
    assert podman(container(pids_limit=9))["resource_limits"] == {"pids": {"limit": 9}}
    assert docker(container(pids_limit=9))["HostConfig"]["PidsLimit"] == 9
    assert "PidsLimit" not in docker(container())["HostConfig"], "docker's own default stays"


def test_podman_takes_cdi_names_beside_paths():
    wanted = container(cdi_devices=("nvidia.com/gpu=0",))
    assert podman(wanted)["devices"] == [{"path": "nvidia.com/gpu=0"}]


@pytest.mark.parametrize(
    ("names", "by_cdi", "requests"),
    [
        ((), False, []),
        (("a.b/c=d",), True, [{"Driver": "cdi", "DeviceIDs": ["a.b/c=d"]}]),
        (
            ("nvidia.com/gpu=0", "nvidia.com/gpu=1:0"),
            False,
            [{"Driver": "nvidia", "Capabilities": [["gpu"]], "DeviceIDs": ["0", "1:0"]}],
        ),
        (
            ("nvidia.com/gpu=all",),
            False,
            [{"Driver": "nvidia", "Capabilities": [["gpu"]], "Count": -1}],
        ),
    ],
)
def test_docker_is_asked_for_cdi_names_as_it_knows_them(names, by_cdi, requests):
    assert cdi.requests(names, by_cdi=by_cdi) == requests


def test_cdi_is_on_where_docker_tells_its_folders_and_only_gpus_of_nvidia_do_without():
    on, off = {"CDISpecDirs": ["/etc/cdi"]}, {"CDISpecDirs": []}
    assert [cdi.is_on(one) for one in (on, off, {})] == [True, False, False]
    assert cdi.others(("nvidia.com/gpu=0", "a.b/c=d")) == ["a.b/c=d"]


# --- SELinux ------------------------------------------------------------------------------

OWN = Mount(kind="bind", source="/state/files/i/web.1/0", target="/etc/a", read_only=True)
FOREIGN = Mount(kind="bind", source="/state/files-of-others/x", target="/x")
ODD = dataclasses.replace(OWN, target="/etc/a:b")


def labelled_on_docker(folder):
    wanted = container(mounts=(OWN, FOREIGN, ODD))
    network = creation.network_of(instance(containers=[wanted]), wanted)
    return creation.body_of("i", wanted, {}, network, labelled=folder)["HostConfig"]


def labelled_on_podman(folder):
    wanted = container(mounts=(OWN, FOREIGN))
    network = creation.network_of(instance(containers=[wanted]), wanted)
    mounts = specgen.body_of("n", "i", wanted, {}, network, folder)["mounts"]
    return {one["source"]: one["options"] for one in mounts}


def test_files_of_the_executor_alone_are_labelled_for_their_container():
    on_podman = labelled_on_podman("/state/files")
    assert on_podman[OWN.source] == ["bind", "rprivate", "ro", "Z"]
    assert on_podman[FOREIGN.source] == ["rbind", "rprivate", "rw"]
    on_docker = labelled_on_docker("/state/files")
    assert on_docker["Binds"] == ["/state/files/i/web.1/0:/etc/a:ro,Z"]
    assert [one["Target"] for one in on_docker["Mounts"]] == ["/x", "/etc/a:b"]


def test_without_selinux_nothing_is_labelled():
    assert labelled_on_podman(None)[OWN.source] == ["bind", "rprivate", "ro"]
    on_docker = labelled_on_docker(None)
    assert (on_docker["Binds"], len(on_docker["Mounts"])) == ([], 3)

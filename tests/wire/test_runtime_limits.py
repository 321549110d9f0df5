"""What each runtime cannot do: the words by which executors refuse, and hubs place."""

import dataclasses

import pytest

from skerry_wire.lifecycle import After
from skerry_wire.runtime_limits import (
    RuntimeInUse,
    gives_bus_devices,
    gives_cdi,
    init_conditions,
    reasons,
    total_reasons,
)
from skerry_wire.workload import BusDevice, Container, DeviceMapping, PortMapping

KUBELET = RuntimeInUse(name="kubelet")
CONTAINERD = RuntimeInUse(name="containerd", version="1.6.20")
PODMAN = RuntimeInUse(name="podman", version="4.3.1")
DOCKER = RuntimeInUse(name="docker", version="1.41")
GPU, NPU = "nvidia.com/gpu=0", "hailo.ai/npu=0"
BY_PATH = (DeviceMapping(host="/dev/x", container="/dev/x"),)
ON_BUS = (BusDevice(bus="usb", address="1-1"),)
HOST = {"network": "host"}


def container(name="web", **fields):
    return Container(name=name, image="web:1", **fields)


@pytest.mark.parametrize(
    ("runtime", "asked", "words"),
    [
        (KUBELET, {}, None),
        (KUBELET, {"restart": "on-failure"}, None),
        (KUBELET, {"restart": "on-failure", "restart_retries": 3}, "restart: a kubelet does not"),
        (KUBELET, {"stop_signal": "SIGINT"}, "stop_signal: "),
        (KUBELET, {"init": True}, "init: "),
        (KUBELET, {"pids_limit": 9}, "pids_limit: a kubelet has one for all pods"),
        (CONTAINERD, {"pids_limit": 9, "network": "host"}, None),
        (KUBELET, {"cdi_devices": (GPU,)}, "by its CDI name"),
        (KUBELET, {"devices": BY_PATH}, "privileged: true"),
        (KUBELET, {"devices": BY_PATH, "privileged": True}, None),
        (KUBELET, {"bus_devices": ON_BUS, "privileged": True}, "which device has which number"),
        (KUBELET, {"user": "nobody"}, "user: 'nobody': a kubelet takes numbers only"),
        (KUBELET, {"user": "1000:1000"}, None),
        (KUBELET, {"ports": (PortMapping(host=80, container=80),)}, None),
        (CONTAINERD, {}, "network_mode: host only"),
        (CONTAINERD, HOST, None),
        (CONTAINERD, HOST | {"ports": (PortMapping(host=80, container=80),)}, "ports: "),
        (CONTAINERD, HOST | {"init": True}, "init: "),
        (CONTAINERD, HOST | {"cdi_devices": (GPU,)}, "by its CDI name"),
        (CONTAINERD, HOST | {"devices": BY_PATH, "bus_devices": ON_BUS}, None),
        (CONTAINERD, {"network": "none"}, None),
        (PODMAN, {"cdi_devices": (GPU, NPU), "init": True, "user": "nobody"}, None),
        (
            dataclasses.replace(PODMAN, version="4.0.3"),
            {"cdi_devices": (GPU,)},
            "this podman (4.0.3) knows no CDI, hence not nvidia.com/gpu=0: install podman 4.1",
        ),
        (dataclasses.replace(PODMAN, version=None), {"cdi_devices": (GPU,)}, None),
        (DOCKER, {"cdi_devices": (GPU,)}, None),
        (
            DOCKER,
            {"cdi_devices": (GPU, NPU)},
            "this docker (API 1.41) knows no CDI, hence not hailo.ai/npu=0: install docker 25",
        ),
        (dataclasses.replace(DOCKER, version="1.44"), {"cdi_devices": (NPU,)}, None),
        (RuntimeInUse(name="another"), {"cdi_devices": (NPU,), "init": True}, None),
    ],
)
def test_what_a_runtime_cannot_do_is_said_by_name(runtime, asked, words):
    found = list(reasons(container(**asked), runtime))
    assert [words in one for one in found] == [True] if words else found == []


@pytest.mark.parametrize(
    ("name", "version", "words"),
    [
        ("podman", "3.4.4", "this podman (3.4.4) is too old: install podman 4.0 or later"),
        ("podman", "5.4.2", None),
        ("docker", "1.40", "this docker (API 1.40) is too old: install docker 20.10 or later"),
        ("docker", "1.56", None),
        ("containerd", "1.5.18", "this containerd (1.5.18) is too old: its CRI has no version 1"),
        ("containerd", "2.4.2", None),
        ("containerd", None, None),
        ("kubelet", None, None),
    ],
)
def test_what_is_too_old_gets_nothing_and_its_age_is_said_once(name, version, words):
    found = [*total_reasons([container(**HOST)] * 2, RuntimeInUse(name=name, version=version))]
    assert [words in one for one in found] == [True] if words else found == []


def test_of_an_instance_each_container_is_named():
    several = [container(**HOST), container("log")]
    assert list(total_reasons(several, CONTAINERD)) == [
        "log: containerd runs here with network_mode: host only"
    ]


def test_containers_without_a_network_share_none():
    apart = container(network="none")
    assert list(total_reasons([apart], CONTAINERD)) == []
    (reason,) = total_reasons([apart], CONTAINERD, shared_network=True)
    assert reason.startswith("web: network_mode: none: ")


def test_what_the_containers_of_a_pod_share_must_be_the_same():
    several = [container(), container("side", restart="no", network="host", pid="host", ipc="host")]
    found = list(total_reasons(several, KUBELET))
    assert [one.partition(":")[0] for one in found] == ["restart", "network_mode", "pid", "ipc"]
    assert list(total_reasons(several, PODMAN)) == []
    assert any("network_mode: none" in one for one in
               total_reasons([container(network="none")], KUBELET))  # fmt: skip


def test_init_containers_may_be_started_anew_otherwise_than_those_that_stay():
    first = container("first", restart="no")
    web = container(after=(After(container="first", condition="completed"),))
    assert init_conditions([web, first]) == {"first": "completed"}
    assert list(total_reasons([web, first], KUBELET)) == []
    circle = [web, dataclasses.replace(first, after=(After(container="web", condition="healthy"),))]
    assert any("every container is waited for" in one for one in total_reasons(circle, KUBELET))


@pytest.mark.parametrize(
    ("runtime", "cdi", "bus"),
    [
        (PODMAN, (True, True), True),
        (dataclasses.replace(PODMAN, version="3.4.4"), (False, False), True),
        (dataclasses.replace(PODMAN, version="5.0.0-dev"), (True, True), True),
        (DOCKER, (True, False), True),
        (dataclasses.replace(DOCKER, version="nonsense"), (True, True), True),
        (KUBELET, (False, False), False),
        (CONTAINERD, (False, False), True),
        (RuntimeInUse(name="another"), (True, True), True),
    ],
)
def test_by_which_names_devices_are_given(runtime, cdi, bus):
    assert (gives_cdi(runtime, GPU), gives_cdi(runtime, NPU)) == cdi
    assert gives_bus_devices(runtime) == bus

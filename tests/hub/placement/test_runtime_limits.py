"""What the runtime of a node cannot do: in the executor's words, and never otherwise."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.placement.boxes import (
    accelerator,
    assignment,
    explain,
    fleet,
    gpus,
    node,
    place,
    requirements,
    steps,
    where,
    workload,
)
from tests.hub.placement.test_constraints import reasons

from skerry_hub import orders
from skerry_hub.placement.constraints import refusals_of
from skerry_hub.placement.shape import shape_of
from skerry_hub.placement.world import World
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.hardware import Camera, UsbDevice
from skerry_wire.runtime_limits import RuntimeInUse, total_reasons
from skerry_wire.workload import Container, PortMapping

PODMAN = RuntimeInUse(name="podman", version="4.3.1")
DOCKER = RuntimeInUse(name="docker", version="1.41")
KUBELET = RuntimeInUse(name="kubelet")
CONTAINERD = RuntimeInUse(name="containerd", version="1.6.20")
PORTS = (PortMapping(host=8080, container=80),)
STICK = {
    "usb": (UsbDevice(path="1-2", vendor="046d", product="0825"),),
    "cameras": (Camera(name="C270", path="/dev/video0", address="1-2:1.0"),),
}


def running(*containers, name="shop-web", **fields):
    return dataclasses.replace(workload(name, **fields), containers=containers)


def container(name="web", **fields):
    return Container(name=name, image="localhost/web:1", **fields)


def test_published_ports_go_where_the_runtime_maps_them():
    columns = fleet(node("a", cpus=64, runtime_in_use=CONTAINERD), node("b", runtime_in_use=PODMAN))
    load = running(container(ports=PORTS))
    assert where(place(columns, load, [], keep=False)) == {"shop-web-0": "b"}
    assert reasons(columns, load) == [
        "the box's runtime is containerd: web: containerd runs here with network_mode: host only",
        "the box's runtime is containerd: web: ports: with network_mode: host there are none to "
        "map",
    ]


def test_who_told_none_and_who_told_another_one_are_not_judged():
    columns = fleet(node("a"), node("b", runtime_in_use=RuntimeInUse(name="another")))
    assert reasons(columns, running(container(init=True))) == []


def test_it_is_counted_with_the_runtime_and_said_what_would_help():
    columns = fleet(node("a", runtime_in_use=KUBELET), node("b", runtimes=()))
    found = explain(columns, running(container(user="nobody")), [])
    assert (found.feasible, found.blocked, found.alone) == (0, {"runtime": 2}, {"runtime": 2})
    (best, *_) = found.relaxations
    assert (best.node, best.changes) == (
        "a",
        (
            "change the workload or the runtime of host-a (a): web: user: 'nobody': a kubelet "
            "takes numbers only, such as 1000:1000",
        ),
    )


def test_a_runtime_that_came_or_changed_is_followed_also_by_boards_that_are_kept():
    columns = fleet(node("a", cpus=8), node("b", cpus=1))
    plain, other = running(container()), running(container(network="host"), name="b")
    went = []
    for runtime in (None, CONTAINERD, PODMAN, CONTAINERD, None):
        columns.put(node("a", cpus=8, runtime_in_use=runtime))
        found = [where(place(columns, one, [], keep=False)) for one in (plain, other)]
        went.append("".join(next(iter(one.values())) for one in found))
    assert went == ["aa", "ba", "aa", "ba", "aa"]


def test_what_is_there_leaves_a_runtime_that_cannot_only_at_an_operators_apply():
    load = running(container(ports=PORTS))
    held = assignment("shop-web-0", "a", of=load)
    columns = fleet(node("a", runtime_in_use=CONTAINERD), node("b"), reserved=[held])
    assert steps(place(columns, load, [held], keep=True)) == []
    assert where(place(columns, load, [held], keep=False)) == {"shop-web-0": "b"}


def test_workloads_that_no_rule_tells_apart_share_a_board():
    world = World(fleet(node("a", runtime_in_use=CONTAINERD)))
    shapes = [
        shape_of(world, running(container(**fields), name=name))
        for name, fields in (("a", {}), ("b", {"command": ("x",)}), ("c", {"ports": PORTS}))
    ]
    assert shapes[0] == shapes[1] != shapes[2]
    assert len(requirements(fleet(node("a")), running(container()))) + 1 == len(
        requirements(world.columns, running(container()))
    ), "nothing is asked while no node told its runtime"


def given_on(runtime, *, privileged=False, **hardware):
    """Return what a node gives an instance that asks for a GPU, or why it takes none."""
    policy = BoxPolicy(
        any_image=True, privileged=True, devices=("/dev/*", "nvidia.com/gpu=*"), host_network=True
    )
    columns = fleet(
        node(
            "a",
            accelerators=[
                accelerator("0000:01:00.0", driver="nvidia", device_nodes=("/dev/nvidia0",))
            ],
            cdi_devices=("nvidia.com/gpu=0",),
            policy=policy,
            runtime_in_use=runtime,
            **hardware,
        )
    )
    load = running(container(privileged=privileged, network="host"), accelerators=[gpus()])
    found = place(columns, load, [], keep=False).assignments
    if not found:
        return reasons(columns, load)
    return [*found[0].cdi_devices, *(one.host for one in found[0].devices)]


@pytest.mark.parametrize(
    ("runtime", "privileged", "gets"),
    [
        (None, False, ["nvidia.com/gpu=0"]),
        (PODMAN, False, ["nvidia.com/gpu=0"]),
        (DOCKER, False, ["nvidia.com/gpu=0"]),
        (dataclasses.replace(PODMAN, version="4.0.0"), False, ["/dev/nvidia0"]),
        (CONTAINERD, False, ["/dev/nvidia0"]),
        (KUBELET, True, ["/dev/nvidia0"]),
    ],
)
def test_a_gpu_is_given_by_the_name_that_the_runtime_takes(runtime, privileged, gets):
    assert given_on(runtime, privileged=privileged) == gets


def test_a_pod_gets_a_device_only_with_all_rights():
    (reason,) = given_on(KUBELET)
    assert reason.endswith("web: devices: a static pod gets a device node only with privileged: "
                           "true")  # fmt: skip


def test_a_kubelet_offers_nothing_that_is_known_by_where_it_is_plugged_in():
    load = running(container(privileged=True), accelerators=[gpus(kind="camera")])
    boxes = (node("a", runtime_in_use=KUBELET, **STICK), node("b", runtime_in_use=PODMAN, **STICK))
    assert where(place(fleet(*boxes), load, [], keep=False)) == {"shop-web-0": "b"}
    assert "a kubelet starts a pod again without a look" in " ".join(reasons(fleet(*boxes), load))


# --- as the executor ----------------------------------------------------------------------

containers = st.builds(
    Container,
    name=st.sampled_from(("web", "log")),
    image=st.just("web:1"),
    network=st.sampled_from(("bridge", "host", "none")),
    ports=st.sampled_from(((), PORTS)),
    init=st.booleans(),
    privileged=st.booleans(),
    restart=st.sampled_from(("always", "no", "on-failure")),
    restart_retries=st.sampled_from((0, 3)),
    user=st.sampled_from((None, "0", "nobody")),
    stop_signal=st.sampled_from((None, "SIGINT")),
)


@given(
    st.lists(containers, min_size=1, max_size=2, unique_by=lambda one: one.name),
    st.sampled_from((PODMAN, DOCKER, KUBELET, CONTAINERD)),
    st.booleans(),
)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_what_is_placed_its_executor_makes_and_what_not_it_would_refuse(several, runtime, gpu):
    policy = BoxPolicy(any_image=True, privileged=True, devices=("/dev/*",))
    columns = fleet(
        node("a", accelerators=[accelerator("0")], policy=policy, runtime_in_use=runtime)
    )
    load = running(*several, accelerators=[gpus()] if gpu else [])
    free = fleet(node("a", accelerators=[accelerator("0")]))
    (one,) = place(free, load, [], keep=False).assignments
    (instance,) = orders.instances([one], {load.name: load})
    refused = [*total_reasons(instance.containers, runtime)]
    row = columns.row("a")
    mine = [
        refusal.text.removeprefix(f"the box's runtime is {runtime.name}: ")
        for name, refusal in refusals_of(columns, requirements(columns, load), row)
        if name == "runtime"
    ]
    assert mine == refused
    for need in requirements(columns, load):
        if need.name == "runtime":
            passes = need.mask(columns, columns.rows())[0]
            assert passes == (not any(True for _ in need.refusals(columns, row)))

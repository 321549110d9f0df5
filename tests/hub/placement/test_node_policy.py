"""What nodes themselves refuse: in the executor's words, and never otherwise than it would."""

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

from skerry_executor.policy import check
from skerry_hub import orders
from skerry_hub.model import Liveness
from skerry_hub.placement.constraints import refusals_of, requirements_of
from skerry_hub.placement.shape import shape_of
from skerry_hub.placement.world import World
from skerry_hub.terms import DeviceRequest
from skerry_wire.box_policy import BoxPolicy, PortRange
from skerry_wire.hardware import SerialPort
from skerry_wire.images import parse_pattern
from skerry_wire.messages import Order
from skerry_wire.workload import Container, DeviceMapping, Mount, PortMapping

LOCAL = BoxPolicy(images=(parse_pattern("localhost"),))
ANY = BoxPolicy(any_image=True)


def running(*containers, name="shop-web", **fields):
    return dataclasses.replace(workload(name, **fields), containers=containers)


def container(name="web", image="localhost/web:1", **fields):
    return Container(name=name, image=image, **fields)


@pytest.mark.parametrize(
    ("policy", "asked", "told"),
    [
        (None, {"image": "evil/web", "privileged": True}, []),
        (BoxPolicy(), {}, ["image localhost/web:1 is not among those allowed"]),
        (LOCAL, {}, []),
        (
            LOCAL,
            {"image": "registry.example/x"},
            ["image registry.example/x:latest is not among those allowed"],
        ),
        (
            dataclasses.replace(ANY, require_digest=True),
            {},
            ["image localhost/web:1 is not pinned by a digest"],
        ),
        (
            ANY,
            {"privileged": True, "network": "host", "cap_add": ("SYS_ADMIN",)},
            [
                "privileged is not allowed",
                "the network of the host is not allowed",
                "capability SYS_ADMIN is not allowed",
            ],
        ),
        (
            dataclasses.replace(ANY, bind=("/srv/data",)),
            {"mounts": (Mount(kind="bind", source="/etc", target="/x"),)},
            ["bind /etc is not within an allowed folder"],
        ),
        (
            dataclasses.replace(ANY, bind=("/srv/data", "/mnt/disk")),
            {"mounts": (Mount(kind="bind", source="/mnt/disk/shop", target="/x"),)},
            [],
        ),
        (
            ANY,
            {"devices": (DeviceMapping(host="/dev/mem", container="/dev/mem"),)},
            ["device /dev/mem is not allowed"],
        ),
        (
            dataclasses.replace(ANY, ports=(PortRange(first=8000, last=8999),)),
            {"ports": (PortMapping(host=80, container=80),)},
            ["port 80/tcp may not be published"],
        ),
        (
            dataclasses.replace(ANY, memory_bytes=100),
            {},
            ["1 container has no memory limit; this box asks for one (limits.memory)"],
        ),
        (
            dataclasses.replace(ANY, memory_bytes=100),
            {"memory_limit_bytes": 101},
            ["the memory limits add up to 101; this box allows 100 (limits.memory)"],
        ),
    ],
)
def test_a_node_refuses_what_its_own_policy_does(policy, asked, told):
    columns = fleet(node("a", policy=policy), node("b", policy=ANY))
    found = reasons(columns, running(container(**asked)))
    assert found == [f"the box's policy: {one}" for one in told]


def test_of_several_containers_the_one_that_is_refused_is_named():
    columns = fleet(node("a", policy=LOCAL))
    load = running(container(), container("log", "evil/log:1"))
    assert reasons(columns, load) == [
        "the box's policy: log: image docker.io/evil/log:1 is not among those allowed"
    ]


def test_it_is_counted_as_a_constraint_and_said_what_would_help():
    columns = fleet(node("a", policy=ANY), node("b", policy=BoxPolicy()))
    found = explain(columns, running(container(privileged=True)), [])
    assert (found.feasible, found.blocked, found.alone) == (
        0,
        {"node policy": 2},
        {"node policy": 2},
    )
    (best, *_) = found.relaxations
    assert (best.node, best.changes) == (
        "a",
        ("change the workload or the policy.toml of host-a (a): privileged is not allowed",),
    )


def test_a_policy_that_came_changed_or_went_is_followed_also_by_boards_that_are_kept():
    columns = fleet(node("a"), node("b", cpus=1))
    load, other = running(container()), running(container(image="other.example/web:1"), name="b")
    answers = []
    for policy in (None, BoxPolicy(), LOCAL, None, LOCAL):
        columns.put(node("a", cpus=8, policy=policy))
        answers.append([where(place(columns, one, [], keep=False)) for one in (load, other)])
    went = [tuple(next(iter(found.values())) for found in one) for one in answers]
    assert went == [("a", "a"), ("b", "b"), ("a", "b"), ("a", "a"), ("a", "b")]


def test_what_is_there_leaves_a_box_that_would_refuse_it_only_at_an_operators_apply():
    load = running(container())
    held = assignment("shop-web-0", "a", of=load)
    columns = fleet(node("a", policy=BoxPolicy()), node("b"), reserved=[held])
    assert steps(place(columns, load, [held], keep=True)) == []
    moved = place(columns, load, [held], keep=False)
    assert steps(moved) == [("move", "shop-web-0", "b")]
    assert moved.changes[0].detail == (
        "from a: the box's policy: image localhost/web:1 is not among those allowed"
    )


# --- limits -----------------------------------------------------------------------------------


def limited(memory, name="shop-web", **fields):
    return running(container(memory_limit_bytes=memory), name=name, **fields)


def test_a_box_whose_policy_cannot_be_used_takes_nothing_new_and_keeps_what_it_has():
    trouble = "the box's policy cannot be used: /etc/skerry/policy.toml: is not TOML (at line 3)"
    held = assignment("shop-web-0", "a", of=workload())
    columns = fleet(node("a", policy=BoxPolicy(trouble=trouble)), reserved=[held])
    for load in (workload(), workload(image="web:2")):
        decision = place(columns, load, [held], keep=False)
        assert [(one.id, one.node) for one in decision.assignments] == [("shop-web-0", "a")]
    more = place(columns, workload(replicas=2), [held], keep=False)
    assert (len(more.assignments), more.unplaced) == (1, 1)
    found = explain(columns, workload(replicas=2), [held])
    assert [reason.text for reason in found.verdicts[0].reasons] == [trouble]
    columns.put(node("a", policy=ANY))
    assert place(columns, workload(replicas=2), [held], keep=False).unplaced == 0


def test_limits_count_what_others_run_there():
    columns = fleet(node("a", policy=dataclasses.replace(ANY, memory_bytes=100)))
    other = limited(60, "other")
    world = {"other": other}
    load = limited(50)
    assert place(columns, load, [], keep=False, workloads=world).unplaced == 0
    columns.reserve(assignment("other-0", "a", of=other))
    found = explain(columns, load, [], workloads=world).verdicts[0].reasons
    assert [one.text for one in found] == [
        "the box's policy: the memory limits add up to 110; this box allows 100 (limits.memory)"
    ]
    assert place(columns, load, [], keep=False, workloads=world).unplaced == 1
    world["other"] = limited(50, "other")
    assert place(columns, load, [], keep=False, workloads=world).unplaced == 0


def test_replicas_fill_a_box_up_to_its_limits():
    policy = dataclasses.replace(ANY, memory_bytes=100)
    columns = fleet(node("a", policy=policy), node("b", policy=policy), node("c", cpus=0))
    columns.put(node("c", policy=dataclasses.replace(ANY, memory_bytes=30)))
    decision = place(columns, limited(40, replicas=9), [], keep=False)
    assert sorted(where(decision).values()) == ["a", "a", "b", "b"]
    assert decision.unplaced == 5


def test_what_has_its_place_within_the_limits_keeps_it():
    load = limited(60)
    held = assignment("shop-web-0", "a", of=load)
    columns = fleet(
        node("a", policy=dataclasses.replace(ANY, memory_bytes=100)), node("b"), reserved=[held]
    )
    assert steps(place(columns, load, [held], keep=False)) == []


def test_a_global_workload_counts_the_boxes_that_have_too_little_left_for_it():
    policy = dataclasses.replace(ANY, memory_bytes=100)
    other = limited(60, "other")
    columns = fleet(
        node("a", policy=policy),
        node("b", policy=policy),
        reserved=[assignment("other-0", "b", of=other)],
    )
    decision = place(
        columns, limited(50, mode="global"), [], keep=False, workloads={"other": other}
    )
    assert (list(where(decision).values()), decision.unplaced) == (["a"], 1)
    decision = place(columns, limited(101, mode="global"), [], keep=False)
    assert (where(decision), decision.unplaced) == ({}, 0)


def test_while_a_box_has_limits_boards_are_kept_of_workloads_that_are_wanted():
    load = limited(10)
    columns = fleet(node("a", policy=dataclasses.replace(ANY, cpu_milli=1000)))
    assert shape_of(World(columns, workloads={load.name: load}), load) is not None
    other = {load.name: limited(20)}
    for wanted in ({}, other):
        assert shape_of(World(columns, workloads=wanted), load) is None


def test_containers_tell_shapes_apart_only_where_policies_judge_them():
    one, two = running(container()), running(container(image="other.example/web:2"))
    for policy, alike in ((None, True), (LOCAL, False)):
        world = World(fleet(node("a", policy=policy)))
        assert (shape_of(world, one) == shape_of(world, two)) is alike
        again = running(container(environment={"A": "1"}), name="again")
        assert shape_of(world, one) == shape_of(world, again), "no policy looks at these"


# --- devices ----------------------------------------------------------------------------------


def test_an_instance_is_given_only_devices_that_the_policy_lets_it_have():
    ports = tuple(SerialPort(name=f"tty{n}", path=f"/dev/tty{n}") for n in ("S0", "USB0"))
    load = dataclasses.replace(
        running(container()), resources=workload(accelerators=[gpus(kind="serial")]).resources
    )
    for devices, path in (((), None), (("/dev/ttyUSB*",), "/dev/ttyUSB0")):
        policy = dataclasses.replace(ANY, devices=devices)
        columns = fleet(node("a", serial_ports=ports, policy=policy))
        found = place(columns, load, [], keep=False).assignments
        assert [one.devices[0].host for one in found] == ([path] if path else [])
    (verdict,) = explain(
        fleet(node("a", serial_ports=ports, policy=ANY)), load, [], node="a"
    ).verdicts
    assert any("the box's policy does not allow /dev/ttyS0" in one.text for one in verdict.reasons)


def test_a_changed_policy_changes_which_devices_there_are():
    load = dataclasses.replace(
        running(container()),
        resources=workload(accelerators=[DeviceRequest(kind="gpu")]).resources,
    )
    columns = fleet(node("a", accelerators=[accelerator("1")]))
    answers = []
    for devices in (None, (), ("/dev/gpu-*",), ()):
        policy = None if devices is None else dataclasses.replace(ANY, devices=devices)
        columns.put(node("a", accelerators=[accelerator("1")], policy=policy))
        answers.append(place(columns, load, [], keep=False).unplaced)
    assert answers == [0, 1, 0, 1]


# --- as the executor ---------------------------------------------------------------------------

POLICIES = st.none() | st.builds(
    BoxPolicy,
    any_image=st.booleans(),
    images=st.sampled_from([(), LOCAL.images]),
    require_digest=st.booleans(),
    privileged=st.booleans(),
    host_network=st.booleans(),
    volumes=st.booleans(),
    capabilities=st.sampled_from([(), ("NET_ADMIN",)]),
    bind=st.sampled_from([(), ("/srv",), ("/",)]),
    bind_read_only=st.sampled_from([(), ("/etc",)]),
    devices=st.sampled_from([(), ("/dev/tty*",)]),
    ports=st.sampled_from([(), (PortRange(first=1, last=100),)]),
    cpu_milli=st.sampled_from([None, 0, 1000]),
    memory_bytes=st.sampled_from([None, 100]),
)
CONTAINERS = st.builds(
    Container,
    name=st.sampled_from(["web", "log"]),
    image=st.sampled_from(["localhost/a:1", "a", "localhost/a@sha256:" + "a" * 64, "a//b"]),
    privileged=st.booleans(),
    network=st.sampled_from(["bridge", "host"]),
    cap_add=st.sampled_from([(), ("CAP_NET_ADMIN",)]),
    mounts=st.lists(
        st.builds(
            Mount,
            kind=st.sampled_from(["bind", "volume", "tmpfs"]),
            source=st.sampled_from(["/srv/a", "/etc", "data", "/srv/../etc"]),
            target=st.just("/x"),
            read_only=st.booleans(),
        ),
        max_size=2,
    ).map(tuple),
    devices=st.sampled_from([(), (DeviceMapping(host="/dev/ttyS9", container="/dev/x"),)]),
    ports=st.sampled_from([(), (PortMapping(host=101, container=1, protocol="udp"),)]),
    cpu_limit_milli=st.sampled_from([None, 500, 600]),
    memory_limit_bytes=st.sampled_from([None, 50]),
)
NEW = "skerry-shop-web-0"
"""How the executor names the containers of the instance that is new."""
LOADS = st.lists(CONTAINERS, min_size=1, max_size=2, unique_by=lambda one: one.name).map(tuple)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(POLICIES, min_size=1, max_size=3),
    st.lists(st.tuples(LOADS, st.integers(0, 2)), max_size=2),
    LOADS,
)
def test_a_node_takes_an_instance_exactly_when_its_executor_would_accept_the_order(
    policies, others, containers
):
    names = "abc"[: len(policies)]
    loads = {f"other-{n}": running(*one, name=f"other-{n}") for n, (one, _) in enumerate(others)}
    load = loads["shop-web"] = running(*containers)
    there = [
        assignment(f"other-{n}-0", names[at % len(names)], of=loads[f"other-{n}"])
        for n, (_, at) in enumerate(others)
    ]
    boxes = [node(name, policy=policy) for name, policy in zip(names, policies, strict=True)]
    columns = fleet(*boxes, reserved=there)
    needs = [
        one for one in requirements_of(World(columns, loads), load) if one.name == "node policy"
    ]
    rows = columns.rows()
    for at, (name, policy) in enumerate(zip(names, policies, strict=True)):
        on_it = [one for one in there if one.node == name]
        wanted = orders.instances([*on_it, assignment("shop-web-0", name, of=load)], loads)
        order = Order(node=name, incarnation="0" * 32, generation=1, issued_at=0, instances=wanted)
        said = () if policy is None else check(order, policy, str)
        # What the box has against a container that is there already is no news of this one.
        new = [one for one in said if not one.where or one.where.startswith(NEW)]
        found = [one.text for _, one in refusals_of(columns, needs, int(rows[at]))]
        named = f"{NEW}-" if len(containers) > 1 else None
        assert sorted(found) == sorted(
            f"the box's policy: {str(one).removeprefix(named) if named else one.reason}"
            for one in new
        )
        passes = all(bool(need.mask(columns, rows)[at]) for need in needs)
        assert passes is (not found)


def test_rows_without_a_node_may_be_asked():
    limits = dataclasses.replace(ANY, memory_bytes=1)
    columns = fleet(node("a", policy=limits), node("b", liveness=Liveness.LOST))
    columns.remove("a")
    found = explain(columns, running(container()), [])
    assert found.blocked == {"online": 1}
    assert requirements(columns, running(container()))


@pytest.mark.parametrize(
    ("expression", "nodes"),
    [
        ("node.hardware.policy.privileged == true", ["c"]),
        ("node.hardware.policy.devices contains /dev/ttyUSB*", ["b"]),
        ("node.hardware.policy.images.registry == localhost", ["b"]),
        ("node.hardware.policy.any_image exists", ["b", "c"]),
        ("node.hardware.policy.privileged not exists", ["a"]),
    ],
)
def test_expressions_can_ask_for_a_policy_and_hold_nowhere_that_told_none(expression, nodes):
    columns = fleet(
        node("a"),
        node("b", policy=dataclasses.replace(LOCAL, devices=("/dev/ttyUSB*",))),
        node("c", policy=dataclasses.replace(ANY, privileged=True)),
    )
    load = dataclasses.replace(running(container(), mode="global"), expressions=(expression,))
    assert sorted(where(place(columns, load, [], keep=False)).values()) == nodes

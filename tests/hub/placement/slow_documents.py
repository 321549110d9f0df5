"""Random documents of the hub, networks, and what workloads ask of them."""

import dataclasses

from hypothesis import strategies as st
from tests.hub.placement.slow_around import MEASURED, Around
from tests.hub.placement.slow_cases import (
    EXPRESSIONS,
    NAMES,
    SELECTORS,
    few,
    fleet_nodes,
    loads,
    numbers,
    often,
    seldom,
    weights,
)

from skerry_hub.documents import (
    Dataset,
    Egress,
    Policy,
    Prices,
    Quota,
    Reservation,
    Window,
)
from skerry_hub.model import Taint
from skerry_hub.terms import Cost, DataNeed, Latency, Traffic
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.images import ImagePattern
from skerry_wire.runtime_limits import RuntimeInUse
from skerry_wire.workload import Container, PortMapping

GIB = 2**30
CLOCK = (0.0, 50.0, 100.0, 150.0, 86_450.0, 86_500.0, 605_000.0)
"""Moments at which something begins, holds, or is over."""

# --- round-trip times -------------------------------------------------------------------------

networks = st.sampled_from((0, *range(1, len(MEASURED) + 1)))
latencies = st.builds(
    lambda place, most, weight: Latency(to=place[0], name=place[1], max_ms=most, weight=weight),
    st.sampled_from(
        (
            ("node", "n1"),
            ("node", "host-n2"),
            ("node", "n9"),
            ("site", "quay"),
            ("site", "mole"),
            ("endpoint", "e"),
            ("endpoint", "x"),
            *(("workload", name) for name in NAMES),
        )
    ),
    st.sampled_from((None, None, 5.0, 12.0, 20.0, 30.0, 70.0, 500.0)),
    weights,
)

# --- documents --------------------------------------------------------------------------------

nodes_meant = st.sampled_from(
    (
        (),
        (),
        ("node.labels.site == quay",),
        ("node.labels.environment == cloud",),
        ("node.labels.site in [quay, pier]", "node.id != n1"),
        ("node.hostname == host-n0",),
    )
)
selectors = st.sampled_from(("", *SELECTORS))
money = st.sampled_from((0.0, 0.0, 0.01, 0.05, 0.25))
per_byte = st.sampled_from((0.0, 0.0, GIB / 1000, GIB / 250))
"""Prices of a GiB at which some bytes cost something."""
quotas = st.builds(
    Quota,
    instances=st.sampled_from((None, None, None, 0, 2, 4)),
    cpu_milli=st.sampled_from((None, None, 600, 2500)),
    memory_bytes=st.sampled_from((None, None, 60, 200)),
    storage_bytes=st.sampled_from((None, None, None, 100)),
    devices=st.sampled_from(({}, {}, {"gpu": 1}, {"gpu": 3, "npu": 0})),
    cost_per_hour=st.sampled_from((None, None, 0.0, 0.05, 0.3, 2.0)),
)
policies = st.builds(
    Policy,
    name=st.sampled_from(("p", "q")),
    selector=selectors,
    projects=st.sampled_from(((), (), ("shop",), ("depot", "shop"), ("depot",))),
    required=few(EXPRESSIONS, 1).map(tuple),
    forbidden=st.one_of(st.just(()), few(EXPRESSIONS, 1).map(tuple)),
    residency=st.sampled_from(
        ({}, {}, {}, {"site": ("quay", "pier")}, {"node": ("n0", "host-n1", "n2", "host-n4")})
    ),
    registries=st.sampled_from(((), (), (), ("registry.example/", "docker.io/"))),
    max_priority=st.sampled_from((None, None, 3)),
    quota=st.one_of(st.just(Quota()), quotas),
)
prices = st.builds(
    Prices,
    name=st.sampled_from(("10-all", "20-cloud", "30-quay")),
    nodes=nodes_meant,
    node_hour=money,
    cpu_hour=money,
    gib_hour=per_byte,
    storage_gib_hour=per_byte,
    device_hour=st.sampled_from(({}, {"gpu": 0.5}, {"gpu": 0.1, "camera": 0.02})),
    egress=st.sampled_from(
        (
            (),
            (Egress(per_gb=0.05),),
            (Egress(to="plant", per_gb=0.09), Egress(per_gb=0.02)),
            (Egress(to="cloud", per_gb=0.0), Egress(to="", per_gb=0.5)),
        )
    ),
    watts_per_cpu=st.sampled_from((0.0, 8.0)),
    kwh=st.sampled_from((0.0, 0.5)),
    carbon_g_per_kwh=st.sampled_from((0.0, 400.0)),
    carbon_per_kg=st.sampled_from((0.0, 5.0)),
)
datasets = st.builds(
    Dataset,
    name=st.sampled_from(("maps", "photos")),
    size_bytes=st.sampled_from((10**9, 72 * 10**9, 720 * 10**9)),
    places=st.sampled_from(
        (
            {"site": ("quay",)},
            {"node": ("n1", "host-n2")},
            {"zone": ("east", "west"), "node": ("n0",)},
            {"environment": ("cloud",)},
            {"site": ("nowhere",)},
        )
    ),
    bandwidth_mbit=st.sampled_from((100.0, 1000.0)),
)
reservations = st.builds(
    Reservation,
    name=st.sampled_from(("r", "s", "t")),
    nodes=nodes_meant,
    selector=st.sampled_from(SELECTORS),
    cpu_milli=st.sampled_from((0, 500, 2000, 4000)),
    memory_bytes=st.sampled_from((0, 0, 100, 300)),
    storage_bytes=st.sampled_from((0, 0, 0, 150)),
    start=st.sampled_from((0.0, 0.0, 0.0, 100.0)),
    end=st.sampled_from((None, None, 50.0, 150.0)),
)
windows = st.builds(
    Window,
    name=st.sampled_from(("w", "v")),
    nodes=nodes_meant,
    start=st.sampled_from((0.0, 100.0, 500.0)),
    duration_s=st.sampled_from((10.0, 60.0, 90_000.0)),
    repeats=st.sampled_from(("", "", "daily", "weekly")),
    reason=st.sampled_from(("", "firmware")),
)


def _some(*kinds):
    """Return documents of these kinds, each or none, no two of one kind by one name."""
    each = [st.one_of(st.none(), st.none(), kind) for kind in kinds]
    return st.tuples(*each).map(
        lambda drawn: tuple({(type(one), one.name): one for one in drawn if one}.values())
    )


documents = _some(
    policies, policies, prices, prices, datasets, datasets, reservations, reservations, windows
)

# --- boxes ------------------------------------------------------------------------------------

ENVIRONMENTS = ({}, {"environment": "cloud"}, {"environment": "plant"})
PREFERRED = (
    (),
    (),
    (Taint(key="slow", value="1", effect="PreferNoSchedule"),),
    (
        Taint(key="a", value="1", effect="PreferNoSchedule"),
        Taint(key="slow", value="1", effect="PreferNoSchedule"),
    ),
)
BOX_POLICIES = (
    *(None,) * 8,
    BoxPolicy(any_image=True, devices=("/dev/*", "/dev/bus/usb/*/*")),
    BoxPolicy(any_image=True, devices=("/dev/gpu-[0-2]",), privileged=True, cpu_milli=1200),
    BoxPolicy(
        images=(ImagePattern(registry="docker.io"),),
        devices=("/dev/*",),
        host_network=True,
        memory_bytes=250,
    ),
    BoxPolicy(
        images=(ImagePattern(registry="registry.example", path="team"),),
        devices=("/dev/*",),
        capabilities=("NET_ADMIN",),
        privileged=True,
        host_network=True,
    ),
)
BOX_RUNTIMES = (
    *(None,) * 6,
    *(RuntimeInUse(name="podman", version="4.3.1"),) * 4,
    RuntimeInUse(name="containerd", version="1.6.20"),
    RuntimeInUse(name="kubelet"),
    RuntimeInUse(name="kubelet"),
)


@st.composite
def among_others(draw, box):
    """Return a node with an environment, preferences, a policy and a runtime of its own."""
    node = draw(box)
    taints = (*node.taints, *(one for one in draw(st.sampled_from(PREFERRED)) if draw(often)))
    labels = dict(node.labels) | draw(st.sampled_from(ENVIRONMENTS))
    capability = node.capability
    if capability is not None:
        policy = draw(st.sampled_from(BOX_POLICIES))
        runtime = draw(st.sampled_from(BOX_RUNTIMES))
        hardware = dataclasses.replace(capability.hardware, policy=policy, runtime_in_use=runtime)
        capability = dataclasses.replace(capability, hardware=hardware)
    return dataclasses.replace(node, taints=taints, labels=labels, capability=capability)


# --- workloads --------------------------------------------------------------------------------

named = st.builds(
    Container,
    name=st.sampled_from(("web", "log")),
    image=st.sampled_from(
        ("web:1", "web:1", "registry.example/team/web:1", "docker.io/library/web:2")
    ),
    privileged=seldom,
    network=st.sampled_from(("bridge", "bridge", "host")),
    cap_add=st.sampled_from(((), (), ("NET_ADMIN",), ("SYS_TIME",))),
    ports=st.sampled_from(((), (), (PortMapping(host=8080, container=80),))),
    init=seldom,
    user=st.sampled_from((None, None, None, "1000:1000", "nobody")),
    cpu_limit_milli=st.sampled_from((None, 300, 300, 800, 1500)),
    memory_limit_bytes=st.sampled_from((None, 50, 50, 120, 300)),
)
containers = st.one_of(
    st.tuples(named),
    st.tuples(named),
    st.lists(named, min_size=2, max_size=2, unique_by=lambda one: one.name).map(tuple),
)
data_needs = st.builds(
    DataNeed,
    dataset=st.sampled_from(("maps", "maps", "photos", "photos", "lost")),
    local=seldom,
    max_transfer_s=st.sampled_from((None, None, None, 60.0, 8000.0)),
    weight=weights,
)
traffics = st.one_of(
    st.builds(
        Traffic,
        environment=st.sampled_from(("cloud", "plant", "moon")),
        gb_per_hour=st.sampled_from((0.2, 1.5)),
    ),
    st.builds(Traffic, workload=st.sampled_from(NAMES), gb_per_hour=st.sampled_from((0.2, 1.5))),
)


def _few(choices):
    return st.one_of(*(st.just(()),) * 5, st.lists(choices, max_size=2).map(tuple))


@st.composite
def loads_of_all(draw, name):
    """Return a workload that may ask for everything, mostly for little of it."""
    made = draw(loads(name))
    placement = dataclasses.replace(
        made.placement,
        latency=draw(_few(latencies)),
        # What it sends to itself is told by nothing that is placed before.
        traffic=tuple(one for one in draw(_few(traffics)) if one.workload != name),
        data=draw(_few(data_needs)),
        cost=Cost(
            max_per_hour=draw(st.sampled_from((None, None, None, 0.02, 0.3, 1.0))),
            weight=draw(st.sampled_from((None, None, 40))),
        ),
        priority=draw(st.sampled_from((0, 0, 5))),
    )
    return dataclasses.replace(
        made,
        project=draw(st.sampled_from(("shop", "shop", "depot"))),
        containers=draw(containers),
        placement=placement,
    )


# --- all together -----------------------------------------------------------------------------


def _nodes_of(size):
    return st.tuples(*(among_others(fleet_nodes(f"n{i}")) for i in range(size)))


fleets_of_all = st.sampled_from((1, 2, 3, 4, 5, 6, 8)).flatmap(_nodes_of)
wanted_of_all = st.tuples(*map(loads_of_all, NAMES))
arounds = st.builds(
    Around,
    documents=documents,
    network=networks,
    now=st.sampled_from(CLOCK),
    strategy=st.sampled_from(("spread", "spread", "pack")),
    counts_demand=often,
)
turns = st.one_of(
    st.tuples(st.just("clock"), st.sampled_from(CLOCK)),
    st.tuples(st.just("documents"), documents),
    st.tuples(st.just("node"), numbers.flatmap(lambda i: among_others(fleet_nodes(f"n{i}")))),
    st.tuples(st.just("gone"), numbers.map(lambda i: f"n{i}")),
)

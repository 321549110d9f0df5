"""Random fleets and workloads, small enough that everything meets everything."""

import dataclasses
import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from tests.hub.placement.boxes import accelerator, node, workload

from skerry_hub.model import UNSCHEDULABLE, Liveness, Taint, Toleration
from skerry_hub.terms import Affinity, AtMost, DeviceRequest, Placement, Spread
from skerry_wire.hardware import Camera, RuntimeInfo, UsbDevice

CASES = int(os.environ.get("SKERRY_TEST_CASES", "0"))
MANY = settings(
    max_examples=CASES or 80,
    derandomize=not CASES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)

RUNTIMES = (
    (),
    (RuntimeInfo(name="podman", usable=True),),
    (RuntimeInfo(name="docker"),),
    (RuntimeInfo(name="k3s", usable=True),),
)
TAINTS = (
    Taint(key="a", value="1", effect="NoSchedule"),
    Taint(key="a", value="2", effect="NoExecute"),
    Taint(key=UNSCHEDULABLE, effect="NoSchedule"),
)
TOLERATIONS = (
    Toleration(key="a", value="1"),
    Toleration(key="a", operator="Exists", effect="NoExecute"),
    Toleration(operator="Exists"),
    Toleration(key="b", operator="Exists"),
)
PORTS = ("tcp/80", "tcp/10.0.0.1:80", "tcp/10.0.0.2:80", "udp/80", "tcp/81", "tcp/0.0.0.0:81")
CONSTRAINTS = (
    "node.labels.site == quay",
    "node.labels.site != quay",
    "node.platform.arch == arm64",
    "node.platform.arch != amd64",
    "node.id != n2",
    "node.hostname == host-n1",
    "node.platform.os == linux",
)
EXPRESSIONS = (
    "node.labels.site in [quay, pier]",
    "node.labels.site not in [quay]",
    "node.labels.zone exists",
    "node.labels.zone not exists",
    "node.labels.rank > 2",
    "node.labels.rank <= 10",
    "node.hardware.memory.total_bytes >= 100",
    "node.hardware.cpu.logical_count < 4",
    "node.hardware.accelerators.kind contains gpu",
    "any(node.labels.site == quay, node.labels.zone == east)",
    "all(node.labels.rank exists, not(node.labels.site == pier))",
    "not(any(node.labels.rank == 3, node.platform.arch == arm64))",
)
DEVICE_EXPRESSIONS = (
    "memory_bytes >= 8",
    "memory_bytes < 8",
    "model == B",
    "model matches ^[AC]",
    "driver exists",
    "numa_node in [0, 2]",
    "not(vendor == NVIDIA)",
)
TOPOLOGIES = ("node", "site", "site", "zone")
SELECTORS = ("tier=db", "tier!=db", "tier=db,stage=test", "stage!=test")
NAMES = ("a", "b", "c")
DEVICES = (
    (),
    (),
    tuple(accelerator(str(i), numa_node=i % 2, memory_bytes=16) for i in range(2)),
    tuple(accelerator(str(i), numa_node=i // 2, memory_bytes=4 * i) for i in range(4)),
    (
        accelerator("0", vendor="AMD", numa_node=0, driver="amdgpu"),
        accelerator("1", numa_node=0, memory_bytes=4),
        accelerator("2", numa_node=1, memory_bytes=8, usable=False),
        accelerator("3", numa_node=1, memory_bytes=16),
        accelerator("4", "npu"),
    ),
    (accelerator("1-1", "npu", "Hailo"), accelerator("0", "npu", "AMD", numa_node=1)),
    tuple(
        accelerator(str(i), "gpu", "AMD", i != 1, numa_node=(0, 1, 1, None, 0)[i]) for i in range(5)
    ),
)
PLUGGED = (
    {},
    {
        "usb": (
            UsbDevice(path="1-1", vendor="0bda"),
            UsbDevice(path="1-2", vendor="046d", product="0825"),
        )
    },
    {
        "usb": (UsbDevice(path="1-2", vendor_name="Logitech"),),
        "cameras": (
            Camera(name="C270", path="/dev/video0", address="1-2:1.0"),
            Camera(name="C270", path="/dev/video2", address="1-2:1.2"),
            Camera(name="B", path="/dev/video4"),
        ),
    },
)
usually = st.sampled_from((True, True, True, True, False))
often = st.sampled_from((True, False))
seldom = st.sampled_from((True, False, False, False, False, False))


def few(choices, most):
    """Return lists of some of these, mostly short."""
    return st.lists(st.sampled_from(choices), max_size=most, unique=True)


@st.composite
def fleet_nodes(draw, name):
    well = draw(usually)
    labels = {
        "site": draw(st.sampled_from((None, "quay", "quay", "pier", "mole", ""))),
        "zone": draw(st.sampled_from((None, "east", "west"))),
        "rank": draw(st.sampled_from((None, "1", "3", "10", "x"))),
    }
    labels = {key: value for key, value in labels.items() if value is not None}
    made = node(
        name,
        cpus=draw(st.sampled_from((4, 4, 4, 16, 16, 2, 1, 0 if well else None))),
        memory=draw(st.sampled_from((400, 400, 400, 900, 200, 2**40, 0 if well else None))),
        storage=draw(st.sampled_from((300, 300, 300, 100, None))),
        accelerators=draw(st.sampled_from(DEVICES)),
        runtimes=RUNTIMES[1] if well else draw(st.sampled_from(RUNTIMES)),
        labels=labels,
        hub_labels=draw(st.sampled_from(({}, {}, {}, {"site": "mole"}, {"zone": "east"}))),
        arch=draw(st.sampled_from(("x86_64", "x86_64", "aarch64", None))),
        liveness=Liveness.ONLINE if well else draw(st.sampled_from(list(Liveness))),
        diverged=None if well else draw(st.sampled_from((None, "behind"))),
        known=well or draw(usually),
        **draw(st.sampled_from(PLUGGED)),
    )
    taints = () if well else draw(few(TAINTS, 2))
    return dataclasses.replace(made, taints=tuple(taints))


@st.composite
def requests(draw):
    kind = draw(st.sampled_from(("gpu", "gpu", "gpu", "npu", "camera", "usb")))
    return DeviceRequest(
        kind=kind,
        count=draw(st.sampled_from((1, 1, 1, 1, 2, 3))),
        vendor=draw(st.sampled_from((None, None, None, None, "nvidia", "AMD"))),
        share_milli=draw(st.sampled_from((1000, 1000, 300, 500, 700))),
        expressions=tuple(draw(few(DEVICE_EXPRESSIONS, 1))) if draw(seldom) else (),
    )


topologies = st.sampled_from(TOPOLOGIES)
weights = st.sampled_from((None, None, 1, 7, 100))
affinities = st.one_of(
    st.builds(
        Affinity, workload=st.sampled_from(NAMES), topology=topologies, anti=often, weight=weights
    ),
    st.builds(
        Affinity,
        selector=st.sampled_from(SELECTORS),
        topology=topologies,
        anti=often,
        weight=weights,
    ),
)
shares = st.sampled_from(({}, {}, {"quay": 3}, {"quay": 2, "pier": 5, "n1": 2, "east": 3}))
spreads = st.builds(
    Spread,
    topology=topologies,
    max_skew=st.sampled_from((1, 1, 2, 3)),
    weight=weights,
    weights=shares,
)
skews = spreads.map(lambda one: dataclasses.replace(one, weight=None))
limits = st.builds(AtMost, topology=topologies, count=st.sampled_from((1, 2, 3)))


@st.composite
def loads(draw, name):
    asks, terms = draw(seldom), draw(usually)
    made = workload(
        name,
        replicas=draw(st.sampled_from((0, 1, 2, 2, 3, 3, 4, 5))),
        mode=draw(st.sampled_from(("replicated", "replicated", "replicated", "global"))),
        cpu=draw(st.sampled_from((0, 0, 300, 300, 1000, 2500))),
        memory=draw(st.sampled_from((0, 0, 30, 30, 60, 150))),
        storage=draw(st.sampled_from((0, 0, 0, 90))),
        # Ports of one instance never conflict with each other: a file that says so is refused.
        ports=draw(
            st.sampled_from(((), (), (), PORTS[:1], PORTS[1:3], PORTS[3:5], PORTS[4:5], PORTS[5:]))
        ),
        accelerators=draw(st.lists(requests(), max_size=draw(st.sampled_from((0, 0, 1, 2, 3))))),
        constraints=draw(few(CONSTRAINTS, 2)) if asks else (),
    )
    placement = Placement(
        strategy=draw(st.sampled_from(("", "", "spread", "pack"))),
        numa=draw(st.sampled_from(("", "single"))),
        affinity=tuple(draw(st.lists(affinities, max_size=2))) if terms else (),
        spread=tuple(draw(st.lists(spreads, max_size=2))) if terms else (),
        at_most=tuple(draw(st.lists(limits, max_size=1))) if terms else (),
    )
    return dataclasses.replace(
        made,
        placement=placement,
        labels=draw(st.sampled_from(({}, {"tier": "db"}, {"tier": "db", "stage": "test"}))),
        expressions=tuple(draw(few(EXPRESSIONS, 2))) if draw(seldom) else (),
        tolerations=tuple(draw(few(TOLERATIONS, 2))),
    )


def fleet_of(size):
    return st.tuples(*(fleet_nodes(f"n{i}") for i in range(size)))


fleets = st.sampled_from((1, 2, 3, 4, 5, 6, 8)).flatmap(fleet_of)
wanted = st.tuples(*map(loads, NAMES))
numbers = st.sampled_from((0, 0, 1, 1, 2, 2, 3, 8))
changes = st.one_of(
    st.tuples(st.just("node"), numbers.flatmap(lambda i: fleet_nodes(f"n{i}"))),
    st.tuples(st.just("gone"), numbers.map(lambda i: f"n{i}")),
)
scalings = st.one_of(
    st.tuples(st.just("scale"), st.sampled_from(NAMES), st.integers(0, 5)),
    st.tuples(st.just("scale"), st.sampled_from(NAMES), st.integers(2, 6)),
    st.tuples(st.just("end"), st.sampled_from(NAMES)),
)
steps = st.lists(st.one_of(changes, scalings), max_size=4)

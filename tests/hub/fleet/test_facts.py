"""What placement reads out of a node's record."""

import pytest
from tests.hub.placement.boxes import accelerator, node

from skerry_hub.fleet.facts import facts_of
from skerry_wire.hardware import Cpu, Filesystem, Hardware, Memory, ProbeStatus, RuntimeInfo


def capacity(**hardware):
    one = node("a")
    capability = one.capability
    replaced = type(capability)(
        incarnation=capability.incarnation,
        boot=1,
        seq=1,
        revision=capability.revision,
        hardware=Hardware(**hardware),
    )
    return facts_of(
        type(one)(id="a", incarnation="0" * 32, registered_at=0.0, capability=replaced)
    ).capacity


def mount(where, size):
    return Filesystem(mount=where, device=f"/dev{where}", type="ext4", size_bytes=size)


@pytest.mark.parametrize(
    ("cpu", "milli"),
    [
        (Cpu(logical_count=8, effective_count=2), 2000),
        (Cpu(logical_count=8), 8000),
        (Cpu(effective_count=0, logical_count=8), 0),
        (Cpu(), None),
    ],
)
def test_processors_are_those_that_the_box_may_use(cpu, milli):
    assert capacity(cpu=cpu)[0] == milli


@pytest.mark.parametrize(
    ("memory", "size"),
    [
        (Memory(total_bytes=100), 100),
        (Memory(total_bytes=100, limit_bytes=60), 60),
        (Memory(total_bytes=100, limit_bytes=600), 100),
        (Memory(limit_bytes=60), 60),
        (Memory(), None),
    ],
)
def test_memory_is_the_smaller_of_the_box_and_its_limit(memory, size):
    assert capacity(memory=memory)[1] == size


@pytest.mark.parametrize(
    ("filesystems", "size"),
    [
        ([mount("/", 10), mount("/data", 90)], 10),
        ([mount("/", 10), mount("/var", 20), mount("/var/lib", 30), mount("/var/lib/x", 40)], 30),
        ([mount("/", 10), mount("/var/library", 99), mount("/var/li", 50)], 10),
        ([mount("/data", 90), mount("/boot", 5)], 90),
        ([mount("/", None), mount("/data", 90)], None),
        ([mount("/data", None)], None),
        ([], None),
    ],
)
def test_storage_is_the_file_system_that_takes_images(filesystems, size):
    assert capacity(filesystems=tuple(filesystems))[2] == size


def test_a_device_that_is_listed_twice_is_one():
    facts = facts_of(node("a", accelerators=[accelerator("2"), accelerator("1"), accelerator("2")]))
    assert [a.address for a in facts.accelerators] == ["1", "2"]


def test_only_runtimes_that_an_executor_drives_count():
    crio, podman = RuntimeInfo(name="crio", usable=True), RuntimeInfo(name="podman")
    assert facts_of(node("a", runtimes=(crio, podman))).runtimes == (podman,)
    failed = {"runtimes": ProbeStatus(status="failed", reason="no access")}
    assert facts_of(node("a", runtimes=(), probes=failed)).failed_probes == {
        "runtimes": "no access"
    }
    absent = {"runtimes": ProbeStatus(status="absent", reason="none")}
    assert facts_of(node("a", runtimes=(), probes=absent)).failed_probes == {}


@pytest.mark.parametrize(
    ("key", "value", "equal"),
    [
        ("node.id", "a", True),
        ("node.hostname", "host-a", True),
        ("node.platform.os", "linux", True),
        ("node.platform.arch", "x86_64", True),
        ("node.platform.arch", "amd64", True),
        ("node.platform.arch", "AMD64", True),
        ("node.platform.arch", "arm64", False),
        ("node.labels.site", "quay-3", True),
        ("node.labels.site", "QUAY-3", False),
        ("node.labels.zone", "hub", True),
        ("node.labels.none", "", False),
        ("node.role", "manager", False),
    ],
)
def test_a_field_equals_a_value(key, value, equal):
    facts = facts_of(
        node("a", labels={"site": "quay-3", "zone": "own"}, hub_labels={"zone": "hub"})
    )
    assert facts.equals(key, value) is equal


def test_of_a_node_without_a_capability_only_its_name_is_known():
    facts = facts_of(node("a", known=False, hub_labels={"site": "x"}))
    assert facts.capacity == (None, None, None)
    assert facts.value("node.platform.os") is None
    assert facts.value("node.labels.site") == "x"
    assert facts.hostname == "a"

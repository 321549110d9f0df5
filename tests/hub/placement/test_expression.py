"""Why a node does not fulfil an expression, in words with numbers."""

import pytest
from tests.hub.placement.boxes import GIB, accelerator, node

from skerry_hub.fleet.facts import facts_of
from skerry_hub.placement.reading import expression
from skerry_wire.hardware import Cpu, Nic, ProbeStatus, System

HW = "node.hardware."
SYSTEM = System(kernel="5.10.0-8-amd64", os_id="debian", kvm=False)


def box(**more):
    return node(
        "a",
        memory=4 * GIB,
        labels={"site": "quay-9", "rank": "2", "name": "till-12", "gpu": "yes"},
        accelerators=[accelerator("1"), accelerator("2", "npu", memory_bytes=4 * GIB)],
        nics=tuple(
            Nic(name=name, hardware=True, kind="ethernet", speed_mbps=speed)
            for name, speed in (("e0", 10), ("e1", 100), ("e2", None))
        ),
        probes={"cameras": ProbeStatus(status="failed", reason="no access")},
        **more,
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{HW}memory.total_bytes >= 8GiB", "memory.total_bytes 4 GiB < 8 GiB"),
        (f"{HW}memory.total_bytes > 4GiB", "memory.total_bytes 4 GiB <= 4 GiB"),
        (f"{HW}memory.total_bytes < 1.5GiB", "memory.total_bytes 4 GiB >= 1.5 GiB"),
        (f"{HW}cpu.logical_count >= 6", "cpu.logical_count 4 < 6"),
        (f"{HW}cpu.core_count > 3", "cpu.core_count is not known, > 3 wanted"),
        (f"{HW}nics.speed_mbps >= 1000", "nics.speed_mbps at most 100 < 1000"),
        (f"{HW}nics.speed_mbps < 10", "nics.speed_mbps at least 10 >= 10"),
        ("node.labels.rank > 2", "rank 2 <= 2"),
        ("node.labels.site > 2", 'site is "quay-9", which is not a number'),
        ("node.labels.site in [quay-3, quay-4]", 'site is "quay-9", none of quay-3, quay-4'),
        ("node.labels.site not in [quay-9]", 'site is "quay-9", which is excluded'),
        ("node.labels.site == quay-3", 'site is "quay-9", not "quay-3"'),
        ("node.labels.site != quay-9", 'site is "quay-9", which is excluded'),
        ("node.labels.zone exists", "zone is not set"),
        ("node.labels.zone == a", 'zone is not set, "a" wanted'),
        ("node.labels.zone in [a, b]", "zone is not set, one of a, b wanted"),
        ("node.labels.gpu not exists", 'gpu is "yes", but must not exist'),
        ("node.labels.name matches ^box", 'name is "till-12", which does not match ^box'),
        ("node.labels.name not matches ^till", 'name is "till-12", which matches ^till'),
        ("node.labels.zone not matches a", "zone is not set, not matches a wanted"),
        ("node.platform.arch == arm64", 'platform.arch is "x86_64", not "arm64"'),
        (f"{HW}accelerators.kind contains tpu", "accelerators.kind lacks tpu"),
        (
            f"{HW}accelerators.kind contains all [gpu, tpu, fpga]",
            "accelerators.kind lacks tpu, fpga",
        ),
        (
            f"{HW}accelerators.kind contains any [tpu, vpu]",
            "accelerators.kind has none of tpu, vpu",
        ),
        (f"{HW}accelerators.kind not contains gpu", "accelerators.kind has gpu, which is excluded"),
        (
            f"{HW}accelerators.kind not contains any [tpu, npu, gpu]",
            "accelerators.kind has npu, gpu, which is excluded",
        ),
        (
            f"{HW}accelerators.kind not contains all [npu, gpu]",
            "accelerators.kind has npu, gpu, which is excluded",
        ),
        (f"{HW}accelerators.kind == tpu", 'accelerators.kind is gpu, npu, not "tpu"'),
        (f"{HW}accelerators not exists", "accelerators: 2 there, but must not exist"),
        (f"{HW}accelerators.usable == false", 'accelerators.usable is true, not "false"'),
        (f"{HW}cpu.flags contains avx2", 'cpu.flags: none there, "avx2" wanted'),
        (f"{HW}usb exists", "usb: none there"),
        (f"{HW}cameras.name exists", "cameras.name is not known (no access)"),
        (
            "any(node.labels.site == a, all(node.labels.zone exists, node.id == b))",
            'site is "quay-9", not "a"; nor: zone is not set and id is "a", not "b"',
        ),
        (
            "not(node.labels.site == quay-9)",
            'site is "quay-9": node.labels.site == quay-9 holds, which is excluded',
        ),
        (
            "not(any(node.id == a, node.id == b))",
            "any(node.id == a, node.id == b) holds, which is excluded",
        ),
    ],
)
def test_a_reason(text, reason):
    one = expression(text)
    facts = facts_of(box())
    assert [refusal.text for refusal in one.refusals(facts)] == [reason]
    assert not one.holds(facts)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("system.kernel version >= 5.15", "system.kernel 5.10.0-8-amd64 < 5.15"),
        ("system.kernel version < 5.10", "system.kernel 5.10.0-8-amd64 >= 5.10"),
        ("system.kernel version != 5.10-8", "system.kernel 5.10.0-8-amd64 == 5.10-8"),
        ("system.kernel version == 5.11", "system.kernel 5.10.0-8-amd64 != 5.11"),
        ("system.kernel version >= 5.10.0-9", "system.kernel 5.10.0-8-amd64 < 5.10.0-9"),
        ("system.os_id version > 1", 'system.os_id is "debian", which is not a version'),
        ("system.kvm == true", 'system.kvm is false, not "true"'),
        ("system.secure_boot == true", 'system.secure_boot is not known, "true" wanted'),
        ("cpu.flags contains all [avx2, sse, fma]", "cpu.flags lacks avx2, fma"),
        ("cpu.flags == avx2", 'cpu.flags is sse, a, b, c, d and 1 more, not "avx2"'),
    ],
)
def test_a_reason_of_a_system(text, reason):
    one = node("a")
    hardware = type(one.capability.hardware)(
        system=SYSTEM, cpu=Cpu(flags=("sse", "a", "b", "c", "d", "e"))
    )
    capability = type(one.capability)(
        incarnation=one.incarnation, boot=1, seq=1, revision="00ff00ff", hardware=hardware
    )
    told = type(one)(id="a", incarnation=one.incarnation, registered_at=0.0, capability=capability)
    assert [r.text for r in expression(HW + text).refusals(facts_of(told))] == [reason]


def test_a_node_that_told_nothing_is_not_known():
    silent = facts_of(node("a", known=False))
    (refusal,) = expression(f"{HW}memory.total_bytes >= 8GiB").refusals(silent)
    assert refusal.is_unknown
    assert refusal.text == (
        "memory.total_bytes is not known: the node has told nothing yet, >= 8GiB wanted"
    )


@pytest.mark.parametrize("operator", ["!= 5", "not in [5]", "not exists"])
def test_only_opposites_hold_for_what_a_node_does_not_tell(operator):
    assert expression(f"{HW}cpu.core_count {operator}").holds(facts_of(box()))


@pytest.mark.parametrize("operator", ["== 5", "in [5]", "exists", "< 5", "<= 5", "> 5", ">= 5"])
def test_every_other_operator_does_not(operator):
    one = expression(f"{HW}cpu.core_count {operator}")
    assert not one.holds(facts_of(box()))
    assert len(list(one.refusals(facts_of(box())))) == 1


def test_a_shortage_is_measured_in_the_unit_of_what_is_wanted():
    (refusal,) = expression(f"{HW}memory.total_bytes >= 8GiB").refusals(facts_of(box()))
    assert (refusal.missing, refusal.share) == (4.0, 0.5)
    either = expression(f"any({HW}memory.total_bytes >= 5GiB, {HW}cpu.logical_count > 99)")
    (refusal,) = either.refusals(facts_of(box()))
    assert (refusal.missing, refusal.share) == (1.0, 0.2)


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        ("accelerators.kind not contains tpu", True),
        ("accelerators.kind not contains gpu", False),
        ("accelerators.kind not contains any [tpu, vpu]", True),
        ("accelerators.kind not contains any [tpu, gpu]", False),
        ("accelerators.kind not contains all [tpu, gpu]", True),
        ("accelerators.kind not contains all [npu, gpu]", False),
        ("cameras.name not contains front", True),
        ("cameras.name not contains any [front]", True),
        ("cameras.name not contains all [front]", True),
    ],
)
def test_a_set_that_lacks_something(asked, holds):
    assert expression(HW + asked).holds(facts_of(box())) is holds

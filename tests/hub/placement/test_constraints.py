"""What nodes are refused for, in words with numbers."""

import pytest
from tests.hub.placement.boxes import (
    GIB,
    MIB,
    accelerator,
    assignment,
    fleet,
    gpus,
    node,
    requirements,
    workload,
)

from skerry_hub.model import Hold, Liveness
from skerry_hub.placement.constraints import CONSTRAINTS, reason_of, refusals_of
from skerry_wire.hardware import ProbeStatus, RuntimeInfo

PODMAN_WITHOUT_SOCKET = RuntimeInfo(name="podman", reason="its socket is not there")


def reasons(columns, load, name="a"):
    """Return the texts, after a look at the mask, which must say the same."""
    needs = requirements(columns, load)
    row = columns.row(name)
    found = refusals_of(columns, needs, row)
    rows = columns.rows()
    refused = {need.name for need in needs if not need.mask(columns, rows)[rows == row][0]}
    assert refused == {need for need, _ in found}
    return [refusal.text for _, refusal in found]


REFUSED = [
    (node("a", liveness=Liveness.LOST), workload(), ["node is lost"]),
    (node("a", liveness=Liveness.UNREACHABLE), workload(), ["node is unreachable"]),
    (
        node("a", diverged="accepted 9, issued 3"),
        workload(),
        ["node is held as diverged: accepted 9, issued 3"],
    ),
    (
        node("a", runtimes=()),
        workload(),
        ["none of containerd, docker, edgecore, k3s, kubelet, podman is installed"],
    ),
    (
        node("a", runtimes=(RuntimeInfo(name="crio", usable=True),)),
        workload(),
        ["none of containerd, docker, edgecore, k3s, kubelet, podman is installed"],
    ),
    (
        node("a", runtimes=(), probes={"runtimes": ProbeStatus(status="failed", reason="no")}),
        workload(),
        ["container runtimes are unknown: no"],
    ),
    (node("a", runtimes=(PODMAN_WITHOUT_SOCKET,)), workload(), []),
    (node("a"), workload(cpu=4000, memory=4 * GIB, storage=32 * GIB), []),
    (node("a"), workload(cpu=4001), ["cpu 4 free < 4.001"]),
    (node("a", cpus=None), workload(cpu=250), ["cpu of the node is unknown, 0.25 wanted"]),
    (node("a", memory=180 * MIB), workload(memory=256 * MIB), ["memory 180 MiB free < 256 MiB"]),
    (node("a", memory=MIB), workload(memory=MIB + 1), ["memory 1 MiB free < 1.1 MiB"]),
    (node("a"), workload(memory=900 * 2**40), ["memory 4 GiB free < 900 TiB"]),
    (node("a", memory=None), workload(memory=GIB), ["memory of the node is unknown, 1 GiB wanted"]),
    (node("a", storage=GIB), workload(storage=10 * GIB), ["storage 1 GiB free < 10 GiB"]),
    (node("a", cpus=None, memory=None, storage=None), workload(), []),
    (
        node("a", labels={"site": "quay-1"}),
        workload(constraints=["node.labels.site == quay-3", "node.labels.site != quay-1"]),
        [
            'node.labels.site is "quay-1", not "quay-3"',
            'node.labels.site is "quay-1", which is excluded',
        ],
    ),
    (
        node("a"),
        workload(constraints=["node.labels.site == quay-3", "node.labels.site != quay-3"]),
        ['node.labels.site is not set, not "quay-3"'],
    ),
    (
        node("a"),
        workload(accelerators=[gpus(2)]),
        ["no usable gpu free: none there, 2 wanted"],
    ),
    (
        node("a", accelerators=[accelerator("1", usable=False, reason="no driver")]),
        workload(accelerators=[gpus()]),
        ["no usable gpu free: 1 there, 1 not usable (no driver)"],
    ),
    (
        node("a", accelerators=[accelerator("1"), accelerator("2")]),
        workload(accelerators=[gpus(1, "Nvidia"), gpus(2)]),
        ["2 usable gpu free < 3: 2 there"],
    ),
    (
        node("a", accelerators=[accelerator("1"), accelerator("2", vendor="AMD")]),
        workload(accelerators=[gpus(2, "nvidia"), gpus(1, kind="npu")]),
        ["1 usable nvidia gpu free < 2: 1 there", "no usable npu free: none there"],
    ),
    (
        node("a", probes={"accelerators": ProbeStatus(status="failed", reason="no")}),
        workload(accelerators=[gpus()]),
        ["accelerators are unknown: no"],
    ),
    (
        node("a", known=False),
        workload(cpu=1000, constraints=["node.platform.os == linux"]),
        [
            "hardware is not known yet",
            "cpu of the node is unknown, 1 wanted",
            'node.platform.os is not set, not "linux"',
        ],
    ),
]


@pytest.mark.parametrize(("box", "load", "texts"), REFUSED)
def test_a_node_is_refused_for_every_reason_at_once(box, load, texts):
    assert reasons(fleet(node("b"), box), load) == texts


def test_what_others_have_taken_is_named():
    other = workload(
        "shop-db",
        cpu=3500,
        ports=["tcp/8080", "tcp/127.0.0.1:9000", "udp/53"],
        accelerators=[gpus()],
    )
    columns = fleet(
        node("a", accelerators=[accelerator("1")]),
        reserved=[assignment("shop-db-0", "a", of=other, held=(Hold(device="gpu/1"),))],
    )
    load = workload(cpu=1000, ports=["tcp/8080", "tcp/9000", "tcp/53"], accelerators=[gpus()])
    assert reasons(columns, load) == [
        "cpu 0.5 free < 1",
        "port tcp/8080 is taken by shop-db-0",
        "port tcp/9000 is taken by shop-db-0",
        "no usable gpu free: 1 there, 1 taken",
    ]


def test_a_box_that_shrank_below_what_is_reserved_says_so():
    columns = fleet(
        node("a", memory=GIB),
        reserved=[assignment("shop-db-0", "a", of=workload(memory=GIB + 20 * MIB))],
    )
    assert reasons(columns, workload(memory=256 * MIB)) == [
        "memory overbooked by 20 MiB, 256 MiB wanted"
    ]
    assert reasons(columns, workload()) == []


def test_the_shortage_is_in_the_unit_of_what_is_wanted():
    columns = fleet(node("a", memory=180 * MIB, cpus=1))
    row = columns.row("a")
    found = refusals_of(columns, requirements(columns, workload(memory=256 * MIB, cpu=3500)), row)
    assert [reason_of(*pair).missing for pair in found] == [2.5, 76.0]


def test_long_words_fit_the_limits_of_a_reason():
    load = workload(constraints=[f"node.labels.{'x' * 200} == {'y' * 200}"])
    columns = fleet(node("a", diverged="z" * 1024))
    row = columns.row("a")
    found = [reason_of(*pair) for pair in refusals_of(columns, requirements(columns, load), row)]
    assert [len(reason.constraint) <= 128 for reason in found] == [True, True]
    assert [len(reason.text) <= 1024 for reason in found] == [True, True]


def test_the_table_names_each_sort_once():
    names = [name for name, _ in CONSTRAINTS]
    assert len(set(names)) == len(names)
    full = workload(cpu=1, memory=1, storage=1, ports=["tcp/1"], accelerators=[gpus()])
    asked = list(dict.fromkeys(need.name for need in requirements(fleet(), full)))
    assert asked == names[: len(asked)], "what a workload asks for that has no terms of its own"
    assert names[len(asked) :][:3] == ["device nodes", "constraints", "expressions"]

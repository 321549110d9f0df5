"""How long placement takes on fleets of made-up boxes, and how many heartbeats columns take.

usage: python -m benchmarks.placement
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

from skerry_hub.fleet.columns import Columns
from skerry_hub.model import (
    Constraint,
    Liveness,
    Node,
    Resources,
    Workload,
)
from skerry_hub.placement.engine import place, reserve_decision
from skerry_hub.placement.explain import explain
from skerry_hub.terms import DeviceRequest
from skerry_wire.hardware import (
    Accelerator,
    Cpu,
    Filesystem,
    Hardware,
    Memory,
    RuntimeInfo,
    System,
)
from skerry_wire.messages import Capability, Heartbeat
from skerry_wire.workload import Container

SIZES = (1_000, 10_000, 100_000)
RUNS = 5
INCARNATION = "0123456789abcdef"
GIB = 2**30

CONTAINERS = (Container(name="web", image="registry.example/shop/web:1"),)
SMALL = Resources(cpu_milli=100, memory_bytes=2**26)
AT_QUAYS = tuple(
    Constraint(key="node.labels.site", operator="!=", value=f"quay-{index}") for index in range(3)
)


def box(index: int) -> Node:
    """Return a box like its neighbours: four sizes, fifty to a site, a GPU in every tenth."""
    size = 1 + index % 4
    gpu = Accelerator(
        kind="gpu",
        vendor="NVIDIA",
        model="Example",
        bus="pci",
        address="0000:01:00",
        device_nodes=("/dev/nvidia0",),
        usable=True,
    )
    root = Filesystem(mount="/", device="/dev/mmcblk0p2", type="ext4", size_bytes=size * 32 * GIB)
    hardware = Hardware(
        system=System(arch="aarch64", hostname=f"box-{index}"),
        cpu=Cpu(logical_count=4 * size),
        memory=Memory(total_bytes=size * 4 * GIB),
        filesystems=(root,),
        accelerators=(gpu,) if index % 10 == 0 else (),
        runtimes=(RuntimeInfo(name="podman", usable=True),),
        labels={"site": f"quay-{index // 50}", "rack": str(index % 7)},
    )
    capability = Capability(
        incarnation=INCARNATION, boot=1, seq=1, revision="00ff00ff", hardware=hardware
    )
    return Node(
        id=f"n{index * 7919 % 1_000_003:07}",
        incarnation=INCARNATION,
        registered_at=0.0,
        capability=capability,
        liveness=Liveness.ONLINE,
    )


def workload(name: str, replicas: int = 1, **more: Any) -> Workload:
    """Return a small web service that listens on a port of its node."""
    return Workload(name=name, project="bench", replicas=replicas, containers=CONTAINERS, **more)


def seconds(work: Callable[[], object]) -> float:
    """Return the median of some runs."""
    taken = []
    for _ in range(RUNS):
        gc.collect()
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def filled(nodes: list[Node]) -> Columns:
    """Return columns with a daemon on every node and a service on some."""
    columns = Columns()
    for node in nodes:
        columns.put(node)
    daemon = workload("bench-daemon", mode="global", resources=Resources(ports=("tcp/9100",)))
    reserve_decision(columns, (), place(columns, daemon, (), keep=False))
    return columns


def heartbeats(columns: Columns, nodes: list[Node]) -> float:
    """Return heartbeats taken a second, the messages being decoded already."""
    rounds = [
        [
            (
                node.id,
                Heartbeat(incarnation=INCARNATION, boot=1, seq=seq, capability="00", generation=1),
            )
            for node in nodes
        ]
        for seq in range(1, RUNS + 1)
    ]
    taken = []
    for beats in rounds:
        heartbeat = columns.heartbeat
        began = time.perf_counter()
        for node_id, beat in beats:
            heartbeat(node_id, beat, began)
        taken.append(time.perf_counter() - began)
    return len(nodes) / statistics.median(taken)


def measure() -> list[tuple[str, str]]:
    """Return rows: what, and the figure."""
    found = []
    for size in SIZES:
        nodes = [box(index) for index in range(size)]
        columns = filled(nodes)
        found += _of_fleet(f"{size:,} nodes", columns)
        if size == 10_000:
            found.append(("heartbeats into columns", f"{heartbeats(columns, nodes):,.0f}/s"))
    return found


def _of_fleet(fleet: str, columns: Columns) -> list[tuple[str, str]]:
    one = workload("bench-web", resources=SMALL, constraints=AT_QUAYS)
    gpu = workload("bench-ai", resources=Resources(devices=(DeviceRequest(kind="gpu"),)))
    many = workload("bench-many", 1_000, resources=SMALL)
    tall = workload("bench-tall", resources=Resources(memory_bytes=900 * GIB, ports=("tcp/9100",)))
    present = place(columns, many, (), keep=False)
    settled = columns.copy()
    reserve_decision(settled, (), present)
    cases: tuple[tuple[str, Callable[[], object]], ...] = (
        ("place 1 replica with 3 constraints", lambda: place(columns, one, (), keep=False)),
        ("place 1 replica with a GPU", lambda: place(columns, gpu, (), keep=False)),
        ("place 1,000 replicas", lambda: place(columns, many, (), keep=False)),
        (
            "look again at 1,000 placed replicas",
            lambda: place(settled, many, present.assignments, keep=True),
        ),
        ("explain what fits nowhere", lambda: explain(columns, tall, ())),
        ("copy the columns for a plan", columns.copy),
    )
    return [(f"{what}, {fleet}", f"{seconds(work) * 1000:.1f} ms") for what, work in cases]


if __name__ == "__main__":
    for what, figure in measure():
        print(f"{what:60}{figure:>14}")

"""Memory: the host's and the control group's are two things."""

import pytest
from tests.agent.trees import found, result

from skerry_agent.probes.result import Failed
from skerry_wire.hardware import HugePages, NumaMemory

MEMINFO = "MemTotal:       16384000 kB\nMemFree: 1 kB\nSwapTotal:      2048 kB"


def test_the_hosts_total_and_the_groups_limit_stand_apart(tree):
    tree.write("proc/meminfo", MEMINFO).write("proc/self/cgroup", "0::/box")
    tree.write("proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0")
    tree.write("sys/fs/cgroup/box/memory.max", 512 * 1024**2)
    memory = found(tree, "memory")
    assert memory.total_bytes == 16384000 * 1024
    assert memory.limit_bytes == 512 * 1024**2
    assert memory.swap_bytes == 2048 * 1024


@pytest.mark.parametrize("limit", ["max", "9223372036854771712", str(2**50), "nonsense", ""])
def test_what_limits_nothing_is_no_limit(tree, limit):
    tree.write("proc/meminfo", MEMINFO).write("proc/self/cgroup", "0::/")
    tree.write("proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0")
    tree.write("sys/fs/cgroup/memory.max", limit)
    assert found(tree, "memory").limit_bytes is None


def test_version_1_is_found_where_it_is_mounted(tree):
    tree.write("proc/meminfo", MEMINFO).write("proc/self/cgroup", "5:memory:/docker/abc")
    tree.write("proc/self/mounts", "cgroup /cg/mem cgroup rw,memory 0 0")
    tree.write("cg/mem/docker/abc/memory.limit_in_bytes", 1024**3)
    assert found(tree, "memory").limit_bytes == 1024**3


def test_the_agents_own_unit_says_nothing_about_the_box(tree):
    tree.write("proc/meminfo", MEMINFO)
    tree.write("proc/self/cgroup", "0::/system.slice/skerry-agent.service")
    tree.write("proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0")
    tree.write("sys/fs/cgroup/system.slice/skerry-agent.service/memory.max", 64 * 1024**2)
    assert found(tree, "memory").limit_bytes is None


def test_numa_nodes_and_huge_pages(tree):
    for node, kib in ((0, 1000), (1, 2000)):
        text = f"Node {node} MemTotal:  {kib} kB\nNode {node} MemFree: 1 kB"
        tree.write(f"sys/devices/system/node/node{node}/meminfo", text)
    tree.write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", 8)
    tree.write("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", 0)
    memory = found(tree, "memory")
    assert memory.total_bytes == 3000 * 1024, "without meminfo the nodes' sum"
    assert memory.numa == (
        NumaMemory(node=0, total_bytes=1000 * 1024),
        NumaMemory(node=1, total_bytes=2000 * 1024),
    )
    assert memory.hugepages == (HugePages(size_bytes=2 * 1024**2, count=8),)


def test_with_nothing_else_the_blocks_tell(tree):
    tree.write("sys/devices/system/memory/block_size_bytes", "8000000")
    for block, state in ((0, "online"), (1, "online"), (2, "offline")):
        tree.write(f"sys/devices/system/memory/memory{block}/state", state)
    assert found(tree, "memory").total_bytes == 2 * 0x8000000


def test_without_any_source_it_failed(tree):
    assert isinstance(result(tree, "memory"), Failed)


@pytest.mark.parametrize(
    ("mounts", "total_kib", "limit_kib"),
    [
        ("lxcfs /proc/meminfo fuse.lxcfs rw 0 0", 16000, 4000),
        ("proc /proc proc rw 0 0", 4000, None),
    ],
)
def test_a_container_whose_meminfo_is_its_limit(tree, mounts, total_kib, limit_kib):
    tree.write("proc/meminfo", "MemTotal: 4000 kB").write("proc/self/mounts", mounts)
    tree.write("sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: 16000 kB")
    memory = found(tree, "memory")
    assert memory.total_bytes == total_kib * 1024
    assert memory.limit_bytes == (limit_kib and limit_kib * 1024)


def test_nodes_of_cpus_only_have_no_memory_and_are_told(tree):
    for node, kib in ((0, 4000), (1, 0)):
        tree.write(f"sys/devices/system/node/node{node}/meminfo", f"Node {node} MemTotal: {kib} kB")
    assert [one.total_bytes for one in found(tree, "memory").numa] == [4000 * 1024, 0]

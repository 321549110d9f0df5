"""Processors: counted, not guessed."""

import pytest
from tests.agent.trees import CPUS, found, result

from skerry_agent.probes.result import Failed
from skerry_wire.hardware import CpuCache, CpuKind


def server(tree, packages, cores, threads):
    """Write a box whose core numbers begin anew in each package, as they do on real ones."""
    total = packages * cores * threads
    for cpu in range(total):
        core = cpu % (packages * cores)
        siblings = ",".join(str(core + t * packages * cores) for t in range(threads))
        tree.cpu(cpu, core=core % cores, package=core // cores, siblings=siblings)
    return tree.online(f"0-{total - 1}")


@pytest.mark.parametrize(("packages", "cores", "threads"), [(2, 28, 1), (2, 28, 2), (1, 4, 2)])
def test_cores_of_several_packages_are_not_counted_as_one(tree, packages, cores, threads):
    cpu = found(server(tree, packages, cores, threads), "cpu")
    assert (cpu.package_count, cpu.core_count) == (packages, packages * cores)
    assert cpu.logical_count == packages * cores * threads


def test_cores_without_a_list_of_siblings_are_told_apart_by_package(tree):
    for cpu in range(4):
        tree.cpu(cpu, core=cpu % 2, package=cpu // 2)
    cpu = found(tree.online("0-3"), "cpu")
    assert (cpu.package_count, cpu.core_count) == (2, 4)


def arm(tree, parts, **packages):
    """Write an ARM board with a cluster for each (part, number of CPUs)."""
    blocks, cpu = [], 0
    for cluster, (part, cpus) in enumerate(parts):
        for core in range(cpus):
            tree.cpu(cpu, core=core, package=cluster, siblings=str(cpu))
            blocks.append({"processor": cpu, "CPU implementer": "0x41", "CPU part": part})
            cpu += 1
    return tree.cpuinfo(*blocks).online(f"0-{cpu - 1}")


def test_clusters_of_big_little_are_kinds_not_packages(tree):
    cpu = found(arm(tree, [("0xd03", 4), ("0xd09", 4)]), "cpu")
    assert cpu.package_count == 1
    assert (cpu.core_count, cpu.logical_count) == (8, 8)
    assert cpu.kinds == (
        CpuKind(name="Cortex-A53", logical_count=4),
        CpuKind(name="Cortex-A73", logical_count=4),
    )


def test_an_arm_server_with_two_numa_nodes_has_two_packages(tree):
    arm(tree, [("0xd0c", 2), ("0xd0c", 2)])
    tree.write("sys/devices/system/node", {"node0": {}, "node1": {}})
    cpu = found(tree, "cpu")
    assert (cpu.package_count, cpu.numa_node_count) == (2, 2)
    assert cpu.kinds == (CpuKind(name="Neoverse-N1", logical_count=4),)


def test_hybrid_parts_have_threads_on_some_cores_only(tree):
    for cpu in range(4):
        tree.cpu(cpu, core=cpu // 2, siblings="0-1" if cpu < 2 else "2-3")
    for cpu in (4, 5):
        tree.cpu(cpu, core=cpu, siblings=str(cpu))
    tree.online("0-5")
    tree.write("sys/devices/cpu_core/cpus", "0-3").write("sys/devices/cpu_atom/cpus", "4-5")
    cpu = found(tree, "cpu")
    assert (cpu.core_count, cpu.logical_count) == (4, 6)
    assert [(kind.name, kind.logical_count) for kind in cpu.kinds] == [
        ("Intel Atom", 2),
        ("Intel Core", 4),
    ]


def test_a_frequency_that_nobody_tells_is_none(tree):
    tree.cpuinfo({"processor": 0, "BogoMIPS": "1000.00", "CPU implementer": "0x41"})
    assert found(tree.cpu(0).online("0"), "cpu").max_mhz is None


@pytest.mark.parametrize(
    ("path", "text", "mhz"),
    [
        ("cpufreq/cpuinfo_max_freq", "2400000", 2400.0),
        ("cpufreq/base_frequency", "1800000", 1800.0),
        ("acpi_cppc/nominal_freq", "3000", 3000.0),
        ("cpufreq/cpuinfo_max_freq", "0", None),
        ("cpufreq/cpuinfo_max_freq", "<unsupported>", None),
    ],
)
def test_a_frequency_is_taken_from_where_it_stands(tree, path, text, mhz):
    assert found(tree.cpu(0, **{path: text}).online("0"), "cpu").max_mhz == mhz


def test_offline_cpus_are_present_and_nothing_else(tree):
    for cpu in range(4):
        tree.cpu(cpu, core=cpu, siblings=str(cpu))
    cpu = found(tree.online("0-1", present="0-3"), "cpu")
    assert (cpu.logical_count, cpu.present_count, cpu.core_count) == (2, 4, 2)


def test_a_cgroup_that_is_mounted_elsewhere_limits_the_cpus(tree):
    tree.online("0-31").write("proc/self/cgroup", "0::/box.slice/agent.service")
    tree.write("proc/self/mounts", "none /cgroup/unified cgroup2 rw,nosuid 0 0")
    tree.write("cgroup/unified/box.slice/cpuset.cpus.effective", "0-5")
    cpu = found(tree, "cpu")
    assert (cpu.logical_count, cpu.effective_count) == (32, 6)


def test_a_shared_cache_is_one(tree):
    for cpu in range(4):
        pair = f"{cpu // 2 * 2}-{cpu // 2 * 2 + 1}"
        tree.cpu(cpu, core=cpu, siblings=str(cpu))
        for index, level, shared in (("index0", 1, str(cpu)), ("index2", 2, pair)):
            tree.write(
                f"{CPUS}/cpu{cpu}/cache/{index}",
                {"level": level, "type": "Unified", "size": "512K", "shared_cpu_list": shared},
            )
    assert found(tree.online("0-3"), "cpu").caches == (
        CpuCache(level=1, type="unified", size_bytes=512 * 1024, count=4),
        CpuCache(level=2, type="unified", size_bytes=512 * 1024, count=2),
    )


def test_only_flags_that_every_processor_has_count(tree):
    tree.cpuinfo({"processor": 0, "flags": "fpu avx avx2"}, {"processor": 1, "flags": "fpu avx"})
    assert found(tree.online("0-1"), "cpu").flags == ("avx", "fpu")


def test_without_any_source_it_failed(tree):
    assert isinstance(result(tree, "cpu"), Failed)


@pytest.mark.parametrize("text", ["", "\0\0\0", "0-", "9" * 40, "-1", "0-99999999999"])
def test_nonsense_is_no_processor(tree, text):
    assert isinstance(result(tree.online(text), "cpu"), Failed)

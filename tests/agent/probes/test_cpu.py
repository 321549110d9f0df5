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


def test_a_core_has_as_many_threads_as_its_fullest(tree):
    cpu = found(server(tree, 2, 2, 4), "cpu")
    assert (cpu.core_count, cpu.threads_per_core) == (4, 4)


def test_threads_that_are_off_do_not_count(tree):
    """POWER with two of eight threads on in one core, and all in the other."""
    for thread in range(8):
        tree.cpu(thread, core=0, siblings="0-1" if thread < 2 else None)
        tree.cpu(8 + thread, core=8, siblings="8-15")
    cpu = found(tree.online("0-1,8-15", present="0-15"), "cpu")
    assert (cpu.logical_count, cpu.present_count) == (10, 16)
    assert (cpu.core_count, cpu.threads_per_core) == (2, 8)


def test_a_single_processor_is_one_core_in_one_package(tree):
    cpu = found(tree.cpuinfo({"processor": 0, "model name": "Something"}), "cpu")
    assert (cpu.core_count, cpu.package_count, cpu.threads_per_core) == (1, 1, 1)


def test_a_cpu_that_came_online_late_is_a_core_of_its_own(tree):
    tree.cpu(0, siblings="0").cpu(1, core=1, siblings="1").write(f"{CPUS}/cpu2", {})
    assert found(tree.online("0-2"), "cpu").core_count == 3


@pytest.mark.parametrize("mask", ["00000000,0000000f", "f"])
def test_old_kernels_give_masks_only(tree, mask):
    for cpu in range(4):
        tree.cpu(cpu, package=-1)
        topology = f"{CPUS}/cpu{cpu}/topology"
        tree.write(f"{topology}/thread_siblings", f"{3 << cpu // 2 * 2:x}")
        tree.write(f"{topology}/core_siblings", mask)
        tree.write(
            f"{CPUS}/cpu{cpu}/cache/index0",
            {"level": 2, "type": "Unified", "size": "1M", "shared_cpu_map": mask},
        )
    cpu = found(tree.online("0-3"), "cpu")
    assert (cpu.core_count, cpu.package_count, cpu.threads_per_core) == (2, 1, 2)
    assert [cache.count for cache in cpu.caches] == [1]


def test_packages_of_a_mainframe_repeat_in_each_book_and_drawer(tree):
    place = 0
    for drawer in (0, 1):
        for book in (0, 1):
            for package in (1, 2):
                tree.cpu(place, core=place, package=package, siblings=str(place))
                topology = f"{CPUS}/cpu{place}/topology"
                tree.write(topology, {"drawer_id": drawer, "book_id": book})
                place += 1
    assert found(tree.online("0-7"), "cpu").package_count == 8


ARM_SERVER = {"CPU implementer": "0x41", "CPU part": "0xd0c"}


@pytest.mark.parametrize(
    ("nodes", "cluster", "packages"),
    [
        (1, "0", 2),  # the kernel tells clusters from packages: two are two
        (1, None, 1),  # it does not: a board's two clusters
        (2, None, 2),
        (4, None, 2),
    ],
)
def test_what_arm_calls_a_package(tree, nodes, cluster, packages):
    for cpu in range(4):
        tree.cpu(cpu, core=cpu, package=cpu // 2, siblings=str(cpu))
        if cluster is not None:
            tree.write(f"{CPUS}/cpu{cpu}/topology/cluster_id", cluster)
    for node in range(nodes):
        tree.write(f"sys/devices/system/node/node{node}", {})
    tree.cpuinfo(*({"processor": cpu, **ARM_SERVER} for cpu in range(4))).online("0-3")
    assert found(tree, "cpu").package_count == packages


def test_clusters_never_make_more_packages_than_there_are_numa_nodes(tree):
    """An ARM server of two sockets under a kernel that numbers its six clusters as packages."""
    for cpu in range(6):
        tree.cpu(cpu, core=cpu, package=cpu, siblings=str(cpu))
    tree.write("sys/devices/system/node", {"node0": {}, "node1": {}})
    tree.cpuinfo(*({"processor": cpu, **ARM_SERVER} for cpu in range(6))).online("0-5")
    assert found(tree, "cpu").package_count == 2


def test_a_hybrid_part_without_event_sources_is_told_by_its_caches(tree):
    for cpu in range(4):
        is_core = cpu < 2
        tree.cpu(cpu, core=cpu // 2 if is_core else cpu, siblings="0-1" if is_core else str(cpu))
        shared = {"shared_cpu_list": "0-1" if is_core else str(cpu)}
        size = "48K" if is_core else "32K"
        tree.write(
            f"{CPUS}/cpu{cpu}/cache/index0", {"level": 1, "type": "Data", "size": size, **shared}
        )
    tree.cpuinfo({"processor": 0, "vendor_id": "GenuineIntel", "model name": "i7"}).online("0-3")
    cpu = found(tree, "cpu")
    assert cpu.kinds == (
        CpuKind(name="Intel Atom", logical_count=2),
        CpuKind(name="Intel Core", logical_count=2),
    )
    assert cpu.model == "i7"


def test_processors_of_two_models_are_two_kinds(tree):
    model = {"vendor_id": "GenuineIntel", "cpu family": 6}
    tree.cpuinfo({"processor": 0, "model": 85, **model}, {"processor": 1, "model": 106, **model})
    assert [kind.name for kind in found(tree, "cpu").kinds] == [
        "GenuineIntel family 6 model 106",
        "GenuineIntel family 6 model 85",
    ]


def test_a_frequency_may_stand_with_its_policy_only(tree):
    tree.write(f"{CPUS}/cpufreq/policy0/cpuinfo_max_freq", 1800000)
    tree.write(f"{CPUS}/cpufreq/policy4/cpuinfo_max_freq", 2400000)
    assert found(tree.cpu(0).online("0"), "cpu").max_mhz == 2400.0


CPUINFO = {
    "s390": (
        "vendor_id       : IBM/S390\n# processors    : 2\n"
        "processor 0: version = 00,  identification = 1,  machine = 8561\n"
        "processor 1: version = 00,  identification = 1,  machine = 8561",
        (2, "machine 8561", "IBM/S390"),
    ),
    "sparc": (
        "cpu\t\t: UltraSparc T2 (Niagara2)\nncpus probed\t: 2\nncpus active\t: 2\n"
        "State:\nCPU0:\t\tonline\nCPU1:\t\tonline",
        (2, "UltraSparc T2 (Niagara2)", None),
    ),
    "alpha": (
        "cpu\t\t\t: Alpha\ncpu model\t\t: EV67\ncpus detected\t\t: 2\ncpus active\t\t: 2",
        (2, "Alpha", None),
    ),
    "mips": (
        "system type\t: MediaTek MT7621\nmachine\t: Router\nprocessor\t: 0\n"
        "cpu model\t: MIPS 1004Kc V2.15\n\nprocessor\t: 1\ncpu model\t: MIPS 1004Kc V2.15",
        (2, "MIPS 1004Kc V2.15", None),
    ),
    "power": (
        "processor\t: 0\ncpu\t: POWER8\nclock\t: 3425MHz\n\nprocessor\t: 8\ncpu\t: POWER8\n\n"
        "timebase\t: 512000000\nplatform\t: pSeries",
        (2, "POWER8", None),
    ),
    "ia64": (
        "processor  : 0\nvendor     : GenuineIntel\nfamily     : 32\nmodel      : 1\n",
        (1, None, "GenuineIntel"),
    ),
    "riscv": (
        "processor\t: 0\nhart\t: 1\nisa\t: rv64imafdc\nuarch\t: sifive,u74-mc\n"
        "mvendorid\t: 0x489\n\nprocessor\t: 1\nhart\t: 2\nuarch\t: sifive,u74-mc",
        (2, "sifive,u74-mc", "0x489"),
    ),
    "loongarch": (
        "system type\t: generic-loongson-machine\n\nprocessor\t: 0\npackage\t: 0\ncore\t: 0\n"
        "CPU Family\t: Loongson-64bit\nModel Name\t: Loongson-3A5000-HV\n\n"
        "processor\t: 1\npackage\t: 0\ncore\t: 1\nModel Name\t: Loongson-3A5000-HV",
        (2, "Loongson-3A5000-HV", None),
    ),
    "old arm of one processor": (
        "Processor\t: Feroceon 88FR131 rev 1 (v5l)\nFeatures\t: swp half thumb\n"
        "CPU implementer\t: 0x56\nCPU architecture: 5TE\nCPU part\t: 0x131\n\nHardware\t: Board",
        (1, "Feroceon 88FR131", "Marvell"),
    ),
    "m68k": ("CPU:\t\t68040\nMMU:\t\t68040\nClocking:\t32.9MHz", (1, None, None)),
    "arc": (
        "processor [0]\t: HS38 R3.1a (ARCv2 ISA)\nTimers\t\t: Timer0\n\n"
        "processor [1]\t: HS38 R3.1a (ARCv2 ISA)",
        (2, None, None),
    ),
    "arm": (
        "Processor\t: ARMv7 Processor rev 0 (v7l)\nprocessor\t: 0\nBogoMIPS\t: 1.0\n\n"
        "processor\t: 1\nBogoMIPS\t: 1.0\n\nCPU implementer\t: 0x41\nCPU part\t: 0xc09\n",
        (2, "Cortex-A9", "ARM"),
    ),
}


@pytest.mark.parametrize("arch", CPUINFO)
def test_each_architecture_writes_cpuinfo_its_own_way(tree, arch):
    text, expected = CPUINFO[arch]
    cpu = found(tree.write("proc/cpuinfo", text), "cpu")
    assert (cpu.logical_count, cpu.model, cpu.vendor) == expected


def test_cpuinfo_alone_tells_cores_and_packages_too(tree):
    tree.cpuinfo(
        *({"processor": n, "physical id": n // 4, "core id": n // 2 % 2} for n in range(8))
    )
    cpu = found(tree, "cpu")
    assert (cpu.package_count, cpu.core_count, cpu.threads_per_core) == (2, 4, 2)


@pytest.mark.parametrize(
    ("group", "cpus"),
    [
        ("agent.slice/skerry-agent.service", 8),  # its own limit says nothing of the box
        ("system.slice/docker-0123.scope", 2),  # a container's does
        ("user.slice/session-1.scope", 8),
    ],
)
def test_whose_limit_counts(tree, group, cpus):
    tree.online("0-7").write("proc/self/cgroup", f"0::/{group}")
    tree.write("proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0")
    tree.write(f"sys/fs/cgroup/{group}/cpuset.cpus.effective", "0-1")
    assert found(tree, "cpu").effective_count == cpus


def test_version_1_limits_beside_an_empty_version_2(tree):
    tree.online("0-7").write("proc/self/cgroup", "4:cpuset:/pod\n0::/system.slice")
    mounts = "c /sys/fs/cgroup/unified cgroup2 rw 0 0\nc /sys/fs/cgroup/cpuset cgroup rw,cpuset 0 0"
    tree.write("proc/self/mounts", mounts)
    tree.write("sys/fs/cgroup/cpuset/pod/cpuset.cpus", "0-7")
    tree.write("sys/fs/cgroup/cpuset/pod/cpuset.effective_cpus", "3-5")
    assert found(tree, "cpu").effective_count == 3


def test_harts_that_know_nothing_of_each_other_share_a_package(tree):
    for cpu in range(4):
        tree.cpu(cpu, core=-1, package=-1, siblings=str(cpu))
        tree.write(f"{CPUS}/cpu{cpu}/topology/core_siblings_list", cpu)
    tree.cpuinfo(*({"processor": cpu, "hart": cpu + 1} for cpu in range(4))).online("0-3")
    cpu = found(tree, "cpu")
    assert (cpu.package_count, cpu.core_count) == (1, 4)


def test_packages_in_a_guest_of_xen_have_one_number(tree):
    for cpu in range(4):
        tree.cpu(cpu, core=0, siblings=str(cpu))
        tree.write(f"{CPUS}/cpu{cpu}/topology/core_siblings_list", cpu)
    tree.cpuinfo(*({"processor": cpu, "flags": "fpu lm"} for cpu in range(4))).online("0-3")
    cpu = found(tree, "cpu")
    assert (cpu.package_count, cpu.core_count) == (4, 4)


@pytest.mark.parametrize("listed", [("0-1", "0-1", "2-3", "2-3"), ("0", "0-1", "0-3", "0-3")])
def test_neighbours_that_kernels_write_wrongly_make_no_packages(tree, listed):
    """Of one package with two NUMA nodes, and while processors come and go."""
    for cpu, together in enumerate(listed):
        tree.cpu(cpu, core=cpu, siblings=str(cpu))
        tree.write(f"{CPUS}/cpu{cpu}/topology/core_siblings_list", together)
    tree.cpuinfo(*({"processor": cpu, "flags": "fpu lm"} for cpu in range(4))).online("0-3")
    assert found(tree, "cpu").package_count == 1


def test_on_power_the_number_of_the_chip_counts_not_who_shares_a_cache(tree):
    for cpu in range(16):
        tree.cpu(
            cpu, core=cpu // 4, package=cpu // 8, siblings=f"{cpu // 4 * 4}-{cpu // 4 * 4 + 3}"
        )
        listed = f"{cpu // 4 * 4}-{cpu // 4 * 4 + 3}"
        tree.write(f"{CPUS}/cpu{cpu}/topology/core_siblings_list", listed)
    tree.cpuinfo(*({"processor": cpu, "cpu": "POWER8"} for cpu in range(16))).online("0-15")
    cpu = found(tree, "cpu")
    assert (cpu.package_count, cpu.core_count, cpu.threads_per_core) == (2, 4, 4)


def test_packages_that_acpi_tells_count_also_where_all_memory_is_one_node(tree):
    for cpu in range(4):
        tree.cpu(cpu, core=cpu, package=36 if cpu < 2 else 3180, siblings=str(cpu))
        tree.write(f"{CPUS}/cpu{cpu}/topology/cluster_id", "-1")
    tree.cpuinfo(*({"processor": cpu, **ARM_SERVER} for cpu in range(4))).online("0-3")
    assert found(tree, "cpu").package_count == 2


@pytest.mark.parametrize(("part", "cores"), [("0xd03", 2), ("0xd06", None)])
def test_arm_cores_without_threads_need_no_topology_to_be_counted(tree, part, cores):
    blocks = ({"processor": n, "CPU implementer": "0x41", "CPU part": part} for n in range(2))
    cpu = found(tree.cpuinfo(*blocks), "cpu")
    assert (cpu.core_count, cpu.package_count) == (cores, 1)


def half_off(tree, *, capacities=(), compatibles=()):
    """Write an ARM board of which two of four CPUs are online and tell their part."""
    for cpu in range(4):
        tree.write(f"{CPUS}/cpu{cpu}", {})
    for cpu, capacity in enumerate(capacities):
        tree.write(f"{CPUS}/cpu{cpu}/cpu_capacity", capacity)
    for cpu, compatible in enumerate(compatibles):
        tree.write(f"{CPUS}/cpu{cpu}/of_node/compatible", f"{compatible}\0".encode())
    blocks = ({"processor": n, "CPU implementer": "0x41", "CPU part": "0xd03"} for n in range(2))
    return tree.cpuinfo(*blocks).online("0-1", present="0-3")


@pytest.mark.parametrize(
    ("told", "kinds"),
    [
        ({}, {"Cortex-A53": 4}),
        ({"capacities": (400, 400, 400, 400)}, {"Cortex-A53": 4}),
        ({"capacities": (400, 400, 1024, 1024)}, {"Cortex-A53": 2}),
        (
            {"compatibles": ("arm,cortex-a53",) * 2 + ("arm,cortex-a72",) * 2},
            {"Cortex-A53": 2, "Cortex-A72": 2},
        ),
        ({"compatibles": ("maker,core",) * 4}, {"Cortex-A53": 4}),
    ],
)
def test_what_is_known_of_arm_cores_that_are_off(tree, told, kinds):
    cpu = found(half_off(tree, **told), "cpu")
    assert {kind.name: kind.logical_count for kind in cpu.kinds} == kinds


@pytest.mark.parametrize(
    ("block", "compatible", "name"),
    [
        ({"mvendorid": "0x5b7", "marchid": "0x0"}, "thead,c910", "thead,c910"),
        ({"mvendorid": "0x5b7", "marchid": "0x0"}, "riscv", "0x5b7 0x0"),
        ({"isa": "rv64imafdc"}, None, "rv64imafdc"),
        ({"isa": "rv64imafdc", "mvendorid": "0x0", "marchid": "0x0"}, None, "rv64imafdc"),
    ],
)
def test_riscv_cores_without_a_name_are_one_kind(tree, block, compatible, name):
    if compatible:
        tree.write(f"{CPUS}/cpu0/of_node/compatible", f"{compatible}\0riscv\0".encode())
    tree.cpu(0).cpu(1).cpuinfo(*({"processor": n, "hart": n, **block} for n in (0, 1)))
    cpu = found(tree.online("0-1"), "cpu")
    assert cpu.kinds == (CpuKind(name=name, logical_count=2),)
    assert cpu.vendor == (None if name.startswith("rv64") else "0x5b7")


def test_a_folder_is_no_processor_where_nothing_says_that_it_is_online(tree):
    for cpu in range(8):
        tree.cpu(cpu, core=cpu, siblings=str(cpu))
    tree.write(f"{CPUS}/cpu3/online", 1).write(f"{CPUS}/cpu4/online", 0)
    tree.cpuinfo({"processor": 0, "flags": "fpu"}, {"processor": 1, "flags": "fpu"})
    cpu = found(tree, "cpu")
    assert (cpu.logical_count, cpu.core_count) == (3, 3)


def test_neighbours_under_the_names_of_newer_kernels(tree):
    for cpu in range(8):
        tree.cpu(cpu, core=cpu % 2, package=-1)
        topology = f"{CPUS}/cpu{cpu}/topology"
        tree.write(f"{topology}/core_cpus_list", f"{cpu % 4},{cpu % 4 + 4}")
        tree.write(f"{topology}/package_cpus", "33" if cpu % 4 < 2 else "cc")
    cpu = found(tree.online("0-7"), "cpu")
    assert (cpu.core_count, cpu.package_count, cpu.threads_per_core) == (4, 2, 2)

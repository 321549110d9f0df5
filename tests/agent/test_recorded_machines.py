"""Real machines, recorded by other projects with what is known about each of them.

They stand beside the repository (`../shared/machines`), never in it; without them these tests are
skipped. One archive at a time is unpacked, in memory where the box allows, for it has 180,000
files. What is compared, and where truth and probes may differ, stands in the tables here.
"""

import collections
import functools
import json
import os
import random
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from skerry_agent.capability import collect
from skerry_agent.host import Host
from skerry_agent.probes import accelerators
from skerry_agent.probes.result import Found
from skerry_wire import codec

MACHINES = Path(__file__).parents[2].parent / "shared" / "machines"
MEMORY = Path("/dev/shm")
MAX_BYTES = 256 * 1024
MAX_CPU_S = 1.0

GPU_WITHOUT_TRUTH = "has a graphics processor; its truth does not list any video device"
ONE_PART_FOR_ALL = (
    "the kernel shows the register of one core for all, and no other file tells its two clusters "
    "apart by more than their frequency"
)
EXCEPTIONS = {
    ("meizu-pro-6s", "kinds"): ONE_PART_FOR_ALL,
    ("xiaomi-redmi-note-3", "kinds"): ONE_PART_FOR_ALL,
    ("scaleway", "present_count"): "truth counts what its container may use, 2 of the box's 6",
    ("CAPTURE_METADATA_2", "no_accelerator"): GPU_WITHOUT_TRUTH,
    ("HP_ELITEBOOK_835_13_INCH_G10", "no_accelerator"): GPU_WITHOUT_TRUTH,
    ("INTEL_NUC_SNAPPY", "no_accelerator"): GPU_WITHOUT_TRUTH,
    ("MELLANOX_40GBPS", "no_accelerator"): GPU_WITHOUT_TRUTH,
    ("ONE_CDROM_ONLY", "no_accelerator"): GPU_WITHOUT_TRUTH,
}
"""Machine and fact -> why what the probes say differs from the ground truth there."""

NOT_COMPARABLE = {
    ("16ia64-8n2s", "package_count"): "truth follows a repair of hwloc's; the files say 8",
    ("64amd64-4s2n4ca2co", "core_count"): "likewise: the files say that two CPUs share a core",
    ("nvidiagpunumanodes", "numa_node_count"): "likewise: truth leaves the GPUs' nodes out",
    ("nexus6p", "kinds"): "half of its CPUs are off, and nothing in the files tells of them",
}

NO_MEMORY_FILES = "its recording has neither /proc/meminfo nor NUMA nodes nor memory blocks"
NO_CPU_FILES = "its recording has neither /sys/devices/system/cpu nor /proc/cpuinfo"
FAILED = {
    ("checkbox", "cpu"): NO_CPU_FILES,  # some of it
    ("checkbox", "memory"): NO_MEMORY_FILES,
    ("linux-dtb", "cpu"): NO_CPU_FILES,
    ("linux-dtb", "memory"): NO_MEMORY_FILES,
    ("nfd", "cpu"): NO_CPU_FILES,
    ("nfd", "memory"): NO_MEMORY_FILES,
    ("pytorch-cpuinfo", "memory"): NO_MEMORY_FILES,
    ("rocm-kfd", "cpu"): NO_CPU_FILES,
    ("rocm-kfd", "memory"): NO_MEMORY_FILES,
    ("umockdev", "cpu"): NO_CPU_FILES,
    ("umockdev", "memory"): NO_MEMORY_FILES,
}
"""Archive and probe -> why the probe rightly fails there. Everywhere else none may."""


# --- what is known -------------------------------------------------------------------------

CPU_FACTS = {
    "logical_count": "PU",
    "core_count": "Core",
    "package_count": "Package",
    "numa_node_count": "NUMANode",
}


def hwloc_truth(known):
    for fact, name in CPU_FACTS.items():
        if name in known:
            yield fact, known[name]


def truth(row):
    """Yield each fact that is known of a machine, with its value."""
    known, other = row.get("expect", {}), row.get("hwloc", {})
    match row["corpus"]:
        case "hwloc" if "cgroup" in row["machine"] or "cpuset" in row["machine"]:
            yield "effective_count", known["PU"]
        case "hwloc":
            yield from hwloc_truth(known)
        case "pytorch-cpuinfo":
            if "processors" in known:
                yield "present_count", known["processors"]
            if known.get("uarchs"):
                yield "kinds", len(known["uarchs"])
        case "ghw" | "cnto" | "nri-plugins":
            yield from hwloc_truth(other)
            memory = other.get("mem_total", "")
            if memory.endswith("KB"):
                yield "memory_kib", int(memory[:-2])
        case "checkbox":
            yield from checkbox_truth(row["machine"], known)
        case "linux-dtb":
            live = [one for one in known["acc"] if one[0] == "npu" and one[3] in ("okay", "ok")]
            cores = sum("rknn" in " ".join(compatibles) for _, _, compatibles, _ in live)
            yield "npus", len(live) - cores + (cores > 0)  # the cores of one NPU are one


def checkbox_truth(machine, known):
    if "BLUETOOTH" in known:
        yield "bluetooth", known["BLUETOOTH"]
    if "NETWORK" in known and "scaleway" not in machine.lower():
        yield "ethernet", known["NETWORK"] + known.get("BMC_NETWORK", 0)
    if "TPU" not in known and "CORAL" not in machine and not known.get("VIDEO"):
        yield "no_accelerator", 0
    if "WIRELESS" in known:
        yield "wifi", known["WIRELESS"]


def listed(root, corpus):
    """Yield what the tree itself shows: the entries of its folders, whatever they are."""
    pci, usb = root / "sys/bus/pci/devices", root / "sys/bus/usb/devices"
    block, net = root / "sys/block", root / "sys/class/net"
    if pci.is_dir():
        yield "pci", len(os.listdir(pci))
    if usb.is_dir():
        yield "usb", sum(":" not in n and not n.startswith("usb") for n in os.listdir(usb))
    if corpus == "checkbox" and block.is_dir():
        other = re.compile(r"(sr|fd|mtdblock)\d|mmcblk\d+(boot|rpmb)")
        names = [name for name in os.listdir(block) if not other.match(name)]
        yield "disks", sum(os.path.lexists(block / name / "device") for name in names)
    if net.is_dir():
        yield "hardware_nics", sum(os.path.lexists(net / n / "device") for n in os.listdir(net))


def nics(hardware, *kinds):
    return sum(nic.hardware and (not kinds or nic.kind in kinds) for nic in hardware.nics)


SEEN = {
    **{
        fact: lambda hardware, fact=fact: getattr(hardware.cpu, fact)
        for fact in (*CPU_FACTS, "present_count", "effective_count")
    },
    "kinds": lambda hardware: len(hardware.cpu.kinds),
    "memory_kib": lambda hardware: (hardware.memory.total_bytes or 0) // 1024,
    "pci": lambda hardware: len(hardware.pci),
    "usb": lambda hardware: len(hardware.usb),
    "disks": lambda hardware: len(hardware.storage),
    "hardware_nics": nics,
    "ethernet": lambda hardware: nics(hardware, "ethernet"),
    "wifi": lambda hardware: nics(hardware, "wifi"),
    "bluetooth": lambda hardware: len(hardware.bluetooth),
    "no_accelerator": lambda hardware: len(hardware.accelerators),
    "npus": lambda hardware: sum(a.kind in ("npu", "tpu", "vpu") for a in hardware.accelerators),
}


def equal(fact, seen, known):
    return abs(seen - known) <= 64 if fact == "memory_kib" else seen == known


# --- the machines --------------------------------------------------------------------------


def rows():
    index = MACHINES / "index.jsonl"
    if not index.is_file():
        return []
    return [json.loads(line) for line in index.read_text().splitlines()]


def parameters():
    if not rows():
        skip = pytest.mark.skip(reason=f"no recorded machines at {MACHINES}")
        return [pytest.param(None, marks=skip, id="none")]
    return [pytest.param(row, id=f"{row['corpus']}-{row['machine']}") for row in rows()]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """Yield what unpacks an archive and returns its folder; the one before is removed."""
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 2 * 1024**3
    name = f"skerry-recorded-{os.getpid()}"
    folder = MEMORY / name if has_room else tmp_path_factory.getbasetemp() / name

    @functools.lru_cache(maxsize=1)
    def unpack(corpus):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        archive = MACHINES / f"{corpus}.tar.xz"
        names = subprocess.run(["tar", "-tf", archive], check=True, capture_output=True).stdout
        assert not re.search(rb"^/|(?:^|/)\.\.(?:/|$)", names, re.MULTILINE)
        # As they are: else tar looks every link up among all that it has yet to make.
        subprocess.run(["tar", "-P", "-C", folder, "-xf", archive], check=True)
        return folder

    yield unpack
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def score():
    """Return the facts that are equal, and all, counted by archive and fact."""
    return collections.Counter(), collections.Counter()


class Shuffled(Host):
    """A box whose folders list their names in another order each time."""

    def afresh(self):
        other = Shuffled(self.root, live=self.is_live)
        other._memory = self._memory
        return other

    def _names(self, real, *, folders_only):
        names = list(super()._names(real, folders_only=folders_only))
        random.Random(len(real)).shuffle(names)
        return tuple(names)


@pytest.mark.parametrize("row", parameters())
def test_a_recorded_machine(row, unpacked, score):
    root = unpacked(row["corpus"]) / row["machine"]
    begun_s = time.process_time()
    hardware = collect(Host(root)).hardware
    assert time.process_time() - begun_s < MAX_CPU_S

    failed = {name for name, probe in hardware.probes.items() if probe.status == "failed"}
    assert {name for name in failed if (row["corpus"], name) not in FAILED} == set()

    encoded = codec.encode(hardware)
    assert len(encoded) < MAX_BYTES
    assert codec.encode(collect(Host(root)).hardware) == encoded
    assert codec.encode(collect(Shuffled(root)).hardware) == encoded

    same, total = score
    different = {}
    for fact, known in (*truth(row), *listed(root, row["corpus"])):
        if (row["machine"], fact) in NOT_COMPARABLE:
            continue
        seen = SEEN[fact](hardware)
        total[row["corpus"], fact] += 1
        same[row["corpus"], fact] += equal(fact, seen, known)
        if not equal(fact, seen, known):
            different[fact] = (known, seen)
    excepted = {fact for machine, fact in EXCEPTIONS if machine == row["machine"]}
    assert different.keys() == excepted, different


GPUS_OF_AMD = {
    "topology-parsing-mi308": [206_141_652_992] * 8,
    "topo-mi210-xgmi-pcie": [None] * 8,
}
"""Bytes of each device. On the first each is split in four; the second tells no memory."""


@pytest.mark.skipif(not rows(), reason=f"no recorded machines at {MACHINES}")
@pytest.mark.parametrize("machine", GPUS_OF_AMD)
def test_partitions_are_not_counted(machine, unpacked, tmp_path):
    """The recordings begin in the middle of /sys, so they are put where they belong."""
    recorded = unpacked("rocm-kfd") / machine
    (tmp_path / "sys/class/kfd/kfd").mkdir(parents=True)
    start = recorded / "topology" if (recorded / "topology").is_dir() else recorded
    shutil.copytree(start, tmp_path / "sys/class/kfd/kfd/topology", symlinks=True)
    answer = accelerators.parse(accelerators.read(Host(tmp_path)))
    assert isinstance(answer, Found)
    assert [gpu.memory_bytes for gpu in answer.value] == GPUS_OF_AMD[machine]
    assert {gpu.kind for gpu in answer.value} == {"gpu"}


@pytest.mark.skipif(not rows(), reason=f"no recorded machines at {MACHINES}")
def test_the_exceptions_are_machines_that_there_are():
    machines = {row["machine"] for row in rows()}
    corpora = {row["corpus"] for row in rows()}
    assert {machine for machine, _ in (*EXCEPTIONS, *NOT_COMPARABLE)} <= machines
    assert {corpus for corpus, _ in FAILED} <= corpora


def test_the_score_is_shown(score, capsys):
    """Not a check: what the machines before it came to."""
    same, total = score
    if not total:
        pytest.skip("no machine was compared in this run")
    with capsys.disabled():
        print(f"\n{sum(same.values())} of {sum(total.values())} facts of recorded machines equal")
        for corpus in sorted({corpus for corpus, _ in total}):
            facts = sorted(fact for c, fact in total if c == corpus)
            counts = (f"{fact} {same[corpus, fact]}/{total[corpus, fact]}" for fact in facts)
            print(f"  {corpus}: {', '.join(counts)}")
    assert sum(same.values()) >= 0.98 * sum(total.values())

"""Whatever stands where the probes look, they answer: quickly, in words, and each for itself.

Base trees are small boxes that have something for every probe, the project's own recordings, and
some of the shared machines where those are at hand. Each file and folder that a probe asks for is
replaced by something strange.
"""

import contextlib
import dataclasses
import errno
import functools
import gzip
import os
import pathlib
import random
import re
import shutil
import stat
import tarfile
import tempfile
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.agent.trees import Tree

from skerry_agent.capability import collect
from skerry_agent.guard import Broken, Guard
from skerry_agent.host import Host
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_agent.probes.table import PROBES
from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.hardware import Hardware, Memory

MACHINES = pathlib.Path(__file__).parents[2].parent / "shared" / "machines"
RECORDINGS = pathlib.Path(__file__).parent / "recordings"
MOST_CPU_S = 1.0


# --- base trees -----------------------------------------------------------------------------


def server(tree):
    """A PC: something of every class that hangs on PCI or USB."""
    tree.write("proc/meminfo", "MemTotal: 16000 kB\nSwapTotal: 8000 kB\nHugePages_Total: 1")
    tree.write("proc/sys/kernel", {"osrelease": "6.1.0", "hostname": "box", "arch": "x86_64"})
    tree.write("proc/version", "Linux version 6.1.0")
    tree.write("etc/os-release", 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"')
    tree.write("sys/class/dmi/id", {"sys_vendor": "Maker", "product_name": "Box", "modalias": "d:"})
    tree.write("sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
               b"\x06\0\0\0\x01")  # fmt: skip
    tree.write("sys/kernel/security/lsm", "capability,apparmor")
    tree.write("sys/class/tpm/tpm0/tpm_version_major", "2").write("dev/kvm")
    processors(tree)
    disks(tree)
    cards(tree)
    sticks(tree)
    small_things(tree)
    tree.write("proc/self/cgroup", "0::/app").write("sys/fs/cgroup/app", {
        "cpu.max": "200000 100000", "memory.max": "8388608", "cpuset.cpus.effective": "0-1"
    })  # fmt: skip
    return tree


def processors(tree):
    tree.online("0-3").write("sys/devices/system/cpu/possible", "0-7")
    block = {"vendor_id": "GenuineIntel", "model name": "A Processor", "flags": "fpu avx2"}
    tree.cpuinfo(*({"processor": n, **block} for n in range(4)))
    for cpu in range(4):
        tree.cpu(cpu, core=cpu // 2, siblings="0-1" if cpu < 2 else "2-3", **{
            "cpufreq/cpuinfo_max_freq": 3000000, "cpufreq/base_frequency": 2000000,
            "acpi_cppc/nominal_freq": 2000, "cpu_capacity": 1024,
            "cache/index0": {"level": 1, "type": "Data", "size": "32K", "shared_cpu_list": cpu},
            "cache/index3": {"level": 3, "type": "Unified", "size": "8M", "shared_cpu_list": "0-3"},
        })  # fmt: skip
    tree.write("sys/devices/cpu_core/cpus", "0-1").write("sys/devices/cpu_atom/cpus", "2-3")
    for node in range(2):
        tree.write(f"sys/devices/system/node/node{node}", {
            "meminfo": f"Node {node} MemTotal: 8000 kB", "cpulist": "0-1" if not node else "2-3"
        })  # fmt: skip
    tree.write("sys/devices/system/node/online", "0-1")
    tree.write("sys/devices/system/memory", {"block_size_bytes": "8000000"})
    tree.write("sys/devices/system/memory/memory0/state", "online")
    tree.write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "4")


def disks(tree):
    tree.write("proc/self/mounts", "/dev/sda1 / ext4 rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0")
    for name, place in (
        ("sda", "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0"),
        ("sdb", "pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0/host2/target2:0:0/2:0:0:0"),
        ("nvme0n1", "pci0000:00/0000:00:1d.0/0000:05:00.0/nvme/nvme0"),
        ("mmcblk0", "platform/fe330000.mmc/mmc_host/mmc0/mmc0:0001"),
    ):
        tree.write(f"sys/devices/{place}", {"model": "Disk", "type": "MMC", "transport": "pcie"})
        tree.write(f"sys/block/{name}", {"size": 2000, "queue": {"rotational": 1}, "dev": "8:0"})
        tree.write(f"sys/block/{name}/{name}p1/partition", 1)
        tree.link(f"sys/block/{name}/device", f"/sys/devices/{place}")


def cards(tree):
    tree.pci("0000:65:00.0", "10de:20b0", "030200", driver="nvidia", numa_node=1)
    tree.write("proc/driver/nvidia/gpus/0000:65:00.0/information", "Model: A100\nDevice Minor: 0")
    tree.write("sys/module/nvidia/version", "535.54.03").write("dev/nvidia0")
    tree.pci("0000:66:00.0", "1002:74a1", "120000", driver="amdgpu", mem_info_vram_total=2**34)
    tree.write("sys/devices/pci0000:00/0000:66:00.0/drm/renderD128")
    kfd = "sys/class/kfd/kfd/topology/nodes/1"
    tree.write(f"{kfd}/properties", "simd_count 304\nlocation_id 26112\ndomain 0")
    tree.write(f"{kfd}/mem_banks/0/properties", "heap_type 1\nsize_in_bytes 1000000")
    tree.pci("0000:00:02.0", "8086:9a49", "030000", driver="i915", sriov_totalvfs=7)
    tree.pci("0000:05:00.0", "1e60:2864", "0b4000", driver="hailo", numa_node=-1)
    tree.write("sys/devices/pci0000:00/0000:05:00.0/hailo_chardev/hailo0")
    tree.pci("0000:01:00.0", "8086:1533", "020000", driver="igb", sriov_totalvfs=8)
    tree.link("sys/devices/pci0000:00/0000:01:00.0/iommu_group", "/sys/kernel/iommu_groups/7")
    tree.write("sys/kernel/iommu_groups/7", {})
    tree.nic("eth0", speed=1000, uevent="DEVTYPE=x").nic("can0", type=280)
    tree.nic("wlan0", wireless={}).nic("lo", device=False)
    tree.link("sys/devices/of-eth0/driver", "/sys/bus/pci/drivers/igb")
    tree.write("usr/share/misc/pci.ids", "10de  NVIDIA\n\t20b0  A100\n1002  AMD\n\t74a1  MI300X\n")
    tree.write("usr/share/misc/usb.ids", "18d1  Google\n\t9302  Stick\n")


def sticks(tree):
    tree.usb("1-1", "18d1:9302", "00", ["ff"], speed=480, bNumInterfaces=" 1")
    tree.usb("1-2.4", "046d:0825", "ef", ["0e", "01"], manufacturer="M", product="P")
    tree.usb("usb1", "1d6b:0002", "09")
    tree.usb("2-1", "2c7c:0125", "ef", ["ff", "02"])
    interface = "sys/bus/usb/devices/2-1:1.0"
    tree.write("sys/bus/usb/drivers/qmi_wwan", {})
    tree.link(f"{interface}/driver", "/sys/bus/usb/drivers/qmi_wwan")
    tree.write(f"{interface}/usbmisc/cdc-wdm0/dev", "180:0").write(f"{interface}/ttyUSB2/dev")
    tree.write(f"{interface}/net/wwan0/uevent", "DEVTYPE=wwan")


def small_things(tree):
    tree.write("sys/devices/system/cpu/intel_pstate", {"status": "active", "no_turbo": 0})
    tree.write("proc/sys/kernel/osrelease", "6.1.0-42-amd64")
    tree.write("proc/config.gz", gzip.compress(b"CONFIG_PREEMPT=y\n"))
    port = "sys/devices/pci0000:00/0000:00:16.3"
    tree.write(port, {}).write("sys/bus/pci/drivers/serial", {})
    tree.link(f"{port}/driver", "/sys/bus/pci/drivers/serial")
    tree.write("sys/class/tty/ttyS4/type", 4).link("sys/class/tty/ttyS4/device", f"/{port}")
    tree.write("sys/class/gpio/gpiochip512", {"label": "pinctrl", "ngpio": 54, "base": 512})
    tree.write("sys/bus/gpio/devices/gpiochip0/dev", "254:0")
    tree.write("sys/bus/i2c/devices/i2c-0/name", "SMBus").write("sys/class/i2c-dev/i2c-0/dev")
    tree.write("sys/class/wwan/wwan0", {"device": {}}).write("sys/class/wwan/wwan0mbim0/dev")
    tree.write("sys/class/ptp/ptp0", {"clock_name": "igb"})
    tree.link("sys/class/ptp/ptp0/device", "/sys/devices/of-eth0")
    tree.write("sys/class/watchdog/watchdog0/identity", "iTCO_wdt")
    tree.write("sys/class/thermal/thermal_zone0", {"type": "x86_pkg_temp", "temp": 40000})
    tree.write("sys/class/hwmon/hwmon0", {"name": "coretemp", "temp1_input": 1, "temp1_label": "P"})
    tree.write("sys/class/power_supply/BAT0", {"type": "Battery", "scope": "System", "capacity": 7})
    tree.write("sys/class/video4linux/video0", {"name": "Camera", "index": 0})
    tree.link("sys/class/video4linux/video0/device", "/sys/bus/usb/devices/1-2.4:1.0")
    tree.write("sys/class/bluetooth/hci0", {})
    tree.write("etc/cdi/nvidia.json", '{"kind": "nvidia.com/gpu", "devices": [{"name": "0"}]}')
    tree.write("etc/cdi/a.yaml", 'kind: "a.com/b"\ndevices:\n  - name: "0"\n')
    tree.write("usr/bin/podman").write("usr/bin/containerd").write("run/podman/podman.sock")
    tree.write("var/lib/dpkg/status", "Package: podman\nStatus: install ok installed\nVersion: 4.3")


def board(tree):
    """A board that a device tree describes."""
    tree.write("proc/meminfo", "MemTotal: 8000 kB").write("proc/version", "Linux version 6.1.0")
    tree.write("proc/sys/kernel", {"osrelease": "6.1.0", "arch": "aarch64"})
    tree.online("0-7")
    for cpu in range(8):
        big = cpu > 3
        tree.cpu(cpu, core=cpu % 4, package=-1, **{
            "topology/cluster_id": int(big), "topology/cluster_cpus_list": "4-7" if big else "0-3",
            "regs/identification/midr_el1": "0x00000000414fd0b1" if big else "0x412fd050",
            "cpu_capacity": 1024 if big else 500, "of_node/compatible": "arm,cortex-a76",
        })  # fmt: skip
    tree.cpuinfo(*({"processor": n, "CPU implementer": "0x41", "CPU part": "0xd05",
                    "Features": "fp asimd"} for n in range(8)))  # fmt: skip
    tree.node("/", "radxa,rock-5b rockchip,rk3588", model="Radxa ROCK 5B")
    tree.node("/npu@fdab0000", "rockchip,rk3588-rknpu", status="okay")
    tree.node("/cpus/cpu@0", "arm,cortex-a55", device_type="cpu")
    tree.node("/hypervisor", "linux,kvm")
    tree.link("proc/device-tree", "/sys/firmware/devicetree/base")
    npu = "sys/devices/platform/fdab0000.npu"
    tree.write(npu, {}).write("sys/bus/platform/drivers/RKNPU", {})
    tree.link(f"{npu}/driver", "/sys/bus/platform/drivers/RKNPU")
    tree.link("sys/bus/platform/devices/fdab0000.npu", f"/{npu}")
    tree.link(f"{npu}/of_node", "/sys/firmware/devicetree/base/npu@fdab0000")
    tree.write("sys/devices/soc0", {"family": "Rockchip", "soc_id": "RK3588"})
    tree.write("sys/class/devfreq/fb000000.gpu/device/of_node/name", "gpu")
    tree.write("sys/class/gpio/gpiochip0", {"label": "gpio0", "ngpio": 32})
    tree.write("sys/bus/i2c/devices/i2c-1/name", "rk3x-i2c")
    tree.write("proc/self/cgroup", "4:memory:/a\n3:cpuset:/a").write(
        "proc/self/mounts",
        "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
        "cgroup /sys/fs/cgroup/cpuset cgroup rw,cpuset 0 0",
    )
    tree.write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", 4096000)
    return tree.write("sys/fs/cgroup/cpuset/a/cpuset.effective_cpus", "0-3")


def _recorded(place, recording):
    place.mkdir()
    with tarfile.open(recording) as tar:
        for member in tar:
            _unpack(tar, member, place)
    return Tree(place)


def _machine(place, corpus):
    """Unpack the first machine of a corpus."""
    with tarfile.open(MACHINES / f"{corpus}.tar.xz") as tar:
        first = None
        for member in tar:
            top = member.name.removeprefix("./").partition("/")[0]
            first = first or top
            if top == first:
                _unpack(tar, member, place)
    return Tree(place / first)


def _unpack(tar, member, place):
    if member.isreg() or member.isdir() or member.issym():
        member.mode |= 0o700 if member.isdir() else 0o600
        tar.extract(member, place, set_attrs=False)


BASES = {"server": lambda place: server(Tree(place)), "board": lambda place: board(Tree(place))}
BASES |= {
    file.stem: functools.partial(_recorded, recording=file)
    for file in sorted(RECORDINGS.glob("*.tar*"))
}
BASES |= {
    corpus: functools.partial(_machine, corpus=corpus)
    for corpus in ("ghw", "nfd", "umockdev")
    if (MACHINES / f"{corpus}.tar.xz").exists()
}
"""Each base tree by its name: what writes it into a folder."""


def test_shared_machines_are_at_hand():
    """Not a check: says why there are fewer base trees."""
    if not set(BASES) & {"ghw", "nfd", "umockdev"}:
        pytest.skip(f"no recorded machines at {MACHINES}")
    assert MACHINES.is_dir()


MOST_PATHS = 25
"""So many paths of a tree that was recorded, by chance: those written here are looked at whole."""


# --- who asks for what ------------------------------------------------------------------------


class NotingHost(Host):
    """Notes each path that is asked for, as it was asked for and where it really is."""

    def __init__(self, root):
        super().__init__(root)
        self.asked = set()

    def afresh(self):
        return self

    def _resolve(self, path, *, follow=True):
        self.asked.add(path.rstrip("/") or "/")
        real = super()._resolve(path, follow=follow)
        self.asked.add(real[len(str(self.root)) :])
        return real


class Refusing(Host):
    """Answers with an error of the kernel for one place, as a running box may."""

    def __init__(self, root, place, number):
        super().__init__(root)
        self._place, self._number = str(place), number

    def afresh(self):
        return self

    def _refuse(self, real):
        if real == self._place:
            raise OSError(self._number, os.strerror(self._number))

    def _read(self, real, most, *, whole=True):
        self._refuse(real)
        return super()._read(real, most, whole=whole)

    def _names(self, real, *, folders_only):
        self._refuse(real)
        return super()._names(real, folders_only=folders_only)


def _alike(path):
    """Return what paths have in common that differ in their numbers alone."""
    return re.sub(r"[0-9a-f]*[0-9]+", "#", path)


class Base:
    """A tree, and which probes ask for which of its paths."""

    def __init__(self, tree, *, whole):
        self.whole = whole
        self.root = tree.root.resolve()
        self.asked = {}
        self.before = collect(Host(self.root)).hardware
        for probe in PROBES:
            host = NotingHost(self.root)
            probe.parse(probe.read(host))
            self.asked[probe.name] = frozenset(host.asked)

    def probes_of(self, path):
        """Return the probes that ask for a path or for anything below it."""
        real = str(self.place(path))[len(str(self.root)) :]
        return [
            probe
            for probe in PROBES
            if any(
                asked == one or asked.startswith(f"{one}/")
                for one in {path, real}
                for asked in self.asked[probe.name]
            )
        ]

    def place(self, path):
        """Return where a path is, its last link not followed."""
        return pathlib.Path(Host(self.root)._resolve(path, follow=False))

    @functools.cached_property
    def paths(self):
        """One of each sort of path that is asked for and there, or could be."""
        places, sorts = {}, {}
        for path in sorted(set().union(*self.asked.values()) - {"/", ""}):
            place = self.place(path)
            if os.path.lexists(place) or place.parent.is_dir():
                places.setdefault(place, path)
        for path in places.values():
            sorts.setdefault(_alike(path), path)
        found = sorted(sorts.values())
        if self.whole or len(found) <= MOST_PATHS:
            return found
        return sorted(random.Random(1).sample(found, MOST_PATHS))

    def fits(self, path, strange):
        """Say whether a strange thing is worth its time at a path."""
        place = self.place(path)
        if not os.path.lexists(place):
            return strange in FOR_NOTHING
        return strange in FOR_FOLDERS or not place.is_dir()


@pytest.fixture(scope="module", params=BASES)
def base(request, tmp_path_factory):
    """A base tree; whoever changes it puts it back."""
    tree = BASES[request.param](tmp_path_factory.mktemp("strange") / "box")
    return Base(tree, whole=request.param in ("server", "board"))


# --- strange things -----------------------------------------------------------------------------


def content(data):
    """Put a file there; what is large is written once, and linked."""

    @functools.cache
    def written():
        with tempfile.NamedTemporaryFile(delete=False, dir=_FILES.name) as file:
            file.write(data)
        return file.name

    return lambda place, _old: os.link(written(), place)


def folder(place, _old):
    place.mkdir()
    (place / "inner").write_text("1")


def strangers(place, old):
    """Leave what is there, and put things beside it whose names are almost right."""
    parent, name = place.parent, os.fsencode(place.name)
    if old is not None:
        old.rename(place)
    digits = re.sub(rb"[0-9]+", b"99999999999999999999", name)
    for other in {digits, name + b"-1", name + b"\xff", name + b"\n", b"-" + name, b"0" * 200}:
        stranger = os.path.join(os.fsencode(parent), other)
        with contextlib.suppress(OSError):
            os.mkdir(stranger)


def device(place, _old):
    try:
        os.mknod(place, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # it reads as zeros without end
    except PermissionError:
        pytest.skip("device nodes cannot be made here")


_FILES = tempfile.TemporaryDirectory()
NOISE = random.Random(3).randbytes(4096)
STRANGE = {
    "missing": lambda place, old: None,
    "empty": content(b""),
    "binary": content(NOISE),
    "10 MiB": content(b"1 " * (5 * 2**20)),
    "folder": folder,
    "symlink loop": lambda place, old: place.symlink_to(place.name),
    "dangling link": lambda place, old: place.symlink_to("/no/such/place"),
    "link to the root": lambda place, old: place.symlink_to("/"),
    "link outside": lambda place, old: place.symlink_to("../" * 40 + "etc/passwd"),
    "huge number": content(b"9" * 300),
    "beyond 64 bits": content(b"18446744073709551616"),
    "negative number": content(b"-1"),
    "huge range": content(b"0-4294967295"),
    "long list": content(b"0-65535," * 100_000),
    "NULs": content(b"\0" * 1000),
    "not UTF-8": content(b"caf\xe9: \xff\xfe\n"),
    "endless line": content(b"a" * 900_000),
    "endless spaces": content(b"a" + b" " * 900_000),
    "many lines": content(b"a: 1\n" * 150_000),
    "deep JSON": content(b"[" * 100_000),
    "FIFO": lambda place, old: os.mkfifo(place),
    "device": device,
    "strangers": strangers,
}
"""What is put in the place of a file or folder: given its place, and where the old one is now."""

FOR_FOLDERS = frozenset({
    "missing", "binary", "folder", "symlink loop", "dangling link", "link to the root",
    "link outside", "FIFO", "device", "strangers",
})  # fmt: skip
FOR_NOTHING = frozenset({"binary", "10 MiB", "folder", "symlink loop", "huge number", "FIFO"})
"""What is put where a folder is, and where nothing is. Where a file is, everything."""

ERRORS = (errno.EACCES, errno.EIO, errno.EINVAL, errno.ENODEV)


@contextlib.contextmanager
def replaced(base, path, strange):
    """Have something strange stand at a path."""
    place = base.place(path)
    before = set(os.listdir(os.fsencode(place.parent)))
    old = None
    if os.path.lexists(place):
        old = pathlib.Path(tempfile.mkdtemp(dir=base.root.parent)) / "aside"
        place.rename(old)
    try:
        STRANGE[strange](place, old)
        yield
    finally:
        for name in set(os.listdir(os.fsencode(place.parent))) - before:
            _remove(os.path.join(os.fsencode(place.parent), name))
        if old is not None and os.path.lexists(old):
            _remove(os.fsencode(place))
            old.rename(place)
        if old is not None:
            old.parent.rmdir()


def _remove(place):
    if os.path.isdir(place) and not os.path.islink(place):
        shutil.rmtree(place)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(place)


GUARD = Guard(20.0, whole_s=60.0)


def complaints(host, probes):
    """Yield what is wrong with the answers of probes: they may be any, but answers."""
    calls = [(one.name, functools.partial(_timed, one, host)) for one in probes]
    for probe, ended in zip(probes, GUARD.run(calls), strict=True):
        if isinstance(ended, Broken):
            yield f"{probe.name}: {ended.reason}"
            continue
        cpu_s, answer = ended.value
        if cpu_s > MOST_CPU_S:
            yield f"{probe.name}: {cpu_s:.1f} s of CPU"
        if isinstance(answer, Absent | Failed):
            if not answer.reason:
                yield f"{probe.name}: {answer} without a reason"
            continue
        values = answer.value if len(probe.fields) > 1 else (answer.value,)
        hardware = Hardware(**dict(zip(probe.fields, values, strict=True)))
        try:
            if codec.decode(Hardware, codec.encode(hardware)) != hardware:
                yield f"{probe.name}: decodes to something else"
        except WireError as error:
            yield f"{probe.name}: {error}"


def _timed(probe, host):
    started = time.thread_time()
    answer = probe.parse(probe.read(host))
    return time.thread_time() - started, answer


# --- the tests ----------------------------------------------------------------------------------


def test_the_server_has_something_for_every_probe(tmp_path):
    """Or nothing strange could be put there."""
    probes = collect(server(Tree(tmp_path / "box")).host).hardware.probes
    assert {name for name, status in probes.items() if status.status != "found"} == set()


def test_the_test_sees_what_is_wrong(tmp_path):
    """A probe that raises, one that takes long and one whose answer no message can hold."""
    spins = dataclasses.replace(PROBES[0], parse=lambda raw: _spin() or Absent("none"))
    raises = dataclasses.replace(PROBES[1], read=lambda host: host.nothing)
    nonsense = dataclasses.replace(PROBES[2], parse=lambda raw: Found(Memory(total_bytes=-1)))
    mute = dataclasses.replace(PROBES[3], parse=lambda raw: Failed(""))
    wrong = list(complaints(Host(tmp_path), [spins, raises, nonsense, mute]))
    assert [complaint.partition(":")[0] for complaint in wrong] == [p.name for p in PROBES[:4]]


def _spin():
    while time.thread_time() < MOST_CPU_S * 1.2:
        pass


@pytest.mark.parametrize("strange", STRANGE)
def test_one_strange_thing(base, strange):
    wrong = []
    for path in base.paths:
        if not base.fits(path, strange):
            continue
        with replaced(base, path, strange):
            wrong += [
                f"{strange} at {path}: {complaint}"
                for complaint in complaints(Host(base.root), base.probes_of(path))
            ]
    assert not wrong, "\n".join(wrong)
    assert collect(Host(base.root)).hardware == base.before, "the tree was not put back"


@pytest.mark.parametrize("number", ERRORS, ids=lambda number: errno.errorcode[number])
def test_one_place_that_the_kernel_refuses(base, number):
    wrong = []
    for path in base.paths:
        host = Refusing(base.root, base.place(path).resolve(), number)
        wrong += [f"{path}: {complaint}" for complaint in complaints(host, base.probes_of(path))]
    assert not wrong, "\n".join(wrong)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_several_strange_things_harm_only_those_who_ask_for_them(base, data):
    several = data.draw(st.dictionaries(
        st.sampled_from(base.paths), st.sampled_from(sorted(STRANGE)), min_size=1, max_size=6
    ))  # fmt: skip
    harmed = set()
    with contextlib.ExitStack() as stack:
        for path, strange in sorted(several.items(), reverse=True):
            try:
                place = base.place(path)
                stack.enter_context(replaced(base, path, strange))
            except (OSError, shutil.Error, AssertionError):
                continue  # what was put there before leaves no room
            if strange != "strangers":
                harmed |= {probe.name for probe in base.probes_of(path)}
            else:
                harmed |= {
                    p.name for p in base.probes_of("/" + str(place.parent.relative_to(base.root)))
                }
        hardware = collect(Host(base.root)).hardware
    assert set(hardware.probes) == {probe.name for probe in PROBES}
    assert codec.decode(Hardware, codec.encode(hardware)) == hardware
    for probe in PROBES:
        if probe.name not in harmed:
            for field in probe.fields:
                assert getattr(hardware, field) == getattr(base.before, field), field

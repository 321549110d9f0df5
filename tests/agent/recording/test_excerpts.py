"""What of a file is recorded: what the probes read, so that they find the same, and no more."""

import gzip
import random

import pytest

from skerry_agent.host import Unreadable
from skerry_agent.probes import cdi, cgroup, features, runtimes, storage
from skerry_agent.probes.runtimes import listening
from skerry_agent.recording.excerpts import excerpt, of_answer


def kept(path, text):
    return excerpt(path, text.encode()).decode()


@pytest.mark.parametrize(
    ("path", "text", "becomes"),
    [
        ("/proc/cmdline", "root=/dev/vda password=x", "recorded\n"),
        ("/proc/version", "Linux version 6.1.0 (bob@laptop) (gcc 12)\n", "Linux version 6.1.0\n"),
        ("/proc/driver/nvidia/version", "NVRM version: X 550.54  Release Build (bob@laptop)\nGCC\n",
         "NVRM version: X 550.54  Release Build \n"),
        ("/etc/os-release", 'ID=debian\nNAME=edge-7\nVERSION_ID="12"\nBUG_REPORT_URL=https://x\n',
         'ID=debian\nVERSION_ID="12"\n'),
        ("/usr/lib/os-release", "ID_LIKE=debian\nVARIANT=Customer\nPRETTY_NAME=D\n",
         "ID_LIKE=debian\nPRETTY_NAME=D\n"),
        ("/run/udev/data/c81:0", "E:ID_SERIAL=ab\nE:ID_V4L_CAPABILITIES=:capture:\n",
         "E:ID_V4L_CAPABILITIES=:capture:\n"),
        ("/proc/cpuinfo", "model\t: A\nSerial\t\t: 10f2a3b4\nRevision\t: a0\n",
         "model\t: A\nSerial\t\t: 0\nRevision\t: a0\n"),
        ("/proc/cpuinfo", "system serial number\t: A1B2\n", "system serial number\t: 0\n"),
        ("/proc/cpuinfo", "processor 0: version = FF,  identification = 0133E8,  machine = 2964\n",
         "processor 0: version = FF,  identification = 0,  machine = 2964\n"),
        ("/proc/sysinfo", "Sequence Code: 133E8\nVM00 Name: C\nVM00 Control Program: KVM/Linux\n",
         "VM00 Control Program: KVM/Linux\n"),
        ("/sys/class/kfd/kfd/topology/nodes/1/properties",
         "simd_count 304\nunique_id 1234567890123\nhive_id 99\ndomain 0\n",
         "simd_count 304\ndomain 0\n"),
        ("/boot/config-6.1", 'CONFIG_A="key"\nCONFIG_NO_HZ=y\n# CONFIG_PREEMPT is not set\n',
         "CONFIG_NO_HZ=y\n"),
        ("/etc/other", "stays as it is", "stays as it is"),
    ],
)  # fmt: skip
def test_what_is_kept_of_a_file(path, text, becomes):
    assert kept(path, text) == becomes


# --- specifications of devices --------------------------------------------------------------------

YAML = """cdiVersion: "0.5.0"
kind: nvidia.com/gpu
devices:
- name: "0"
  containerEdits:
    env:
    - TOKEN=swordfish
- name: all
containerEdits:
  env:
  - PASSWORD=swordfish
"""
JSON = """{"kind": "a.b/c", "devices": [{"name": "x", "containerEdits": {"env": ["T=swordfish"]}}],
"containerEdits": {"env": ["T=swordfish"]}, "annotations": {"owner": "swordfish"}}"""


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/cdi/a.yaml", YAML),
        ("/run/cdi/a.json", JSON),
        ("/etc/cdi/a.yaml", "kind: a/b\ndevices: []\nannotations: {t: swordfish}\n"),
        ("/var/run/cdi/a.json", '{"kind": "a/b", "x": "swordfish"}'),
    ],
)
def test_of_a_specification_only_names_are_kept(path, text):
    told = kept(path, text)
    assert "swordfish" in text
    assert "swordfish" not in told
    both = [cdi.devices_in(cdi.RawSpec(path, one)) for one in (text, told)]
    assert both[0] == both[1]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/etc/cdi/a.json", b"{ swordfish"),
        ("/etc/cdi/a.json", b"{}"),
        ("/etc/cdi/a.yaml", b"kind: a/b\ndevices: *swordfish\n"),
        ("/etc/cdi/a.yaml", b"\xff swordfish"),
    ],
)
def test_of_one_that_is_not_understood_the_reason_is_kept(path, content):
    told = excerpt(path, content)
    assert isinstance(told, Unreadable)
    assert "swordfish" not in told.reason
    found = cdi.parse((cdi.RawSpec(path, None, told.reason),))
    try:
        text, trouble = content.decode("utf-8"), None
    except ValueError:
        text, trouble = None, "is not text"
    assert found == cdi.parse((cdi.RawSpec(path, text, trouble),))


# --- what runtimes answer --------------------------------------------------------------------

PODMAN = b'{"Version": "4.3.1", "Secret": "x", "Components": [{"Name": "Podman Engine", "D": {}}]}'


@pytest.mark.parametrize(
    "answer", [PODMAN, b'{"Version": "20.10", "KernelVersion": "x"}', b"[]", b"\0"]
)
def test_of_an_answer_only_version_and_engine_are_kept(answer):
    told = of_answer(answer)
    assert b"x" not in told
    assert runtimes.version_in(told) == runtimes.version_in(answer)
    assert runtimes.engine_in(told) == runtimes.engine_in(answer)


# --- the kernel's settings ------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/proc/config.gz", "/boot/config-6.1", "/lib/modules/6.1/config"])
def test_of_the_settings_only_what_is_asked_for_is_kept(tree, path):
    text = b'CONFIG_PREEMPT=y\nCONFIG_NO_HZ_IDLE=m\nCONFIG_KEY="swordfish"\nCONFIG_NO_HZ_FULL=n\n'
    content = gzip.compress(text) if path.endswith(".gz") else text
    told = excerpt(path, content)
    plain = gzip.decompress(told) if path.endswith(".gz") else told
    assert b"swordfish" not in plain
    tree.write("proc/sys/kernel/osrelease", "6.1")
    before = features.read(tree.write(path[1:], content).host).kernel_options
    assert before == {"PREEMPT", "NO_HZ_IDLE"}
    assert features.read(tree.write(path[1:], told).host).kernel_options == before


@pytest.mark.parametrize(
    "content", [gzip.compress(b"CONFIG_PREEMPT=y")[:12] + b"x", b"\x1f\x8b\x08"]
)
def test_broken_settings_hold_nothing(content):
    told = excerpt("/proc/config.gz", content)
    assert told == b"" or gzip.decompress(told) == b""


# --- mounts ---------------------------------------------------------------------------------------

ROWS = (
    "/dev/sda1 / ext4 rw,errors=remount-ro 0 0",
    "/dev/sda1 /var/lib/kubelet/pods/0a/volume-subpaths/customer ext4 rw 0 0",
    "/dev/sdb1 /srv/data xfs ro,prjquota=x 0 0",
    "/dev/loop3 /snap/tool squashfs ro 0 0",
    "tank/customer /srv/customer zfs rw 0 0",
    "tank /srv zfs rw 0 0",
    "ubi0:root /flash ubifs rw 0 0",
    "//fileserver/share /mnt/customer cifs rw,username=u,password=p 0 0",
    "srv:/a /proc/x nfs4 rw,addr=1.2.3.4 0 0",
    "overlay /var/lib/docker/overlay2/0a/merged overlay rw,lowerdir=/l 0 0",
    "tool /opt/x tmpfs ro 0 0",
    "tmpfs /sys/fs/cgroup tmpfs rw,mode=755 0 0",
    "cgroup /sys/fs/cgroup/memory cgroup rw,memory,name=secret 0 0",
    "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nsdelegate 0 0",
    "broken row",
)


def test_of_the_mounts_only_what_is_told_is_kept():
    assert kept("/proc/self/mounts", "\n".join(ROWS)).splitlines() == [
        "/dev/sda1 / ext4 rw 0 0",
        "/dev/sdb1 /srv/data xfs ro 0 0",
        "tank /srv zfs rw 0 0",
        "ubi0:root /flash ubifs rw 0 0",
        "recorded /proc/x nfs4 rw 0 0",
        "tmpfs /sys/fs/cgroup tmpfs rw 0 0",
        "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0",
        "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nsdelegate 0 0",
    ]


@pytest.mark.parametrize("seed", range(20))
def test_the_same_is_found_among_them(seed):
    chosen = random.Random(seed).sample(ROWS, 10)
    text = "\n".join(chosen)
    told = kept("/proc/mounts", text)
    assert storage.mounted(told) == storage.mounted(text)
    assert cgroup.hierarchies(told) == cgroup.hierarchies(text)
    assert kept("/proc/mounts", told) == told


def test_of_the_kernels_list_of_sockets_only_runtimes_that_listen_are_kept():
    path = "/proc/1234/net/unix"
    text = (
        "Num RefCount Protocol Flags Type St Inode Path\n"
        "ffff888: 2 0 00010000 0001 01 17 /run/podman/podman.sock\n"
        "ffff889: 2 0 00010000 0001 01 18 /run/user/1000/alice\n"
    )
    kept = excerpt(path, text.encode()).decode()
    assert listening(kept) == listening(text) - {"/run/user/1000/alice"}
    assert "alice" not in kept
    assert "ffff" not in kept

"""What `record` captures is enough to find the same again, and holds nothing of whose box it is."""

import gzip
import inspect
import io
import json
import os
import re
import socket
import subprocess
import sys
import tarfile

import pytest

from skerry_agent.host import GONE, Host, Space, Unreadable
from skerry_agent.recording.command import RecordingError, collect, opened, record
from skerry_agent.recording.hosts import INDEX, Index, RecordingHost, ReplayedHost, index_from_json

MAC = "52:54:00:12:ab:cd"
USB_MAC = "00:e0:4c:68:9a:bc"
SECRETS = (
    MAC, MAC.upper(), "52-54-00-12-ab-cd", "52540012abcd", "52540012ABCD", "cdab12005452",
    "cd:ab:12:00:54:52", USB_MAC, "00e04c689abc", "bc9a684ce000", "4C530001230114",
    "4c530001230114", "PF2ABCDE", "f2a3b4c5", "edge-7", "edge--7", "10.20.30.40", "fe80::5054",
    "0123456789abcdef0123456789abcdef", "alice", "S5SXNS0R700159", "fileserver", "swordfish",
    "e2c56db5-dffb-48d2-b060-d0f5a71096e0", "hunter2", "customer", "buildhost", "builder",
)  # fmt: skip


@pytest.fixture
def box(tree):
    """A box that is full of what must not get out."""
    tree.cpu(0).online("0").cpuinfo({"processor": 0, "model name": "Some CPU"})
    tree.write(
        "proc/cpuinfo", "processor\t: 0\nmodel name\t: Some CPU\nSerial\t\t: f2a3b4c5f2a3b4c5"
    )
    tree.write("proc/meminfo", "MemTotal: 1024 kB")
    tree.write("proc/sys/kernel", {"hostname": "edge-7", "osrelease": "6.1.0-56-amd64"})
    tree.write("proc/cmdline", "root=/dev/sda1 password=swordfish")
    tree.write("etc/machine-id", "0123456789abcdef0123456789abcdef")
    tree.write("etc/os-release", 'ID=debian\nVERSION_ID="12"')
    tree.write("sys/class/dmi/id", {"product_serial": "PF2ABCDE", "product_name": "Box PF2ABCDE"})
    tree.nic("eth0", address=MAC).nic("enx00e04c689abc", address=USB_MAC)
    tree.usb("1-1", "0781:5581", interfaces=["08"], serial="4C530001230114",
             product="Stick 4C530001230114", manufacturer="Maker")  # fmt: skip
    tree.pci("0000:00:02.0", "8086:46a6", "030000", driver="i915")
    tree.pci("0000:00:1f.6", "8086:15fb", "020000")
    tree.write(
        "usr/share/misc/pci.ids", "# list\n8086  Intel\n\t46a6  Iris\n\t46b0  Other\n10de  N"
    )
    tree.write(
        "sys/devices/pci0000:00/0000:00:17.0/block/sda", {"size": 1000, "serial": "S5SXNS0R700159"}
    )
    tree.link("sys/block/sda", "../devices/pci0000:00/0000:00:17.0/block/sda")
    tree.write("etc/cdi/gpu.yaml", "kind: maker.com/gpu\ndevices:\n- name: '0'\n  containerEdits:\n"
               "    env:\n    - TOKEN=hunter2\n")  # fmt: skip
    tree.write("proc/self/cgroup", "0::/kubepods.slice/customer.slice\n")
    tree.write("sys/fs/cgroup/kubepods.slice/customer.slice/memory.max", "512000")
    tree.write("proc/version", "Linux version 6.1.0-56-amd64 (builder@buildhost) (gcc)")
    tree.write("dev/edge-7-vg/root", "").write("dev/null", "")
    mounts = (
        "/dev/sda1 / ext4 rw 0 0",
        "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0",
        "/dev/mapper/edge--7-data /home/alice/data ext4 rw 0 0",
        "fileserver:/share /mnt/x nfs4 rw,addr=10.20.30.40 0 0",
        "/dev/sda2 /srv/e2c56db5-dffb-48d2-b060-d0f5a71096e0 ext4 rw,a=fe80::5054:ff 0 0",
    )
    tree.write("proc/mounts", "\n".join(mounts)).write("proc/self/mounts", "\n".join(mounts))
    return tree


def unpacked(file):
    """Return the unpacked tar file's bytes: heads, names and contents."""
    data = file.read_bytes()
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def told(host):
    return collect(host).hardware


def test_no_secret_is_in_it(box, tmp_path):
    record(tmp_path / "x.tar", root=str(box.root))
    whole = unpacked(tmp_path / "x.tar")
    assert [secret for secret in SECRETS if secret.encode() in whole] == []
    for mac in (MAC, USB_MAC):
        raw = bytes.fromhex(mac.replace(":", ""))
        assert raw not in whole
        assert raw[::-1] not in whole


def test_the_secrets_are_there_to_be_found(box):
    """The test above would else pass because nothing ever read them."""
    host = RecordingHost(Host(box.root))
    collect(host)
    asked = " ".join([*host.notes.files, *host.notes.links])
    asked += b" ".join(filter(None, host.notes.files.values())).decode("latin-1")
    assert {"enx00e04c689abc", "edge-7", "alice", "PF2ABCDE", "4C530001230114"} <= {
        secret for secret in (*SECRETS, "enx00e04c689abc") if secret in asked
    }


def test_it_finds_the_same(box, tmp_path):
    said = record(tmp_path / "x.tar", root=str(box.root))
    assert said.endswith("finds the same")
    with opened(str(tmp_path / "x.tar")) as host:
        again = told(host)
    before = told(box.host)
    assert again.pci == before.pci
    assert again.pci[0].device_name == "Iris"
    assert again.cpu == before.cpu
    assert again.storage == before.storage
    assert [one.type for one in again.filesystems] == [one.type for one in before.filesystems]
    assert again.cdi_devices == before.cdi_devices == ("maker.com/gpu=0",)
    assert again.memory == before.memory
    assert [nic.driver for nic in again.nics] == [nic.driver for nic in before.nics]
    assert again.system.hostname == "recorded"


def test_it_says_what_it_did(box, tmp_path):
    said = record(tmp_path / "x.tar", root=str(box.root))
    assert re.search(r"x\.tar: \d+ files, \d+ folders, \d+ links, ", said)
    assert re.search(r"^found: .*\bnics, pci\b", said, re.MULTILINE)
    assert "1 MAC address" in said
    assert "1 host name" in said


def test_the_same_box_gives_the_same_bytes(box, tmp_path):
    record(tmp_path / "a.tar", root=str(box.root))
    record(tmp_path / "b.tar", root=str(box.root))
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert {(m.uid, m.gid, m.mtime) for m in tar} == {(0, 0, 0)}
        assert tar.getnames() == sorted(tar.getnames())


def test_a_recording_can_be_recorded_again(box, tmp_path):
    record(tmp_path / "a.tar", root=str(box.root))
    said = record(tmp_path / "b.tar.gz", root=str(tmp_path / "a.tar"))
    assert said.endswith("finds the same")


def test_only_what_was_asked_for_is_in_it(box, tmp_path):
    box.write("etc/shadow", "root:secret").write("sys/devices/other", "never asked for")
    record(tmp_path / "x.tar", root=str(box.root))
    with tarfile.open(tmp_path / "x.tar") as tar:
        names = tar.getnames()
    assert "etc/os-release" in names
    assert not {"etc/shadow", "etc/machine-id", "proc/cmdline", "sys/devices/other"} & set(names)
    assert b"46b0" not in unpacked(tmp_path / "x.tar"), "of long lists an extract is enough"


@pytest.fixture
def replay(tree, tmp_path):
    """Look at a box once, and return the host that has only what was noted."""

    def run(look, inner=None):
        host = RecordingHost(inner or tree.host)
        live = look(host)
        notes, root = host.notes, tmp_path / "again"
        for path in sorted(notes.folders):
            (root / path[1:]).mkdir(parents=True, exist_ok=True)
        for path, content in notes.files.items():
            (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
            (root / path[1:]).write_bytes(content or b"")
        for path, target in notes.links.items():
            (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
            (root / path[1:]).symlink_to(target)
        root.mkdir(exist_ok=True)
        again = look(ReplayedHost(root, index_from_json(notes.index.to_json())))
        return live, again

    return run


@pytest.mark.parametrize(
    "look",
    [
        lambda host: host.read("/f"),
        lambda host: host.read("/none"),
        lambda host: host.read("/d"),
        lambda host: host.read("/pipe"),
        lambda host: host.read("/f", most=1),
        lambda host: (host.read("/f", most=1), host.head("/f", 3)),
        lambda host: host.head("/f", 3),
        lambda host: host.text("/up/f"),
        lambda host: host.names("/d"),
        lambda host: host.names("/none"),
        lambda host: host.names("/f"),
        lambda host: host.entries("/up/d"),
        lambda host: host.folders("/d"),
        lambda host: [host.kind(f"/{name}") for name in ("f", "d", "pipe", "sock", "up")],
        lambda host: [host.exists(f"/{name}") for name in ("f", "pipe", "nowhere", "none")],
        lambda host: host.link("/d/inner/up"),
        lambda host: host.target("/d/inner/up/f"),
        lambda host: host.target("/loop"),
        lambda host: host.stamp("/none"),
    ],
)  # fmt: skip
def test_what_was_answered_is_answered_again(tree, replay, look):
    tree.write("f", "content").write("d/inner/x", "1").write("d/file", "")
    tree.link("up", ".").link("d/inner/up", "../..").link("nowhere", "/none").link("loop", "loop")
    os.mkfifo(tree.root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tree.root / "sock"))
        live, again = replay(look)
    assert again == live


def test_what_only_a_running_box_answers_is_answered_again(tree, replay):
    class Running(Host):
        """Stands for a box that runs."""

        def machine(self):
            return "riscv64"

        def space(self, path):
            return Space(100, 50)

        def ask_socket(self, path, target, *, timeout_s):
            return (
                b'{"Version": "1.2"}' if path == "/run/a.sock" else Unreadable("connection refused")
            )

    def look(host):
        asked = [host.ask_socket(f"/run/{n}.sock", "/version", timeout_s=1) for n in "ab"]
        return host.machine(), host.space("/"), *asked

    live, again = replay(look, Running(tree.root))
    told = b'{"Version": "1.2"}', Unreadable("connection refused")
    assert again == live == ("riscv64", Space(100, 50), *told)


GPU = {"address": "0000:01:00.0", "name": "Some GPU", "memory_bytes": 2**34, "partitions": []}


def test_what_slow_looks_answered_is_answered_again(tree):
    tree.pci("0000:01:00.0", "10de:2704", "030000", driver="nvidia")
    told = {"driver_version": "550.54", "gpus": [GPU], "lost": None}
    slow = {"nvml": {"status": {"status": "found"}, "values": told}}
    found = collect(ReplayedHost(tree.root, Index(slow=slow))).hardware
    (gpu,) = found.accelerators
    assert (gpu.model, gpu.memory_bytes, gpu.driver_version) == ("Some GPU", 2**34, "550.54")
    assert found.probes["nvml"].status == "found"


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"status": {"status": "x"}, "values": {}}, {"status": 1, "values": 2}]
)
def test_nonsense_in_place_of_a_slow_answer_is_left_out(tree, answer):
    tree.write("proc/meminfo", "MemTotal: 1024 kB")
    found = collect(ReplayedHost(tree.root, Index(slow={"nvml": answer, "other": answer}))).hardware
    assert "nvml" not in found.probes
    assert found.memory.total_bytes == 1024 * 1024


def test_a_file_that_answers_that_it_is_not_there(tmp_path):
    host = ReplayedHost(tmp_path, Index(unreadable={"/speed": None, "/x": "permission denied"}))
    (tmp_path / "speed").write_text("")
    (tmp_path / "x").write_text("")
    assert host.read("/speed") == GONE
    assert host.read("/x") == Unreadable("permission denied")


def test_every_question_is_noted():
    """A new question to `Host` must be thought of here, or recordings lack its answers."""
    public = {n for n, f in inspect.getmembers(Host, inspect.isfunction) if n[0] != "_"}
    through_others = {"text", "entries", "remembered", "remember"}
    assert public - through_others <= set(vars(RecordingHost))


@pytest.mark.parametrize(
    "index", ["", "{}", "[]", '{"version": 1}', '{"version": 2}', "[" * 100_000, "\0"]
)
def test_a_broken_index_is_an_error_with_words(tmp_path, index):
    (tmp_path / INDEX).write_text(index)
    with pytest.raises(RecordingError, match=INDEX), opened(str(tmp_path)):
        pass


@pytest.mark.parametrize(
    "size",
    ["Infinity", "-Infinity", "NaN", "1e400", "-1", "2.5", "true", '"1"', str(2**63), "null", "[]"],
)
def test_a_size_that_is_none(size):
    good = Index(space={"/": (2, 1)}).to_json().decode()
    assert index_from_json(good.encode()).space == {"/": (2, 1)}
    for number in ("2", "1"):
        wrong = re.sub(rf"(?<=\n   ){number}(?=,?\n)", size, good)
        assert wrong != good
        with pytest.raises(ValueError, match="is no index"):
            index_from_json(wrong.encode())


def test_an_index_with_what_is_no_number(tree):
    told = Index(slow={"nvml": {"status": 0}}).to_json().replace(b'"status": 0', b'"status": NaN')
    assert b"NaN" in told
    with pytest.raises(ValueError, match="NaN is no number"):
        index_from_json(told)


def test_of_an_answer_an_excerpt_is_noted(tree):
    class Running(Host):
        def ask_socket(self, path, target, *, timeout_s):
            return b'{"Version": "1.2", "Owner": "swordfish"}'

    host = RecordingHost(Running(tree.root))
    assert b"swordfish" in host.ask_socket("/a", "/version", timeout_s=1)
    assert host.notes.index.answers == {"/a /version": b'{"Version": "1.2"}'}


@pytest.mark.parametrize("name", ["x.zip", "x.tar.zst", "x.tar.bz2", "x"])
def test_a_name_that_says_something_else_is_refused_before_anything_is_read(tmp_path, name):
    with pytest.raises(RecordingError, match=r"ends in \.tar"):
        record(tmp_path / name, root=str(tmp_path / "none"))


def test_what_is_no_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "x.tar")
    with pytest.raises(RecordingError, match="no regular file"):
        record(tmp_path / "x.tar", root=str(tmp_path / "none"), force=True)


def test_what_is_no_recording(tmp_path):
    (tmp_path / "x.tar").write_text("no")
    for place in ("x.tar", "none", "/dev/null"):
        with pytest.raises(RecordingError), opened(str(tmp_path / place)):
            pass


def test_the_unpacked_copy_goes_away(box, tmp_path):
    record(tmp_path / "x.tar", root=str(box.root))
    with opened(str(tmp_path / "x.tar")) as host:
        root = host.root
        assert (root / INDEX).exists()
        assert root.stat().st_mode & 0o777 == 0o700
    assert not root.exists()


def agent(*words, **more):
    command = [sys.executable, "-m", "skerry_agent.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, timeout=60, **more)


def test_the_command(box, tmp_path):
    file = tmp_path / "x.tar.xz"
    done = agent("record", file, "--root", box.root)
    assert done.returncode == 0, done.stderr
    assert b"finds the same" in done.stdout
    assert file.stat().st_mode & 0o777 == 0o600
    done = agent("record", file, "--root", box.root)
    assert done.returncode == 1
    assert b"--force" in done.stderr
    assert agent("record", file, "--root", box.root, "--force").returncode == 0
    done = agent("capability", "--root", file, "--json")
    assert json.loads(done.stdout)["system"]["hostname"] == "recorded"


def test_the_command_to_standard_output(box):
    done = agent("record", "-", "--root", box.root)
    assert b"finds the same" in done.stderr
    assert b"--root -" not in done.stderr
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        assert INDEX in tar.getnames()


def test_this_box(tmp_path):
    done = agent("record", tmp_path / "x.tar")
    assert done.returncode == 0, done.stderr
    mac_of = re.compile(
        rb"(?<![0-9a-f:])(?!02:00:00|00:00:00|ff:ff:ff)(?:[0-9a-f]{2}:){5}[0-9a-f]{2}"
    )
    assert mac_of.search(unpacked(tmp_path / "x.tar")) is None
    with tarfile.open(tmp_path / "x.tar") as tar:
        assert tar.extractfile("proc/sys/kernel/hostname").read() == b"recorded\n"

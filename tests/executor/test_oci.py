"""Containers in OCI's words, users by name, labels for containerd's monitor, small readers."""

import dataclasses
import os

import pytest
from tests.executor.orders import container

from skerry_executor.cancel import Cancel, Cancelled
from skerry_executor.runtimes import (
    cgroups,
    containerd_labels,
    cri_log,
    listening,
    oci,
    plain_log,
    rootfs_users,
)
from skerry_executor.runtimes.base import LogWish, RuntimeFailure, Written
from skerry_executor.runtimes.oci import Box, DeviceNode, ImageConfig, User
from skerry_wire.workload import Mount

IMAGE = ImageConfig(entrypoint=("/entry",), command=("cmd",), environment=("A=1", "PATH=/x"))


def spec(box=Box(machine="x86_64"), user=User(), **changes):  # noqa: B008 - frozen
    return oci.spec_of(container(**{"network": "host", **changes}), IMAGE, user, box, "/skerry/x")


# --- the specification --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entrypoint", "command", "words"),
    [
        (None, None, ("/entry", "cmd")),
        (None, ("own",), ("/entry", "own")),
        (("/own",), None, ("/own",)),
        (("/own",), ("arg",), ("/own", "arg")),
    ],
)
def test_what_is_run_is_what_docker_would_run(entrypoint, command, words):
    assert oci.arguments(container(entrypoint=entrypoint, command=command), IMAGE) == words


def test_the_image_and_the_workload_give_the_environment():
    assert spec(environment={"A": "2", "B": "="})["process"]["env"] == ["PATH=/x", "A=2", "B=="]


def test_a_container_may_no_more_than_dockers():
    found = spec(cap_drop=("CAP_CHOWN",), cap_add=("NET_ADMIN",))
    held = found["process"]["capabilities"]["effective"]
    assert "CAP_NET_ADMIN" in held
    assert not {"CAP_CHOWN", "CAP_SYS_ADMIN"} & set(held)
    assert spec(cap_drop=("ALL",))["process"]["capabilities"]["bounding"] == []
    assert spec(user=User(uid=5))["process"]["capabilities"]["effective"] == []
    assert {"type": "network"} not in found["linux"]["namespaces"]
    assert {"type": "network"} in spec(network="none")["linux"]["namespaces"]
    assert found["linux"]["resources"]["devices"][0] == {"allow": False, "access": "rwm"}
    assert "keyctl" in found["linux"]["seccomp"]["syscalls"][0]["names"]
    assert found["linux"]["maskedPaths"]


def test_a_privileged_one_may_all():
    found = spec(privileged=True)
    assert "CAP_SYS_ADMIN" in found["process"]["capabilities"]["effective"]
    assert "seccomp" not in found["linux"]
    assert found["linux"]["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert any(one["source"] == "/dev" for one in found["mounts"])


def test_devices_and_mounts():
    node = DeviceNode(path="/dev/x", kind="c", major=1, minor=3, permissions="rw")
    box = Box(machine="riscv64", devices=(node,), folders={"/data": "/v/data", "/ro": "/srv"})
    mounts = (
        Mount(kind="volume", source="data", target="/data"),
        Mount(kind="bind", source="/srv", target="/ro", read_only=True),
        Mount(kind="tmpfs", target="/tmp"),
    )
    found = spec(box, mounts=mounts)
    rule = {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rw"}
    assert found["linux"]["resources"]["devices"][-1] == rule
    own = {one["destination"]: one["options"] for one in found["mounts"]}
    assert own["/ro"] == ["bind", "rprivate", "ro"]
    assert own["/data"] == ["rbind", "rprivate", "rw"]
    assert "seccomp" not in found["linux"]


def test_an_image_that_says_nonsense_says_nothing():
    for plain in (None, [], {"config": 5}, {"config": {"Env": "x", "Cmd": 3, "User": None}}):
        assert oci.image_config(plain) == ImageConfig()


# --- users --------------------------------------------------------------------------------


@pytest.fixture
def layers(tmp_path):
    for name, passwd, group in (
        ("upper", "app:x:1000:50::/:/sh\nbad\nodd:x:y:z\n", None),
        ("lower", "old:x:1:1::/:\n", "app:x:50:\nextra:x:60:other,app\n"),
    ):
        etc = tmp_path / name / "etc"
        etc.mkdir(parents=True)
        (etc / "passwd").write_text(passwd)
        if group:
            (etc / "group").write_text(group)
    return [str(tmp_path / "none"), str(tmp_path / "upper"), str(tmp_path / "lower")]


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("", User()),
        ("app", User(uid=1000, gid=50, groups=(60,))),
        ("1000", User(uid=1000, gid=50, groups=(60,))),
        ("7", User(uid=7)),
        ("7:8", User(uid=7, gid=8)),
        ("app:extra", User(uid=1000, gid=60)),
    ],
)
def test_a_user_is_looked_up_in_the_uppermost_layer(layers, text, user):
    assert rootfs_users.resolve(text, layers) == user


@pytest.mark.parametrize("text", ["old", "odd", "app:none"])
def test_a_name_that_is_not_there_is_said(layers, text):
    with pytest.raises(RuntimeFailure):
        rootfs_users.resolve(text, layers)


def test_no_link_of_an_image_is_followed(tmp_path, layers):
    etc = tmp_path / "upper" / "etc"
    (etc / "passwd").rename(tmp_path / "elsewhere")
    (etc / "passwd").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RuntimeFailure):
        rootfs_users.resolve("app", layers)
    os.mkfifo(tmp_path / "upper" / "etc" / "group")
    assert rootfs_users.resolve("5", layers) == User(uid=5)


# --- labels -------------------------------------------------------------------------------

KEPT = containerd_labels.Kept(
    name="n", grace_s=1.0, signal=15, restart="always", retries=0, check=["a"], check_s=1.0,
    alone=False, log_bytes=10,
)  # fmt: skip


def test_what_is_kept_is_read_again():
    labels = containerd_labels.with_kept({"a": "b"}, KEPT)
    assert containerd_labels.kept_in(labels) == KEPT
    assert labels[containerd_labels.NAME] == "n"
    for text in ("", "{}", "[", '{"name": 1, "more": 2}'):
        assert containerd_labels.kept_in({containerd_labels.KEPT: text}) is None
    with pytest.raises(RuntimeFailure):
        containerd_labels.with_kept({}, dataclasses.replace(KEPT, check=["x" * 4000]))


@pytest.mark.parametrize(
    ("restart", "retries", "version", "status", "policy"),
    [
        ("always", 0, (1, 6, 20), "running", None),
        ("no", 0, (2, 0), None, None),
        ("on-failure", 0, (1, 6, 20), None, None),
        ("on-failure", 0, (1, 7), "running", "on-failure"),
        ("on-failure", 3, (2, 1, 0), "running", "on-failure:3"),
    ],
)
def test_the_monitor_is_told_what_its_version_knows(restart, retries, version, status, policy):
    kept = dataclasses.replace(KEPT, restart=restart, retries=retries)
    labels = containerd_labels.supervised({"a": "b"}, kept, "file:///x", version)
    assert labels.get(containerd_labels.STATUS) == status
    assert labels.get(containerd_labels.POLICY) == policy
    assert containerd_labels.unsupervised(labels) == {"a": "b"}


@pytest.mark.parametrize(
    ("text", "number"), [("", 15), ("9", 9), ("SIGINT", 2), ("INT", 2), ("SIGRTMIN+3", 37)]
)
def test_signals_by_name_and_number(text, number):
    assert containerd_labels.signal_of(text) == number
    with pytest.raises(RuntimeFailure):
        containerd_labels.signal_of("SIGNOTHING")


# --- small readers ------------------------------------------------------------------------


def test_ports_that_are_taken():
    tcp = "head\n 0: 0100007F:1F90 00000000:0000 0A 0\n 1: 0100007F:0050 0100007F:1234 01 0\n"
    tcp6 = "head\n 0: 00000000000000000000000000000000:0016 0:0 0A\nnonsense\n"
    mapped = "head\n 0: 0000000000000000FFFF00000200007F:0017 0:0 0A\n"
    for port, ip, taken in (
        (8080, "", True), (8080, "127.0.0.1", True), (8080, "127.0.0.2", False),
        (80, "", False), (22, "10.0.0.1", True), (23, "127.0.0.2", True),
    ):  # fmt: skip
        assert listening.is_taken((tcp, tcp6, mapped), port, ip) is taken


def test_what_a_group_uses_in_either_version(tmp_path):
    assert cgroups.usage("/skerry/x", "web", tmp_path) is None
    old = tmp_path / "memory/skerry/x"
    old.mkdir(parents=True)
    (old / "memory.usage_in_bytes").write_text("1000\n")
    (old / "cgroup.procs").write_text("1\n2\n")
    (tmp_path / "cpuacct/skerry/x").mkdir(parents=True)
    (tmp_path / "cpuacct/skerry/x/cpuacct.usage").write_text("1500000000\n")
    found = cgroups.usage("/skerry/x", "web", tmp_path)
    assert (found.cpu_s, found.memory_bytes, found.processes) == (1.5, 1000, 2)
    new = tmp_path / "skerry/x"
    new.mkdir(parents=True)
    for name, text in (("memory.current", "7"), ("cpu.stat", "usage_usec 2000000\nx y\n")):
        (new / name).write_text(text)
    found = cgroups.usage("/skerry/x", "web", tmp_path)
    assert (found.cpu_s, found.memory_bytes, found.processes) == (2.0, 7, None)


CRI = b"2026-11-28T21:00:01.123456789Z stdout F one\n2026-11-28T21:00:02Z stderr P tw\nnonsense\n"


def test_a_line_of_a_kubelets_log():
    pieces = [cri_log.parse(line) for line in CRI.splitlines(keepends=True)]
    assert [piece and piece[1] for piece in pieces] == [
        Written("out", b"one\n"),
        Written("err", b"tw"),
        None,
    ]
    assert cri_log.parse(b"2026-11-28T21:00:01+01:00 stdout F\n")[1] == Written("out", b"\n")
    assert cri_log.parse(b"never stdout F x\n") is None


def test_a_kubelets_log_is_followed_into_its_next_file(tmp_path):
    path = tmp_path / "0.log"
    path.write_bytes(CRI)
    looks = []

    def runs():
        looks.append(True)
        if len(looks) == 1:
            path.rename(tmp_path / "0.log.old")
            path.write_bytes(b"2026-11-28T21:00:03Z stdout F three\n")
        return len(looks) < 3

    found = list(cri_log.read(path, LogWish(tail=1, follow=True), Cancel(), runs))
    assert [one for one in found if one.data] == [Written("err", b"tw"), Written("out", b"three\n")]
    assert [one.mark.place for one in found if one.mark] == [len(CRI), path.stat().st_size]


def test_a_plain_log_is_followed_and_may_be_cut_meanwhile(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(b"one\ntwo\n")
    looks = []

    def runs():
        looks.append(True)
        if len(looks) == 1:
            path.write_bytes(b"3\n")
        return len(looks) < 3

    found = b"".join(
        one.data for one in plain_log.read(path, LogWish(tail=1, follow=True), Cancel(), runs)
    )
    assert found == b"two\n3\n"
    cancel = Cancel()
    cancel.ask()
    with pytest.raises(Cancelled):
        list(plain_log.read(path, LogWish(follow=True), cancel, lambda: True))


def test_a_log_is_cut_at_a_line(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(b"".join(b"line-%d\n" % number for number in range(100)))
    plain_log.limit(path, 100)
    assert path.read_bytes().startswith(b"line-")
    assert path.read_bytes().endswith(b"line-99\n")
    assert path.stat().st_size <= 50
    plain_log.limit(tmp_path / "none", 1)

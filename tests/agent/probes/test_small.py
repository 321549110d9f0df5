"""The probes of few lines: cameras, Bluetooth, runtimes."""

import contextlib
import dataclasses
import socket

import pytest
from tests.agent.trees import Tree, found, result

from skerry_agent.host import Host
from skerry_agent.probes import runtimes
from skerry_agent.probes.result import Absent


def video(tree, node, name, device):
    tree.write(f"sys/class/video4linux/{node}/name", name)
    if device:
        tree.write(f"sys/devices/{device}", {})
        tree.link(f"sys/class/video4linux/{node}/device", f"/sys/devices/{device}")


def test_a_camera_with_two_nodes_is_one_and_codecs_are_none(tree):
    video(tree, "video0", "HD Webcam: HD Webcam", "usb1/1-1/1-1:1.0")
    video(tree, "video1", "HD Webcam: HD Webcam", "usb1/1-1/1-1:1.0")
    video(tree, "video10", "bcm2835-codec-decode", "platform/bcm2835-codec")
    video(tree, "video20", "Dummy video device", None)
    (camera,) = found(tree, "cameras")
    assert (camera.name, camera.path) == ("HD Webcam: HD Webcam", "/dev/video0")


def test_a_display_with_a_camera_has_one(tree):
    video(tree, "video0", "Studio Display Camera", "pci0/usb1/1-1/1-1:1.0")
    video(tree, "video1", "rkisp-statistics", "platform/rkisp")
    assert [one.name for one in found(tree, "cameras")] == ["Studio Display Camera"]


def test_a_node_that_udev_knows_to_give_no_pictures_is_no_camera(tree):
    for number in (0, 1):
        video(tree, f"video{number}", "HD Webcam", f"usb1/1-1/1-1:1.{number * 2}")
        tree.write(f"sys/class/video4linux/video{number}/dev", f"81:{number}")
    tree.write("run/udev/data/c81:0", "E:ID_V4L_PRODUCT=HD Webcam\nE:ID_V4L_CAPABILITIES=:capture:")
    tree.write("run/udev/data/c81:1", "E:ID_V4L_PRODUCT=HD Webcam\nE:ID_V4L_CAPABILITIES=:")
    (camera,) = found(tree, "cameras")
    assert (camera.path, camera.bus, camera.address) == ("/dev/video0", "usb", "1-1")


def test_a_codec_without_a_name_is_known_by_its_device(tree):
    tree.write("sys/devices/platform/bcm2835-codec", {})
    tree.link("sys/class/video4linux/video10/device", "/sys/devices/platform/bcm2835-codec")
    assert isinstance(result(tree, "cameras"), Absent)


def test_the_pi_s_camera_under_its_old_driver_has_no_device(tree):
    video(tree, "video0", "mmal service 16.1", None)
    (camera,) = found(tree, "cameras")
    assert (camera.name, camera.path) == ("mmal service 16.1", "/dev/video0")


def test_a_cameras_name_is_told_without_addresses_and_serial_numbers(tree):
    video(tree, "video0", "IP Camera 00:e0:4c:68:00:c8 A1B2C3D4E5F6A7B8", "usb-1")
    assert [one.name for one in found(tree, "cameras")] == ["IP Camera"]


def test_no_camera_is_absent(tree):
    assert isinstance(result(tree, "cameras"), Absent)


def test_bluetooth_controllers_by_their_bus(tree):
    for name, place in (
        ("hci0", "pci0000:00/usb1/1-2/bluetooth/hci0"),
        ("hci1", "platform/fe201000.serial/serial0/serial0-0/bluetooth/hci1"),
        ("hci2", "pci0000:00/0000:00:18.0/dw-apb-uart.6/serial1/serial1-0/bluetooth/hci2"),
    ):
        tree.write(f"sys/devices/{place}", {})
        tree.link(f"sys/class/bluetooth/{name}", f"/sys/devices/{place}")
    tree.write("sys/class/bluetooth/hci0:11", {})
    assert [(c.name, c.bus, c.address) for c in found(tree, "bluetooth")] == [
        ("hci0", "usb", "1-2"),
        ("hci1", "uart", "serial0-0"),
        ("hci2", "uart", "0000:00:18.0"),
    ]


def test_no_controller_is_absent(tree):
    assert isinstance(result(tree, "bluetooth"), Absent)


def test_an_installed_runtime_without_its_socket_is_not_usable(tree):
    (podman,) = found(tree.write("usr/bin/podman"), "runtimes")
    assert (podman.name, podman.usable) == ("podman", False)
    assert "socket" in podman.reason


def test_a_socket_makes_it_usable(tmp_path):
    # Unix sockets have short paths; pytest's folders may be too long for them.
    tree = Tree(tmp_path / "b").write("usr/bin/containerd").write("run/containerd", {})
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tree.root / "run/containerd/containerd.sock"))
        (one,) = found(tree, "runtimes")
    assert (one.usable, one.socket) == (True, "/run/containerd/containerd.sock")


SOCKETS = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 17 /run/podman/podman.sock
0000000000000000: 00000003 00000000 00000000 0001 03 18 /run/docker.sock
0000000000000000: 00000002 00000000 odd 0001 01 19 /run/crio/crio.sock
0000000000000000: 00000002 00000000 00010000 0001 01 20
0000000000000000: 00000002 00000000 00010000 0001 01 21 @/run/abstract
"""


@pytest.mark.parametrize("name", ["podman", "docker", "crio"])
def test_a_socket_in_a_folder_that_is_shut_is_known_from_the_kernels_list(tree, name):
    """A folder in place of the socket stands for one that is shut: root, too, cannot read it."""
    socket_path = f"run/{name}/{name}.sock" if name != "docker" else "run/docker.sock"
    program = "dockerd" if name == "docker" else name
    tree.write(f"usr/bin/{program}").write(socket_path, {}).write("proc/net/unix", SOCKETS)
    (one,) = found(tree, "runtimes")
    listens = name == "podman"
    assert (one.usable, one.socket) == (listens, f"/{socket_path}" if listens else None)
    assert listens or one.reason == "is installed, but its socket is not there"
    (tree.root / "proc/net/unix").unlink()
    (one,) = found(tree, "runtimes")
    assert "whether its socket is there cannot be seen" in one.reason


def test_a_socket_that_was_set_stands_for_its_runtime(tmp_path):
    tree = Tree(tmp_path / "b").write("usr/bin/dockerd").write("usr/bin/podman").write("srv", {})
    host = Host(tree.root, runtime_socket="/srv/p.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tree.root / "srv/p.sock"))
        raw = runtimes.read(host)
    answer = b'{"Version": "4.3.1", "Components": [{"Name": "Podman Engine"}]}'
    answered = (*raw[:-1], dataclasses.replace(raw[-1], answer=answer, trouble=None))
    docker, podman = runtimes.parse(answered).value
    assert (docker.name, docker.usable) == ("docker", False)
    assert (podman.name, podman.version, podman.socket) == ("podman", "4.3.1", "/srv/p.sock")
    assert podman.usable


@pytest.mark.parametrize(
    ("socket", "name"),
    [
        ("/srv/podman.sock", "podman"),
        ("/run/k3s/containerd/containerd.sock", "k3s"),
        ("/srv/containerd.sock", "containerd"),
        ("/srv/x.sock", "docker"),
        (None, "docker"),
    ],
)
def test_a_socket_that_does_not_answer_is_known_by_its_path(socket, name):
    assert runtimes.named_in(socket) == name


def test_a_socket_that_was_set_and_is_not_there_changes_nothing(tree):
    tree.write("usr/bin/podman")
    assert runtimes.read(Host(tree.root, runtime_socket="/srv/p.sock")) == runtimes.read(tree.host)


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (b'{"Components": [{"Name": "Podman Engine"}, {"Name": "Conmon"}]}', "podman"),
        (b'{"Components": [{"Name": "Engine"}]}', "docker"),
        (b'{"Components": 4}', "docker"),
        (b'{"Components": [4]}', "docker"),
        (None, None),
    ],
)
def test_whose_api_answers(answer, name):
    assert runtimes.engine_in(answer) == name


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        (b'{"Version": "4.3.1"}', "4.3.1"),
        (b'{"Version": 4}', None),
        (b"[]", None),
        (b"\xff", None),
        (b"[" * 10_000, None),
        (None, None),
    ],
)
def test_the_version_in_an_answer(answer, version):
    assert runtimes.version_in(answer) == version


def test_no_runtime_is_absent(tree):
    assert isinstance(result(tree, "runtimes"), Absent)


def test_a_packages_version_stands_in_for_a_runtime_that_does_not_answer(tree):
    tree.write("usr/bin/containerd").write("usr/local/bin/podman")
    tree.write(
        "var/lib/dpkg/status",
        "Package: containerd\nStatus: install ok installed\nVersion: 1.6.20~ds1-1+b1\n\n"
        "Package: podman\nStatus: install ok installed\nVersion: 4.3.1\n",
    )
    containerd, podman = found(tree, "runtimes")
    assert (containerd.name, containerd.version) == ("containerd", "1.6.20")
    assert podman.version is None, "a program beside the packages is not the package's"


@pytest.mark.parametrize(
    ("package", "version"),
    [
        ("5:24.0.7-1~debian.12~bookworm", "24.0.7"),
        ("20.10.24+dfsg1-1+b3", "20.10.24"),
        ("1.29.1-1.1", "1.29.1"),
        ("4.3.1+ds1-8+deb12u1+b1", "4.3.1"),
        ("git", None),
        (None, None),
    ],
)
def test_the_programs_own_version_in_a_packages(package, version):
    assert runtimes.upstream(package) == version


def connections(listener):
    """Take all connections that wait, and return their number."""
    number = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            number += 1
    return number


def test_a_silent_runtime_costs_its_time_once_and_is_asked_again_later(tmp_path):
    tree = Tree(tmp_path / "b").write("usr/bin/podman").write("run/podman", {})
    host = Host(tree.root, live=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tree.root / "run/podman/podman.sock"))
        listener.listen(64)
        listener.settimeout(0)
        asked = []
        for _ in range(2 * runtimes.ASKED_AGAIN):
            (podman,) = runtimes.parse(runtimes.read(host)).value
            asked.append(connections(listener))
            assert podman.usable
            assert podman.reason == "did not say its version: took too long"
        once = [1] + [0] * (runtimes.ASKED_AGAIN - 1)
        assert asked == 2 * once

"""Which character devices belong to which device on a bus."""

import pytest
from tests.agent.trees import Tree

from skerry_agent.probes import char_devices

STEM = "sys/devices/pci0000:00"


def node(tree, number, place, name):
    tree.write(f"{STEM}/{place}/uevent", f"MAJOR=1\nDEVNAME={name}")
    tree.link(f"sys/dev/char/{number}", f"../../devices/pci0000:00/{place}")


@pytest.fixture
def tree(tmp_path):
    tree = Tree(tmp_path)
    node(tree, "226:0", "0000:00:02.0/drm/card0", "dri/card0")
    node(tree, "226:128", "0000:00:02.0/drm/renderD128", "dri/renderD128")
    node(tree, "89:2", "0000:00:02.0/i2c-2/i2c-dev/i2c-2", "i2c-2")
    node(tree, "189:0", "0000:00:14.0/usb1", "bus/usb/001/001")
    node(tree, "189:3", "0000:00:14.0/usb1/1-2", "bus/usb/001/004")
    node(tree, "188:10", "0000:00:14.0/usb1/1-2/1-2:1.0/ttyUSB10/tty/ttyUSB10", "ttyUSB10")
    node(tree, "188:9", "0000:00:14.0/usb1/1-2/1-2:1.1/ttyUSB9/tty/ttyUSB9", "ttyUSB9")
    return tree


@pytest.mark.parametrize(
    ("owner", "paths"),
    [
        ("0000:00:02.0", ("/dev/dri/card0", "/dev/dri/renderD128", "/dev/i2c-2")),
        ("0000:00:14.0", ()),
        ("1-2", ("/dev/bus/usb/001/004", "/dev/ttyUSB9", "/dev/ttyUSB10")),
        ("1-3", ()),
    ],
)
def test_the_nearest_device_on_a_bus_is_whose_a_node_is(tree, owner, paths):
    nodes = char_devices.read(tree.host)
    assert char_devices.paths(tree.host, nodes, owner) == paths


def test_the_sign_changes_with_each_number_and_place_and_with_nothing_else(tree):
    before = char_devices.sign_of(char_devices.read(tree.host), "1-2")
    assert "189:3=/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2" in before
    node(tree, "81:0", "0000:00:14.0/usb1/1-3/1-3:1.0/video4linux/video0", "video0")
    assert char_devices.sign_of(char_devices.read(tree.host), "1-2") == before
    (tree.root / "sys/dev/char/189:3").rename(tree.root / "sys/dev/char/189:4")
    assert char_devices.sign_of(char_devices.read(tree.host), "1-2") != before
    assert char_devices.sign_of((), "1-2") == ""


@pytest.mark.parametrize("name", ["../etc/shadow", "/etc/shadow", ""])
def test_a_name_that_is_none_is_left_out(tmp_path, name):
    tree = Tree(tmp_path)
    node(tree, "1:3", "0000:00:02.0/x", name)
    assert char_devices.paths(tree.host, char_devices.read(tree.host), "0000:00:02.0") == ()


def test_a_box_without_the_list_has_none(tmp_path):
    assert char_devices.read(Tree(tmp_path).host) == ()

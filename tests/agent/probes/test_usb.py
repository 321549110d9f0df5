"""USB devices: the port is the identity, the serial number nobody's business."""

import pytest
from tests.agent.trees import found, result

from skerry_agent.probes.result import Absent, Failed
from skerry_agent.probes.usb import port_order

SERIAL = "A1B2C3D4E5F6A7B8"


def test_serial_numbers_are_told_nowhere(tree):
    product = f"Disk {SERIAL}"
    tree.usb("1-1", "0781:5567", serial=SERIAL, product=product, manufacturer="SanDisk")
    (stick,) = found(tree, "usb")
    assert SERIAL not in repr(stick)
    assert (stick.vendor_name, stick.product_name) == ("SanDisk", "Disk")


def test_root_hubs_and_interfaces_are_no_devices(tree):
    tree.usb("usb1", "1d6b:0002", "09").usb("1-1", "046d:0825", "ef", ["0e", "01"])
    (camera,) = found(tree, "usb")
    assert (camera.path, camera.classes) == ("1-1", ("ef",))


def test_where_the_device_says_so_its_interfaces_tell_the_classes(tree):
    (device,) = found(tree.usb("1-2", "18d1:9302", "00", ["ff", "fe", "ff"]), "usb")
    assert device.classes == ("fe", "ff")


def test_ports_are_sorted_as_people_count(tree):
    for port in ("1-10", "1-2", "1-2.3", "2-1"):
        tree.usb(port, "046d:0825")
    assert [device.path for device in found(tree, "usb")] == ["1-2", "1-2.3", "1-10", "2-1"]
    assert port_order("1-2.10") > port_order("1-2.9")


@pytest.mark.parametrize("ids", [":", "zzzz:zzzz"])
def test_devices_that_do_not_say_what_they_are_are_a_failure(tree, ids):
    assert isinstance(result(tree.usb("1-1", ids), "usb"), Failed)


def test_none_is_absent(tree):
    assert isinstance(result(tree, "usb"), Absent)

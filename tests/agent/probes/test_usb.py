"""USB devices: the port is the identity, the serial number nobody's business."""

import pytest
from tests.agent.trees import found, result

from skerry_agent.probes.result import Absent
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
def test_a_device_that_does_not_say_what_it_is_has_no_ids(tree, ids):
    (device,) = found(tree.usb("1-1", ids), "usb")
    assert (device.path, device.vendor, device.product) == ("1-1", None, None)


def test_what_old_kernels_list_beside_the_ports_comes_last(tree):
    for name in ("hiddev0", "cdc-wdm1"):
        tree.write(f"sys/bus/usb/devices/{name}/uevent", f"DEVNAME={name}")
    tree.usb("usb1", "1d6b:0002", "09").usb("2-1.10", "046d:0825").usb("2-1.9", "046d:0825")
    devices = found(tree, "usb")
    assert [one.path for one in devices] == ["2-1.9", "2-1.10", "hiddev0", "cdc-wdm1"]
    assert [one.vendor for one in devices] == ["046d", "046d", None, None]


def test_a_name_that_nothing_made_is_passed_over(tree):
    tree.write(f"sys/bus/usb/devices/{'x' * 200}", {}).usb("1-1", "046d:0825")
    assert [device.path for device in found(tree, "usb")] == ["1-1"]


def test_names_of_a_device_that_does_not_tell_its_own(tree):
    tree.write("usr/share/misc/usb.ids", "18d1  Google Inc.\n\t9302  Edge TPU")
    (stick,) = found(tree.usb("1-1", "18d1:9302"), "usb")
    assert (stick.vendor_name, stick.product_name) == ("Google Inc.", "Edge TPU")


def test_ids_and_classes_come_from_uevent_where_the_files_are_missing(tree):
    folder = "sys/bus/usb/devices"
    tree.write(f"{folder}/1-1/uevent", "PRODUCT=46d/825/12\nTYPE=0/0/0")
    tree.write(f"{folder}/1-1:1.0/uevent", "INTERFACE=14/1/0")
    (camera,) = found(tree, "usb")
    assert (camera.vendor, camera.product, camera.classes) == ("046d", "0825", ("0e",))


def test_none_is_absent(tree):
    assert isinstance(result(tree, "usb"), Absent)


@pytest.mark.parametrize(
    ("product", "told"),
    [
        ("Adapter 00:e0:4c:68:00:c8", "Adapter"),
        ("Adapter (00-E0-4C-68-00-C8)", "Adapter"),
        ("Adapter 00e04c6800c8", "Adapter"),
        ("Adapter MAC: 00E0.4C68.00C8 Rev 2", "Adapter Rev 2"),
        ("Gadget 192.168.7.2", "Gadget"),
        ("Gadget fe80::2e0:4cff:fe68:c8 USB", "Gadget USB"),
        ("Gadget 2001:db8:0:0:0:0:0:1", "Gadget"),
        ("USB 10/100/1000 LAN", "USB 10/100/1000 LAN"),
        ("Hub 3.0.1 a.b C:D 12:30:45", "Hub 3.0.1 a.b C:D 12:30:45"),
        ("IP Camera (MAC)", "IP Camera (MAC)"),
        ("00:e0:4c:68:00:c8", None),
    ],
)
def test_addresses_are_told_nowhere(tree, product, told):
    tree.usb("1-1", "0bda:8153", product=product, manufacturer=product)
    (device,) = found(tree, "usb")
    assert (device.product_name, device.vendor_name) == (told, told)

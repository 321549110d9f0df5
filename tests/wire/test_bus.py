"""Whose a place in the tree of devices is, and what an address may look like."""

import pytest

from skerry_wire import codec
from skerry_wire.bus import bus_of, natural, owner_of, vfio_nodes
from skerry_wire.errors import WireError
from skerry_wire.workload import BusDevice

PCI = "/sys/devices/pci0000:00/0000:00:1c.4/0000:01:00.0"
USB = "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-1"


@pytest.mark.parametrize(
    ("place", "owner"),
    [
        (f"{PCI}/drm/card1", "0000:01:00.0"),
        (PCI, "0000:01:00.0"),
        (f"{USB}/1-1.2/1-1.2:1.0/ttyUSB0/tty/ttyUSB0", "1-1.2"),
        (f"{USB}/1-1.2/1-1.2:1.0/0003:046D:C534.0001/hidraw/hidraw0", "1-1.2"),
        (USB, "1-1"),
        ("/sys/devices/pci0000:00/0000:00:14.0/usb1", None),
        (f"{PCI}/i2c-3/3-0050/eeprom", "0000:01:00.0"),
        ("/sys/devices/platform/soc/i2c-1/1-0050/x", None),
        ("/sys/devices/platform/soc/3f980000.usb/usb1/1-1/1-1.3", "1-1.3"),
        ("/sys/devices/virtual/mem/null", None),
        ("", None),
    ],
)
def test_the_nearest_device_above_owns_a_place(place, owner):
    assert owner_of(place) == owner


@pytest.mark.parametrize(
    ("address", "bus"),
    [
        ("1-1.2.3", "usb"),
        ("0000:01:00.0", "pci"),
        ("10000:e1:00.0", "pci"),
        ("usb1", None),
        ("1-1:1.0", None),
        ("../1-1", None),
        ("1-1\n", None),
        ("0000:01:00.8", None),
    ],
)
def test_addresses_have_one_form_each(address, bus):
    assert bus_of(address) == bus
    plain = {"bus": bus or "usb", "address": address}
    if bus:
        assert codec.from_plain(BusDevice, plain).address == address
    else:
        with pytest.raises(WireError, match="address"):
            codec.from_plain(BusDevice, plain)


def test_a_function_that_is_kept_for_a_virtual_machine_is_given_by_its_group():
    assert vfio_nodes("vfio-pci", "12") == ("/dev/vfio/vfio", "/dev/vfio/12")
    assert vfio_nodes("nvme", "12") == vfio_nodes("vfio-pci", None) == ()
    assert vfio_nodes("vfio-pci", "../x") == ()


def test_numbers_in_names_count_as_numbers():
    names = ["/dev/ttyUSB10", "/dev/ttyUSB2", "/dev/bus/usb/001/004"]
    assert sorted(names, key=natural) == [names[2], names[1], names[0]]


@pytest.mark.parametrize(
    ("device", "words"),
    [
        (BusDevice(bus="usb", address="1-2"), "usb 1-2"),
        (BusDevice(bus="usb", address="1-2", subsystem="tty", number=1), "tty 1 of usb 1-2"),
    ],
)
def test_a_device_is_called_by_its_place(device, words):
    assert str(device) == words

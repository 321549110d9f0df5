"""How orders name what stands on a bus, and what is known of its nodes."""

import pytest
from tests.hub.test_devices import BUSES, FTDI

from skerry_hub.bus_devices import Places, known_nodes, on_bus_of, paths_at, port_of, stick_of
from skerry_wire.hardware import Accelerator
from skerry_wire.workload import BusDevice


def test_ports_of_one_device_are_numbered_and_what_is_on_no_bus_has_no_place():
    places = Places(BUSES, "tty")
    found = [places.next_at(address) for address in ("2-1.4:1.0", "1-3", "2-1.4", None, "serial0")]
    assert [one and (one.address, one.number) for one in found] == [
        ("2-1.4", 0), ("1-3", 0), ("2-1.4", 1), None, None,
    ]  # fmt: skip
    assert found[0] == FTDI


@pytest.mark.parametrize(
    ("address", "ids"),
    [("1-3", ("046d", "082d")), ("0000:01:00.0", ("10de", "2204")), ("9-9", (None, None))],
)
def test_what_must_stand_there_is_what_the_box_says_stands_there(address, ids):
    found = on_bus_of(BUSES, address)
    assert (found.vendor, found.product) == ids
    assert on_bus_of(BUSES, "hiddev0") is None


def test_device_nodes_behind_a_port_are_those_that_other_lists_tell():
    assert paths_at(BUSES, "2-1.4") == ("/dev/ttyUSB10", "/dev/ttyUSB9")
    assert paths_at(BUSES, "1-4") == ()
    assert known_nodes(("/dev/video0",), BusDevice(bus="usb", address="12-3")) == [
        "/dev/video0",
        "/dev/bus/usb/012/001",
    ]
    assert known_nodes(("/dev/ttyUSB9",), FTDI) == ["/dev/ttyUSB9"]


@pytest.mark.parametrize(
    ("bus", "address", "nodes", "is_stick"),
    [
        ("usb", "1-4", (), True),
        ("usb", "1-4", ("/dev/x",), False),
        ("pci", "0000:01:00.0", (), False),
        ("usb", "somewhere", (), False),
    ],
)
def test_a_stick_is_driven_through_its_port(bus, address, nodes, is_stick):
    one = Accelerator(kind="tpu", vendor="g", model="c", bus=bus, address=address,
                      device_nodes=nodes)  # fmt: skip
    assert (stick_of(one) == BusDevice(bus="usb", address="1-4")) is is_stick


def test_a_port_is_named_without_the_interface():
    assert [port_of(one) for one in ("1-1.2:1.0", "1-1.2", "0000:01:00.0")] == [
        "1-1.2",
        "1-1.2",
        "0000:01:00.0",
    ]

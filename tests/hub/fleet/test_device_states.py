"""Which devices of a kind nodes have, and what of each is free."""

import dataclasses

import pytest
from tests.hub.placement.boxes import accelerator, assignment, fleet, node, workload

from skerry_hub.fleet.device_states import NOTHING, place_of
from skerry_hub.model import Hold
from skerry_wire.hardware import Camera, PciFunction, SerialPort, UsbDevice

STICK = UsbDevice(path="1-4", vendor="18d1", product="9302", classes=("ff",))
ADAPTER = UsbDevice(path="1-10", vendor="0403", product="6001", vendor_name="FTDI")
SERIAL = SerialPort(name="ttyUSB0", path="/dev/ttyUSB0", bus="usb", address="1-10:1.0")
CARD = PciFunction(address="0000:01:00.0", vendor="10de", device="27b8", class_="0300")


def holding(instance, *holds, where="a"):
    held = tuple(Hold(device=name, milli=milli) for name, milli in holds)
    return assignment(instance, where, of=workload("x"), held=held)


def free(columns, kind="gpu", where="a"):
    devices, left = columns.state(kind, columns.row(where))
    return {one.name: milli for one, milli in zip(devices, left, strict=True)}


def test_nodes_with_the_same_devices_of_which_as_much_is_free_are_in_one_state():
    columns = fleet(*(node(name, accelerators=[accelerator("1")]) for name in "abc"), node("d"))
    states = columns.states("gpu")
    numbers = states.numbers.take(columns.rows()).tolist()
    assert numbers[0] == numbers[1] == numbers[2] != 0
    assert (numbers[3], states.records[0]) == (0, NOTHING)
    columns.reserve(holding("x-0", ("gpu/1", 1000)))
    numbers = states.numbers.take(columns.rows()).tolist()
    assert numbers[0] != numbers[1] == numbers[2]
    columns.reserve(holding("x-1", ("gpu/1", 1000), where="c"))
    numbers = states.numbers.take(columns.rows()).tolist()
    assert numbers[0] == numbers[2] != numbers[1]


def test_shares_add_up_and_go_back():
    columns = fleet(node("a", accelerators=[accelerator("1"), accelerator("2")]))
    columns.reserve(holding("x-0", ("gpu/1", 300)))
    columns.reserve(holding("x-1", ("gpu/1", 250), ("gpu/2", 1000)))
    assert free(columns) == {"1": 450, "2": 0}
    columns.release(holding("x-0"))
    assert free(columns) == {"1": 750, "2": 0}
    columns.reserve(holding("x-1", ("gpu/2", 1)))
    assert free(columns) == {"1": 1000, "2": 999}


def test_a_device_that_is_held_more_than_whole_has_nothing_left():
    columns = fleet(node("a", accelerators=[accelerator("1")]))
    columns.reserve(holding("x-0", ("gpu/1", 700)))
    columns.reserve(holding("x-1", ("gpu/1", 700)))
    assert free(columns) == {"1": 0}


def test_what_is_not_usable_has_nothing_left_and_what_nobody_judges_has():
    columns = fleet(
        node("a", accelerators=[accelerator("1", usable=False), accelerator("2")], usb=(STICK,))
    )
    assert free(columns) == {"1": 0, "2": 1000}
    assert free(columns, "usb") == {"1-4": 1000}


@pytest.mark.parametrize(
    ("held", "usb", "serial"),
    [
        ((), {"1-4": 1000, "1-10": 1000}, {"ttyUSB0": 1000}),
        ((("serial/1-10#0", 1000),), {"1-4": 1000, "1-10": 0}, {"ttyUSB0": 0}),
        ((("serial/1-10#0", 100),), {"1-4": 1000, "1-10": 0}, {"ttyUSB0": 900}),
        ((("usb/1-10", 1000),), {"1-4": 1000, "1-10": 0}, {"ttyUSB0": 0}),
        ((("usb/1-4", 1000),), {"1-4": 0, "1-10": 1000}, {"ttyUSB0": 1000}),
        ((("tpu/1-4", 1000),), {"1-4": 0, "1-10": 1000}, {"ttyUSB0": 1000}),
    ],
)
def test_what_is_held_as_another_kind_at_the_same_port_is_not_free(held, usb, serial):
    coral = accelerator("1-4", "tpu", vendor="google")
    coral = dataclasses.replace(coral, bus="usb")
    columns = fleet(node("a", usb=(ADAPTER, STICK), serial_ports=(SERIAL,), accelerators=[coral]))
    if held:
        columns.reserve(holding("x-0", *held))
    assert free(columns, "usb") == usb
    assert free(columns, "serial") == serial
    columns.release(holding("x-0"))
    assert free(columns, "usb") == {"1-4": 1000, "1-10": 1000}


def test_a_card_that_is_held_as_a_gpu_is_not_free_as_a_pci_device():
    gpu = accelerator("0000:01:00.0")
    columns = fleet(node("a", accelerators=[gpu], pci=(CARD,)))
    columns.reserve(holding("x-0", ("gpu/0000:01:00.0", 500)))
    assert free(columns, "pci") == {"0000:01:00.0": 0}
    assert free(columns) == {"0000:01:00.0": 500}


def test_an_address_that_a_node_tells_twice_is_one_device_the_first():
    twice = [accelerator("1", usable=False), accelerator("1"), accelerator("2")]
    columns = fleet(node("a", accelerators=twice))
    assert free(columns) == {"1": 0, "2": 1000}
    assert columns.capacity("a").accelerators == 1
    kinds = [accelerator("1"), accelerator("1", "npu")]
    columns.put(node("a", accelerators=kinds))
    columns.reserve(holding("x-0", ("gpu/1", 1000)))
    assert (free(columns), free(columns, "npu")) == ({"1": 0}, {"1": 0}), "it is one thing"


def test_a_kind_that_is_asked_for_late_knows_what_is_held():
    columns = fleet(
        node("a", usb=(STICK,)),
        node("b", usb=(STICK,)),
        reserved=[holding("x-0", ("usb/1-4", 400))],
    )
    assert free(columns, "usb") == {"1-4": 600}
    assert free(columns, "usb", "b") == {"1-4": 1000}


def test_a_device_that_went_away_is_gone_and_what_is_held_of_it_counts_when_it_is_back():
    camera = Camera(name="cam", path="/dev/video0", bus="usb", address="1-3")
    columns = fleet(node("a", cameras=(camera,)), reserved=[holding("x-0", ("camera/1-3#0", 1000))])
    assert free(columns, "camera") == {"video0": 0}
    columns.put(node("a"))
    assert columns.state("camera", columns.row("a")) == NOTHING
    columns.put(node("a", cameras=(camera,)))
    assert free(columns, "camera") == {"video0": 0}
    columns.release(holding("x-0"))
    assert free(columns, "camera") == {"video0": 1000}


def test_accelerators_are_idle_where_something_of_one_is_left():
    columns = fleet(
        node("a", accelerators=[accelerator("1")]),
        node("b", accelerators=[accelerator("1", usable=False)]),
        node("c"),
        node("d", accelerators=[accelerator("1", "npu")]),
    )
    rows = columns.rows()
    assert columns.accelerators_idle(rows).tolist() == [True, False, False, True]
    columns.reserve(holding("x-0", ("gpu/1", 999)))
    assert columns.accelerators_idle(rows).tolist() == [True, False, False, True]
    columns.reserve(holding("x-1", ("gpu/1", 1)))
    assert columns.accelerators_idle(rows).tolist() == [False, False, False, True]


def test_states_are_right_after_their_numbers_were_given_anew():
    columns = fleet(node("a", accelerators=[accelerator("1")]), node("b"))
    columns.states("usb")
    for number in range(6000):
        columns.put(node("a", accelerators=[accelerator(str(number))]))
    assert columns.epoch == 1
    assert columns.states("gpu").epoch == 1
    assert free(columns) == {"5999": 1000}
    columns.put(node("b", accelerators=[accelerator("5999")]))
    assert free(columns, "gpu", "b") == {"5999": 1000}
    assert len(columns.states("gpu").records) < 6000 - 4096


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("1-10:1.0", "1-10"),
        ("1-1.2:1.0", "1-1.2"),
        ("1-10", "1-10"),
        ("0000:01:00.0", "0000:01:00.0"),
        ("soc/npu@1", "soc/npu@1"),
    ],
)
def test_a_place_is_a_port_without_the_interface(address, place):
    assert place_of(address) == place

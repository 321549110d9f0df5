"""Which device nodes a device has now, on made trees."""

import dataclasses

import pytest
from tests.executor.bus_tree import STEM, BusTree, number_of
from tests.executor.orders import container, instance

from skerry_executor.hardware import given, looked, nodes_of, text_of, with_nodes
from skerry_executor.reconcile import Looked
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.workload import BusDevice, DeviceMapping

ADAPTER = BusDevice(bus="usb", address="1-2", vendor="0403", product="6001")
CARD = BusDevice(bus="pci", address="0000:01:00.0")
ALL = BoxPolicy(devices=("/dev/*", "/dev/bus/usb/*/*"))
SERIAL = (("", "usb", "null"), ("1-2:1.0/ttyUSB0/tty/ttyUSB0", "tty", "zero"))


@pytest.fixture
def tree(tmp_path):
    return BusTree(tmp_path)


def paths(device, tree):
    return [one.path for one in nodes_of(device, tree.root)]


def test_a_device_has_its_own_node_and_those_of_its_functions_and_no_others(tree):
    tree.plug(nodes=SERIAL)
    tree.plug("1-1", nodes=[("1-1:1.0/sound/card1/controlC1", "sound", "full")])
    tree.node(f"{STEM}/usb1", "usb", "random")  # the root hub's
    tree.node(f"{STEM}/usb1/1-2/1-2.1", "usb", "urandom")  # of what hangs on its port 1
    tree.node("sys/devices/virtual/mem/tty", "mem", "tty")
    assert paths(ADAPTER, tree) == ["/dev/null", "/dev/zero"]
    assert paths(BusDevice(bus="usb", address="1-1"), tree) == ["/dev/full"]
    assert paths(BusDevice(bus="usb", address="1-2"), tree) == ["/dev/null", "/dev/zero"]


def why(device, tree, policy=ALL):
    with pytest.raises(RuntimeFailure) as failed:
        given([device], policy, tree.root)
    return failed.value.kind, failed.value.reason


def test_what_is_not_there_or_another_device_is_not_given(tree):
    assert why(ADAPTER, tree) == (Failure.NO_DEVICE, "there is no usb 1-2 on this box")
    tree.plug(vendor="1a86", product="7523", nodes=SERIAL)
    assert why(ADAPTER, tree) == (Failure.NO_DEVICE, "usb 1-2 is 1a86:7523 now, not 0403:6001")
    tree.function()
    card = dataclasses.replace(CARD, vendor="10de", product="2204")
    assert "has no device node to hand over; bind it to vfio-pci" in why(card, tree)[1]
    card = dataclasses.replace(card, product="1111")
    assert why(card, tree)[1] == "pci 0000:01:00.0 is 10de:2204 now, not 10de:1111"


def test_of_its_nodes_those_are_given_that_the_policy_allows(tree):
    tree.plug(nodes=SERIAL)
    some = BoxPolicy(devices=("/dev/z*",))
    assert [one.path for one in given([ADAPTER], some, tree.root)] == ["/dev/zero"]
    reason = "the box's policy allows no device node of usb 1-2: /dev/null, /dev/zero"
    assert why(ADAPTER, tree, BoxPolicy(devices=("/dev/t*",))) == (Failure.OTHER, reason)
    assert given([], BoxPolicy(), tree.root) == ()


def test_the_ports_of_one_adapter_are_told_apart(tree):
    ports = [
        (f"1-2:1.{k}/ttyUSB{k}/tty/ttyUSB{k}", "tty", n) for k, n in enumerate(("null", "zero"))
    ]
    tree.plug(nodes=[("", "usb", "full"), *ports])
    first = dataclasses.replace(ADAPTER, subsystem="tty")
    second = dataclasses.replace(first, number=1)
    assert [paths(first, tree), paths(second, tree)] == [["/dev/null"], ["/dev/zero"]]
    assert "has no device node" in why(dataclasses.replace(first, number=2), tree)[1]


def test_a_camera_is_all_nodes_of_its_function_and_what_sees_nothing_is_none(tree):
    tree.plug(
        nodes=[
            ("1-2:1.0/video4linux/video0", "video4linux", "full"),
            ("1-2:1.2/video4linux/video1", "video4linux", "null"),
            ("1-2:1.2/video4linux/video2", "video4linux", "random"),
        ]
    )
    tree.udev("full", ":")
    tree.udev("null", ":capture:")
    tree.udev("random", ":")
    camera = dataclasses.replace(ADAPTER, subsystem="video4linux")
    assert paths(camera, tree) == ["/dev/null", "/dev/random"]
    assert "has no device node" in why(dataclasses.replace(camera, number=1), tree)[1]


def test_what_is_kept_for_a_drivers_own_use_is_given_by_its_group(tree):
    nodes = [("drm/card0", "drm", "null")]
    tree.function(driver="vfio-pci", group="no-number", nodes=nodes)
    assert paths(CARD, tree) == ["/dev/null"]
    tree.function("0000:02:00.0", driver="vfio-pci", group="99999")
    other = BusDevice(bus="pci", address="0000:02:00.0")
    # The group's node is not in this machine's /dev, so there is none to give.
    assert "has no device node" in why(other, tree)[1] or "/dev/vfio/vfio" in paths(other, tree)


@pytest.mark.parametrize("name", ["../etc/shadow", "/etc/shadow", "fd", "stdin", "no/such", ""])
def test_a_name_that_leads_elsewhere_or_to_something_else_is_no_node(tree, name):
    tree.plug()
    tree.node(f"{STEM}/usb1/1-2/x", "usb", "null", devname=name or "\n")
    assert "has no device node" in why(ADAPTER, tree)[1]


def test_a_node_with_another_number_than_the_kernels_is_not_it(tree):
    tree.plug()
    tree.node(f"{STEM}/usb1/1-2/x", "usb", "null", number="189:7")
    assert "has no device node" in why(ADAPTER, tree)[1]


def test_the_text_of_what_was_given_changes_with_the_numbers(tree):
    tree.plug(nodes=SERIAL)
    before = text_of(given([ADAPTER], ALL, tree.root))
    assert before == f"/dev/null={number_of('null')},/dev/zero={number_of('zero')}"
    tree.unplug().plug(nodes=[("", "usb", "full")])
    assert text_of(given([ADAPTER], ALL, tree.root)) == f"/dev/full={number_of('full')}"


def test_a_node_that_a_container_has_by_its_path_stays_as_it_was_asked_for(tree):
    tree.plug(nodes=SERIAL)
    own = DeviceMapping(host="/dev/zero", container="/dev/scale", permissions="r")
    full = with_nodes(container(devices=(own,)), given([ADAPTER], ALL, tree.root))
    assert full.devices == (own, DeviceMapping(host="/dev/null", container="/dev/null"))


def test_each_container_with_devices_on_a_bus_is_looked_at_and_no_other(tree):
    tree.plug(nodes=SERIAL[:1])
    there = instance("a-0", containers=[container(bus_devices=(ADAPTER,)), container("beside")])
    away = instance("b-0", bus_devices=(CARD,))
    found = looked([there, away], lambda one: given(one.bus_devices, ALL, tree.root))
    assert found == {
        ("a-0", "web"): Looked(nodes=f"/dev/null={number_of('null')}"),
        ("b-0", "web"): Looked(problem="there is no pci 0000:01:00.0 on this box"),
    }

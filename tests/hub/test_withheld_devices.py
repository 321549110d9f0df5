"""Which devices of a box no container is given, and why."""

import pytest

from skerry_hub.devices import Device
from skerry_hub.withheld_devices import in_runtime, within_policy
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.runtime_limits import RuntimeInUse
from skerry_wire.workload import BusDevice

ON_BUS = BusDevice(bus="usb", address="1-1")
BY_PATH = Device(kind="serial", name="ttyS0", paths=("/dev/ttyS0",), usable=True)
PLUGGED = Device(kind="serial", name="ttyUSB0", paths=("/dev/ttyUSB0",), usable=True, on_bus=ON_BUS)
BY_CDI = Device(kind="npu", name="0", paths=("/dev/x",), usable=True, cdi="a.b/npu=0")


@pytest.mark.parametrize(
    ("device", "allowed", "reason"),
    [
        (BY_PATH, ("/dev/ttyS*",), None),
        (BY_PATH, ("/dev/ttyUSB*",), "the box's policy does not allow /dev/ttyS0"),
        (PLUGGED, ("/dev/ttyUSB*",), None),
        (PLUGGED, ("/dev/bus/usb/*/*",), None),
        (PLUGGED, (), "the box's policy allows none of /dev/ttyUSB0"),
        (BY_CDI, (), None),
    ],
)
def test_a_policy_withholds_what_it_does_not_allow(device, allowed, reason):
    found = within_policy(BoxPolicy(devices=allowed), device)
    assert found.usable == (reason is None)
    assert (found.reason or "").startswith(reason or "")


@pytest.mark.parametrize(
    ("name", "device", "usable"),
    [
        ("kubelet", PLUGGED, False),
        ("kubelet", BY_PATH, True),
        ("containerd", PLUGGED, True),
        ("podman", PLUGGED, True),
    ],
)
def test_a_kubelet_is_given_nothing_by_where_it_stands(name, device, usable):
    found = in_runtime(RuntimeInUse(name=name), device)
    assert found.usable == usable
    assert (found.reason is None) == usable

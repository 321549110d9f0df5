"""Which name of CDI is which accelerator, and where that is not known."""

import dataclasses

import pytest

from skerry_hub.cdi import cdi_name_of
from skerry_hub.devices import devices_of
from skerry_hub.placement.device_choice import bus_devices, cdi_names, mappings
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.hardware import Accelerator, Hardware

ZERO = "nvidia.com/gpu=0"
ALL = BoxPolicy(devices=("nvidia.com/gpu=*", "hailo.ai/npu=*", "x.y/gpu=*", "/dev/dri/*"))


def gpu(address, **changes):
    made = {"kind": "gpu", "vendor": "NVIDIA Corporation", "model": "A2", "bus": "pci"}
    made |= {"driver": "nvidia", "device_nodes": ("/dev/nvidia0",), "usable": True}
    return Accelerator(**{**made, "address": address, **changes})


FIRST, SECOND = gpu("0000:01:00.0"), gpu("0000:41:00.0")
VFIO = gpu("0000:21:00.0", driver="vfio-pci")
INTEL = gpu("0000:00:02.0", vendor="Intel", driver="i915", device_nodes=("/dev/dri/card0",))
HAILO = Accelerator(
    kind="npu",
    vendor="Hailo",
    model="Hailo-8",
    bus="pci",
    address="0000:03:00.0",
    device_nodes=("/dev/hailo0",),
)


def names(accelerators, *told, policy=ALL):
    hardware = Hardware(accelerators=tuple(accelerators), cdi_devices=told, policy=policy)
    return [cdi_name_of(one, hardware) for one in accelerators]


@pytest.mark.parametrize(
    ("accelerators", "told", "found"),
    [
        # by index, in the order of PCI; what another driver has is not counted
        (
            (SECOND, FIRST),
            ("nvidia.com/gpu=0", "nvidia.com/gpu=1", "nvidia.com/gpu=all"),
            ["1", "0"],
        ),
        ((FIRST, VFIO, SECOND), (ZERO, "nvidia.com/gpu=1"), ["0", None, "1"]),
        ((INTEL, FIRST), (ZERO,), [None, "0"]),
        ((gpu("17000000.gpu", bus="soc", driver=None),), (ZERO,), ["0"]),
        # not as many as there are: who is counted is not known
        ((FIRST, SECOND), (ZERO,), [None, None]),
        ((FIRST,), (ZERO, "nvidia.com/gpu=1"), [None]),
        ((FIRST,), ("nvidia.com/gpu=all",), [None]),
        ((FIRST,), (), [None]),
        # split ones have names for their partitions alone
        (
            (gpu("0000:01:00.0", partitions=("1g.10gb",)), SECOND),
            ("nvidia.com/gpu=0:0", "nvidia.com/gpu=1"),
            [None, "1"],
        ),
    ],
)
def test_nvidias_are_counted(accelerators, told, found):
    expected = [None if one is None else f"nvidia.com/gpu={one}" for one in found]
    assert names(accelerators, *told) == expected


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (("x.y/gpu=0000:00:02.0",), "x.y/gpu=0000:00:02.0"),
        (("x.y/gpu=card0",), "x.y/gpu=card0"),
        (("x.y/npu=card0",), None),
        (("x.y/gpu=card0", "y.z/gpu=card0"), None),
        (("x.y/gpu=card1",), None),
    ],
)
def test_others_are_known_by_their_address_or_device_node(told, found):
    assert names([INTEL], *told) == [found]


def test_a_name_is_used_only_where_the_box_allows_it():
    told = "nvidia.com/gpu=0"
    assert names([FIRST], told, policy=None) == [None]
    assert names([FIRST], told, policy=BoxPolicy(devices=("/dev/*",))) == [None]
    assert names([FIRST], told, policy=BoxPolicy(devices=("nvidia.com/gpu=[1-9]",))) == [None]


def test_a_device_is_given_by_its_name_or_by_its_nodes():
    both = (dataclasses.replace(HAILO, usable=True), INTEL)
    there = Hardware(accelerators=both, cdi_devices=("hailo.ai/npu=hailo0",), policy=ALL)
    given = tuple((one, 1000) for one in devices_of(there))
    # The policy allows no /dev/hailo0, and need not.
    assert [one.usable for one, _ in given] == [True, True]
    assert cdi_names(given) == ("hailo.ai/npu=hailo0",)
    assert [one.host for one in mappings(given)] == ["/dev/dri/card0"]
    assert bus_devices(given) == ()

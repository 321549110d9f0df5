"""PTP clocks and whose they are."""

import pytest
from tests.agent.trees import found, result

from skerry_agent.probes.result import Absent


def clock(tree, name, label, device):
    tree.write(f"sys/class/ptp/{name}", {"clock_name": label})
    return tree.link(f"sys/class/ptp/{name}/device", f"/sys/devices/of-{device}")


def test_a_clock_belongs_to_the_interfaces_of_its_device(tree):
    tree.nic("eth0").nic("eth1").nic("lo", device=False)
    clock(tree, "ptp10", "mlx5_ptp", "eth1")
    clock(tree, "ptp2", "KVM virtual PTP", "nothing")
    assert [(c.path, c.label, c.interfaces) for c in found(tree, "ptp")] == [
        ("/dev/ptp2", "KVM virtual PTP", ()),
        ("/dev/ptp10", "mlx5_ptp", ("eth1",)),
    ]


@pytest.mark.parametrize("label", ["525400123456", "52:54:00:12:34:56", "igb-52-54-00-12-34-56"])
def test_a_clock_that_is_named_by_the_cards_address_has_no_label(tree, label):
    (one,) = found(clock(tree.nic("eth0"), "ptp0", label, "eth0"), "ptp")
    assert one.label is None


def test_none_is_absent(tree):
    assert isinstance(result(tree, "ptp"), Absent)


def test_an_interface_is_not_named_by_its_hardware_address(tree):
    place = "sys/devices/pci0000:00/0000:01:00.0"
    tree.write(place, {}).write("sys/class/net/enx00e04c6800c8", {"type": 1})
    tree.link("sys/class/net/enx00e04c6800c8/device", f"/{place}")
    tree.write("sys/class/ptp/ptp0", {"clock_name": "igb"})
    tree.link("sys/class/ptp/ptp0/device", f"/{place}")
    (one,) = found(tree, "ptp")
    assert one.interfaces == ("enx@0000:01:00.0",)

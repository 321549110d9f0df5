"""Network interfaces: what has a device is hardware."""

import pytest
from tests.agent.trees import found, result

from skerry_agent.probes.result import Absent


def test_virtual_interfaces_are_not_hardware_and_those_of_containers_do_not_count(tree):
    tree.nic("eth0", speed=1000).nic("lo", device=False, type=772)
    for name in ("br-lan", "br0", "wg0"):
        tree.nic(name, device=False)
    for number in range(81):
        tree.nic(f"veth{number:04x}", device=False)
    nics = found(tree, "nics")
    assert [nic.name for nic in nics] == ["eth0", "br-lan", "br0", "lo", "wg0"]
    assert [nic.name for nic in nics if nic.hardware] == ["eth0"]


@pytest.mark.parametrize(
    ("name", "files", "kind"),
    [
        ("eth0", {}, "ethernet"),
        ("wlan0", {"wireless": {}}, "wifi"),
        ("wlp1s0", {"phy80211": {}}, "wifi"),
        ("wlan1", {}, "wifi"),  # of an old driver, on USB
        ("can0", {"type": 280}, "can"),
        ("wwan0", {"uevent": "DEVTYPE=wwan"}, "wwan"),
        ("ib0", {"type": 32}, "other"),
    ],
)
def test_kinds(tree, name, files, kind):
    (nic,) = found(tree.nic(name, **files), "nics")
    assert nic.kind == kind


@pytest.mark.parametrize(
    ("speed", "mbps"),
    [
        *(("1000", 1000), ("-1", None), ("0", None), ("", None)),
        *(("65535", None), ("4294967295", None)),  # -1 of older kernels
    ],
)
def test_a_link_that_is_down_has_no_speed(tree, speed, mbps):
    (nic,) = found(tree.nic("eth0", speed=speed), "nics")
    assert nic.speed_mbps == mbps


def test_no_address_is_ever_told(tree):
    tree.nic("eth0", address="52:54:00:12:34:56")
    assert "52:54" not in repr(found(tree, "nics"))


def test_none_is_absent(tree):
    assert isinstance(result(tree, "nics"), Absent)


def test_what_an_interface_hangs_on_and_how_it_can_be_split(tree):
    place = "sys/devices/pci0000:00/0000:01:00.0"
    tree.write("sys/class/net/eth0", {"type": 1}).write(place, {"sriov_totalvfs": 64})
    tree.link("sys/class/net/eth0/device", f"/{place}")
    tree.write("sys/class/net/eth1", {"type": 1}).write("sys/devices/pci0000:00/0000:01:10.0", {})
    tree.link("sys/class/net/eth1/device", "/sys/devices/pci0000:00/0000:01:10.0")
    tree.link("sys/devices/pci0000:00/0000:01:10.0/physfn", f"/{place}")
    first, second = found(tree, "nics")
    assert (first.address, first.sriov_vfs, first.virtual_function) == ("0000:01:00.0", 64, False)
    assert (second.address, second.sriov_vfs, second.virtual_function) == (
        *("0000:01:10.0", None, True),
    )


@pytest.mark.parametrize(("state", "mbps"), [("up", 1000), ("unknown", 1000), ("down", None)])
def test_a_link_that_is_down_is_not_asked_for_its_speed(tree, state, mbps):
    (nic,) = found(tree.nic("eth0", operstate=state, speed=1000), "nics")
    assert (nic.operstate, nic.speed_mbps) == (state, mbps)


@pytest.mark.parametrize(
    ("name", "driver", "kind"),
    [
        ("p4p1", "mlx4_core", "ethernet"),
        ("ra0", "rt2860", "wifi"),
        ("eth1", "wl", "wifi"),
        ("eth2", "tg3", "ethernet"),
    ],
)
def test_cards_of_the_class_of_other_networks(tree, name, driver, kind):
    tree.nic(name).write(f"sys/devices/of-{name}/class", "0x028000")
    tree.write(f"sys/bus/pci/drivers/{driver}", {})
    tree.link(f"sys/devices/of-{name}/driver", f"/sys/bus/pci/drivers/{driver}")
    (nic,) = found(tree, "nics")
    assert nic.kind == kind


def test_a_bridge_for_containers_is_of_the_box(tree):
    for name in ("lxcbr0", "lxc1a2b", "vetha"):
        tree.nic(name, device=False)
    assert [nic.name for nic in found(tree, "nics")] == ["lxcbr0"]


@pytest.mark.parametrize(
    "name",
    [
        *("docker0", "docker_gwbridge", "br-0123456789ab", "cni0", "cni-podman0", "podman1"),
        *("virbr0", "virbr0-nic", "flannel.1", "flannel-v6.1", "vxlan.calico", "kube-ipvs0"),
        *("nodelocaldns", "cilium_host", "cilium_vxlan", "cali0123456789a"),
    ],
)
def test_what_runtimes_make_for_containers_is_no_property_of_the_box(tree, name):
    tree.nic("br0", device=False).nic(name, device=False)
    assert [nic.name for nic in found(tree, "nics")] == ["br0"]


@pytest.mark.parametrize(
    "name", ["br0", "br-0123456789", "bond0", "eth0.5", "wg0", "docker1x", "virbr", "podmanx"]
)
def test_what_an_operator_makes_is_one(tree, name):
    assert [nic.name for nic in found(tree.nic(name, device=False), "nics")] == [name]


def test_a_card_that_is_called_like_a_bridge_is_hardware(tree):
    assert [nic.name for nic in found(tree.nic("docker0"), "nics")] == ["docker0"]


@pytest.mark.parametrize(
    ("name", "place", "told"),
    [
        ("enx00e04c6800c8", "sys/devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0", "enx@2-1"),
        ("wlx00E04C6800C8", "sys/devices/pci0000:00/0000:01:00.0", "wlx@0000:01:00.0"),
        ("enx00e04c6800c8", "sys/devices/virtual/net/x", "enx"),
        ("enx0", "sys/devices/pci0000:00/0000:01:00.0", "enx0"),
    ],
)
def test_a_name_that_holds_the_hardware_address_is_told_by_its_place(tree, name, place, told):
    tree.write(f"sys/class/net/{name}", {"type": 1}).write(place, {})
    tree.link(f"sys/class/net/{name}/device", f"/{place}")
    (nic,) = found(tree, "nics")
    assert nic.name == told

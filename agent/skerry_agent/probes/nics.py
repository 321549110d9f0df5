"""Network interfaces. Those with a device behind them are hardware, all others virtual.

The kernel's name of an interface may hold its hardware address (`enx00e04c6800c8`), by which
anybody knows the box again. It is told by its place instead: `enx@1-1.2`, or `enx` where that is
not known.

State and speed of a link are what the last look at the hardware saw. A cable that is pulled causes
no such look, so a link that comes and goes does not have the capability published again and again.
"""

from __future__ import annotations

import re
from typing import Literal

from skerry_agent.host import Host, Unreadable
from skerry_agent.probes import attachment
from skerry_agent.probes.kernel_text import count, pairs, short
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen
from skerry_wire.hardware import Nic

NET = "/sys/class/net"
ARPHRD_ETHERNET = "1"
ARPHRD_CAN = "280"
UNKNOWN_SPEEDS = frozenset({0xFFFF, 0xFFFFFFFF})
"""What older kernels write for a speed that is not known: -1 without its sign."""

LINK_DOWN = frozenset({"down", "notpresent", "lowerlayerdown"})
PCI_OTHER_NETWORK = "0x0280"
_WIRED_DRIVERS = frozenset({"mlx4_core", "mlx5_core"})
"""Drivers of cards of that class that are no Wi-Fi cards."""

_WIFI_DRIVERS = frozenset({"wl", "ipw2100", "ipw2200"})
"""Drivers that call their interfaces eth0, as those of wired cards do."""


_CELLULAR_DRIVERS = frozenset({"qmi_wwan", "cdc_mbim", "iosm", "mhi_wwan_mbim", "mtk_t7xx"})
_OF_A_CONTAINER = re.compile(
    r"(?:veth|cali|lxc(?!br)|tap|vnet|fwpr|fwln)[0-9a-z]"
    # The bridges and tunnels that runtimes make for them, each by the name that it gives.
    r"|(?:docker0|docker_gwbridge|br-[0-9a-f]{12}|cni0|(?:cni-)?podman[0-9]+|virbr[0-9]+(?:-nic)?"
    r"|flannel(?:-v6)?\.[0-9]+|vxlan\.calico|kube-ipvs0|kube-bridge|nodelocaldns"
    r"|cilium_[0-9a-z_]+)\Z"
)
"""Virtual interfaces that come and go with containers: no property of the box. What an operator
makes (br0, bond0, wg0) is one."""

_BY_HARDWARE_ADDRESS = re.compile(r"([a-z]{2}x)[0-9a-f]{12}\Z", re.IGNORECASE)

KindOfNic = Literal["ethernet", "wifi", "can", "wwan", "other"]


@frozen()
class RawNic:
    """One interface."""

    name: str
    has_device: bool
    is_wireless: bool
    type: str | None
    uevent: str | None
    driver: str | None
    pci_class: str | None
    speed: str | None
    mtu: str | None
    operstate: str | None
    place: str | None
    total_vfs: str | None
    is_virtual_function: bool


@frozen()
class RawNics:
    """All interfaces. `trouble` says why they could not be listed."""

    nics: tuple[RawNic, ...]
    trouble: str | None


def read(host: Host) -> RawNics:
    """Collect the texts."""
    names = host.names(NET)
    if not isinstance(names, tuple):
        return RawNics((), names.reason if isinstance(names, Unreadable) else None)
    return RawNics(
        tuple(_read_nic(host, n) for n in names if host.kind(f"{NET}/{n}") == "folder"), None
    )


def _read_nic(host: Host, name: str) -> RawNic:
    folder = f"{NET}/{name}"
    has_device = host.exists(f"{folder}/device")
    operstate = host.text(f"{folder}/operstate") if has_device else None
    # Some drivers ask the card, and take their time over a link that is down.
    has_speed = has_device and operstate not in LINK_DOWN
    return RawNic(
        name=name,
        has_device=has_device,
        is_wireless=host.exists(f"{folder}/wireless") or host.exists(f"{folder}/phy80211"),
        type=host.text(f"{folder}/type"),
        uevent=host.text(f"{folder}/uevent"),
        driver=host.link(f"{folder}/device/driver") if has_device else None,
        pci_class=host.text(f"{folder}/device/class") if has_device else None,
        speed=host.text(f"{folder}/speed") if has_speed else None,
        mtu=host.text(f"{folder}/mtu"),
        operstate=operstate,
        place=host.target(f"{folder}/device") if has_device else None,
        total_vfs=host.text(f"{folder}/device/sriov_totalvfs") if has_device else None,
        is_virtual_function=has_device and host.exists(f"{folder}/device/physfn"),
    )


def parse(raw: RawNics) -> Found[tuple[Nic, ...]] | Absent | Failed:
    """Understand the texts."""
    if raw.trouble is not None:
        return Failed(f"{NET} {raw.trouble}")
    nics = [_nic(nic) for nic in raw.nics if nic.has_device or not is_of_a_container(nic.name)]
    if not nics:
        return Absent(f"{NET} lists no interface")
    return Found(tuple(sorted(nics, key=lambda nic: (not nic.hardware, nic.name)))[:1024])


def is_of_a_container(name: str) -> bool:
    """Say whether a virtual interface comes and goes with containers, by its name."""
    return _OF_A_CONTAINER.match(name) is not None


def public_name(name: str, address: str | None) -> str | None:
    """Return an interface's name as it is told; `address` is the place that it hangs on."""
    match = _BY_HARDWARE_ADDRESS.match(name)
    if match is None:
        return short(name)
    return short(f"{match[1]}@{address}" if address else match[1])


def _nic(raw: RawNic) -> Nic:
    address = attachment.of(raw.place).address
    speed = count(raw.speed)
    if speed in UNKNOWN_SPEEDS:
        speed = None
    return Nic(
        name=public_name(raw.name, address) or "?",
        hardware=raw.has_device,
        kind=_kind(raw),
        driver=short(raw.driver),
        speed_mbps=speed or None,  # a link that is down has no speed, whatever the driver writes
        mtu=count(raw.mtu),
        operstate=short(raw.operstate),
        address=address,
        sriov_vfs=count(raw.total_vfs) or None,
        virtual_function=raw.is_virtual_function,
    )


def _kind(raw: RawNic) -> KindOfNic:
    named = pairs(raw.uevent).get("DEVTYPE")
    if raw.is_wireless or named == "wlan":
        return "wifi"
    if named == "wwan" or raw.driver in _CELLULAR_DRIVERS:
        return "wwan"
    if raw.type == ARPHRD_CAN:
        return "can"
    if raw.type == ARPHRD_ETHERNET:
        # Old Wi-Fi drivers show themselves as Ethernet; their card's class does not, or their name.
        if raw.has_device and (raw.driver in _WIFI_DRIVERS or raw.name.startswith("wlan")):
            return "wifi"
        is_other = (raw.pci_class or "").startswith(PCI_OTHER_NETWORK)
        if is_other and raw.driver not in _WIRED_DRIVERS and not raw.name.startswith("e"):
            return "wifi"
        return "ethernet"
    if raw.type is None and raw.has_device and raw.name.startswith("e"):
        return "ethernet"
    return "other"

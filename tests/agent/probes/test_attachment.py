"""Where devices hang, by their paths."""

import pytest

from skerry_agent.probes import attachment
from skerry_agent.probes.attachment import Attachment

BASE = "/sys/devices/"


@pytest.mark.parametrize(
    ("place", "bus", "address"),
    [
        ("pci0000:00/0000:00:19.0", "pci", "0000:00:19.0"),
        ("pci0000:00/0000:00:03.0/virtio0", "pci", "0000:00:03.0"),
        ("pci0000:00/0000:00:14.0/usb1/1-1/1-1.2/1-1.2:1.0/ttyUSB0", "usb", "1-1.2"),
        ("pci0000:00/0000:00:12.0/mmc_host/mmc1/mmc1:0001/mmc1:0001:1", "sdio", "mmc1:0001:1"),
        ("pci0000:00/0000:00:1e.0/dw-apb-uart.2", "pci", "0000:00:1e.0"),
        ("platform/soc/fe201000.serial", "platform", "fe201000.serial"),
        ("soc.0/fff36000.serial", "platform", "fff36000.serial"),
        ("platform/a000000.virtio_mmio/virtio1", "platform", "a000000.virtio_mmio"),
        ("platform/soc/fe204000.spi/spi_master/spi0/spi0.0", "spi", "spi0.0"),
        ("platform/soc/fe804000.i2c/i2c-1/1-0048", "i2c", "1-0048"),
        ("pnp0/00:04", "pnp", "00:04"),
        ("pnp0/00:04/00:04:0/00:04:0.0", "pnp", "00:04"),
        ("vif-0", "xen", "vif-0"),
        ("css0/0.0.0002/0.0.f5f0", "ccw", "0.0.f5f0"),
        ("LNXSYSTM:00/VMBUS:00/6f0a8b4c-1d2e-4f50-8a9b-0c1d2e3f4a5b", "vmbus", None),
        ("virtual/net/dummy0", None, None),
    ],
)
def test_places(place, bus, address):
    assert attachment.of(BASE + place) == Attachment(bus, address)


@pytest.mark.parametrize("place", [None, "", "/", "/sys", "nonsense", "/" * 5000])
def test_what_is_no_place(place):
    assert attachment.of(place) == attachment.NOWHERE


def test_a_usb_hub_is_no_serial_core():
    place = BASE + "pci0000:00/0000:00:14.0/usb1/1-1/1-1.2"
    assert attachment.device(place) == place

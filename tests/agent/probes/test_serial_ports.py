"""Serial ports: hardware only, named by what they hang on."""

import pytest
from tests.agent.trees import found, result

from skerry_agent.probes.result import Absent, Failed


def tty(tree, name, place, driver=None, uart=None):
    """Write a terminal; `place` is its device's folder, None for a virtual one."""
    folder = f"sys/class/tty/{name}"
    tree.write(folder, {} if uart is None else {"type": uart})
    if place is None:
        return tree
    tree.write(f"sys/devices/{place}", {})
    if driver and not (tree.root / f"sys/devices/{place}/driver").is_symlink():
        tree.write(f"sys/bus/any/drivers/{driver}", {})
        tree.link(f"sys/devices/{place}/driver", f"/sys/bus/any/drivers/{driver}")
    return tree.link(f"{folder}/device", f"/sys/devices/{place}")


def test_placeholders_consoles_and_radio_links_are_no_ports(tree):
    for number in range(32):
        tty(tree, f"ttyS{number}", "platform/serial8250", "serial8250", uart=0)
    tty(tree, "tty0", None)
    tty(tree, "ttyprintk", None)
    tty(tree, "rfcomm0", "virtual/bluetooth/hci0/hci0:11", "any")
    assert isinstance(result(tree, "serial_ports"), Absent)


def test_a_placeholder_whose_uart_answers_is_a_port(tree):
    tty(tree, "ttyS0", "platform/serial8250", "serial8250", uart=4)
    tty(tree, "ttyS1", "platform/serial8250", "serial8250", uart=0)
    tty(tree, "ttyS2", "platform/serial8250", "serial8250")
    assert [port.name for port in found(tree, "serial_ports")] == ["ttyS0"]


def test_a_placeholder_behind_the_serial_core_is_one_still(tree):
    tty(tree, "ttyS0", "platform/serial8250/serial8250:0/serial8250:0.0")
    tree.write("sys/bus/platform/drivers/serial8250", {})
    tree.link("sys/devices/platform/serial8250/driver", "/sys/bus/platform/drivers/serial8250")
    assert isinstance(result(tree, "serial_ports"), Absent)


@pytest.mark.parametrize(
    ("name", "place", "driver", "bus", "address"),
    [
        ("ttyAMA0", "platform/soc/fe201000.serial", "uart-pl011", "platform", "fe201000.serial"),
        ("ttyS4", "pci0000:00/0000:00:16.3", "serial", "pci", "0000:00:16.3"),
        ("ttyUSB0", "pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0/ttyUSB0", "ftdi_sio", "usb", "1-1"),
        ("ttyACM3", "pci0000:00/0000:00:14.0/usb1/1-2.4/1-2.4:1.1", "cdc_acm", "usb", "1-2.4"),
    ],
)
def test_what_a_port_hangs_on(tree, name, place, driver, bus, address):
    (port,) = found(tty(tree, name, place, driver), "serial_ports")
    assert (port.name, port.path, port.driver) == (name, f"/dev/{name}", driver)
    assert (port.bus, port.address) == (bus, address)


def test_the_serial_core_hides_neither_driver_nor_address(tree):
    tty(tree, "ttyS0", "pnp0/00:00/00:00:0/00:00:0.0", "port", uart=4)
    tree.write("sys/bus/pnp/drivers/serial", {})
    tree.link("sys/devices/pnp0/00:00/driver", "/sys/bus/pnp/drivers/serial")
    (port,) = found(tree, "serial_ports")
    assert (port.driver, port.bus, port.address) == ("serial", "pnp", "00:00")


def test_ports_are_counted_as_people_do(tree):
    for number in (10, 2, 1):
        tty(tree, f"ttyUSB{number}", f"usb1/1-{number}/1-{number}:1.0", "ch341")
    names = [port.name for port in found(tree, "serial_ports")]
    assert names == ["ttyUSB1", "ttyUSB2", "ttyUSB10"]


def test_a_class_that_is_no_folder(tree):
    assert isinstance(result(tree.write("sys/class/tty", "text"), "serial_ports"), Absent | Failed)

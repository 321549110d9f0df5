"""Modems: one a device."""

from tests.agent.trees import found, result

from skerry_agent.probes.result import Absent
from skerry_wire.hardware import Modem

USB = "sys/bus/usb/devices"


def interface(tree, name, driver, **below):
    tree.write(f"{USB}/{name}", below)
    tree.write(f"sys/bus/usb/drivers/{driver}", {})
    return tree.link(f"{USB}/{name}/driver", f"/sys/bus/usb/drivers/{driver}")


def test_the_ports_of_a_usb_modem_are_one_modem(tree):
    interface(tree, "1-2:1.0", "option", ttyUSB0={})
    interface(tree, "1-2:1.2", "option", ttyUSB2={})
    interface(tree, "1-2:1.4", "qmi_wwan", usbmisc={"cdc-wdm0": {}}, net={"wwan0": {}})
    interface(tree, "1-3:1.0", "ftdi_sio", ttyUSB3={})
    assert found(tree, "modems") == (
        Modem(
            name="cdc-wdm0",
            bus="usb",
            address="1-2",
            driver="qmi_wwan",
            paths=("/dev/cdc-wdm0", "/dev/ttyUSB0", "/dev/ttyUSB2"),
            interfaces=("wwan0",),
        ),
    )


def test_a_modem_on_pci(tree):
    place = "sys/devices/pci0000:00/0000:02:00.0"
    tree.write(f"{place}/wwan/wwan0", {"wwan0at0": {}, "wwan0mbim0": {}})
    tree.link(f"{place}/wwan/wwan0/device", f"/{place}")
    for name in ("wwan0", "wwan0/wwan0at0", "wwan0/wwan0mbim0"):
        tree.link(f"sys/class/wwan/{name.rpartition('/')[2]}", f"/{place}/wwan/{name}")
    tree.link("sys/class/net/wwan0/device", f"/{place}/wwan/wwan0")
    tree.nic("eth0")
    (modem,) = found(tree, "modems")
    assert (modem.name, modem.bus, modem.address) == ("wwan0", "pci", "0000:02:00.0")
    assert modem.paths == ("/dev/wwan0at0", "/dev/wwan0mbim0")
    assert modem.interfaces == ("wwan0",)


def test_a_usb_modem_that_is_in_the_class_too_is_one(tree):
    interface(tree, "1-2:1.4", "cdc_mbim", usbmisc={"cdc-wdm0": {}}, net={"wwan0": {}})
    tree.write(f"{USB}/1-2:1.4/wwan/wwan0/wwan0mbim0", {})
    tree.link("sys/class/wwan/wwan0", f"/{USB}/1-2:1.4/wwan/wwan0")
    tree.link("sys/class/wwan/wwan0mbim0", f"/{USB}/1-2:1.4/wwan/wwan0/wwan0mbim0")
    (modem,) = found(tree, "modems")
    assert (modem.name, modem.driver) == ("wwan0", "cdc_mbim")
    assert modem.paths == ("/dev/cdc-wdm0", "/dev/wwan0mbim0")


def test_a_telephone_that_shares_its_connection_is_none(tree):
    interface(tree, "1-2:1.0", "cdc_ether", net={"usb0": {"uevent": "INTERFACE=usb0"}})
    interface(tree, "1-3:1.0", "cdc_acm", tty={"ttyACM0": {}})
    assert isinstance(result(tree, "modems"), Absent)


def test_an_interface_that_the_kernel_calls_wwan_makes_a_modem(tree):
    interface(tree, "1-2:1.0", "cdc_ncm", net={"wwan0": {"uevent": "DEVTYPE=wwan"}})
    interface(tree, "1-2:1.1", "cdc_acm", tty={"ttyACM0": {}})
    (modem,) = found(tree, "modems")
    assert (modem.paths, modem.interfaces) == (("/dev/ttyACM0",), ("wwan0",))


def test_an_interface_is_not_named_by_its_hardware_address(tree):
    interface(tree, "1-2:1.0", "qmi_wwan", net={"wwx00e04c6800c8": {"uevent": "DEVTYPE=wwan"}})
    (modem,) = found(tree, "modems")
    assert modem.interfaces == ("wwx@1-2",)

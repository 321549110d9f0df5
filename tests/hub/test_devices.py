"""Which devices a node's hardware has: by kind, with names, without showing one thing twice."""

import dataclasses

import pytest

from skerry_hub.devices import ACCELERATORS, GROUPS, INTERFACES, KINDS, devices_of, kinds_of
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.hardware import (
    Accelerator,
    Bluetooth,
    Camera,
    Disk,
    GpioChip,
    Hardware,
    I2cBus,
    Modem,
    Nic,
    PciFunction,
    PtpClock,
    Sensor,
    SerialPort,
    System,
    UsbDevice,
    Watchdog,
)

BOX = Hardware(
    system=System(tpm_version="2.0"),
    accelerators=(
        Accelerator(
            kind="gpu",
            vendor="nvidia",
            model="L4",
            bus="pci",
            address="0000:01:00.0",
            device_nodes=("/dev/nvidia0",),
            driver="nvidia",
            usable=True,
        ),
        Accelerator(
            kind="tpu",
            vendor="google",
            model="Coral",
            bus="usb",
            address="1-4",
            reason="no permission",
        ),
    ),
    cameras=(Camera(name="HD Webcam", path="/dev/video0", bus="usb", address="1-3"),),
    bluetooth=(Bluetooth(name="hci0", bus="usb", address="1-6"),),
    serial_ports=(
        SerialPort(
            name="ttyUSB0", path="/dev/ttyUSB0", driver="ftdi_sio", bus="usb", address="1-10:1.0"
        ),
        SerialPort(name="ttyS0", path="/dev/ttyS0", driver="serial8250", bus="platform"),
    ),
    modems=(
        Modem(
            name="wwan0", bus="usb", address="1-2", paths=("/dev/cdc-wdm0",), interfaces=("wwan0",)
        ),
    ),
    nics=(
        Nic(name="eth0", hardware=True, kind="ethernet", address="0000:02:00.0", driver="igc"),
        Nic(
            name="eth0v0",
            hardware=True,
            kind="ethernet",
            address="0000:02:10.0",
            virtual_function=True,
        ),
        Nic(name="can0", hardware=True, kind="can"),
        Nic(name="ib0", hardware=True, kind="other"),
        Nic(name="wwan0", hardware=True, kind="wwan", address="1-2"),
        Nic(name="lo", hardware=False, kind="other"),
    ),
    storage=(
        Disk(name="sda", transport="usb", model="Stick", size_bytes=2**34, address="1-5"),
        Disk(name="cciss!c0d0", transport="scsi"),
    ),
    pci=(
        PciFunction(
            address="0000:02:00.0",
            vendor="8086",
            device="15f3",
            class_="0200",
            vendor_name="Intel Corporation",
            device_name="I225-V",
            driver="igc",
        ),
        PciFunction(address="0000:01:00.0", vendor="10de", device="27b8", class_="0300"),
    ),
    usb=(
        UsbDevice(path="1-1", vendor="1d6b", product="0104", classes=("09",)),
        UsbDevice(path="1-2", vendor="1199", product="9071", classes=("ff",)),
        UsbDevice(path="1-3", vendor="046d", product="0825", classes=("0e", "01")),
        UsbDevice(path="1-4", vendor="18d1", product="9302", classes=("ff",)),
        UsbDevice(path="1-5", vendor="0781", product="5581", classes=("08",)),
        UsbDevice(path="1-6", vendor="8087", product="0a2b", classes=("e0",)),
        UsbDevice(
            path="1-10",
            vendor="0403",
            product="6001",
            classes=("ff",),
            vendor_name="FTDI",
            product_name="FT232",
        ),
        UsbDevice(path="1-9", vendor="0424", product="274e", classes=("03",)),
        UsbDevice(path="hiddev0"),
    ),
    gpio=(GpioChip(name="gpiochip0", path="/dev/gpiochip0", label="pinctrl", line_count=54),),
    i2c=(I2cBus(name="i2c-0", path="/dev/i2c-0"), I2cBus(name="i2c-1")),
    ptp=(PtpClock(name="ptp0", path="/dev/ptp0"),),
    watchdogs=(Watchdog(name="watchdog0", path="/dev/watchdog0", label="iTCO"),),
    sensors=(Sensor(kind="temperature", name="temp1", chip="coretemp"),),
)


def shown(kinds=None, hardware=BOX):
    return [(one.kind, one.name) for one in devices_of(hardware, kinds)]


def test_everyday_devices_are_what_is_plugged_in_each_once():
    assert shown() == [
        ("bluetooth", "hci0"),
        ("camera", "video0"),
        ("can", "can0"),
        ("disk", "sda"),
        ("disk", "cciss!c0d0"),
        ("ethernet", "eth0"),
        ("gpu", "0000:01:00.0"),
        ("modem", "wwan0"),
        ("network", "ib0"),
        ("serial", "ttyUSB0"),
        ("serial", "ttyS0"),
        ("tpu", "1-4"),
        ("usb", "1-9"),
        ("usb", "hiddev0"),
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("usb", ["1-1", "1-2", "1-3", "1-4", "1-5", "1-6", "1-9", "1-10", "hiddev0"]),
        ("pci", ["0000:01:00.0", "0000:02:00.0"]),
        ("accelerator", ["0000:01:00.0", "1-4"]),
        ("nic", ["can0", "eth0", "eth0v0", "ib0", "wwan0"]),
        ("wifi", []),
        ("gpio,i2c", ["gpiochip0", "i2c-0", "i2c-1"]),
        ("ptp, tpm ,watchdog", ["ptp0", "tpm0", "watchdog0"]),
        ("sensor", ["temperature/coretemp/temp1"]),
    ],
)
def test_who_asks_for_a_kind_gets_all_of_it(text, names):
    assert [name for _, name in shown(kinds_of(text))] == names


def test_all_is_every_kind():
    assert kinds_of("all") == set(KINDS)
    assert {kind for kind, _ in shown(kinds_of("all"))} == {
        *("gpu", "tpu", "camera", "serial", "modem", "bluetooth", "ethernet", "can", "wwan"),
        *("network", "disk", "usb", "pci", "gpio", "i2c", "ptp", "watchdog", "tpm", "sensor"),
    }


def test_every_kind_stands_once_in_the_table():
    assert len(KINDS) == len(set(KINDS))
    assert not set(GROUPS) & set(KINDS)
    assert {*ACCELERATORS, *INTERFACES} <= set(KINDS)


def test_no_kind_asked_for_is_none():
    assert kinds_of(None) is kinds_of("") is kinds_of("  ") is None


@pytest.mark.parametrize("text", ["gpus", "gpu,", "GPU", "usb,,pci"])
def test_a_word_that_is_no_kind_is_refused(text):
    with pytest.raises(ValueError, match="is none of gpu, npu"):
        kinds_of(text)


def one(name, kinds=None, hardware=BOX):
    (found,) = (device for device in devices_of(hardware, kinds) if device.name == name)
    return found


def test_what_stands_at_an_address_names_what_hangs_there():
    port, nic = one("ttyUSB0"), one("eth0")
    assert (port.vendor, port.model, port.paths) == ("FTDI", "FT232", ("/dev/ttyUSB0",))
    assert (nic.vendor, nic.model, nic.driver) == ("Intel Corporation", "I225-V", "igc")
    assert (one("ttyS0").vendor, one("ttyS0").model) == (None, None)
    unnamed = one("1-9")
    assert (unnamed.vendor, unnamed.model) == ("0424", "274e"), "numbers where there are no words"


def test_usable_is_said_only_where_it_is_judged():
    assert one("0000:01:00.0", kinds_of("gpu")).usable is True
    stick = one("1-4", kinds_of("tpu"))
    assert (stick.usable, stick.reason) == (False, "no permission")
    assert one("video0").usable is True
    assert (one("sda").usable, one("eth0").usable, one("1-9").usable) == (None, None, None)
    bus = one("i2c-1", kinds_of("i2c"))
    assert (bus.usable, bus.paths) == (False, ())
    assert "i2c-dev" in bus.reason


def test_paths_of_disks_are_where_the_kernel_puts_them():
    assert one("cciss!c0d0").paths == ("/dev/cciss/c0d0",)


def test_a_stick_is_shown_where_no_list_holds_it():
    alone = Hardware(usb=BOX.usb)
    assert [name for _, name in shown(hardware=alone)] == [
        *("1-2", "1-3", "1-4", "1-5", "1-6", "1-9", "1-10", "hiddev0"),
    ]


def test_the_order_does_not_depend_on_the_messages():
    turned = Hardware(usb=BOX.usb[::-1], storage=BOX.storage[::-1], nics=BOX.nics[::-1])
    straight = Hardware(usb=BOX.usb, storage=BOX.storage, nics=BOX.nics)
    assert shown(hardware=turned) == shown(hardware=straight)


def test_a_box_that_says_nothing_has_no_devices():
    assert devices_of(Hardware(), kinds_of("all")) == []


def test_disks_and_accelerators_have_a_size_and_what_hangs_on_a_port_its_address():
    gpu = dataclasses.replace(BOX.accelerators[0], memory_bytes=24 * 2**30)
    hardware = dataclasses.replace(BOX, accelerators=(gpu,))
    found = {one.name: one for one in devices_of(hardware)}
    assert (found["0000:01:00.0"].size_bytes, found["sda"].size_bytes) == (24 * 2**30, 2**34)
    assert found["ttyS0"].size_bytes is None
    places = {name: found[name].address for name in ("sda", "video0", "hci0")}
    assert places == {"sda": "1-5", "video0": "1-3", "hci0": "1-6"}
    assert (found["hci0"].vendor, found["hci0"].model) == ("8087", "0a2b")


def test_a_device_that_the_boxs_policy_gives_nobody_cannot_be_used():
    policy = BoxPolicy(devices=("/dev/ttyUSB*", "/dev/nvidia*"))
    kinds = frozenset({"gpu", "tpu", "serial", "bluetooth"})
    found = devices_of(dataclasses.replace(BOX, policy=policy), kinds)
    told = {one.name: (one.usable, one.reason) for one in found}
    assert told == {
        "0000:01:00.0": (True, None),
        "1-4": (False, "no permission"),
        "ttyUSB0": (True, None),
        "ttyS0": (False, "the box's policy does not allow /dev/ttyS0"),
        "hci0": (None, None),
    }

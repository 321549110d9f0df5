"""Which devices a node's hardware has: by kind, with names, without showing one thing twice."""

import dataclasses

import pytest

from skerry_hub.devices import ACCELERATORS, GROUPS, INTERFACES, KINDS, devices_of, kinds_of
from skerry_hub.fleet.device_states import device_id
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
from skerry_wire.workload import BusDevice

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
    assert (one("sda").usable, one("eth0").usable) == (None, None)
    assert one("1-9").usable is True, "each USB device has a node on its bus"
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


# --- by where they stand -----------------------------------------------------------------------

BUSES = Hardware(
    usb=(
        UsbDevice(path="1-3", vendor="046d", product="082d"),
        UsbDevice(path="1-4", vendor="1a6e", product="089a"),
        UsbDevice(path="2-1.4", vendor="0403", product="6011"),
    ),
    cameras=(Camera(name="C920", path="/dev/video0", bus="usb", address="1-3"),),
    serial_ports=(
        *(
            SerialPort(name=f"ttyUSB{k}", path=f"/dev/ttyUSB{k}", bus="usb", address="2-1.4")
            for k in (10, 9)
        ),
        SerialPort(name="ttyS4", path="/dev/ttyS4", bus="pci", address="0000:05:00.0"),
        SerialPort(name="ttyAMA0", path="/dev/ttyAMA0", bus="platform", address="3f201000.serial"),
    ),
    accelerators=(
        Accelerator(
            kind="tpu", vendor="Google", model="Coral", bus="usb", address="1-4", usable=True
        ),
    ),
    pci=(
        PciFunction(
            address="0000:00:02.0", vendor="8086", device="3e9b", class_="030000",
            device_nodes=("/dev/dri/card0", "/dev/dri/renderD128"),
        ),
        PciFunction(address="0000:01:00.0", vendor="10de", device="2204", class_="030000",
                    iommu_group=12),
        PciFunction(address="0000:05:00.0", vendor="1c00", device="3253", class_="070005"),
    ),
)  # fmt: skip


def standing(kind):
    """Return what an order names each device of a kind by, by its name."""
    return {one.name: one.on_bus for one in devices_of(BUSES, frozenset({kind}))}


FTDI = BusDevice(bus="usb", address="2-1.4", vendor="0403", product="6011", subsystem="tty")


def test_orders_name_a_device_by_its_place_and_its_ids_and_not_by_a_number_that_changes():
    assert standing("camera")["video0"] == BusDevice(
        bus="usb", address="1-3", vendor="046d", product="082d", subsystem="video4linux"
    )
    assert standing("serial") == {
        "ttyUSB9": FTDI,
        "ttyUSB10": dataclasses.replace(FTDI, number=1),
        "ttyS4": BusDevice(
            bus="pci", address="0000:05:00.0", vendor="1c00", product="3253", subsystem="tty"
        ),
        "ttyAMA0": None,
    }
    assert standing("usb")["2-1.4"] == dataclasses.replace(FTDI, subsystem=None)
    assert standing("tpu")["1-4"] == BusDevice(bus="usb", address="1-4"), "its ids change"
    assert standing("pci")["0000:00:02.0"].address == "0000:00:02.0"


def test_what_tells_ports_and_cameras_apart_stays_when_their_numbers_change():
    names = {device_id(one) for one in devices_of(BUSES, frozenset({"serial", "camera"}))}
    assert names == {
        "camera/1-3#0", "serial/2-1.4#0", "serial/2-1.4#1", "serial/0000:05:00.0#0",
        "serial/ttyAMA0",
    }  # fmt: skip
    later = tuple(
        dataclasses.replace(one, path=one.path.replace("USB", "USB1"), name=f"{one.name}1")
        for one in BUSES.serial_ports
    )
    again = devices_of(dataclasses.replace(BUSES, serial_ports=later), frozenset({"serial"}))
    assert {"serial/2-1.4#0", "serial/2-1.4#1"} <= {device_id(one) for one in again}


def test_a_function_without_a_device_node_can_only_be_reserved_and_it_is_said_why():
    found = {one.name: one for one in devices_of(BUSES, frozenset({"pci"}))}
    assert found["0000:00:02.0"].usable is True
    bare = found["0000:01:00.0"]
    assert (bare.usable, bare.only_reserved, bare.on_bus) == (False, True, None)
    assert bare.reason == "0000:01:00.0 has no device node to hand over; bind it to vfio-pci"
    assert "it is in no IOMMU group" in found["0000:05:00.0"].reason


@pytest.mark.parametrize(
    ("allowed", "usable"),
    [
        (("/dev/bus/usb/*/*",), {"usb/1-3": True, "usb/2-1.4": True, "camera/video0": False}),
        (("/dev/bus/usb/002/*",), {"usb/1-3": False, "usb/2-1.4": True, "tpu/1-4": False}),
        (("/dev/ttyUSB*",), {"usb/1-3": False, "usb/2-1.4": True, "serial/ttyUSB9": True}),
        (("/dev/dri/renderD*",), {"pci/0000:00:02.0": True, "pci/0000:01:00.0": False}),
        ((), {"usb/1-3": False, "pci/0000:00:02.0": False, "serial/ttyS4": False}),
    ],
)
def test_a_device_is_usable_where_the_policy_allows_any_of_its_nodes(allowed, usable):
    hardware = dataclasses.replace(BUSES, policy=BoxPolicy(devices=allowed))
    kinds = frozenset({"usb", "pci", "camera", "serial", "tpu"})
    found = {f"{one.kind}/{one.name}": one for one in devices_of(hardware, kinds)}
    assert {name: found[name].usable for name in usable} == usable
    reasons = [found[name].reason for name, can in usable.items() if not can]
    assert all("policy allows none of" in one or "no device node" in one for one in reasons)

"""The table for people and the JSON for programs."""

import json

import pytest
from tests.agent.test_capability import box

from skerry_agent.capability import Collected, collect
from skerry_agent.load import Readings
from skerry_agent.present import human_bytes, table, to_json
from skerry_wire import codec
from skerry_wire import hardware as hw
from skerry_wire.hardware import Hardware


def test_json_is_the_hardware_with_null_for_what_is_unknown(tree):
    collected = collect(box(tree).host)
    told = json.loads(to_json(collected))
    assert told["cpu"]["max_mhz"] is None
    assert len(told["pci"]) == 11
    assert told["pci"][0]["class"] == "020000"
    assert told["probes"]["cpu"]["duration_ms"] >= 0
    for status in told["probes"].values():
        del status["duration_ms"]
    assert codec.from_plain(Hardware, told) == collected.hardware


def test_the_table_names_what_people_look_for(tree):
    lines = table(collect(box(tree).host)).splitlines()
    text = "\n".join(lines)
    assert "tpu Google Coral USB Accelerator" in text
    assert "podman, is installed, but its socket is not there" in text
    assert lines[-1].startswith("Probes")
    assert not any(line.endswith(" ") for line in lines)


def test_a_box_that_tells_nothing_has_a_table_too():
    text = table(Collected(Hardware(), {}))
    assert "CPU" in text
    assert "None" not in text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "?"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (2**40, "1 TiB"),
        (2**80, "1048576 EiB"),
    ],
)
def test_sizes(size, text):
    assert human_bytes(size) == text


NOW = Readings({"/": 512}, (1.0, None, 41.5))
MEASURING = Hardware(
    filesystems=(
        hw.Filesystem(mount="/", device="/dev/sda1", type="ext4", size_bytes=1024),
        hw.Filesystem(mount="/data", device="/dev/sdb1", type="xfs"),
    ),
    sensors=(
        hw.Sensor(kind="mains", name="AC"),
        hw.Sensor(kind="power", name="VDD"),
        hw.Sensor(kind="temperature", name="Tctl", chip="k10temp"),
    ),
)


def test_what_is_measured_now_stands_beside_what_there_is():
    told = json.loads(to_json(Collected(MEASURING, {}), NOW))
    assert [entry["available_bytes"] for entry in told["filesystems"]] == [512, None]
    assert [sensor["value"] for sensor in told["sensors"]] == [1.0, None, 41.5]
    without = json.loads(to_json(Collected(MEASURING, {})))
    assert "value" not in without["sensors"][0]
    assert "available_bytes" not in without["filesystems"][0]


def test_the_table_says_it_in_units():
    text = table(Collected(MEASURING, {}), NOW)
    assert "/, /dev/sda1, ext4, 1 KiB, 512 B free" in text
    assert "mains AC, connected" in text
    assert "temperature Tctl, k10temp, 41.5 C" in text
    assert "power VDD\n" in text


def test_the_small_classes_have_their_rows():
    hardware = Hardware(
        system=hw.System(secure_boot=True, tpm_version="2.0", security_modules=("yama",), kvm=True),
        nics=(
            hw.Nic(
                name="eth0", hardware=True, kind="ethernet", address="0000:01:00.0", sriov_vfs=8
            ),
        ),
        modems=(hw.Modem(name="wwan0", bus="usb", address="1-2", paths=("/dev/cdc-wdm0",)),),
        ptp=(hw.PtpClock(name="ptp0", path="/dev/ptp0", interfaces=("eth0",)),),
        serial_ports=(
            hw.SerialPort(
                name="ttyS0", path="/dev/ttyS0", bus="pnp", address="00:04", driver="serial"
            ),
        ),
        gpio=(hw.GpioChip(name="gpiochip0", path="/dev/gpiochip0", line_count=58),),
        i2c=(hw.I2cBus(name="i2c-1", path="/dev/i2c-1"), hw.I2cBus(name="i2c-2", label="SMBus")),
        watchdogs=(hw.Watchdog(name="watchdog0", path="/dev/watchdog0", label="iTCO_wdt"),),
        usb=(hw.UsbDevice(path="1-1"),),
        cdi_devices=("nvidia.com/gpu=0", "nvidia.com/gpu=all"),
    )
    rows = {" ".join(line.split()) for line in table(Collected(hardware, {})).splitlines()}
    assert rows >= {
        "Security secure boot, TPM 2.0, yama",
        "Virtual machines can be run (KVM)",
        "Network eth0, ethernet, 0000:01:00.0, up to 8 virtual functions",
        "Modem usb 1-2, /dev/cdc-wdm0",
        "PTP clock /dev/ptp0, of eth0",
        "Serial port /dev/ttyS0, pnp 00:04, serial",
        "GPIO /dev/gpiochip0, 58 lines",
        "I2C i2c-2 (no device node), SMBus",
        "Watchdog /dev/watchdog0, iTCO_wdt",
        "USB port 1-1, ?:?",
        "CDI device nvidia.com/gpu=0, nvidia.com/gpu=all",
    }


def test_what_a_box_does_not_tell_is_no_empty_row():
    lines = table(Collected(Hardware(), {})).splitlines()
    assert [line for line in lines if len(line.split()) < 2] == []

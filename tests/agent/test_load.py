"""What a heartbeat says; None where the box does not tell."""

import dataclasses
import threading
import time

import pytest

from skerry_agent.capability import collect
from skerry_agent.host import Host
from skerry_agent.load import LOOK_AGAIN, Load, Readings, guard, readings, sample


def test_a_recorded_box(tree):
    tree.write("proc/uptime", "1234.56 99.0").write("proc/loadavg", "0.52 0.40 0.30 1/99 1234")
    tree.write("proc/meminfo", "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 600 kB")
    tree.write("sys/class/thermal/thermal_zone0/temp", 41500)
    tree.write("sys/class/thermal/thermal_zone1/temp", 55000)
    assert sample(tree.host) == Load(
        uptime_s=1234,
        load_1m=0.52,
        memory_available_bytes=600 * 1024,
        temperature_c=55.0,
    )


def test_a_box_that_tells_nothing(tree):
    assert sample(tree.host) == Load(uptime_s=0)


@pytest.mark.parametrize("text", ["-273150", "0", "4294967295", "999000", "nonsense", ""])
def test_a_sensor_that_is_not_connected_is_none(tree, text):
    tree.write("sys/class/thermal/thermal_zone0/temp", text)
    assert sample(tree.host).temperature_c is None


def test_without_zones_the_sensors_of_the_board_tell(tree):
    tree.write(
        "sys/class/hwmon/hwmon0", {"name": "k10temp", "temp1_input": 61000, "fan1_input": 900000}
    )
    assert sample(tree.host).temperature_c == 61.0


def test_old_kernels_say_only_what_is_free(tree):
    tree.write("proc/meminfo", "MemTotal: 1000 kB\nMemFree: 100 kB")
    assert sample(tree.host).memory_available_bytes == 100 * 1024


def test_this_very_machine():
    host = Host("/")
    first = sample(host)
    assert first.cpu_percent is None, "there is nothing to compare the first with"
    sum(range(200_000))
    second = sample(host)
    assert 0 <= second.cpu_percent <= 100
    assert 0 < second.uptime_s <= time.clock_gettime(time.CLOCK_BOOTTIME)
    assert second.memory_available_bytes > 0
    assert second.storage_available_bytes > 0


SUPPLY = "sys/class/power_supply"


def supplies(tree, *, mains=None, **battery):
    if battery:
        tree.write(f"{SUPPLY}/BAT0", {"type": "Battery", **battery})
    return tree if mains is None else tree.write(f"{SUPPLY}/AC", {"type": "Mains", "online": mains})


@pytest.mark.parametrize(
    ("battery", "mains", "percent", "on_battery"),
    [
        ({"capacity": 80, "status": "Discharging"}, 0, 80, True),
        ({"capacity": 80, "status": "Charging"}, 1, 80, False),
        ({"capacity": 100, "status": "Full"}, 0, 100, True),
        ({"capacity": 30, "status": "Discharging"}, None, 30, True),
        ({"capacity": 30, "status": "Charging"}, None, 30, False),
        ({"status": "Unknown"}, None, None, None),
        ({}, 1, None, None),
    ],
)
def test_batteries(tree, battery, mains, percent, on_battery):
    load = sample(supplies(tree, mains=mains, **battery).host)
    assert (load.battery_percent, load.on_battery) == (percent, on_battery)


def test_the_emptiest_battery_and_the_highest_power_count(tree):
    for name, capacity in (("BAT0", 80), ("BAT1", 20), ("BAT2", "nonsense")):
        tree.write(f"{SUPPLY}/{name}", {"type": "Battery", "capacity": capacity})
    tree.write(
        "sys/class/hwmon/hwmon0",
        {"name": "ina3221", "power1_input": 7_400_000, "power2_average": 12_500_000},
    )
    load = sample(tree.host)
    assert (load.battery_percent, load.power_w) == (20, 12.5)


def test_sensors_are_listed_now_and_then_only(tree):
    host = tree.host
    assert sample(host).temperature_c is None
    tree.write("sys/class/thermal/thermal_zone0", {"type": "cpu", "temp": 50000})
    seen = [sample(host).temperature_c for _ in range(LOOK_AGAIN)]
    assert seen == [None] * (LOOK_AGAIN - 1) + [50.0]


def test_a_look_at_the_hardware_brings_new_sensors_at_once(tree):
    host = tree.host
    sample(host)
    tree.write("sys/class/thermal/thermal_zone0", {"type": "cpu", "temp": 50000})
    collect(host)
    assert sample(host).temperature_c == 50.0


def test_free_space_of_the_other_file_systems(tree):
    tree.write(
        "proc/self/mounts",
        "/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /data xfs rw 0 0\n/dev/sdc1 /gone xfs rw 0 0",
    )
    tree.write("data", {}).write("state", {})
    host = Host(tree.root, live=True)
    collect(host)
    assert set(sample(host, "/state").filesystems_available_bytes) == {"/data"}
    assert set(sample(host, "/data").filesystems_available_bytes) == {"/"}


def test_what_stands_beside_a_capability(tree):
    tree.write("sys/class/thermal/thermal_zone0", {"type": "cpu", "temp": 50000})
    tree.write(f"{SUPPLY}/AC", {"type": "Mains", "online": 1})
    tree.write("proc/self/mounts", "/dev/sda1 / ext4 rw 0 0")
    host = Host(tree.root, live=True)
    hardware = collect(host).hardware
    now = readings(host, hardware)
    assert now.sensors == (1.0, 50.0)
    assert now.available_bytes["/"] > 0
    other = dataclasses.replace(hardware, sensors=hardware.sensors[:1])
    assert readings(host, other).sensors == (), "values of other sensors are not told"
    assert readings(tree.host, hardware) == Readings({}, ())


class Sick(Host):
    """A box on which one file system and one sensor block whoever reads them, once they are ill."""

    def __init__(self, root):
        super().__init__(root, live=True)
        self.well = threading.Event()
        self.well.set()
        self.asked = []

    def afresh(self):
        return self

    def space(self, path):
        if path == "/dead":
            self.asked.append(path)
            self.well.wait()
        return super().space(path)

    def text(self, path, most=1024):
        if path.endswith("/temp"):
            self.well.wait()
        return super().text(path, most)


def test_a_dead_disk_and_a_sick_sensor_silence_nothing_else(tree):
    mounts = ("/dev/sda1 /", "/dev/sdb1 /data", "/dev/sdc1 /dead", "/dev/sdd1 /more")
    tree.write("proc/self/mounts", "\n".join(f"{mount} ext4 rw 0 0" for mount in mounts))
    tree.write("data", {}).write("dead", {}).write("more", {})
    tree.write("sys/class/thermal/thermal_zone0", {"type": "cpu", "temp": 50000})
    tree.write(f"{SUPPLY}/BAT0", {"type": "Battery", "capacity": 80})
    host, under = Sick(tree.root), guard()
    hardware = collect(host).hardware
    well = sample(host, "/", under)
    assert set(well.filesystems_available_bytes) == {"/data", "/dead", "/more"}
    assert well.temperature_c == 50.0
    host.well.clear()
    host.asked.clear()
    started = time.monotonic()
    for _ in range(5):
        ill = sample(host, "/", under)
        assert set(ill.filesystems_available_bytes) == {"/data", "/more"}
        assert (ill.temperature_c, ill.battery_percent) == (None, 80)
        assert ill.storage_available_bytes > 0
    assert host.asked == ["/dead"], "it is not asked again while it hangs"
    assert set(readings(host, hardware).available_bytes) == {"/", "/data", "/more"}
    assert time.monotonic() - started < 15
    host.well.set()
    end = time.monotonic() + 10
    back = sample(host, "/", under)
    while back.temperature_c is None or "/dead" not in back.filesystems_available_bytes:
        assert time.monotonic() < end, back
        time.sleep(0.02)
        back = sample(host, "/", under)

"""What a heartbeat says; None where the box does not tell."""

import time

import pytest

from skerry_agent.host import Host
from skerry_agent.load import Load, sample


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

"""What measures the box: names only, the same whatever the kernel numbered them."""

import pytest
from tests.agent.trees import Tree, found, result

from skerry_agent.host import Host
from skerry_agent.probes import sensors
from skerry_agent.probes.result import Absent
from skerry_wire.hardware import Sensor

HWMON = "sys/class/hwmon"
SUPPLY = "sys/class/power_supply"


def test_zones_chips_and_supplies(tree):
    tree.write("sys/class/thermal/thermal_zone0", {"type": "x86_pkg_temp", "temp": 40000})
    tree.write("sys/class/thermal/cooling_device0/type", "Processor")
    tree.write(
        f"{HWMON}/hwmon0",
        {
            "name": "ina3221",
            "temp1_input": 1,
            "power1_input": 1,
            "power1_label": "VDD_IN",
            "fan1_input": 9,
        },
    )
    tree.write(f"{SUPPLY}/BAT0", {"type": "Battery", "capacity": 80})
    tree.write(f"{SUPPLY}/AC", {"type": "Mains", "online": 1})
    assert found(tree, "sensors") == (
        Sensor(kind="battery", name="BAT0"),
        Sensor(kind="mains", name="AC"),
        Sensor(kind="power", name="VDD_IN", chip="ina3221"),
        Sensor(kind="temperature", name="x86_pkg_temp"),
        Sensor(kind="temperature", name="temp1", chip="ina3221"),
    )


def test_chips_of_one_name_are_told_apart_by_their_device_not_their_number(tmp_path):
    boxes = []
    for turn, numbers in enumerate(((0, 1), (7, 3))):
        tree = Tree(tmp_path / f"box{turn}")
        for number, address in zip(numbers, ("0000:01:00.0", "0000:02:00.0"), strict=True):
            tree.write(f"{HWMON}/hwmon{number}", {"name": "nvme", "temp1_input": 1})
            tree.link(f"{HWMON}/hwmon{number}/device", f"/sys/devices/{address}")
        boxes.append(found(tree, "sensors"))
    assert boxes[0] == boxes[1]
    assert [s.chip for s in boxes[0]] == ["nvme 0000:01:00.0", "nvme 0000:02:00.0"]


def test_what_zones_and_supplies_show_a_second_time_does_not_count_twice(tree):
    tree.write("sys/class/thermal/thermal_zone0/type", "acpitz")
    for number, place in ((0, "virtual/thermal/thermal_zone0"), (1, "power_supply/BAT0")):
        tree.write(f"sys/devices/{place}/hwmon{number}", {"name": "x", "temp1_input": 1})
        tree.link(f"{HWMON}/hwmon{number}", f"/sys/devices/{place}/hwmon{number}")
    assert found(tree, "sensors") == (Sensor(kind="temperature", name="acpitz"),)


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("hidpp_battery_0", {"type": "Battery", "scope": "Device"}),
        ("hid-00:1f:20:aa:bb:cc-battery", {"type": "Battery"}),
        ("ucsi", {"type": "Unknown"}),
    ],
)
def test_what_feeds_something_else_is_no_sensor_of_the_box(tree, name, files):
    assert isinstance(result(tree.write(f"{SUPPLY}/{name}", files), "sensors"), Absent)


def test_where_the_values_are_is_remembered_for_heartbeats(tree):
    tree.write(f"{HWMON}/hwmon2", {"name": "k10temp", "temp1_input": 1, "temp1_label": "Tctl"})
    host = Host(tree.root)
    sensors.read(host)
    (place,) = host.remembered(sensors.LISTED)
    assert place.path == "/sys/class/hwmon/hwmon2/temp1_input"
    assert place.sensor == Sensor(kind="temperature", name="Tctl", chip="k10temp")

"""I2C adapters."""

from tests.agent.trees import found, result

from skerry_agent.probes.result import Absent
from skerry_wire.hardware import I2cBus


def test_adapters_and_their_nodes(tree):
    tree.write("sys/bus/i2c/devices", {"i2c-10": {"name": "i915 gmbus dpb"}, "i2c-2": {}})
    tree.write("sys/bus/i2c/devices/2-0050/name", "eeprom")
    tree.write("sys/class/i2c-dev/i2c-10", {})
    assert found(tree, "i2c") == (
        I2cBus(name="i2c-2"),
        I2cBus(name="i2c-10", label="i915 gmbus dpb", path="/dev/i2c-10"),
    )


def test_none_is_absent(tree):
    assert isinstance(result(tree, "i2c"), Absent)

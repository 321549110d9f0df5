"""Watchdogs: those in hardware."""

from tests.agent.trees import found, result

from skerry_agent.probes.result import Absent
from skerry_wire.hardware import Watchdog

CLASS = "sys/class/watchdog"


def test_identity_else_driver(tree):
    tree.write(f"{CLASS}/watchdog0/identity", "iTCO_wdt")
    tree.write(f"{CLASS}/watchdog1/device", {})
    tree.link(f"{CLASS}/watchdog1/device/driver", "/sys/bus/platform/drivers/bcm2835-wdt")
    assert found(tree, "watchdogs") == (
        Watchdog(name="watchdog0", path="/dev/watchdog0", label="iTCO_wdt"),
        Watchdog(name="watchdog1", path="/dev/watchdog1", label="bcm2835-wdt"),
    )


def test_one_in_software_protects_from_nothing(tree):
    tree.write(f"{CLASS}/watchdog0/identity", "Software Watchdog")
    assert isinstance(result(tree, "watchdogs"), Absent)

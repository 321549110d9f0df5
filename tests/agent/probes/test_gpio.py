"""GPIO controllers: each once, whichever way the kernel shows it."""

from tests.agent.trees import found, result

from skerry_agent.probes.result import Absent
from skerry_wire.hardware import GpioChip


def device(tree, number, place):
    tree.write(f"sys/devices/{place}/gpiochip{number}", {})
    return tree.link(
        f"sys/bus/gpio/devices/gpiochip{number}", f"/sys/devices/{place}/gpiochip{number}"
    )


def in_class(tree, name, place, label, lines):
    tree.write(f"sys/devices/{place}/gpio/{name}", {"label": label, "ngpio": lines})
    return tree.link(f"sys/class/gpio/{name}", f"/sys/devices/{place}/gpio/{name}")


def test_a_chip_and_what_the_class_says_of_it(tree):
    device(tree, 0, "platform/fe200000.gpio")
    in_class(tree, "gpiochip512", "platform/fe200000.gpio", "pinctrl-bcm2711", 58)
    device(tree, 1, "platform/soc:firmware:gpio")
    tree.write("sys/class/gpio/export")
    assert found(tree, "gpio") == (
        GpioChip(name="gpiochip0", path="/dev/gpiochip0", label="pinctrl-bcm2711", line_count=58),
        GpioChip(name="gpiochip1", path="/dev/gpiochip1"),
    )


def test_of_several_chips_of_one_device_none_gets_the_label_of_another(tree):
    for number, base in ((0, 300), (1, 200)):
        device(tree, number, "platform/one")
        in_class(tree, f"gpiochip{base}", "platform/one", f"bank {base}", 32)
    assert [(c.name, c.label) for c in found(tree, "gpio")] == [
        ("gpiochip0", None),
        ("gpiochip1", None),
    ]


def test_newer_kernels_name_the_chip_itself(tree):
    for number in (0, 1):
        device(tree, number, "platform/one")
        in_class(tree, f"chip{number}", "platform/one", f"bank {number}", 8)
    assert [(c.name, c.label) for c in found(tree, "gpio")] == [
        ("gpiochip0", "bank 0"),
        ("gpiochip1", "bank 1"),
    ]


def test_older_kernels_have_the_class_alone(tree):
    (chip,) = found(in_class(tree, "gpiochip338", "platform/INT33FC:02", "gpio", 44), "gpio")
    assert (chip.path, chip.line_count) == ("/sys/class/gpio/gpiochip338", 44)


def test_exported_lines_are_no_chips(tree):
    tree.write("sys/devices/virtual/gpio/gpio62", {})
    tree.link("sys/class/gpio/gpio62", "/sys/devices/virtual/gpio/gpio62")
    assert isinstance(result(tree, "gpio"), Absent)

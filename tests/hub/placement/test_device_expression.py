"""Expressions over the fields of one device."""

import dataclasses

import pytest

from skerry_hub.devices import Device
from skerry_hub.placement.device_expression import FIELDS, device_expression
from skerry_hub.placement.reading import ExpressionError

GPU = Device(
    kind="gpu",
    name="0000:01:00.0",
    vendor="nvidia",
    model="A100",
    size_bytes=8 << 30,
    address="0000:01:00.0",
    paths=("/dev/nvidia0", "/dev/nvidiactl"),
    usable=True,
)


@pytest.mark.parametrize(
    "text",
    [
        "memory_bytes >= 8GiB",
        "size_bytes < 9GiB",
        "model matches ^A1",
        "vendor in [amd, nvidia]",
        "usable == true",
        "paths contains /dev/nvidia0",
        "driver not exists",
        "driver != nvidia",
        "not(bus == usb)",
        "any(model == H100, all(model == A100, vendor == nvidia))",
        "device.address == 0000:01:00.0",
    ],
)
def test_what_holds(text):
    test = device_expression(text)
    assert test.holds(GPU)
    assert test.why(GPU) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("memory_bytes >= 16GiB", "memory_bytes 8 GiB < 16 GiB"),
        ("model == H100", 'model is "A100", not "H100"'),
        ("paths contains all [/dev/nvidia0, /dev/x]", "paths lacks /dev/x"),
        ("driver == nvidia", 'driver is not known, "nvidia" wanted'),
        ("driver exists", "driver is not known"),
        ("driver version >= 535", "driver is not known, version >= 535 wanted"),
        ("not(model == A100)", "model == A100 holds, which is excluded"),
        ("not(all(model == A100, vendor == nvidia))",
         "all(model == A100, vendor == nvidia) holds, which is excluded"),
        ("any(model == x, bus == pci)",
         'model is "A100", not "x"; nor: bus is not known, "pci" wanted'),
        ("all(model == x, vendor == nvidia, memory_bytes < 4GiB)",
         'model is "A100", not "x" and memory_bytes 8 GiB >= 4 GiB'),
    ],
)  # fmt: skip
def test_why_a_device_does_not_pass(text, why):
    test = device_expression(text)
    assert not test.holds(GPU)
    assert test.why(GPU) == why


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("memry_bytes > 1", 1, "'memry_bytes' is not a field of a device; did you mean memory"),
        ("node.id == a", 1, "is not a field of a device; there are kind, name"),
        ("x" * 500 + " == a", 1, "is not a field of a device"),
        ("kind == cam", 9, "kind is one of gpu, npu"),
        ("usable == yes", 11, "is true or false"),
        ("memory_bytes >= lots", 17, "is not a size"),
        ("model >= 3", 7, "has no order"),
    ],
)
def test_what_is_no_expression(text, column, reason):
    with pytest.raises(ExpressionError) as error:
        device_expression(text)
    assert error.value.column == column
    assert reason in error.value.reason


def test_it_is_stored_without_the_prefix_and_reads_back():
    test = device_expression("all(device.model == A100,memory_bytes>=16GiB)")
    assert str(test) == "all(model == A100, memory_bytes >= 16GiB)"
    assert device_expression(str(test)) == test


def test_every_field_is_the_devices():
    known = {one.name for one in dataclasses.fields(Device)}
    hidden = {"reason", "on_bus", "cdi", "only_reserved"}  # told in other words: address, usable
    assert {field.steps[0] for field in FIELDS.values()} == known - hidden
    assert all(path == field.path for path, field in FIELDS.items())

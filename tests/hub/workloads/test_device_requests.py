"""Requests for devices: those of compose, and those of `x-placement`."""

import pytest
from tests.hub.workloads.samples import refusals, workload

from skerry_hub.devices import KINDS
from skerry_hub.placement.device_expression import device_expression
from skerry_hub.terms import DeviceRequest

RESERVED = "deploy: {{resources: {{reservations: {{devices: {}}}}}}}"


PLACED = "x-placement: {{devices: {}}}"


def asked(part):
    return [(a.kind, a.count, a.vendor) for a in workload(part).resources.devices]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind(kind):
    assert asked(RESERVED.format(f"[{{capabilities: [{kind}], count: 2}}]")) == [(kind, 2, None)]


def test_a_vendor():
    part = RESERVED.format("[{capabilities: [gpu], count: '1', driver: nvidia}]")
    assert asked(part) == [("gpu", 1, "nvidia")]


def test_gpus_is_a_number_or_a_list():
    assert asked("gpus: 2") == [("gpu", 2, None)]
    assert asked("gpus: [{count: 1, driver: amd}]") == [("gpu", 1, "amd")]
    assert asked("gpus: [{count: 1, capabilities: [gpu]}]") == [("gpu", 1, None)]


def test_requests_for_the_same_add_up():
    part = RESERVED.format("[{capabilities: [gpu], count: 1}, {capabilities: [gpu], count: 2}]")
    assert asked("gpus: 4\n" + part) == [("gpu", 7, None)]


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ("{count: 1}", ".capabilities", "is missing"),
        ("{capabilities: [gpu]}", ".count", "is missing"),
        ("{capabilities: [gpu], count: all}", ".count", "all is not supported"),
        ("{capabilities: [gpu], count: 0}", ".count", "from 1 to 128"),
        ("{capabilities: [], count: 1}", ".capabilities", "must have one of gpu, npu"),
        ("{capabilities: [toaster], count: 1}", ".capabilities", "must have one of gpu, npu"),
        ("{capabilities: [gpu, npu], count: 1}", ".capabilities", "must have one of gpu, npu"),
        ("{capabilities: [gpu, compute], count: 1}", ".capabilities", "'compute' is not supported"),
        ("{capabilities: gpu, count: 1}", ".capabilities", "must be a list"),
        ("{capabilities: [gpu], device_ids: ['0']}", ".device_ids[0]", "numbers of devices change"),
        ("{capabilities: [gpu], device_ids: [all]}", ".device_ids[0]", "numbers of devices change"),
        ("{capabilities: [gpu], device_ids: [a, a]}", ".device_ids", "has 'a' twice"),
        ("{capabilities: [gpu], device_ids: []}", ".device_ids", "must be 1 to 128"),
        ("{capabilities: [gpu], device_ids: [a], count: 1}", ".count", "is not for device_ids"),
        ("{capabilities: [gpu], count: 1, options: {}}", ".options", "is not supported"),
        ("{capabilities: [gpu], count: 1, driver: ''}", ".driver", "is empty"),
        ("gpu", "", "must be a mapping"),
    ],
)
def test_what_is_no_request(written, field, reason):
    ((_, at, said),) = refusals(RESERVED.format(f"[{written}]"))
    assert at == f"deploy.resources.reservations.devices[0]{field}"
    assert reason in said


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ("all", "gpus", "all is not supported"),
        ("0", "gpus", "from 1 to 128"),
        ("[{driver: nvidia}]", "gpus[0].count", "is missing"),
        ("[{count: 1, capabilities: [npu]}]", "gpus[0].capabilities", "must be [gpu] here"),
    ],
)
def test_what_are_no_gpus(written, field, reason):
    ((_, at, said),) = refusals(f"gpus: {written}")
    assert at == field
    assert reason in said


def test_devices_by_their_names_or_addresses():
    part = RESERVED.format("[{capabilities: [serial], device_ids: [ttyUSB0, '1-1.2:1.0']}]")
    (found,) = workload(part).resources.devices
    assert found == DeviceRequest(
        kind="serial",
        count=2,
        expressions=("any(address in [ttyUSB0, 1-1.2:1.0], name in [ttyUSB0, 1-1.2:1.0])",),
    )
    assert str(device_expression(found.expressions[0])) == found.expressions[0]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("{kind: gpu}", DeviceRequest(kind="gpu")),
        ("{kind: camera, count: 2}", DeviceRequest(kind="camera", count=2)),
        ("{kind: gpu, vendor: nvidia, share: 0.25}",
         DeviceRequest(kind="gpu", vendor="nvidia", share_milli=250)),
        ("{kind: gpu, share: 12.5%}", DeviceRequest(kind="gpu", share_milli=125)),
        ("{kind: gpu, share: 1}", DeviceRequest(kind="gpu")),
        ("{kind: pci, reserveOnly: true}", DeviceRequest(kind="pci", only_reserved=True)),
        ("{kind: pci, reserveOnly: false}", DeviceRequest(kind="pci")),
        ("{kind: gpu, constraints: [memory_bytes>=16GiB, {any: [model == a, model == b]}]}",
         DeviceRequest(kind="gpu", expressions=(
             "memory_bytes >= 16GiB", "any(model == a, model == b)"))),
        ("{kind: usb, constraints: [{all: [model == a, vendor == b]}, model == a]}",
         DeviceRequest(kind="usb", expressions=("model == a", "vendor == b"))),
    ],
)  # fmt: skip
def test_a_device_of_x_placement(written, found):
    assert workload(PLACED.format(f"[{written}]")).resources.devices == (found,)


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ("{count: 1}", ".kind", "is missing"),
        ("{kind: toaster}", ".kind", "must be one of gpu, npu"),
        ("{kind: gpu, count: all}", ".count", "all is not supported: nodes differ"),
        ("{kind: gpu, count: 129}", ".count", "from 1 to 128"),
        ("{kind: gpu, share: 0}", ".share", "must be more than 0 and at most 1"),
        ("{kind: gpu, share: 1.5}", ".share", "must be more than 0 and at most 1"),
        ("{kind: gpu, share: 101%}", ".share", "must be more than 0 and at most 1"),
        ("{kind: gpu, share: 0.0005}", ".share", "finer than a thousandth"),
        ("{kind: gpu, share: half}", ".share", "is not a share: write 0.25 or 25%"),
        ("{kind: gpu, vendor: ''}", ".vendor", "is empty"),
        ("{kind: gpu, vendors: x}", ".vendors", "did you mean vendor?"),
        ("{kind: gpu, selectors: x}", ".selectors", "write `constraints`"),
        ("{kind: gpu, constraints: [node.id == a]}", ".constraints[0]", "not a field of a device"),
        ("{kind: gpu, constraints: [memory > 1]}", ".constraints[0]", "did you mean memory_bytes?"),
        ("{kind: gpu, constraints: [kind == npu]}", ".constraints[0]",
         "contradicts: no device can fulfil kind == npu beside kind == gpu"),
        ("{kind: gpu, constraints: [usable == false]}", ".constraints[0]", "contradicts"),
        ("{kind: gpu, constraints: [model == a, model == b]}", ".constraints[1]", "contradicts"),
        ("{kind: gpu, vendor: nvidia, constraints: ['vendor in [AMD, Intel]']}", ".constraints[0]",
         "no device can fulfil vendor in [AMD, Intel] beside vendor: nvidia"),
        ("{kind: gpu, constraints: [not: size_bytes >= 8GiB, memory_bytes >= 8GiB]}",
         ".constraints[1]", "beside not(size_bytes >= 8GiB)"),
    ],
)  # fmt: skip
def test_what_is_no_device_of_x_placement(written, field, reason):
    ((line, at, said),) = refusals(PLACED.format(f"[{written}]"))
    assert (line, at) == (4, f"x-placement.devices[0]{field}")
    assert reason in said


def test_requests_of_all_places_add_up_where_only_their_count_differs():
    part = (
        "gpus: 1\n"
        "x-placement: {devices: [{kind: gpu, count: 2}, {kind: gpu, share: 0.5}]}\n"
        "deploy:\n"
        "  x-placement: {devices: [{kind: gpu, share: 50%, count: 2}]}\n"
        "  resources: {reservations: {devices: [{capabilities: [gpu], count: 3}]}}\n"
    )
    assert [str(one) for one in workload(part).resources.devices] == ["6 gpu", "0.5 of 3 gpu"]

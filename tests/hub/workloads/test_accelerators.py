"""Requests for accelerators."""

import pytest
from tests.hub.workloads.samples import refusals, workload

RESERVED = "deploy: {{resources: {{reservations: {{devices: {}}}}}}}"


def asked(part):
    return [(a.kind, a.count, a.vendor) for a in workload(part).resources.devices]


@pytest.mark.parametrize("kind", ["gpu", "npu", "tpu", "vpu", "fpga", "dsp", "dpu"])
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
        ("{capabilities: [camera], count: 1}", ".capabilities", "must have one of gpu, npu"),
        ("{capabilities: [gpu, npu], count: 1}", ".capabilities", "must have one of gpu, npu"),
        ("{capabilities: [gpu, compute], count: 1}", ".capabilities", "'compute' is not supported"),
        ("{capabilities: gpu, count: 1}", ".capabilities", "must be a list"),
        ("{capabilities: [gpu], count: 1, device_ids: ['0']}", ".device_ids", "is not supported"),
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

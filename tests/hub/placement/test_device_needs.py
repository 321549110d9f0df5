"""Devices as a constraint: masks over many nodes, and words for one."""

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.fleet.steps import STEPS, act
from tests.hub.placement.boxes import accelerator, assignment, fleet, gpus, node, workload

from skerry_hub.devices import Device
from skerry_hub.model import Hold
from skerry_hub.placement.device_needs import DeviceNeeds, device_needs_of, too_few
from skerry_hub.terms import DeviceRequest, Placement
from skerry_wire.hardware import Camera, ProbeStatus

CAMERA = Camera(name="cam", path="/dev/video0", bus="usb", address="1-3")


def needs(*requests, single=False):
    return DeviceNeeds(requests, single_numa=single)


def refusals(columns, need, name="a"):
    """Return the refusals, after a look at the mask, which must say the same."""
    row = columns.row(name)
    found = list(need.refusals(columns, row))
    assert need.mask(columns, np.array([row])).tolist() == [not found]
    return found


def texts(columns, need):
    return [one.text for one in refusals(columns, need)]


def held(instance, *holds, where="a"):
    return assignment(
        instance, where, held=tuple(Hold(device=name, milli=milli) for name, milli in holds)
    )


def test_a_workload_that_asks_for_none_has_no_such_constraint():
    assert device_needs_of(workload()) == []
    asked = dataclasses.replace(workload(accelerators=[gpus()]), placement=Placement(numa="single"))
    (need,) = device_needs_of(asked)
    assert (need.requests, need.single_numa, need.kinds) == ((gpus(),), True, ("gpu",))


SHARE = DeviceRequest(kind="gpu", share_milli=600)
TWO_NODES = [accelerator("1", numa_node=0), accelerator("2", numa_node=1)]


@pytest.mark.parametrize(
    ("accelerators", "holds", "requests", "single", "words"),
    [
        ([accelerator("1")], [("gpu/1", 400)], [SHARE], False, []),
        (
            [accelerator("1")],
            [("gpu/1", 401)],
            [SHARE],
            False,
            ["no usable gpu free (0.6 of each): 1 there, 1 taken"],
        ),
        (
            [accelerator("1", memory_bytes=2**30), accelerator("2", memory_bytes=2**40)],
            [],
            [DeviceRequest(kind="gpu", count=2, expressions=("memory_bytes >= 16GiB",))],
            False,
            ["1 usable gpu free < 2: 2 there, 1 other than memory_bytes >= 16GiB"],
        ),
        (TWO_NODES, [], [gpus(2)], False, []),
        (TWO_NODES, [], [gpus(2)], True, ["2 gpu: there, but not on one NUMA node"]),
        (
            [accelerator("1"), accelerator("2"), accelerator("3", vendor="AMD")],
            [("gpu/3", 1000)],
            [gpus(1, "NVIDIA"), gpus(2)],
            False,
            ["2 usable gpu free < 3: 3 there, 1 taken"],
        ),
        (
            [accelerator("1"), accelerator("2", vendor="AMD"), accelerator("3", vendor="AMD")],
            [],
            [gpus(1, "NVIDIA"), DeviceRequest(kind="gpu", expressions=("vendor == NVIDIA",))],
            False,
            ["1 usable gpu free < 2: 3 there"],
        ),
        (
            [accelerator("1"), accelerator("2"), accelerator("3", vendor="AMD")],
            [],
            [
                gpus(2, "NVIDIA"),
                DeviceRequest(kind="gpu", expressions=("vendor == NVIDIA",)),
                gpus(1),
            ],
            False,
            ["3 usable gpu free < 4: 3 there"],
        ),
        (
            [accelerator("1"), accelerator("2", vendor="AMD"), accelerator("3", vendor="AMD")],
            [],
            [gpus(1, "NVIDIA"), DeviceRequest(kind="gpu", expressions=("name == 1",)), gpus(1)],
            False,
            [
                "no devices left for both 1 NVIDIA gpu and 1 gpu with name == 1 and 1 gpu",
            ],
        ),
    ],
)
def test_what_is_missing_is_told_with_numbers(accelerators, holds, requests, single, words):
    columns = fleet(node("a", accelerators=accelerators))
    if holds:
        columns.reserve(held("x-0", *holds))
    assert texts(columns, needs(*requests, single=single)) == words


@pytest.mark.parametrize(
    ("accelerators", "requests", "single", "short"),
    [
        ([accelerator("1")], [gpus()], False, True),
        ([accelerator("1")], [gpus(2)], False, False),
        ([accelerator("1"), accelerator("2")], [gpus(1), gpus(1, "NVIDIA")], False, True),
        ([accelerator("1"), accelerator("2")], [gpus(2), gpus(1, "NVIDIA")], False, False),
        (TWO_NODES, [gpus(2)], True, False),
        ([*TWO_NODES, accelerator("3", numa_node=0)], [gpus(2)], True, True),
    ],
)
def test_a_shortage_is_what_ends_when_others_go(accelerators, requests, single, short):
    columns = fleet(node("a", accelerators=accelerators))
    columns.reserve(held("x-0", ("gpu/1", 1000)))
    found = refusals(columns, needs(*requests, single=single))
    assert found
    assert all(one.is_shortage is short for one in found)


def test_the_shares_that_are_missing_compare():
    columns = fleet(node("a", accelerators=[accelerator("1")]))
    (found,) = refusals(columns, needs(gpus(4)))
    assert (found.missing, found.share) == (3.0, 0.75)
    (found,) = refusals(columns, needs(gpus(1), gpus(1, "NVIDIA")))
    assert (found.missing, found.share) == (1.0, 0.5)


@pytest.mark.parametrize(
    ("requests", "single", "lacks"),
    [
        ([gpus(1)], False, [1.0, 0.0, 0.0]),
        ([gpus(4)], False, [1.0, 0.75, 0.5]),
        ([gpus(1), gpus(1, "NVIDIA")], False, [1.0, 0.5, 0.0]),
        ([gpus(2)], True, [1.0, 0.5, 0.25]),
    ],
)
def test_how_far_a_node_is_from_enough_devices_is_what_its_reasons_say(requests, single, lacks):
    columns = fleet(
        node("a"), node("b", accelerators=[accelerator("1")]), node("c", accelerators=TWO_NODES)
    )
    need = needs(*requests, single=single)
    rows = columns.rows()
    assert need.lack(columns, rows).tolist() == lacks
    assert (need.lack(columns, rows) == 0).tolist() == need.mask(columns, rows).tolist()
    columns.reserve(held("x-0", ("gpu/1", 1000), where="c"))
    for row in rows.tolist():
        shares = [one.share for one in need.refusals(columns, row)]
        assert need.lack(columns, rows[[row]]).tolist() == [max(shares, default=0.0)]


def test_what_a_failed_probe_hides_is_unknown_and_of_the_kind():
    failed = {"cameras": ProbeStatus(status="failed", reason="no access")}
    columns = fleet(node("a", probes=failed))
    (found,) = refusals(columns, needs(DeviceRequest(kind="camera")))
    assert (found.text, found.is_unknown) == ("camera devices are unknown: no access", True)
    (found,) = refusals(columns, needs(gpus()))
    assert (found.text, found.is_unknown) == ("no usable gpu free: none there", False)
    columns.put(node("a", probes=failed, cameras=(CAMERA,)))
    assert texts(columns, needs(DeviceRequest(kind="camera"))) == []


KINDS = [
    needs(gpus()),
    needs(gpus(2)),
    needs(SHARE),
    needs(gpus(1, "NVIDIA"), DeviceRequest(kind="usb")),
    needs(gpus(1), gpus(1, "AMD")),
]


@given(STEPS, st.lists(STEPS, max_size=3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_mask_and_words_agree_of_one_node_and_of_all_whatever_changes(first, turns):
    columns = fleet()
    act(columns, first)
    kept = [needs(*one.requests) for one in KINDS]
    for steps in ([], *turns):
        act(columns, steps)
        rows = columns.rows()
        for need in kept:
            mask = need.mask(columns, rows).tolist()
            assert mask == needs(*need.requests).mask(columns, rows).tolist()
            assert mask == [not refusals(columns, need, name) for name in columns.ids()]


def test_answers_hold_after_the_numbers_of_states_were_given_anew():
    columns = fleet(node("a", accelerators=[accelerator("0")]), node("b"))
    need = needs(gpus())
    for number in range(6000):
        there = [accelerator(str(number))] if number % 2 == 0 else []
        columns.put(node("a", accelerators=there))
        if number % 50 < 2:
            assert need.mask(columns, columns.rows()).tolist() == [number % 2 == 0, False]
    assert columns.epoch == 1


def test_why_is_said_of_the_devices_that_are_meant_and_of_few_where_none_is():
    def bare(number):
        reason = f"0{number} has no device node to hand over"
        return Device(kind="pci", name=f"0{number}", address=f"0{number}", usable=False,
                      reason=reason, only_reserved=True)  # fmt: skip

    there = [bare(number) for number in range(6)]
    meant = DeviceRequest(kind="pci", expressions=("address == 03",))
    assert too_few(meant, 0, 0, there) == (
        "no usable pci free: 6 there, 6 not usable (03 has no device node to hand over)"
    )
    assert too_few(DeviceRequest(kind="pci"), 0, 0, there).endswith(
        "03 has no device node to hand over; and 2 more)"
    )

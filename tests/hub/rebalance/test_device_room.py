"""Devices as dimensions: what requests take of each class, and what nodes have of it."""

import numpy as np
import pytest
from tests.hub.rebalance.fleets import node, uneven, work_of, workload

from skerry_hub.rebalance.device_room import DeviceRoom, could_hold
from skerry_hub.terms import DeviceRequest, Placement

WHOLE = DeviceRequest(kind="gpu", count=2)
HALF = DeviceRequest(kind="gpu", share_milli=500)
AMD = DeviceRequest(kind="gpu", vendor="AMD")
NAMED = DeviceRequest(kind="gpu", expressions=("address == 0000:00:00",))


def asking(*requests, name="shop-web", numa="", **fields):
    return workload(name, Placement(numa=numa), accelerators=requests, **fields)


@pytest.mark.parametrize(
    ("requests", "takes"),
    [
        ((), []),
        ((WHOLE,), [2]),
        ((HALF,), [500]),
        ((WHOLE, HALF), [2, 2500]),
        # By any device of the kind, then by those of the vendor alone.
        ((AMD,), [1, 1]),
        ((AMD, HALF), [1, 1500, 1]),
    ],
)
def test_what_requests_take(requests, takes):
    room = DeviceRoom([asking(*requests)])
    assert room.demand(requests) == takes
    assert len(room) == len(takes)


def test_a_class_counts_its_own_requests_and_that_of_any_counts_all():
    room = DeviceRoom([asking(AMD), asking(NAMED), asking(HALF)])
    assert [room.demand((one,)) for one in (AMD, NAMED, HALF)] == [
        [1, 1000, 0, 1],
        [1, 1000, 1, 0],
        [0, 500, 0, 0],
    ]


def test_what_nodes_have_is_without_what_stays():
    nodes = [node("n0", gpus=3, vendors=("AMD", "NVIDIA")), node("n1")]
    stays, moves = asking(HALF, name="shop-a"), asking(HALF, AMD, name="shop-b")
    work = work_of(uneven(nodes, [stays, moves], []))
    rows = np.sort(work.columns.rows())
    room = DeviceRoom([stays, moves])
    held = {hold.device: hold.milli for hold in work.draft.of_workload("shop-a")[0].held}
    assert list(held.values()) == [500]
    ours = any(one in held for one in ("gpu/0000:00:00", "gpu/0000:02:00"))
    found = room.capacity(work.columns, rows, {"shop-b-0"})
    assert found.tolist() == [[2, 2500, 1 if ours else 2], [0, 0, 0]]
    assert room.capacity(work.columns, rows, {"shop-a-0", "shop-b-0"})[0].tolist() == [3, 3000, 2]


def test_who_could_have_the_devices_were_nothing_of_them_taken():
    nodes = [node("n0", gpus=3), node("n1", gpus=1), node("n2"), node("n3", gpus=4)]
    taken = asking(DeviceRequest(kind="gpu", count=4), name="shop-a")
    work = work_of(uneven(nodes, [taken], []))
    rows = np.sort(work.columns.rows())
    three = DeviceRequest(kind="gpu", count=3)
    for load, could in (
        (asking(), [True] * 4),
        (asking(WHOLE), [True, False, False, True]),
        (asking(three), [True, False, False, True]),
        (asking(three, numa="single"), [False] * 4),
        (asking(AMD), [False] * 4),
    ):
        assert could_hold(load, work.columns, rows).tolist() == could, load.resources.devices

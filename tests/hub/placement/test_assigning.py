"""An instance on a node: what it reserves, its devices and its priority."""

import dataclasses

import pytest
from tests.hub.placement.boxes import GIB, accelerator, fleet, gpus, node, workload

from skerry_hub.model import Hold
from skerry_hub.placement.assigning import assign
from skerry_hub.terms import DeviceRequest, Placement


def three(**more):
    return fleet(
        node(
            "a",
            accelerators=[
                accelerator("1", numa_node=0),
                accelerator("2", numa_node=1),
                accelerator("3", numa_node=1),
            ],
            **more,
        )
    )


def on(columns, load, **more):
    return assign(columns, load, "rev", "shop-web-0", columns.row("a"), **more)


def test_an_instance_without_devices_has_what_its_workload_wants():
    load = dataclasses.replace(workload(cpu=300, memory=GIB), placement=Placement(priority=7))
    one = on(three(), load)
    assert (one.id, one.workload, one.revision, one.node) == ("shop-web-0", "shop-web", "rev", "a")
    assert (one.resources, one.priority) == (load.resources, 7)
    assert (one.devices, one.held) == ((), ())


def test_devices_are_held_and_their_nodes_handed_over():
    one = on(
        three(),
        dataclasses.replace(workload(accelerators=[gpus(2)]), placement=Placement(priority=-3)),
    )
    assert one.held == (Hold(device="gpu/2"), Hold(device="gpu/3"))
    assert [device.host for device in one.devices] == ["/dev/gpu-2", "/dev/gpu-3"]
    assert one.priority == -3


@pytest.mark.parametrize(
    ("count", "numa", "expected"),
    [(3, "", 3), (3, "single", None), (2, "single", 2), (4, "", None)],
)
def test_devices_that_do_not_suffice_are_none(count, numa, expected):
    load = dataclasses.replace(workload(accelerators=[gpus(count)]), placement=Placement(numa=numa))
    one = on(three(), load)
    assert (one and len(one.held)) == expected


def test_what_it_had_comes_first_then_the_least_cost():
    load = workload(accelerators=[DeviceRequest(kind="gpu", share_milli=300)])
    costs = {"gpu": [5, 3, 4]}
    columns = three()
    assert on(columns, load).held == (Hold(device="gpu/1", milli=300),)
    assert on(columns, load, costs=costs).held == (Hold(device="gpu/2", milli=300),)
    kept = on(columns, load, costs=costs, prefer={"gpu/3"})
    assert kept.held == (Hold(device="gpu/3", milli=300),)


def test_a_share_is_of_the_device_with_the_least_that_suffices_on_whatever_numa_node():
    load = workload(accelerators=[DeviceRequest(kind="gpu", share_milli=300)])
    columns = three()
    there = dataclasses.replace(on(columns, load, prefer={"gpu/3"}), id="x-0", workload="x")
    columns.reserve(there)
    assert on(columns, load).held == (Hold(device="gpu/3", milli=300),)

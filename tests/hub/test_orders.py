"""What an order says, and what can be told from it again."""

import dataclasses

import pytest
from tests.hub.records import FIRST, NOW, assignment, node, report, workload

from skerry_hub.orders import (
    MAX_ORIGIN_BYTES,
    content_of,
    instances,
    next_order,
    origin_of,
    workload_of,
)
from skerry_wire.workload import BusDevice, Container, DeviceMapping, Instance

DEVICE = DeviceMapping(host="/dev/dri/renderD128", container="/dev/dri/renderD128")
STICK = BusDevice(bus="usb", address="1-2")
OWN = DeviceMapping(host="/dev/ttyUSB0", container="/dev/ttyUSB0")


def test_an_order_lists_instances_by_id_with_their_containers_and_origin():
    shop, tool = workload("shop-web"), workload("tool-x")
    found = instances(
        [assignment("tool-x-0"), assignment("shop-web-1"), assignment("shop-web-0")],
        {"shop-web": shop, "tool-x": tool},
    )
    assert [one.id for one in found] == ["shop-web-0", "shop-web-1", "tool-x-0"]
    assert found[0].containers == shop.containers
    assert found[0].revision == shop.revision
    assert found[0].origin == origin_of(shop)


def test_what_no_workload_stands_behind_is_not_ordered():
    assert instances([assignment("ghost-web-0")], {}) == ()


def test_the_devices_that_were_chosen_come_after_the_containers_own():
    container = Container(name="web", image="localhost/web:1", devices=(OWN,))
    shop = dataclasses.replace(workload(), containers=(container,))
    (one,) = instances([assignment(devices=(DEVICE,))], {"shop-web": shop})
    assert one.containers[0].devices == (OWN, DEVICE)
    (plain,) = instances([assignment()], {"shop-web": shop})
    assert plain.containers[0] is container
    (named,) = instances([assignment(bus_devices=(STICK,))], {"shop-web": shop})
    assert (named.containers[0].devices, named.containers[0].bus_devices) == ((OWN,), (STICK,))


def test_names_of_cdi_that_were_chosen_come_after_the_containers_own():
    own = ("hailo.ai/npu=hailo0", "nvidia.com/gpu=0")
    container = Container(name="web", image="localhost/web:1", cdi_devices=own)
    shop = dataclasses.replace(workload(), containers=(container,))
    chosen = assignment(cdi_devices=("nvidia.com/gpu=0", "nvidia.com/gpu=1"))
    (one,) = instances([chosen], {"shop-web": shop})
    assert one.containers[0].cdi_devices == (*own, "nvidia.com/gpu=1")


def test_replicas_are_not_part_of_what_a_node_is_told():
    few, many = workload(replicas=1), workload(replicas=9)
    orders = [instances([assignment()], {"shop-web": one}) for one in (few, many)]
    assert content_of(orders[0]) == content_of(orders[1])


@pytest.mark.parametrize(
    "other", [workload(image="localhost/web:2"), workload(labels={"tier": "front"})]
)
def test_whatever_else_changes_makes_another_content(other):
    before = content_of(instances([assignment()], {"shop-web": workload()}))
    assert content_of(instances([assignment()], {"shop-web": other})) != before


def test_a_workload_comes_back_from_an_order_as_it_was_but_for_its_replicas():
    shop = workload(replicas=3, labels={"tier": "front"}, mode="global")
    (one,) = instances([assignment()], {"shop-web": shop})
    assert workload_of(one) == dataclasses.replace(shop, replicas=0)


@pytest.mark.parametrize("origin", [None, b"", b"\xc1", b"\x81\xa4name\xa3a/b"])
def test_without_an_origin_that_can_be_read_the_containers_say_what_runs(origin):
    containers = workload().containers
    one = Instance(
        id="shop-web-0",
        workload="shop-web",
        revision="0" * 16,
        containers=containers,
        origin=origin,
    )
    found = workload_of(one)
    assert (found.name, found.containers) == ("shop-web", containers)


def test_a_workload_that_is_too_large_travels_without_its_origin():
    labels = {f"key-{number}": "x" * 1000 for number in range(MAX_ORIGIN_BYTES // 1000 + 1)}
    assert origin_of(workload(labels=labels)) is None
    assert origin_of(workload(labels={"a": "x"})) is not None


@pytest.mark.parametrize(
    ("issued", "accepted", "generation"), [(0, 0, 1), (4, 2, 5), (4, 9, 10), (0, 3, 4)]
)
def test_a_generation_is_above_all_that_was_issued_and_all_that_was_accepted(
    issued, accepted, generation
):
    order = next_order(node(generation=issued, report=report(accepted=accepted)), (), NOW)
    assert order.generation == generation
    assert (order.node, order.incarnation, order.issued_at) == ("box-1", FIRST, NOW)


def test_a_node_without_a_report_gets_the_generation_after_the_newest_issued():
    assert next_order(node(generation=4, report=None), (), NOW).generation == 5

"""What is asked of the fleet, and how little the order in which it was asked matters."""

import random

from hypothesis import given
from hypothesis import strategies as st
from tests.hub.placement.boxes import MIB, gpus, workload

from skerry_hub.placement.demand import (
    MOST_SHAPES,
    NO_DEMAND,
    DeviceDemand,
    demand_of,
    demand_of_workloads,
)
from skerry_hub.terms import DeviceRequest

GPU = DeviceRequest(kind="gpu")
SHARE = DeviceRequest(kind="gpu", share_milli=500)


def asked(times, *devices, **more):
    return workload(accelerators=devices, **more).resources, times


def test_what_asks_for_no_device_is_no_demand():
    assert demand_of([asked(3, cpu=500)]) == NO_DEMAND
    assert demand_of([]) == NO_DEMAND


def test_equal_requests_are_counted_together_the_most_frequent_first():
    found = demand_of(
        [
            asked(2, GPU, cpu=500, memory=MIB),
            asked(3, SHARE, cpu=500, memory=MIB),
            asked(4, GPU, cpu=500, memory=1),  # as much as a MiB
            asked(1, GPU, cpu=501, memory=MIB),
        ]
    )
    assert found.devices == (
        DeviceDemand(500, 1, GPU, 6),
        DeviceDemand(500, 1, SHARE, 3),
        DeviceDemand(501, 1, GPU, 1),
    )


def test_each_request_of_an_instance_is_asked_for():
    found = demand_of([asked(2, GPU, SHARE, gpus(kind="npu"), cpu=100)])
    assert {(one.request, one.count) for one in found.devices} == {
        (GPU, 2),
        (SHARE, 2),
        (gpus(kind="npu"), 2),
    }


def test_only_the_most_frequent_amounts_stand_for_all_with_every_request_of_them():
    many = [asked(10, GPU, cpu=1 + number) for number in range(MOST_SHAPES)]
    vendor = asked(1, gpus(vendor="AMD"), cpu=1)
    rare = asked(9, GPU, cpu=5000)
    found = demand_of([rare, *many, vendor])
    assert len(found.devices) == MOST_SHAPES + 1
    assert 5000 not in {one.cpu_milli for one in found.devices}
    assert found.devices[-1].request.vendor == "AMD"


def test_workloads_count_as_often_as_they_have_replicas_and_once_at_least():
    loads = [
        workload("a", accelerators=[GPU], replicas=5),
        workload("b", accelerators=[SHARE], replicas=0),
        workload("c", accelerators=[gpus(kind="npu")], mode="global"),
    ]
    counts = {one.request: one.count for one in demand_of_workloads(loads).devices}
    assert counts == {GPU: 5, SHARE: 1, gpus(kind="npu"): 1}


REQUESTS = st.builds(
    lambda cpu, count, share, vendor, times: asked(
        times, DeviceRequest(kind="gpu", count=count, share_milli=share, vendor=vendor), cpu=cpu
    ),
    st.sampled_from([0, 100, 200]),
    st.integers(1, 2),
    st.sampled_from([300, 1000]),
    st.sampled_from([None, "AMD"]),
    st.integers(1, 3),
)


@given(st.lists(REQUESTS, max_size=12), st.integers(0, 99))
def test_the_order_of_asking_does_not_matter(requests, seed):
    found = demand_of(requests)
    mixed = list(requests)
    random.Random(seed).shuffle(mixed)
    assert demand_of(mixed) == found
    assert sum(one.count for one in found.devices) == sum(times for _, times in requests)

"""Fragmentation against a plain computation, one node, one device, one demand at a time.

SKERRY_TEST_CASES=20000 in the environment asks for more cases.
"""

import dataclasses
import math
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.placement.boxes import (
    GIB,
    MIB,
    accelerator,
    assignment,
    fleet,
    node,
    place,
    workload,
)

from skerry_hub.fleet.facts import Resource
from skerry_hub.model import Hold
from skerry_hub.placement.demand import NO_DEMAND, demand_of
from skerry_hub.placement.device_choice import fits
from skerry_hub.placement.fragmentation import (
    IMPOSSIBLE,
    QUARTERS,
    REACH,
    WEIGHTS,
    Fragmentation,
    fragmentation_of,
    kinds_of,
)
from skerry_hub.placement.packing import packing_of
from skerry_hub.placement.points import SCALE
from skerry_hub.placement.world import World
from skerry_hub.terms import DeviceRequest, Placement

# --- plainly ----------------------------------------------------------------------------------


def plain_weights(columns, asked):
    """Return each demand's weight."""
    devices = [one for row in columns.rows().tolist() for one in columns.state("gpu", row)[0]]
    raw = []
    for one in asked:
        suiting = sum(fits(one.request, device) for device in devices)
        raw.append(math.isqrt(one.count**2 * 4096 * len(devices) // max(1, suiting)))
    return [max(1, weight * WEIGHTS // max(1, sum(raw))) for weight in raw]


def plain_waste(devices, free, cpu_milli, memory_bytes, asked, weights):
    """Return what no demand could use of a node's free devices, weighted."""
    found = 0
    for one, weight in zip(asked, weights, strict=True):
        request = one.request
        suiting = [
            left
            for device, left in zip(devices, free, strict=True)
            if fits(request, device) and left >= request.share_milli
        ]
        usable = QUARTERS * sum(suiting) if len(suiting) >= request.count else 0
        milli = request.count * request.share_milli
        for amount, left in ((one.cpu_milli, cpu_milli), (one.memory_mib, memory_bytes // MIB)):
            if amount > left:
                usable = 0
            elif amount:
                usable = min(usable, REACH * left * milli // amount)
        found += (QUARTERS * sum(free) - usable) * weight
    return found


def plain_cost(columns, row, wanted, asked):
    """Return what an instance adds, its share of the fullest device that has it."""
    weights = plain_weights(columns, asked)
    devices, free = columns.state("gpu", row)
    cpu = max(0, columns.free_on(Resource.CPU, row))
    memory = max(0, columns.free_on(Resource.MEMORY, row))
    before = plain_waste(devices, free, cpu, memory, asked, weights)
    after = max(0, cpu - wanted.cpu_milli), max(0, memory - wanted.memory_bytes)
    left = list(free)
    share = None
    for request in wanted.devices:
        if request.share_milli < 1000 and request.count == 1 and share is None:
            share = request
            continue
        missing = request.count
        for at, device in enumerate(devices):
            if missing and fits(request, device) and left[at] >= request.share_milli:
                left[at] -= request.share_milli
                missing -= 1
    if share is None:
        return plain_waste(devices, left, *after, asked, weights) - before
    able = [
        at
        for at, device in enumerate(devices)
        if fits(share, device) and left[at] >= share.share_milli
    ]
    if not able:
        return IMPOSSIBLE
    at = min(able, key=lambda one: free[one])
    tried = [*left[:at], left[at] - share.share_milli, *left[at + 1 :]]
    return plain_waste(devices, tried, *after, asked, weights) - before


# --- random fleets ----------------------------------------------------------------------------

REQUESTS = st.builds(
    DeviceRequest,
    kind=st.just("gpu"),
    count=st.sampled_from([1, 1, 2, 3]),
    share_milli=st.sampled_from([1000, 1000, 500, 300, 1]),
    vendor=st.sampled_from([None, None, "AMD"]),
)
ASKED = st.lists(
    st.tuples(
        st.builds(
            lambda cpu, memory, request: (
                workload(cpu=cpu, memory=memory, accelerators=[request]).resources
            ),
            st.sampled_from([0, 500, 1500, 9000]),
            st.sampled_from([0, MIB, GIB, 3 * GIB + 1]),
            REQUESTS,
        ),
        st.integers(1, 50),
    ),
    min_size=1,
    max_size=6,
)
STATES = st.lists(
    st.tuples(
        st.sampled_from([1, 4, 16]),
        st.sampled_from([GIB, 8 * GIB]),
        st.lists(
            st.tuples(
                st.sampled_from(["NVIDIA", "AMD"]),
                st.booleans() | st.just(True),
                st.sampled_from([0, 0, 200, 500, 1000]),
            ),
            max_size=4,
        ),
        st.sampled_from([0, 700, 5000]),
    ),
    min_size=1,
    max_size=4,
)
CASES = int(os.environ.get("SKERRY_TEST_CASES", "0")) or 100
SOME = settings(max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def built(states):
    columns = fleet()
    for number, (cpus, memory, devices, used) in enumerate(states):
        name = f"n{number}"
        columns.put(
            node(
                name,
                cpus=cpus,
                memory=memory,
                accelerators=[
                    accelerator(str(at), vendor=vendor, usable=usable)
                    for at, (vendor, usable, _) in enumerate(devices)
                ],
            )
        )
        holds = tuple(
            Hold(device=f"gpu/{at}", milli=milli)
            for at, (_, _, milli) in enumerate(devices)
            if milli
        )
        columns.reserve(assignment(f"x-{number}", name, of=workload("x", cpu=used), held=holds))
    return columns


WANTED = st.builds(
    lambda cpu, memory, requests: workload(cpu=cpu, memory=memory, accelerators=requests).resources,
    st.sampled_from([0, 600, 2000, 20_000]),
    st.sampled_from([0, GIB // 2, 2 * GIB]),
    st.lists(REQUESTS, max_size=2),
)


@given(STATES, ASKED, WANTED)
@SOME
def test_what_a_placement_adds_is_what_a_plain_computation_says(states, asked, wanted):
    columns, demand = built(states), demand_of(asked)
    found = fragmentation_of(columns, demand, "gpu")
    rows = columns.rows()
    increase = found.increase(rows, wanted).tolist()
    # More than one share of a kind is beyond what single devices are compared for.
    shares = [one for one in wanted.devices if one.share_milli < 1000 and one.count == 1]
    for row, added in zip(rows.tolist(), increase, strict=True):
        if not columns.state("gpu", row)[0]:
            assert added == 0
            continue
        assert abs(added) <= found.most or added == IMPOSSIBLE
        if len(shares) < 2:
            assert added == plain_cost(columns, row, wanted, demand.devices)


@given(STATES, ASKED, st.lists(WANTED, min_size=1, max_size=3))
@SOME
def test_what_was_followed_is_as_a_fragmentation_made_anew(states, asked, loads):
    columns, demand = built(states), demand_of(asked)
    rows = columns.rows()
    for number, wanted in enumerate(loads):
        found = fragmentation_of(columns, demand, "gpu").increase(rows, wanted).tolist()
        assert found == Fragmentation(columns, demand, "gpu").increase(rows, wanted).tolist()
        hold = Hold(device="gpu/0", milli=100 + number)
        one = workload("y", cpu=300)
        columns.reserve(assignment(f"y-{number}", "n0", of=one, held=(hold,)))


PACK = Placement(strategy="pack")


@given(STATES, ASKED, st.sampled_from([0, 600]), REQUESTS)
@SOME
def test_the_engine_takes_the_node_where_least_is_added_and_its_fullest_device(
    states, asked, cpu, request
):
    columns, demand = built(states), demand_of(asked)
    load = dataclasses.replace(workload(cpu=cpu, accelerators=[request]), placement=PACK)
    decision = place(columns, load, [], keep=False, demand=demand)
    world = World(columns, demand=demand)
    unit = max(1, -(-2 * fragmentation_of(columns, demand, "gpu").most // SCALE))
    added = {}
    for row in columns.rows().tolist():
        devices, free = columns.state("gpu", row)
        suiting = sum(
            left >= request.share_milli and fits(request, device)
            for device, left in zip(devices, free, strict=True)
        )
        if suiting < request.count or (cpu and columns.free_on(Resource.CPU, row) < cpu):
            continue
        added[columns.facts(row).id] = plain_cost(columns, row, load.resources, demand.devices)
    assert len(decision.assignments) == bool(added)
    if not added:
        return
    (taken,) = decision.assignments
    least = min(cost // unit for cost in added.values())
    # Of equal ones the fullest, then the smallest id; what is less than a unit is equal.
    equal = [name for name, cost in added.items() if cost // unit == least]
    (fit,) = (one for one in packing_of(world, load) if one.name == "fit")
    fullness = {name: fit.of(columns, np.array([columns.row(name)]))[0] for name in equal}
    assert taken.node == min(equal, key=lambda name: (-fullness[name], name))
    if request.share_milli < 1000 and request.count == 1:
        devices, free = columns.state("gpu", columns.row(taken.node))
        able = [
            (left, at)
            for at, (device, left) in enumerate(zip(devices, free, strict=True))
            if left >= request.share_milli and fits(request, device)
        ]
        assert [hold.device for hold in taken.held] == [f"gpu/{min(able)[1]}"]


# --- by hand ----------------------------------------------------------------------------------


def gpu_node(name, count=2, **more):
    return node(name, accelerators=[accelerator(str(at)) for at in range(count)], **more)


def packed(*requests, **more):
    return dataclasses.replace(workload(accelerators=requests, **more), placement=PACK)


def test_a_share_fills_a_device_that_is_begun_where_whole_ones_are_asked_for():
    columns = fleet(gpu_node("a"), gpu_node("b"))
    columns.reserve(
        assignment("x-0", "b", of=workload("x"), held=(Hold(device="gpu/1", milli=400),))
    )
    demand = demand_of([(workload(accelerators=[DeviceRequest(kind="gpu")]).resources, 1)])
    share = DeviceRequest(kind="gpu", share_milli=300)
    (one,) = place(columns, packed(share), [], keep=False, demand=demand).assignments
    assert (one.node, one.held) == ("b", (Hold(device="gpu/1", milli=300),))


def test_what_needs_no_device_goes_where_the_processors_left_would_serve_none():
    columns = fleet(gpu_node("a", cpus=7), gpu_node("b", cpus=8), node("c", cpus=2))
    columns.reserve(assignment("x-0", "b", of=workload("x", cpu=5000)))
    demand = demand_of(
        [(workload(cpu=4000, accelerators=[DeviceRequest(kind="gpu")]).resources, 1)]
    )
    (first,) = place(columns, packed(cpu=3000), [], keep=False, demand=demand).assignments
    assert first.node == "b"
    # On b no device is usable any more, and on a all of them still are beside one processor less.
    (second,) = place(columns, packed(cpu=2500), [], keep=False, demand=demand).assignments
    assert second.node == "b"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_several_shares_at_once_are_placed_too(count):
    columns = fleet(gpu_node("a", count=3))
    request = DeviceRequest(kind="gpu", count=count, share_milli=400)
    demand = demand_of([(packed(request).resources, 1)])
    decision = place(columns, packed(request), [], keep=False, demand=demand)
    assert [len(one.held) for one in decision.assignments] == [count]


def test_kinds_are_told_apart_and_no_demand_has_none():
    demand = demand_of(
        [
            (
                workload(
                    accelerators=[DeviceRequest(kind="gpu"), DeviceRequest(kind="npu")]
                ).resources,
                1,
            )
        ]
    )
    assert sorted(kinds_of(demand)) == ["gpu", "npu"]
    assert kinds_of(NO_DEMAND) == ()
    columns = fleet(gpu_node("a"))
    npu = fragmentation_of(columns, demand, "npu")
    assert npu.increase(columns.rows(), workload(cpu=1000).resources).tolist() == [0]


@pytest.mark.parametrize("share", [400, 300, 500, 100])
def test_shares_fill_one_device_though_only_shares_are_asked_for(share):
    columns = fleet(gpu_node("a"))
    request = DeviceRequest(kind="gpu", share_milli=share)
    demand = demand_of([(workload(accelerators=[request]).resources, 2)])
    found = place(columns, packed(request, replicas=2), [], keep=False, demand=demand)
    assert [one.held[0].device for one in found.assignments] == ["gpu/0", "gpu/0"]
    for one in found.assignments:
        columns.reserve(one)
    # So a whole one is left.
    whole = packed(DeviceRequest(kind="gpu"), name="whole")
    assert not place(columns, whole, [], keep=False, demand=demand).unplaced


@pytest.mark.parametrize("cpus", [2**35, 10**9])
def test_a_node_that_tells_wild_amounts_makes_no_number_wrap(cpus):
    columns = fleet(gpu_node("a", count=4, cpus=cpus))
    request = DeviceRequest(kind="gpu", count=128)
    demand = demand_of([(workload(cpu=1, accelerators=[request]).resources, 1)])
    asked = demand_of([(workload(cpu=1, accelerators=[DeviceRequest(kind="gpu")]).resources, 1)])
    for one in (demand, asked):
        found = fragmentation_of(columns, one, "gpu")
        row = columns.row("a")
        wanted = workload(cpu=1000, accelerators=[DeviceRequest(kind="gpu")]).resources
        added = found.increase(np.array([row]), wanted).tolist()
        assert added == [plain_cost(columns, row, wanted, one.devices)]

"""Which devices an instance gets: whole ones and shares, each of its own."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.placement.boxes import gpus

from skerry_hub.devices import Device
from skerry_hub.fleet.device_states import WHOLE
from skerry_hub.placement.device_choice import (
    MAX_NODES,
    bus_devices,
    choose,
    fits,
    holds,
    mappings,
)
from skerry_hub.terms import DeviceRequest
from skerry_wire.workload import BusDevice


def device(name, kind="gpu", **more):
    more.setdefault("vendor", "NVIDIA")
    more.setdefault("paths", (f"/dev/{kind}-{name}",))
    more.setdefault("usable", True)
    return Device(kind=kind, name=name, **more)


def states(*devices, **free):
    """Return the devices by kind; what of them is free is by name, else all."""
    found = {}
    for one in devices:
        there, left = found.setdefault(one.kind, ([], []))
        there.append(one)
        left.append(free.get(f"d{one.name}", WHOLE))
    return {kind: (tuple(there), tuple(left)) for kind, (there, left) in found.items()}


def names(chosen):
    return None if chosen is None else tuple(one.name for one, _ in chosen)


def share(milli, count=1, kind="gpu", **more):
    return DeviceRequest(kind=kind, count=count, share_milli=milli, **more)


def at(place, kind, name=None):
    return device(name or place, kind, address=place)


def test_one_adapter_is_not_its_port_beside_itself():
    adapter = at("1-2", "usb"), at("1-2:1.0", "serial", "ttyUSB0")
    stick = at("1-3", "usb")
    both = [gpus(kind="usb"), gpus(kind="serial")]
    assert choose(states(*adapter), both) is None
    assert names(choose(states(*adapter), both[:1])) == ("1-2",)
    # The stick is taken for the one, whichever comes first.
    assert names(choose(states(*adapter, stick), both)) == ("ttyUSB0", "1-3")
    assert names(choose(states(*adapter, stick), both[::-1])) == ("ttyUSB0", "1-3")


def test_as_many_as_there_are_places_and_no_more():
    ports = range(60)
    there = states(*(at(f"1-{i}", kind) for i in ports for kind in ("usb", "camera")))
    for usb in (0, 1, 30, 60):
        asked = [gpus(usb, kind="usb")] if usb else []
        rest = [gpus(60 - usb, kind="camera")] if usb < 60 else []
        assert len(choose(there, [*asked, *rest])) == 60
        assert choose(there, [*asked, gpus(61 - usb, kind="camera")]) is None


def test_a_port_with_several_of_one_kind_is_given_as_one_kind():
    adapter = at("1-2", "usb"), *(at(f"1-2:1.{i}", "serial", f"ttyUSB{i}") for i in range(4))
    assert len(choose(states(*adapter), [gpus(4, kind="serial")])) == 4
    assert choose(states(*adapter), [gpus(kind="serial"), gpus(kind="usb")]) is None
    other = at("1-3", "usb"), at("1-3:1.0", "serial", "ttyUSB9")
    found = choose(states(*adapter, *other), [gpus(4, kind="serial"), gpus(kind="usb")])
    assert names(found) == ("ttyUSB0", "ttyUSB1", "ttyUSB2", "ttyUSB3", "1-3")


PLACES = ("1-1", "1-2", "1-3")


@given(
    st.lists(
        st.tuples(st.sampled_from(PLACES), st.sampled_from(("usb", "serial", "camera"))),
        max_size=7,
    ),
    st.lists(
        st.tuples(st.sampled_from(("usb", "serial", "camera")), st.integers(1, 2)), max_size=3
    ),
)
@settings(max_examples=200)
def test_devices_that_are_one_are_chosen_exactly_where_they_can_be(there, asked):
    every = [device(str(i), kind, address=place) for i, (place, kind) in enumerate(there)]
    requests = [gpus(count, kind=kind) for kind, count in asked]
    wanted = sorted(kind for kind, count in asked for _ in range(count))

    def is_way(way):
        pairs = itertools.combinations(way, 2)
        return sorted(one.kind for one in way) == wanted and all(
            a.kind == b.kind or a.address != b.address for a, b in pairs
        )

    possible = any(is_way(way) for way in itertools.combinations(every, len(wanted)))
    known = dict.fromkeys(("usb", "serial", "camera"), ((), ())) | states(*every)
    chosen = choose(known, requests)
    assert (chosen is not None) == possible
    assert chosen is None or is_way([one for one, _ in chosen])


IDLE = states(
    device("1"), device("2", vendor="AMD"), device("3"), device("4", "npu", vendor="Hailo")
)


@pytest.mark.parametrize(
    ("requests", "prefer", "chosen"),
    [
        ([], (), ()),
        ([gpus()], (), ("1",)),
        ([gpus()], ("gpu/3",), ("3",)),
        ([gpus()], ("npu/4", "gpu/9"), ("1",)),
        ([gpus(1, "amd")], (), ("2",)),
        ([gpus(2), gpus(1, "AMD")], (), ("1", "2", "3")),
        ([gpus(1), gpus(2, "nvidia")], (), ("1", "2", "3")),
        ([gpus(1, kind="npu"), gpus(1)], (), ("1", "4")),
        ([gpus(4)], (), None),
        ([gpus(3, "nvidia")], (), None),
        ([gpus(2), gpus(2, "nvidia")], (), None),
        ([gpus(1, kind="camera")], (), None),
    ],
)
def test_whole_devices_are_chosen(requests, prefer, chosen):
    found = names(choose(IDLE, requests, prefer=prefer))
    assert (found is None) == (chosen is None)
    assert found is None or tuple(sorted(found)) == chosen


def test_a_device_that_is_not_usable_is_nobodys():
    broken = states(device("1", usable=False), device("2", usable=None))
    assert names(choose(broken, [gpus()])) == ("2",)
    assert choose(broken, [gpus(2)]) is None


# --- shares -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "request_", "chosen"),
    [
        ({"d1": 1000, "d2": 600}, share(500), ("2",)),
        ({"d1": 1000, "d2": 400}, share(500), ("1",)),
        ({"d1": 500, "d2": 500}, share(500), ("1",)),
        ({"d1": 499, "d2": 499}, share(500), None),
        ({"d1": 400, "d2": 500}, share(400, 2), ("1", "2")),
        ({"d1": 1000, "d2": 100}, share(400, 2), None),
        ({"d1": 999, "d2": 1000}, gpus(), ("2",)),
        ({"d1": 999, "d2": 999}, gpus(), None),
        ({"d1": 0, "d2": 1}, share(1), ("2",)),
    ],
)
def test_a_share_comes_from_the_device_with_the_least_that_suffices(free, request_, chosen):
    assert names(choose(states(device("1"), device("2"), **free), [request_])) == chosen


def test_a_share_stays_on_the_device_that_it_has_although_another_has_less():
    two = states(device("1"), device("2"), d1=1000, d2=600)
    assert names(choose(two, [share(500)], prefer=["gpu/1"])) == ("1",)


def test_two_requests_never_share_a_device():
    assert choose(states(device("1")), [share(300), share(300, vendor="nvidia")]) is None
    found = choose(states(device("1"), device("2")), [share(300), share(200)])
    assert sorted((one.name, milli) for one, milli in found) == [("1", 300), ("2", 200)]


# --- expressions and NUMA -------------------------------------------------------------------------


def test_expressions_are_over_the_devices_own_fields():
    large = device("1", model="A100", size_bytes=80 * 2**30, driver="nvidia")
    small = device("2", model="L4", size_bytes=24 * 2**30)
    ask = DeviceRequest(kind="gpu", expressions=("memory_bytes >= 40GiB", "model matches ^A"))
    assert (fits(ask, large), fits(ask, small)) == (True, False)
    assert names(choose(states(small, large), [ask, gpus()])) in (("1", "2"), ("2", "1"))
    assert choose(states(small, large), [ask, ask]) is None
    driven = DeviceRequest(kind="gpu", expressions=("driver exists",))
    assert (fits(driven, large), fits(driven, small)) == (True, False)


def test_what_another_version_stored_is_fulfilled_by_nothing():
    assert not fits(DeviceRequest(kind="gpu", expressions=("orbit == low",)), device("1"))


NUMA = (
    device("1", numa_node=0),
    device("2", numa_node=1),
    device("3", numa_node=1),
    device("4", "npu", numa_node=0),
    device("5", "npu", numa_node=1),
)


@pytest.mark.parametrize(
    ("requests", "single", "chosen"),
    [
        ([gpus(2)], True, {"2", "3"}),
        ([gpus(1), gpus(1, kind="npu")], True, {"1", "4"}),
        ([gpus(2), gpus(1, kind="npu")], True, {"2", "3", "5"}),
        ([gpus(3)], True, None),
        ([gpus(3)], False, {"1", "2", "3"}),
        ([gpus(2)], False, {"2", "3"}),
    ],
)
def test_devices_are_on_one_numa_node_where_they_can_or_must(requests, single, chosen):
    found = names(choose(states(*NUMA), requests, single_numa=single))
    assert (None if found is None else set(found)) == chosen


def test_one_gpu_comes_from_the_numa_node_with_the_fewest():
    assert names(choose(states(*NUMA[:3]), [gpus()])) == ("1",)


@pytest.mark.parametrize(
    ("requests", "single", "held", "chosen"),
    [
        ([gpus()], False, ["gpu/2"], {"2"}),
        ([gpus()], True, ["gpu/3"], {"3"}),
        ([gpus(2)], False, ["gpu/1", "gpu/2"], {"1", "2"}),
        ([gpus(2)], True, ["gpu/1", "gpu/2"], {"2", "3"}),
        ([gpus(2), gpus(1, kind="npu")], False, ["gpu/1", "gpu/3", "npu/5"], {"1", "3", "5"}),
        ([gpus(), gpus(1, kind="npu")], False, ["gpu/2"], {"2", "5"}),
        ([gpus(2)], False, ["gpu/2", "gpu/9"], {"2", "3"}),
    ],
)
def test_what_an_instance_has_it_keeps_wherever_it_is(requests, single, held, chosen):
    found = choose(states(*NUMA), requests, single_numa=single, prefer=held)
    assert set(names(found)) == chosen


def test_a_device_on_no_numa_node_goes_with_all():
    somewhere = states(device("1", numa_node=0), device("2", "usb"), device("3", numa_node=1))
    found = choose(somewhere, [gpus(), gpus(kind="usb")], single_numa=True)
    assert set(names(found)) == {"1", "2"}
    assert choose(somewhere, [gpus(2)], single_numa=True) is None


# --- exactness ------------------------------------------------------------------------------------


DEVICES = st.lists(
    st.tuples(
        st.sampled_from(["gpu", "gpu", "npu"]),
        st.sampled_from(["NVIDIA", "AMD"]),
        st.sampled_from([True, True, False, None]),
        st.sampled_from([None, 0, 1]),
        st.sampled_from([0, 200, 500, 1000, 1000]),
    ),
    max_size=5,
)
REQUESTS = st.lists(
    st.builds(
        lambda kind, count, vendor, milli: DeviceRequest(
            kind=kind, count=count, vendor=vendor, share_milli=milli
        ),
        st.sampled_from(["gpu", "gpu", "npu"]),
        st.integers(1, 2),
        st.sampled_from([None, "nvidia", "AMD"]),
        st.sampled_from([100, 500, 1000, 1000]),
    ),
    min_size=1,
    max_size=3,
)


def possible(there, requests, single):
    """Try every way of giving devices to units."""
    units = [request for request in requests for _ in range(request.count)]
    for way in itertools.permutations(there, len(units)):
        if single and len({one.numa_node for one, _ in way} - {None}) > 1:
            continue
        if all(_does(one, left, unit) for (one, left), unit in zip(way, units, strict=True)):
            return True
    return False


def _does(one, left, unit):
    return (
        one.kind == unit.kind
        and one.usable is not False
        and left >= unit.share_milli
        and unit.vendor in (None, one.vendor, one.vendor.lower())
    )


@given(DEVICES, REQUESTS, st.booleans(), st.lists(st.sampled_from(["gpu/0", "npu/1"]), max_size=1))
@settings(max_examples=400, deadline=None)
def test_it_finds_devices_exactly_where_there_is_a_way(drawn, requests, single, prefer):
    there = [
        (device(str(i), kind, vendor=vendor, usable=usable, numa_node=numa), free)
        for i, (kind, vendor, usable, numa, free) in enumerate(drawn)
    ]
    of_kinds = states(*(one for one, _ in there), **{f"d{one.name}": f for one, f in there})
    chosen = choose(of_kinds, requests, single_numa=single, prefer=prefer)
    assert (chosen is not None) == possible(there, requests, single)
    if chosen is None:
        return
    free = {one.name: left for one, left in there}
    assert len(set(names(chosen))) == len(chosen) == sum(one.count for one in requests)
    assert all(free[one.name] >= milli and one.usable is not False for one, milli in chosen)
    if single:
        assert len({one.numa_node for one, _ in chosen} - {None}) <= 1
    assert possible([(one, milli) for one, milli in chosen], requests, single)


# --- in an assignment -----------------------------------------------------------------------------


def test_what_is_held_is_named_with_its_share():
    found = choose(states(device("1"), device("4", "npu")), [share(250), gpus(kind="npu")])
    assert [(one.device, one.milli) for one in holds(found)] == [("gpu/1", 250), ("npu/4", 1000)]


def test_each_device_node_is_mapped_once_to_the_same_place():
    shared = ("/dev/nvidiactl", "/dev/nvidia0"), ("/dev/nvidiactl", "/dev/nvidia1", "not a path")
    chosen = [(device(str(i), paths=paths), WHOLE) for i, paths in enumerate(shared)]
    found = mappings(chosen)
    assert [m.host for m in found] == ["/dev/nvidiactl", "/dev/nvidia0", "/dev/nvidia1"]
    assert all(m.container == m.host and m.permissions == "rwm" for m in found)


def test_no_node_makes_more_devices_than_an_assignment_can_hold():
    many = [
        (device(str(i), paths=tuple(f"/dev/{i}-{n}" for n in range(64))), WHOLE) for i in range(4)
    ]
    assert len(mappings(many)) == MAX_NODES


STICK = BusDevice(bus="usb", address="1-2")


def test_a_device_whose_box_looks_its_nodes_up_is_named_by_its_place_and_mapped_by_nobody():
    stick = device("1-2", kind="usb", on_bus=STICK)
    chosen = choose(states(stick, device("1")), [gpus(), gpus(kind="usb")])
    assert bus_devices(chosen) == (STICK,)
    assert [one.host for one in mappings(chosen)] == ["/dev/gpu-1"]


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize(
    ("bare", "fine"),
    [
        (device("1", "pci", usable=False, only_reserved=True, paths=()), None),
        (device("1", "pci", usable=False, reason="broken", paths=()), False),
        (device("1", "pci"), True),
    ],
)
def test_a_device_without_a_node_does_only_where_that_is_asked_for(bare, fine, asked):
    request = DeviceRequest(kind="pci", only_reserved=asked)
    assert fits(request, bare) is (asked if fine is None else fine)

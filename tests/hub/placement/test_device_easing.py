"""What has to be given up of devices: never more than needed, and what is left is met."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.placement.boxes import gpus

from skerry_hub.devices import Device
from skerry_hub.fleet.device_states import WHOLE
from skerry_hub.placement.device_choice import choose
from skerry_hub.placement.device_easing import eased
from skerry_hub.terms import DeviceRequest


def gpu(name, vendor="NVIDIA", numa_node=None, usable=True, **more):
    return Device(kind="gpu", name=name, vendor=vendor, numa_node=numa_node, usable=usable, **more)


def states(*pairs):
    return {
        "gpu": (tuple(one for one, _ in pairs), tuple(left for _, left in pairs)),
        "npu": ((), ()),
    }


TWO = states((gpu("a", numa_node=0), WHOLE), (gpu("b", "AMD", numa_node=1), WHOLE))
SHARED = states((gpu("a"), 400), (gpu("b"), 300))


@pytest.mark.parametrize(
    ("there", "requests", "single", "changes", "given_up"),
    [
        (TWO, [gpus(3)], False, ("ask for 2 gpu instead of 3",), 1 / 3),
        (TWO, [gpus(1, "intel")], False, ("ask for no intel gpu",), 1),
        (TWO, [gpus(2), gpus(1, "AMD")], False, ("ask for 1 gpu instead of 2",), 0.5),
        (TWO, [gpus(1), gpus(kind="npu")], False, ("ask for no npu",), 1),
        # One NUMA node for both is worth more than one of the two.
        (TWO, [gpus(2)], True, ("ask for 1 gpu instead of 2",), 0.5),
        (TWO, [gpus(1, "NVIDIA"), gpus(1, "AMD")], True, ("drop numa: single",), 1),
        (
            SHARED,
            [DeviceRequest(kind="gpu", share_milli=500)],
            False,
            ("ask for 0.4 of 1 gpu instead of 0.5",),
            0.2,
        ),
        (
            SHARED,
            [DeviceRequest(kind="gpu", count=2, share_milli=400)],
            False,
            ("ask for 0.3 of 2 gpu instead of 0.4",),
            0.25,
        ),
        (
            TWO,
            [DeviceRequest(kind="gpu", count=2, expressions=("vendor == NVIDIA",))],
            False,
            ("ask for 1 gpu instead of 2",),
            0.5,
        ),
        (
            TWO,
            [DeviceRequest(kind="gpu", expressions=("vendor == Intel",))],
            False,
            # What a device has to be like goes before the device.
            ("drop vendor == Intel of 1 gpu",),
            1,
        ),
    ],
)
def test_the_least_is_given_up(there, requests, single, changes, given_up):
    found, *_ = eased(there, requests, single_numa=single)
    assert (found.changes, round(found.given_up, 6)) == (changes, round(given_up, 6))
    assert (
        not found.requests
        or choose(there, found.requests, single_numa=found.single_numa) is not None
    )


def test_conditions_are_dropped_where_that_is_less():
    asked = [
        DeviceRequest(kind="gpu", expressions=("vendor == Intel",)),
        DeviceRequest(kind="gpu", count=2),
    ]
    three = states(*((gpu(name), WHOLE) for name in "abc"))
    found = eased(three, asked, single_numa=False)
    assert [(one.given_up, one.changes) for one in found] == [
        (1, ("drop vendor == Intel of 1 gpu",)),
        (1, ("ask for no gpu",)),
    ]


def test_one_numa_node_may_be_dropped_where_the_devices_are_on_two():
    fewer, apart = eased(TWO, [gpus(2)], single_numa=True)
    assert (fewer.changes, fewer.given_up) == (("ask for 1 gpu instead of 2",), 0.5)
    assert (apart.changes, apart.given_up) == (("drop numa: single",), 1.0)
    assert (apart.requests, apart.single_numa) == ((gpus(2),), False)


def test_so_many_requests_that_no_step_helps_are_given_up_whole():
    wanted = [gpus(128, kind="gpu")] * 4
    many = states(*((gpu(str(at), numa_node=at % 2), WHOLE) for at in range(128)))
    (found,) = eased(many, wanted, single_numa=True)
    assert found.requests == ()
    assert found.given_up == 4


vendors = st.sampled_from([None, "NVIDIA", "AMD"])
requests = st.lists(
    st.builds(
        DeviceRequest,
        kind=st.just("gpu"),
        count=st.integers(1, 3),
        vendor=vendors,
        share_milli=st.sampled_from([1000, 600, 200]),
        expressions=st.sampled_from([(), ("vendor == AMD",)]),
    ),
    min_size=1,
    max_size=3,
)
machines = st.lists(
    st.tuples(
        st.sampled_from(["NVIDIA", "AMD"]),
        st.sampled_from([None, 0, 1]),
        st.booleans(),
        st.sampled_from([0, 300, 700, 1000]),
    ),
    max_size=4,
)


@given(machines, requests, st.booleans())
@settings(max_examples=300, deadline=None)
def test_what_is_left_is_met_and_something_was_given_up(there, asked, single):
    found = states(
        *(
            (gpu(str(at), vendor, numa, usable), left)
            for at, (vendor, numa, usable, left) in enumerate(there)
        )
    )
    if choose(found, asked, single_numa=single) is not None:
        return
    for less in eased(found, asked, single_numa=single):
        assert less.changes
        assert 0 < less.given_up <= len(asked) + single
        met = not less.requests or choose(found, less.requests, single_numa=less.single_numa)
        assert met is not None

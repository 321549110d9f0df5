"""What a request for devices says of the node: less than it asks, never more."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.placement.expressions import boxes

from skerry_hub.devices import devices_of
from skerry_hub.fleet.facts import facts_of
from skerry_hub.placement.contradiction import contradictions
from skerry_hub.placement.device_choice import fits
from skerry_hub.placement.device_presence import presence_of
from skerry_hub.placement.reading import expression
from skerry_hub.terms import DeviceRequest

HW = "node.hardware.accelerators"


def gpu(*texts, **more):
    return DeviceRequest(kind="gpu", expressions=texts, **more)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (gpu(), [f"{HW}.kind == gpu"]),
        (gpu("vendor == NVIDIA"), [f"{HW}.kind == gpu", f"{HW}.vendor == NVIDIA"]),
        (gpu("size_bytes >= 8GiB"), [f"{HW}.kind == gpu", f"{HW}.memory_bytes >= 8GiB"]),
        (
            gpu("any(address in [a], name in [a])"),
            [f"{HW}.kind == gpu", f"any({HW}.address in [a], {HW}.address in [a])"],
        ),
        (gpu("all(model == a, model != b)"), [f"{HW}.kind == gpu", f"all({HW}.model == a)"]),
        # Of the list they say nothing, or are no fields of it.
        (gpu("model != b", "not(model == b)", "paths contains x"), [f"{HW}.kind == gpu"]),
        (gpu("any(model == a, paths contains x)", "moon == full"), [f"{HW}.kind == gpu"]),
        (DeviceRequest(kind="serial"), []),
    ],
)
def test_in_the_nodes_words(request_, said):
    assert [str(one) for one in presence_of(request_)] == said


@pytest.mark.parametrize(
    ("request_", "text", "is_possible"),
    [
        (gpu(), f"{HW} not exists", False),
        (gpu(), f"{HW}.kind not contains gpu", False),
        (gpu("memory_bytes >= 16GiB"), f"not({HW}.memory_bytes >= 8GiB)", False),
        (gpu("model matches A100"), f"not({HW}.model matches A100)", False),
        (gpu("vendor == NVIDIA"), f"{HW}.vendor != NVIDIA", False),
        # Another device may be of the other sort, and a vendor is written in many ways.
        (gpu("memory_bytes >= 16GiB"), f"{HW}.memory_bytes < 8GiB", True),
        (gpu("vendor == NVIDIA"), f"{HW}.vendor == AMD", True),
        (gpu(vendor="nvidia"), f"{HW}.vendor != NVIDIA", True),
        (DeviceRequest(kind="serial"), f"{HW} not exists", True),
    ],
)
def test_beside_a_constraint(request_, text, is_possible):
    every = [*presence_of(request_), expression(text)]
    assert (not list(contradictions(every))) is is_possible


TESTS = ["vendor == NVIDIA", "vendor matches ^A", "memory_bytes >= 8GiB", "usable == true"]
REQUESTS = st.builds(
    DeviceRequest,
    kind=st.sampled_from(["gpu", "npu"]),
    vendor=st.sampled_from([None, "nvidia", "AMD"]),
    expressions=st.lists(st.sampled_from([*TESTS, *(f"not({one})" for one in TESTS)])).map(tuple),
)


@settings(max_examples=200, deadline=None)
@given(request_=REQUESTS, box=boxes("box"))
def test_a_node_that_has_it_says_so(request_, box):
    there = devices_of(box.capability.hardware) if box.capability else ()
    if any(fits(request_, one) for one in there):
        assert all(one.holds(facts_of(box)) for one in presence_of(request_))

"""The order of deciding about several workloads."""

import dataclasses
import time

import pytest
from tests.hub.placement.boxes import workload

from skerry_hub.model import Resources
from skerry_hub.sequence import sequence
from skerry_hub.terms import Affinity, DeviceRequest, Latency, Placement, Traffic


def load(name, labels=None, **terms):
    return dataclasses.replace(workload(name), labels=labels or {}, placement=Placement(**terms))


def to(name, **more):
    return (Affinity(workload=name, **more),)


@pytest.mark.parametrize(
    ("loads", "order"),
    [
        # By priority, then by name.
        ([load("b"), load("a"), load("c", priority=5), load("d", priority=-1)], "c a b d"),
        # After what one's terms are about, must and wish, near and far.
        ([load("a", affinity=to("z")), load("z")], "z a"),
        ([load("a", affinity=to("z", anti=True, weight=1)), load("z")], "z a"),
        ([load("a", latency=(Latency(to="workload", name="z", max_ms=1),)), load("z")], "z a"),
        ([load("a", latency=(Latency(to="node", name="z", max_ms=1),)), load("z")], "a z"),
        ([load("a", traffic=(Traffic(workload="z", gb_per_hour=1),)), load("z")], "z a"),
        ([load("a", affinity=(Affinity(selector="t=db"),)), load("z", {"t": "db"})], "z a"),
        # What is not asked for now, or is the workload itself, is not waited for.
        ([load("a", affinity=to("x")), load("b", affinity=to("b"))], "a b"),
        (
            [load("a", {"t": "a"}, affinity=(Affinity(selector="t=a", anti=True),)), load("b")],
            "a b",
        ),
        # A chain; what is needed takes over the rank of who needs it.
        ([load("a", affinity=to("b")), load("b", affinity=to("c")), load("c")], "c b a"),
        (
            [load("web", priority=9, affinity=to("db")), load("db"), load("mid", priority=5)],
            "db web mid",
        ),
        # Who need each other.
        ([load("a", affinity=to("b")), load("b", affinity=to("a"))], "b a"),
    ],
)
def test_the_order_of_deciding(loads, order):
    assert sequence(loads) == [[name] for name in order.split()]
    assert sequence(reversed(loads)) == [[name] for name in order.split()]


GIB = 2**30


def sized(name, cpu=0, memory=0, replicas=1, priority=0, devices=()):
    return dataclasses.replace(
        workload(name, replicas=replicas),
        resources=Resources(cpu_milli=cpu, memory_bytes=memory, devices=devices),
        placement=Placement(priority=priority),
    )


@pytest.mark.parametrize(
    ("loads", "order"),
    [
        ([sized("a", cpu=100), sized("b", cpu=300), sized("c", cpu=200)], "b c a"),
        # By the largest share of what is asked for of anything: a half, a third, a sixth.
        ([sized("a", 100, 2 * GIB), sized("b", 300), sized("c", 200, 2 * GIB)], "a b c"),
        # Of one instance, not of all: a quarter each, and a half.
        ([sized("a", cpu=100, replicas=2), sized("b", cpu=200)], "b a"),
        ([sized("a", cpu=900, priority=-1), sized("b", cpu=1)], "b a"),
        (
            [
                sized("a", 10, devices=(DeviceRequest(kind="gpu", share_milli=500),)),
                sized("b", 10, devices=(DeviceRequest(kind="gpu", count=2),)),
                sized("c", 10, devices=(DeviceRequest(kind="camera"),)),
            ],
            "c b a",
        ),
        ([sized("b"), sized("a")], "a b"),
    ],
)
def test_of_equal_priority_the_largest_come_first(loads, order):
    assert sequence(loads) == [[name] for name in order.split()]
    assert sequence(reversed(loads)) == [[name] for name in order.split()]


def test_a_gang_is_together_in_the_order_of_what_its_members_need():
    loads = [
        load("a", gang="till", affinity=to("c")),
        load("b"),
        load("c", gang="till", affinity=to("x")),
        load("x"),
        load("y", affinity=to("b"), priority=7),
    ]
    assert sequence(loads) == [["b"], ["y"], ["x"], ["c", "a"]]


def test_a_gang_of_another_project_is_another():
    other = dataclasses.replace(load("b", gang="till"), project="depot")
    assert sequence([load("a", gang="till"), other]) == [["a"], ["b"]]


def test_a_long_chain_is_no_deep_recursion():
    loads = [load(f"w{at:05}", affinity=to(f"w{at + 1:05}")) for at in range(5000)]
    began = time.monotonic()
    assert [name for (name,) in sequence(loads)] == [f"w{at:05}" for at in range(4999, -1, -1)]
    assert time.monotonic() - began < 2

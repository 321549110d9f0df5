"""Ports of a node: which exclude each other, and who has them."""

import pytest

from skerry_hub.fleet.ports import Port, TakenPorts


@pytest.mark.parametrize(
    ("one", "other", "conflict"),
    [
        ("tcp/8080", "tcp/8080", True),
        ("tcp/8080", "udp/8080", False),
        ("tcp/8080", "tcp/8081", False),
        ("tcp/8080", "tcp/127.0.0.1:8080", True),
        ("tcp/127.0.0.1:8080", "tcp/127.0.0.1:8080", True),
        ("tcp/127.0.0.1:8080", "tcp/10.0.0.1:8080", False),
        ("tcp/0.0.0.0:8080", "tcp/10.0.0.1:8080", True),
        ("tcp/:::8080", "tcp/10.0.0.1:8080", True),
        ("tcp/[::1]:8080", "tcp/0:0::1:8080", True),
        ("tcp/[::1]:8080", "tcp/[::2]:8080", False),
        ("nonsense", "nonsense", True),
    ],
)
def test_two_ports_exclude_each_other(one, other, conflict):
    first, second = Port.parse(one), Port.parse(other)
    assert first.conflicts(second) is conflict
    assert second.conflicts(first) is conflict
    taken = TakenPorts()
    taken.take(7, [one], "x-0")
    assert taken.holder(7, second) == ("x-0" if conflict else None)
    assert taken.holder(8, second) is None


def test_what_is_given_back_is_free_and_the_rest_is_not():
    taken = TakenPorts()
    taken.take(1, ["tcp/127.0.0.1:80", "udp/80"], "x-0")
    taken.take(1, ["tcp/10.0.0.1:80"], "y-0")
    taken.take(2, ["tcp/80"], "x-1")
    assert taken.holder(1, Port.parse("udp/80")) == "x-0"
    taken.give_back(1, ["tcp/127.0.0.1:80", "udp/80"], "x-0")
    assert taken.holder(1, Port.parse("tcp/80")) == "y-0"
    assert taken.holder(1, Port.parse("tcp/127.0.0.1:80")) is None
    assert taken.holder(2, Port.parse("tcp/80")) == "x-1"
    assert taken.holder(1, Port.parse("udp/80")) is None
    taken.give_back(3, ["tcp/9"], "x-0")
    assert not taken.rows(Port.parse("tcp/9"))


def test_of_several_that_have_a_port_the_same_is_named_whichever_came_first():
    mine = {"x-0": "tcp/127.0.0.1:80", "y-0": "tcp/10.0.0.1:80"}
    for order in (("x-0", "y-0"), ("y-0", "x-0")):
        taken = TakenPorts()
        for instance in order:
            taken.take(1, [mine[instance]], instance)
        assert taken.holder(1, Port.parse("tcp/80")) == "x-0"

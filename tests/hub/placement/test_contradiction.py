"""What no node can fulfil together, and what one can."""

import pytest

from skerry_hub.placement.contradiction import contradicted, opposed, overfull
from skerry_hub.placement.reading import expression
from skerry_hub.terms import Affinity, AtMost

A = "node.labels.a"
RAM = "node.hardware.memory.total_bytes"


@pytest.mark.parametrize(
    "texts",
    [
        [f"{A} == x", f"{A} == y"],
        [f"{A} == x", f"{A} != x"],
        [f"{A} in [x, y]", f"{A} not in [y, x]"],
        [f"{A} in [x, y]", f"{A} in [y, z]", f"{A} != y"],
        [f"{A} exists", f"{A} not exists"],
        [f"{A} not exists", f"{A} == x"],
        [f"{A} == till-1", f"{A} matches ^box"],
        [f"{A} == 1.2", f"{A} version >= 1.3"],
        [f"{A} > 5", f"{A} < 3"],
        [f"{RAM} >= 8GiB", f"{RAM} < 8GiB"],
        [f"{RAM} > 8GiB", f"{RAM} <= 8GiB"],
        [f"{RAM} == 1GiB", f"{RAM} > 2GiB"],
        ["node.platform.arch == arm64", "node.platform.arch == amd64"],
    ],
)
def test_no_node_can(texts):
    *before, last = map(expression, texts)
    why = contradicted(before, last)
    assert why is not None
    assert str(last) in why
    assert all(str(one) in why for one in before)
    assert contradicted([], last) is None


@pytest.mark.parametrize(
    "texts",
    [
        [f"{A} == x", f"{A} exists", f"{A} in [x, y]"],
        [f"{A} != x", f"{A} not in [y]", f"{A} not exists"],
        [f"{A} == x", "node.labels.b == y"],
        [f"{RAM} >= 8GiB", f"{RAM} <= 8GiB"],
        ["node.platform.arch == arm64", "node.platform.arch == aarch64"],
        ["node.hardware.accelerators.kind == gpu", "node.hardware.accelerators.kind == npu"],
        [f"any({A} == x, {A} == y)", f"{A} == z"],
    ],
)
def test_a_node_may(texts):
    *before, last = map(expression, texts)
    assert contradicted(before, last) is None


@pytest.mark.parametrize(
    ("texts", "limits", "replicas", "places"),
    [
        ([f"{A} == x"], [("a", 1)], 2, "a x"),
        ([f"{A} in [x, y, x]"], [("a", 2)], 5, "a x, y"),
        ([f"{A} in [x, y]", f"{A} != y"], [("a", 3)], 4, "a x"),
        (["node.id in [b-1, b-2]"], [("site", 9), ("node", 1)], 3, "node b-1, b-2"),
    ],
)
def test_too_few_domains(texts, limits, replicas, places):
    found = overfull(
        map(expression, texts), [AtMost(topology=t, count=n) for t, n in limits], replicas
    )
    last = limits[-1]
    assert found == (
        len(limits) - 1,
        f"{replicas} replicas never fit with at most {last[1]} per {last[0]}:"
        f" only {places} may take any",
    )


@pytest.mark.parametrize(
    ("texts", "limits", "replicas"),
    [
        ([f"{A} in [x, y]"], [("a", 2)], 4),
        ([f"{A} == x"], [("b", 1)], 9),
        ([f"{A} == x"], [("node", 1)], 9),
        ([f"{A} exists", f"{A} != x"], [("a", 1)], 9),
        ([f"any({A} == x, {A} == y)"], [("a", 1)], 9),
        (["node.hostname == x"], [("node", 1)], 2),
        ([f"{A} == x"], [("a", 1)], 0),
        ([f"{A} == x", f"{A} != x"], [("a", 1)], 9),
    ],
)
def test_enough_domains_as_far_as_anybody_can_tell(texts, limits, replicas):
    limits = [AtMost(topology=t, count=n) for t, n in limits]
    assert overfull(map(expression, texts), limits, replicas) is None


@pytest.mark.parametrize(
    ("one", "other", "replicas", "index"),
    [
        ({"workload": "db"}, {"workload": "db"}, 1, 1),
        ({"selector": "a=b"}, {"selector": "a=b"}, 2, 1),
        ({"selector": "a=b"}, {"selector": "a=b"}, 1, None),
        ({"workload": "own"}, {"workload": "own"}, 1, None),
        ({"workload": "own"}, {"workload": "own"}, 2, 1),
        ({"workload": "db"}, {"workload": "other"}, 9, None),
        ({"workload": "db", "topology": "site"}, {"workload": "db"}, 9, None),
        ({"workload": "db", "weight": 1}, {"workload": "db"}, 9, None),
        ({"workload": "db"}, {"workload": "db", "weight": 1}, 9, None),
    ],
)
def test_near_and_far_at_once(one, other, replicas, index):
    found = opposed([Affinity(**one), Affinity(**other, anti=True)], "own", replicas)
    assert (found and found[0]) == index
    assert opposed([Affinity(**one)] * 2, "own", replicas) is None

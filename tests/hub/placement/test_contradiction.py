"""What no node can fulfil together, and what one can."""

import pytest

from skerry_hub.placement.contradiction import contradicted
from skerry_hub.placement.reading import expression

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

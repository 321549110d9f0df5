"""Which expression is refused, beside which others, and in which words."""

import pytest

from skerry_hub.placement.contradiction import Contradiction, contradictions, reason
from skerry_hub.placement.effort import Effort
from skerry_hub.placement.reading import expression

A, B = "node.labels.a", "node.labels.b"
RAM = "node.hardware.memory.total_bytes"
V = "node.hardware.accelerators.vendor"


def found_in(texts):
    return [(one.index, one.beside) for one in contradictions([*map(expression, texts)])]


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([f"{A} == x", f"{A} == y"], [(1, (0,))]),
        ([f"{A} == x", f"{B} == x", f"{A} != x"], [(2, (0,))]),
        ([f"{A} in [x, y]", f"{A} in [y, z]", f"{B} exists", f"{A} != y"], [(3, (0, 1))]),
        ([f"{A} == till-1", f"{A} matches ^box"], [(1, (0,))]),
        ([f"{A} == 1.2", f"{A} version >= 1.3"], [(1, (0,))]),
        ([f"{A} matches ^box-", f"{A} matches ^till-"], [(1, (0,))]),
        ([f"{A} version >= 2", f"{A} version < 1"], [(1, (0,))]),
        ([f"{RAM} >= 8GiB", f"{RAM} < 8GiB"], [(1, (0,))]),
        ([f"{V} contains x", f"{V} not contains any [x, y]"], [(1, (0,))]),
        (["node.platform.arch == arm64", "node.platform.arch == amd64"], [(1, (0,))]),
        ([f"not({A} == x)", f"{A} == x"], [(1, (0,))]),
        ([f"any({A} == x, {B} == y)", f"{A} == z", f"{B} == z"], [(2, (0, 1))]),
        # Each of several is told, and what was refused blames no other.
        ([f"{A} == x", f"{A} == y", f"{B} == y", f"{B} not exists"], [(1, (0,)), (3, (2,))]),
        ([f"{A} == x", f"{A} == y", f"{A} == z"], [(1, (0,)), (2, (0,))]),
        # Alone.
        ([f"{B} exists", f"all({A} == x, {A} == y)"], [(1, ())]),
        (["node.id not exists"], [(0, ())]),
    ],
)
def test_no_node_can(texts, found):
    assert found_in(texts) == found


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [f"{A} == x", f"{A} exists", f"{A} in [x, y]"],
        [f"{A} != x", f"{A} not in [y]", f"{A} not exists"],
        [f"{A} == x", "node.labels.b == y"],
        [f"{RAM} >= 8GiB", f"{RAM} <= 8GiB"],
        ["node.platform.arch == arm64", "node.platform.arch == aarch64"],
        ["node.hardware.accelerators.kind == gpu", "node.hardware.accelerators.kind == npu"],
        [f"any({A} == x, {A} == z)", f"{A} == z"],
        [f"{A} matches ^x", f"{A} matches y$"],
        # Not proven: a label's number and its version are looked at apart.
        [f"{A} > 5", f"{A} version < 3"],
    ],
)
def test_a_node_may(texts):
    assert found_in(texts) == []


def test_words():
    every = [*map(expression, [f"{A} in [x, y]", f"{A} != x", f"{A} != y"])]
    (found,) = contradictions(every)
    assert reason(every, found) == (
        f"no node can fulfil {A} != y beside {A} in [x, y] and {A} != x"
    )
    assert reason(every, found, what="device", named=lambda index: f"line {index}") == (
        f"no device can fulfil {A} != y beside line 0 and line 1"
    )
    assert reason(every, Contradiction(0, ())) == f"no node can fulfil {A} in [x, y]"


def test_not_more_others_are_told_than_anybody_reads():
    values = [f"v{number}" for number in range(9)]
    every = [expression(f"{A} in [{', '.join(values)}]")]
    every += [expression(f"{A} != {value}") for value in values]
    (found,) = contradictions(every)
    assert found == Contradiction(9, tuple(range(9)))
    assert reason(every, found).endswith(f"and {A} != v3 and 4 more")


def test_what_takes_too_long_is_taken_for_possible():
    values = ", ".join(f"v{number}" for number in range(128))
    wide = expression(f"{A} in [{values}]")
    tests = [f"any({A} in [{values}], {B} == {number})" for number in range(63)]
    every = [wide, *map(expression, tests)]
    assert list(contradictions(every)) == []


def test_what_is_proven_is_told_where_no_effort_is_left_to_find_what_it_needs():
    values = ", ".join(f"v{number}" for number in range(120))
    texts = [*[f"{V} contains all [{values}]"] * 60, f"{V} not contains v119"]
    every = [*map(expression, texts)]
    (found,) = contradictions(every)
    assert found == Contradiction(60, tuple(range(60)))
    assert list(contradictions(every, Effort(100))) == []

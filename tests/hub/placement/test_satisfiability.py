"""Whether some node may fulfil expressions: every node of small worlds, and nodes at random.

The search must never say no where a node does (`test_no_node_is_denied`), and must say no where
none of all nodes does (`test_all_that_is_impossible_is_found`), whose values are so many that each
limit has one at, below and above it.
"""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.placement.expressions import EXPRESSIONS, boxes

from skerry_hub.fleet.facts import facts_of
from skerry_hub.placement.device_expression import device_field
from skerry_hub.placement.effort import Effort
from skerry_hub.placement.expression import AllOf, AnyOf, Not
from skerry_hub.placement.literals import formula
from skerry_hub.placement.reading import expression
from skerry_hub.placement.satisfiability import may_hold

A, B, C = (f"node.labels.{label}" for label in "abc")
V = "node.hardware.accelerators.vendor"
SPEED = "node.hardware.nics.speed_mbps"
RAM = "node.hardware.memory.total_bytes"
USABLE = "node.hardware.accelerators.usable"
MUCH = 1_000_000


def subsets(*values):
    return [chosen for n in range(len(values) + 1) for chosen in itertools.combinations(values, n)]


# By field: tests, and values of which each sort that these tests tell apart has one.
WORLDS = {
    A: (
        "== x;!= x;in [x, y, 2];not in [x, 2];exists;not exists;< 2;<= 2;> 1;>= 2.5;== 2.5",
        [(), *[(one,) for one in ("x", "y", "z", "0", "1", "1.5", "2", "2.2", "2.5", "3")]],
    ),
    C: (
        "== x;!= x;in [xy, z];not in [x, xy];exists;matches ^x;not matches ^x;matches y$"
        ";not matches y$;matches ^.$;matches ^z;not matches ^(x|y)",
        [(), *[(one,) for one in ("", *"xyzo", "xy", "xx", "xxy", "xxx", "yy", "zy", "zz", "oy")]],
    ),
    B: (
        "exists;not exists;== 1.9.0;in [1.9, 2-rc1, w];version == 1.9;version != 1.9"
        ";version < 1.9;version <= 2-rc1;version > 1.9;version >= 2",
        [
            (),
            *[(one,) for one in ("w", "z", "1", "1.9-rc", "1.9", "1.9.0", "v1.9", "1.9.1")],
            *[(one,) for one in ("2-rc1", "v2-rc2", "2", "3")],
        ],
    ),
    V: (
        "contains x;not contains x;contains all [x, y];not contains all [x, y];== x;!= x"
        ";contains any [y, z];not contains any [y, z];exists;matches ^y;not matches ^y",
        subsets("x", "y", "yy", "z", "o"),
    ),
    SPEED: (
        "< 100;>= 100;> 1000;<= 1000;== 100;!= 1000;exists;in [1, 2000]",
        subsets(1, 50, 100, 500, 1000, 1500, 2000),
    ),
    RAM: (
        "< 8GiB;>= 8GiB;> 8589934590;== 8GiB;!= 8589934591;not exists",
        [(), (0,), *[(8 * 2**30 + step,) for step in (-3, -2, -1, 0, 1)]],
    ),
    USABLE: ("== true;!= true;== false;!= false;exists", subsets(True, False)),
}


def holds(one, node):
    """Say whether a node passes: its values by the fields' paths."""
    match one:
        case AllOf(parts):
            return all(holds(part, node) for part in parts)
        case AnyOf(parts):
            return any(holds(part, node) for part in parts)
        case Not(part):
            return not holds(part, node)
    return one.takes(node[one.field.path])


def trees(paths):
    tests = [f"{path} {test}" for path in paths for test in WORLDS[path][0].split(";")]
    return st.recursive(
        st.sampled_from(tests).map(expression),
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: AllOf(tuple(parts))),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
            inner.map(Not),
        ),
        max_leaves=4,
    )


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_all_that_is_impossible_is_found(data):
    paths = data.draw(st.lists(st.sampled_from(list(WORLDS)), min_size=1, max_size=2, unique=True))
    every = data.draw(st.lists(trees(paths), min_size=1, max_size=5))
    nodes = itertools.product(*(WORLDS[path][1] for path in paths))
    possible = any(
        all(holds(one, dict(zip(paths, node, strict=True))) for one in every) for node in nodes
    )
    assert may_hold(map(formula, every), Effort(MUCH)) == possible


@settings(max_examples=200, deadline=None)
@given(
    every=st.lists(EXPRESSIONS, min_size=1, max_size=4),
    nodes=st.lists(boxes("box"), min_size=1, max_size=8),
    effort=st.sampled_from([0, 10, 100, MUCH]),
)
def test_no_node_is_denied(every, nodes, effort):
    if any(all(one.holds(facts_of(box)) for one in every) for box in nodes):
        assert may_hold(map(formula, every), Effort(effort))


@pytest.mark.parametrize(
    "texts",
    [
        [f"any({A} == x, {A} == y)", f"{A} == z"],
        [f"any({A} == x, {B} == y)", f"{A} != x", f"{B} != y"],
        [f"any(all({A} == x, {B} == x), all({A} == y, {B} == y))", f"{A} == x", f"{B} == y"],
        [f"not(any({A} == x, {B} exists))", f"all({B} == 1)"],
        [f"not({A} == x)", f"{A} == x"],
        ["node.hardware.usb not exists", "node.hardware.usb.vendor == 0bda"],
        [f"any({V} exists, {A} == x)", "node.hardware.accelerators not exists", f"{A} != x"],
    ],
)
def test_no_way_is_left(texts):
    assert not may_hold([formula(expression(text)) for text in texts], Effort(MUCH))


@pytest.mark.parametrize(
    "texts",
    [
        ["node.hardware.usb exists", "node.hardware.usb.vendor not exists"],
        ["node.hardware.usb not exists", "node.hardware.usb.vendor != 0bda"],
        ["node.hardware.usb not exists", f"{V} exists"],
        [f"any({A} == x, {B} == y)", f"any({A} == z, {B} == z)"],
    ],
)
def test_some_way_is_left(texts):
    assert may_hold([formula(expression(text)) for text in texts], Effort(MUCH))


def test_a_size_by_both_its_names():
    tests = [expression(one, device_field) for one in ("size_bytes < 8GiB", "memory_bytes > 8GiB")]
    assert not may_hold(map(formula, tests), Effort(MUCH))


def test_the_search_ends():
    # As many ways as leaves of a binary tree with 2**60 of them, none of which is possible.
    pairs = [f"any(node.labels.k{i} == x, node.labels.k{i} == y)" for i in range(60)]
    never = [f"any({A} == x, {B} == x)", f"any({A} == y, {B} == y)", f"{A} == {B}", f"{B} == z"]
    every = [*map(expression, [*never[:2], *pairs, *never[2:]])]
    effort = Effort(50_000)
    assert may_hold(map(formula, every), effort) == (effort.left < 0)


def test_nothing_is_asked():
    assert may_hold([], Effort(0))

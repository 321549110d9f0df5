"""The order of nodes on boards: cells of equal domains, cut into blocks, and whether it holds."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.placement.boxes import assignment, fleet, node

from skerry_hub.model import Liveness
from skerry_hub.placement.board import layout_of
from skerry_hub.placement.layout import BLOCK, Layout

BOTH = ("site", "zone")


def box(name, site=None, zone=None, **more):
    labels = {"site": site, "zone": zone}
    return node(name, labels={k: v for k, v in labels.items() if v is not None}, **more)


def ids(columns, layout):
    return [columns.facts(row).id for row in layout.rows.tolist()]


def domains(columns, layout, topology):
    """Return the domain of each node, None where it is in none."""
    found = layout.domains[topology]
    numbers = found.of_row.take(columns.rows()).tolist()
    return {
        name: found.names[number] if number < len(found) else None
        for name, number in zip(columns.ids(), numbers, strict=True)
    }


def cells(layout):
    """Return the positions of each cell, over its blocks."""
    found = {}
    for start, end, cell in zip(
        layout.starts.tolist(), layout.ends.tolist(), layout.cell_of_block.tolist(), strict=True
    ):
        found.setdefault(cell, []).extend(range(start, end))
    return found


def test_without_topologies_nodes_stand_by_their_ids():
    columns = fleet(box("c", "x"), box("a", "y"), box("b"))
    layout = Layout(columns, ())
    assert ids(columns, layout) == ["a", "b", "c"]
    assert (layout.starts.tolist(), layout.ends.tolist()) == ([0], [3])
    assert layout.rank.take(columns.rows()).tolist() == [0, 1, 2]
    assert layout.domains == {}


def test_no_nodes_make_no_blocks():
    for topologies in ((), BOTH, ("node",)):
        layout = Layout(fleet(), topologies)
        assert (len(layout.rows), len(layout.starts), len(layout.ends)) == (0, 0, 0)
        assert layout.firsts(np.zeros(0, dtype=np.int64)).tolist() == []
        assert layout.holds()


def test_a_cell_is_the_nodes_of_the_same_domain_of_each_topology():
    columns = fleet(
        box("a", "x", "1"),
        box("b", "y", "1"),
        box("c", "x", "1"),
        box("d", "x", "2"),
        box("e", "x"),
        box("f"),
        box("g"),
    )
    layout = Layout(columns, BOTH)
    there = ids(columns, layout)
    found = {tuple(there[at] for at in positions) for positions in cells(layout).values()}
    assert found == {("a", "c"), ("b",), ("d",), ("e",), ("f", "g")}
    assert domains(columns, layout, "site") == dict(
        zip("abcdefg", ["x", "y", "x", "x", "x", None, None], strict=True)
    )
    assert domains(columns, layout, "zone")["e"] is None
    for topology in BOTH:
        of_cell = layout.domains[topology].of_cell.tolist()
        for cell, positions in cells(layout).items():
            rows = layout.rows[positions]
            assert set(layout.domains[topology].of_row.take(rows).tolist()) == {of_cell[cell]}


def test_domains_come_by_name_whatever_came_first():
    columns = fleet(box("a", "quay"), box("b", "pier"), box("c", "dock"))
    assert Layout(columns, ("site",)).domains["site"].names == ("dock", "pier", "quay")


def test_each_node_is_a_domain_of_its_own():
    columns = fleet(box("c"), box("a", "x"), box("b"))
    found = Layout(columns, ("node", "site")).domains["node"]
    assert (len(found), list(found.names), list(found.names[1:])) == (
        3,
        ["a", "b", "c"],
        ["b", "c"],
    )
    assert found.of_row.take(columns.rows()).tolist() == [0, 1, 2]


@pytest.mark.parametrize("count", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_cells_are_cut_into_blocks(count):
    names = [f"n{i:04}" for i in range(count)]
    columns = fleet(*(box(name, "x") for name in names), box("z", "y"))
    layout = Layout(columns, ("site",))
    sizes = (layout.ends - layout.starts).tolist()
    assert sum(sizes) == count + 1
    assert all(0 < size <= BLOCK for size in sizes)
    assert len(sizes) == -(-count // BLOCK) + 1
    assert layout.block_of.tolist() == [
        block for block, size in enumerate(sizes) for _ in range(size)
    ]


PLACES = st.lists(
    st.tuples(st.sampled_from([None, "x", "y"]), st.sampled_from([None, "1", "2"])), max_size=20
)


@given(PLACES, st.sampled_from([(), ("site",), ("zone",), BOTH, ("node", *BOTH)]))
@settings(max_examples=100, deadline=None)
def test_an_order_has_each_node_once_and_the_best_of_each_block(places, topologies):
    columns = fleet(*(box(f"n{i:02}", *place) for i, place in enumerate(places)))
    layout = Layout(columns, topologies)
    rows = layout.rows.tolist()
    assert sorted(rows) == sorted(columns.rows().tolist())
    assert [layout.position[row] for row in rows] == list(range(len(rows)))
    keys = np.array([(row * 7919) % 101 for row in rows], dtype=np.int64)
    spans = list(zip(layout.starts.tolist(), layout.ends.tolist(), strict=True))
    assert layout.firsts(keys).tolist() == [keys[start:end].max() for start, end in spans]
    assert all(end == start for (_, end), (start, _) in itertools.pairwise(spans))
    wanted = {
        tuple({"site": site, "zone": zone}[one] for one in topologies if one != "node")
        for site, zone in places
    }
    assert len(set(layout.cell_of_block.tolist())) == len(wanted)


# --- whether it holds -----------------------------------------------------------------------------


def grown():
    return fleet(box("a", "x", "1"), box("b", "y", "1"), box("c"))


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        (lambda columns: columns.put(box("a", "x", "2")), True),
        (lambda columns: columns.put(box("a", "x", cpus=1, liveness=Liveness.LOST)), True),
        (lambda columns: columns.reserve(assignment("x-0", "a")), True),
        (lambda columns: columns.put(box("a", "y")), False),
        (lambda columns: columns.put(box("a", "new")), False),
        (lambda columns: columns.put(box("a")), False),
        (lambda columns: columns.put(box("c", "x")), False),
        (lambda columns: columns.put(node("b", hub_labels={"site": "x"})), False),
        (lambda columns: columns.put(box("d", "x")), False),
        (lambda columns: columns.remove("c"), False),
    ],
)
def test_it_holds_until_a_node_comes_goes_or_is_in_another_domain(change, holds):
    columns = grown()
    layout = layout_of(columns, ("site",))
    assert layout.holds()
    change(columns)
    assert layout.holds() is holds
    assert layout.holds() is holds, "the same answer to whoever asks next"
    assert (layout_of(columns, ("site",)) is layout) is holds
    again = layout_of(columns, ("site",))
    assert domains(columns, again, "site") == {
        facts.id: facts.value("node.labels.site") for facts in columns.each(columns.rows())
    }


def test_it_holds_again_when_what_was_tried_is_undone():
    columns = grown()
    layout = layout_of(columns, ("site",))
    with columns.trial():
        columns.put(box("a", "y"))
        assert not layout.holds()
        assert domains(columns, layout_of(columns, ("site",)), "site")["a"] == "y"
    assert layout.holds()
    assert domains(columns, layout_of(columns, ("site",)), "site")["a"] == "x"


def test_an_order_of_nothing_but_ids_holds_whatever_labels_say():
    columns = grown()
    layout = layout_of(columns, ())
    columns.put(box("a", "elsewhere"))
    assert layout.holds()


def test_it_does_not_hold_once_the_list_of_changes_began_anew():
    columns = grown()
    layout = layout_of(columns, ("site",))
    for number in range(5000):
        columns.put(box("c", cpus=number % 7))
    assert columns.epoch == 1
    assert not layout.holds()
    assert layout_of(columns, ("site",)).holds()

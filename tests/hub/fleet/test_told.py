"""The values of a field in all rows."""

import numpy as np
from tests.hub.placement.boxes import fleet, node

from skerry_hub.fleet.facts import facts_of
from skerry_hub.fleet.fields import field
from skerry_hub.fleet.told import Told

SITE = field("node.labels.site")


def facts(site=None):
    return facts_of(node("a", labels={} if site is None else {"site": site}))


def told(columns):
    found = columns.told(SITE)
    return [found.values[number] for number in found.numbers.take(columns.rows())]


def test_rows_with_equal_values_share_a_number():
    found = Told(SITE, 4)
    found.put_all([0, 2, 3], [facts("x"), facts(), facts("x")])
    assert found.values == [(), ("x",)]
    assert found.numbers.tolist() == [1, 0, 0, 1]
    found.put(1, facts("y"))
    assert found.numbers.tolist() == [1, 2, 0, 1]


def test_a_copy_changes_on_its_own_and_rooms_are_added():
    found = Told(SITE, 1)
    other = found.copy()
    other.double()
    other.put(1, facts("x"))
    assert (len(found), len(other)) == (1, 2)
    assert np.array_equal(other.numbers, [0, 1])
    assert found.numbers.tolist() == [0]


def test_columns_follow_nodes_that_come_change_and_go():
    columns = fleet(*(node(f"n{i}", labels={"site": f"s{i % 3}"}) for i in range(50)))
    assert told(columns)[:2] == [("s0",), ("s1",)]
    for i in range(50, 200):
        columns.put(node(f"n{i}", hub_labels={"site": "new"}))
    columns.put(node("n0", labels={"site": "moved"}))
    columns.remove("n1")
    columns.put(node("m"))
    by_id = dict(zip(columns.ids(), told(columns), strict=True))
    assert (by_id["n0"], by_id["n199"], by_id["m"]) == (("moved",), ("new",), ())


def test_values_that_no_node_has_any_more_do_not_add_up():
    columns = fleet(node("a", labels={"site": "x"}))
    for i in range(500):
        assert told(columns) != [(f"{i}",)]
        columns.put(node("a", labels={"site": f"{i}"}))
    assert told(columns) == [("499",)]
    assert len(columns.told(SITE)) < 100

"""What the nodes tell of a field, asked once for each different set of values."""

import dataclasses

import numpy as np
from tests.hub.placement.boxes import accelerator, assignment, fleet, node, told

from skerry_hub.fleet.fields import field
from skerry_hub.fleet.interned import Interned
from skerry_hub.fleet.told import MAX_TRUTHS, Told

SITE = field("node.labels.site")
EVERY = np.arange(3)


def values(label):
    return () if label is None else (label,)


def of(found, rows=EVERY):
    return [found.values[code] for code in found.codes(rows).tolist()]


def test_rows_with_equal_values_share_a_code_whatever_their_records_are():
    columns = fleet(
        node("a", labels={"site": "x", "other": "1"}),
        node("b"),
        node("c", labels={"site": "x", "other": "2"}),
    )
    codes = columns.told(SITE).codes(columns.rows()).tolist()
    assert codes[0] == codes[2] != 0
    assert codes[1] == 0
    assert columns.told(SITE).values == [(), ("x",)]


def test_the_first_source_that_has_it_counts():
    first, second = Interned(3, None), Interned(3, None)
    first.put(0, "hub")
    second.put(0, "own")
    second.put(1, "own")
    found = Told(SITE, [(first, values), (second, values)])
    assert of(found) == [("hub",), ("own",), ()]
    first.put(0, None)
    first.put(2, "hub")
    assert of(found) == [("own",), ("own",), ("hub",)]


def test_a_test_is_asked_once_for_each_set_of_values():
    column = Interned(3, None)
    found = Told(SITE, [(column, values)])
    asked = []

    def holds(one):
        asked.append(one)
        return one == ("x",)

    column.put(0, "x")
    column.put(2, "x")
    assert found.holding("is x", holds, EVERY).tolist() == [True, False, True]
    assert found.holding("is x", holds, EVERY[1:]).tolist() == [False, True]
    assert sorted(asked) == [(), ("x",)]
    column.put(1, "y")
    assert found.holding("is x", holds, EVERY).tolist() == [True, False, True]
    assert sorted(asked) == [(), ("x",), ("y",)]


def test_what_is_kept_of_old_tests_is_bounded_and_still_right():
    column = Interned(3, None)
    column.put(1, "7")
    found = Told(SITE, [(column, values)])
    for _ in range(2):
        for number in range(2 * MAX_TRUTHS):
            wanted = (str(number),)
            holding = found.holding(number, lambda one, wanted=wanted: one == wanted, EVERY)
            assert holding.tolist() == [False, number == 7, False]
    assert len(found._truths) == MAX_TRUTHS


def test_one_of_finds_single_values_and_members_of_sets():
    columns = fleet(
        node("a", labels={"site": "x"}, accelerators=[accelerator("1")]),
        node("b", labels={"site": "y"}),
        node("c", accelerators=[accelerator("1"), accelerator("2", vendor="AMD")]),
    )
    rows = columns.rows()
    site = columns.told(SITE)
    assert site.one_of(["x"], rows).tolist() == [True, False, False]
    assert site.one_of(["x", "y", "nowhere"], rows).tolist() == [True, True, False]
    assert site.one_of(["nowhere"], rows).tolist() == [False, False, False]
    assert site.one_of([], rows).tolist() == [False, False, False]
    vendors = columns.told(field("node.hardware.accelerators.vendor"))
    assert vendors.one_of(["AMD"], rows).tolist() == [False, False, True]
    assert vendors.one_of(["AMD", "NVIDIA"], rows).tolist() == [True, False, True]
    assert site.one_of(["x"], rows[:0]).tolist() == []


def test_it_follows_nodes_that_come_change_and_go():
    columns = fleet(*(node(f"n{i}", labels={"site": f"s{i % 3}"}) for i in range(50)))
    assert told(columns, SITE.path)[:2] == [("s0",), ("s1",)]
    for i in range(50, 200):
        columns.put(node(f"n{i}", hub_labels={"site": "new"}))
    columns.put(node("n0", labels={"site": "moved"}))
    columns.remove("n1")
    columns.put(node("m"))
    by_id = dict(zip(columns.ids(), told(columns, SITE.path), strict=True))
    assert (by_id["n0"], by_id["n199"], by_id["m"]) == (("moved",), ("new",), ())


def test_it_follows_columns_whose_numbers_were_given_anew():
    column = Interned(3, None)
    found = Told(SITE, [(column, values)])
    asked = [f"{number}" for number in range(200)]
    for text in asked:
        column.put(1, text)
        assert of(found)[1] == (text,)
    held = found.holding("late", lambda one: one == ("199",), EVERY)
    column.sweep(EVERY)
    assert column.epoch == 1
    assert of(found) == [(), ("199",), ()]
    assert found.holding("late", lambda one: one == ("199",), EVERY).tolist() == held.tolist()
    assert len(found.values) == 2


def test_values_that_no_node_has_any_more_do_not_add_up():
    columns = fleet(node("a", labels={"site": "x"}))
    for i in range(6000):
        if i % 100 == 0:
            assert told(columns, SITE.path) != [(f"{i}",)]
        columns.put(node("a", labels={"site": f"{i}"}))
    assert told(columns, SITE.path) == [("5999",)]
    assert len(columns.told(SITE).values) < 6000 - 4096


def test_a_node_that_is_known_later_tells_from_then_on():
    box = node("a", labels={"site": "x"})
    columns = fleet(dataclasses.replace(box, capability=None), reserved=[assignment("x-0", "a")])
    paths = ("node.platform.os", "node.platform.arch", "node.hostname", SITE.path)
    assert [told(columns, path) for path in paths] == [[()], [()], [("a",)], [()]]
    columns.put(box)
    assert [told(columns, path) for path in paths] == [
        [("linux",)],
        [("x86_64", "amd64")],
        [("host-a",)],
        [("x",)],
    ]


# --- what each box has of its own ---------------------------------------------------------------

HOSTNAME = field("node.hostname")


def named(*names):
    """Return a field whose values are a column's records themselves, and the column."""
    column = Interned(len(names), None)
    for row, name in enumerate(names):
        column.put(row, name)
    return Told(HOSTNAME, [(column, None)]), column


def test_a_column_of_names_is_told_as_any_other():
    plain, column = named("b", None, "a", "b")
    other = Told(HOSTNAME, [(column, values)])
    rows = np.arange(4)
    for found in (plain, other):
        assert of(found, rows) == [("b",), (), ("a",), ("b",)]
        assert found.values == [(), ("b",), ("a",)]
        assert found.one_of(["a", "nobody"], rows).tolist() == [False, False, True, False]
        assert found.any_of(rows).tolist() == [True, False, True, True]
        assert found.holding("b", lambda one: one == ("b",), rows).tolist() == [1, 0, 0, 1]


def test_names_that_come_later_are_told_and_tested_too():
    found, column = named("a", "b")
    rows = np.arange(2)
    asked = []

    def hold(several):
        asked.append(list(several))
        return np.array([one == "late" for one in several], np.bool_)

    assert found.holding_of_one("late", hold, rows).tolist() == [False, False]
    column.put(0, "late")
    assert found.holding_of_one("late", hold, rows).tolist() == [True, False]
    assert found.one_of(["late"], rows).tolist() == [True, False]
    assert asked == [["a", "b"], ["late"]]
    column.put(1, None)
    assert found.holding_of_one("late", hold, rows).tolist() == [True, False]


def test_names_that_were_swept_are_told_under_their_new_numbers():
    found, column = named("a", "b")
    for number in range(200):
        column.put(0, f"n{number}")
    found.codes(np.arange(2))
    column.sweep(np.arange(2))
    assert of(found, np.arange(2)) == [("n199",), ("b",)]
    assert found.one_of(["n199"], np.arange(2)).tolist() == [True, False]


def test_a_test_of_one_value_holds_where_it_holds_for_one_of_several():
    column = Interned(4, ())
    for row, several in enumerate([("a", "b"), (), ("b",), ("c", "c")]):
        column.put(row, several)
    found = Told(SITE, [(column, lambda one: one)])

    def hold(several):
        return np.array([one == "b" for one in several], np.bool_)

    assert found.holding_of_one("b", hold, np.arange(4)).tolist() == [True, False, True, False]


def test_a_source_that_says_nothing_of_a_field_is_passed_over_until_it_does():
    first, second = Interned(2, None), Interned(2, None)
    second.put(0, "own")
    found = Told(SITE, [(first, values), (second, values)])
    assert found.one_of(["own"], np.arange(2)).tolist() == [True, False]
    first.put(0, "hub")
    assert found.one_of(["own"], np.arange(2)).tolist() == [False, False]
    assert found.one_of(["hub"], np.arange(2)).tolist() == [True, False]
    assert of(Told(SITE, [(Interned(2, None), values)] * 2), np.arange(2)) == [(), ()]

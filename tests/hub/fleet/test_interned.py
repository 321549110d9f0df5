"""A column of records: each once, however many rows have it."""

import dataclasses

import numpy as np
import pytest

from skerry_hub.fleet.interned import Interned, Labels


def rows(*numbers):
    return np.array(numbers, dtype=np.intp)


def test_equal_records_have_one_number_and_the_empty_one_is_zero():
    column = Interned(4, ())
    assert column.put(0, ("x",))
    assert column.put(2, ("x",))
    assert column.put(3, ("y",))
    assert column.numbers.tolist() == [1, 0, 1, 2]
    assert column.records == [(), ("x",), ("y",)]
    assert [column.of(row) for row in range(4)] == [("x",), (), ("x",), ("y",)]
    assert (column.find(("y",)), column.find(()), column.find(("z",))) == (2, 0, None)


def test_put_says_whether_the_row_had_another_one():
    column = Interned(2, None)
    assert not column.put(0, None)
    assert column.put(0, "x")
    assert not column.put(0, "x")
    assert column.put(0, None)
    assert column.of(0) is None


def test_mappings_are_compared_by_content():
    column = Interned(3, {})
    column.put(0, {"a": "1", "b": "2"})
    assert column.put(1, {"b": "2", "a": "1"})
    assert column.numbers.tolist() == [1, 1, 0]
    assert column.find({"a": "1"}) is None


def test_records_of_the_same_content_are_one():
    @dataclasses.dataclass(frozen=True)
    class Part:
        size: int

    column = Interned(2, Part(0))
    column.put(0, Part(1))
    column.put(1, Part(1))
    assert column.numbers.tolist() == [1, 1]


def test_more_rows_are_empty_at_first():
    column = Interned(1, ())
    column.put(0, ("x",))
    column.double()
    column.double()
    assert [column.of(row) for row in range(4)] == [("x",), (), (), ()]


@pytest.mark.parametrize(("count", "swept"), [(65, False), (66, True)])
def test_a_sweep_forgets_what_no_row_has_once_there_is_much_of_it(count, swept):
    column = Interned(3, None)
    for number in range(count):
        column.put(1, number)
    column.put(0, "kept")
    column.put(2, "gone")
    before = len(column.records)
    column.sweep(rows(0, 1))
    assert column.epoch == (1 if swept else 0)
    assert (len(column.records) < before) is swept
    assert (column.of(0), column.of(1)) == ("kept", count - 1)
    if swept:
        assert sorted(map(str, column.records)) == sorted(map(str, [None, "kept", count - 1]))
        assert column.of(2) is None, "a row without a node has nothing"
        assert column.find("gone") is None


def test_after_a_sweep_records_are_found_and_numbered_on():
    column = Interned(2, None)
    for number in range(500):
        column.put(0, number)
    column.sweep(rows(0, 1))
    assert column.find(499) == column.numbers[0]
    assert not column.put(0, 499)
    assert column.put(1, 3)
    assert [column.of(0), column.of(1)] == [499, 3]
    column.put(0, None)
    assert column.numbers.tolist()[0] == 0
    assert len(set(map(str, column.records))) == len(column.records)


def test_a_sweep_of_no_rows_leaves_the_empty_record():
    column = Interned(2, ())
    for number in range(100):
        column.put(0, (number,))
    column.sweep(rows())
    assert column.records == [()]
    assert column.numbers.tolist() == [0, 0]


def having(column, key, start=0):
    records, places, texts = column.having(key, start)
    return {at: texts[place] for at, place in zip(records.tolist(), places.tolist(), strict=True)}


def test_labels_are_found_by_their_key_in_the_records_that_came_since():
    column = Labels(4)
    column.put(0, {"site": "a", "rack": "1"})
    column.put(1, {"site": "b"})
    assert having(column, "site") == {1: "a", 2: "b"}
    assert having(column, "rack") == {1: "1"}
    assert having(column, "zone") == {}
    column.put(2, {"site": "a", "rack": "2"})
    assert having(column, "site", 3) == {3: "a"}
    assert having(column, "site", 4) == {}


def test_each_value_is_told_once_in_the_order_in_which_they_came():
    column = Labels(4)
    for row, site in enumerate(["b", "a", "b"]):
        column.put(row, {"site": site, "n": str(row)})
    records, places, texts = column.having("site", 0)
    assert texts == ["b", "a"]
    assert records.tolist() == [1, 2, 3]
    assert places.tolist() == [0, 1, 0]


def test_labels_that_were_swept_are_found_under_their_new_numbers():
    column = Labels(2)
    for at in range(100):
        column.put(0, {"site": f"s{at}"})
    column.put(1, {"rack": "1"})
    column.sweep(np.arange(2))
    assert len(column.records) == 3
    for key, value in (("site", "s99"), ("rack", "1")):
        numbered = enumerate(column.records)
        assert having(column, key) == {at: value for at, one in numbered if key in one}

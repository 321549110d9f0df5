"""Expressions as constraints of a workload: masks, words, and nodes that change."""

import dataclasses

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.placement.boxes import (
    GIB,
    assignment,
    explain,
    fleet,
    node,
    place,
    requirements,
    where,
    workload,
)
from tests.hub.placement.expressions import EXPRESSIONS, boxes, plainly

from skerry_hub.placement.constraints import refusals_of
from skerry_hub.placement.expressed import expressed_of

SOME = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
fleets = st.integers(1, 4).flatmap(lambda size: st.tuples(*(boxes(f"n{i}") for i in range(size))))


def asking(*expressions, **more):
    return dataclasses.replace(workload(**more), expressions=tuple(map(str, expressions)))


@given(fleets, fleets, EXPRESSIONS)
@SOME
def test_mask_words_and_a_plain_look_agree_before_and_after_a_change(first, later, one):
    columns = fleet(*first)
    (need,) = expressed_of(asking(one))
    for nodes in (first, later):
        for box in nodes:
            columns.put(box)
        mask = need.mask(columns, columns.rows())
        for box in nodes:
            row = columns.row(box.id)
            passes = bool(mask[columns.rows() == row][0])
            words = [refusal.text for refusal in need.refusals(columns, row)]
            assert passes == (not words) == plainly(one, box), (str(one), words)
            assert all(words)


def test_a_replica_goes_only_where_all_hold_and_explain_names_each_that_does_not():
    columns = fleet(
        node("a", memory=4 * GIB, labels={"site": "quay-9"}),
        node("b", memory=16 * GIB, labels={"site": "quay-3"}),
        node("c", memory=16 * GIB),
    )
    size = "node.hardware.memory.total_bytes >= 8GiB"
    site = "node.labels.site in [quay-3, quay-4]"
    load = asking(size, site)
    assert where(place(columns, load, [], keep=False)) == {"shop-web-0": "b"}
    told = explain(columns, load, [])
    assert told.blocked == {size: 1, site: 2}
    assert told.alone == {site: 1}
    reasons = {
        v.node: [(r.constraint, r.text, r.missing) for r in v.reasons] for v in told.verdicts
    }
    assert reasons["a"] == [
        (size, "memory.total_bytes 4 GiB < 8 GiB", 4.0),
        (site, 'site is "quay-9", none of quay-3, quay-4', None),
    ]


def test_an_instance_leaves_a_node_that_no_longer_fulfils_it_when_it_is_applied():
    load = asking("node.labels.site == quay-3")
    there = assignment("shop-web-0", "a", of=load)
    columns = fleet(node("a"), node("b", labels={"site": "quay-3"}), reserved=[there])
    assert where(place(columns, load, [there], keep=False)) == {"shop-web-0": "b"}
    assert where(place(columns, load, [there], keep=True)) == {"shop-web-0": "a"}


def test_what_another_version_stored_places_nothing_and_says_so():
    columns = fleet(node("a"))
    load = asking("node.orbit == low")
    needs = requirements(columns, load)
    assert place(columns, load, [], keep=False).unplaced == 1
    ((name, refusal),) = refusals_of(columns, needs, columns.row("a"))
    assert name == "node.orbit == low"
    assert "cannot read the expression: column 1: 'node.orbit' is not a field" in refusal.text


def test_a_change_of_expressions_replaces_no_container():
    assert asking("node.labels.a exists").revision == workload().revision


def test_many_different_expressions_are_asked_of_the_same_columns():
    columns = fleet(*(node(f"n{i}", labels={"rank": str(i)}) for i in range(100)))
    for least in range(150):
        (need,) = expressed_of(asking(f"node.labels.rank >= {least}"))
        assert need.mask(columns, columns.rows()).sum() == max(0, 100 - least)
    (need,) = expressed_of(asking("node.labels.rank >= 149"))
    with columns.trial():
        columns.put(node("n5", labels={"rank": "500"}))
        assert need.mask(columns, columns.rows()).sum() == 1
    assert need.mask(columns, columns.rows()).sum() == 0


def test_what_misses_a_number_by_least_is_the_nearest():
    columns = fleet(
        node("a", memory=2 * GIB),
        node("b", memory=7 * GIB),
        node("c", memory=4 * GIB),
        node("d", known=False),
        node("e", memory=8 * GIB),
    )
    load = asking("node.hardware.memory.total_bytes >= 8GiB")
    told = explain(columns, load, [])
    assert [one.node for one in told.verdicts] == ["e", "b", "c", "a", "d"]
    (need,) = expressed_of(load)
    lacks = need.lack(columns, columns.rows())
    assert lacks.tolist() == [0.75, 0.125, 0.5, 1.0, 0.0]


def test_a_zero_that_should_be_more_is_a_shortage_too():
    columns = fleet(node("a", memory=0), node("b", memory=4 * GIB))
    told = explain(columns, asking("node.hardware.memory.total_bytes > 0"), [])
    assert [one.node for one in told.verdicts] == ["b", "a"]
    told = explain(columns, asking("node.hardware.memory.total_bytes < 1GiB"), [])
    assert told.verdicts[1].reasons[0].missing == 3.0

import dataclasses
import itertools
import json

import pytest
from benchmarks import placement
from benchmarks.placement import UNASKED, Figures, Measured, Time

from skerry_hub.fleet.columns import Columns
from skerry_hub.model import Liveness
from skerry_hub.placement.expression import Comparison
from skerry_hub.placement.reading import expression


@pytest.fixture(scope="module")
def measured():
    return Measured(placement.SAMPLE)


def fields_of(constraints):
    found = [expression(one) for one in constraints]
    assert all(isinstance(one, Comparison) for one in found)
    return found


def test_each_request_has_eight_constraints_of_different_sorts_over_fields_of_its_own():
    asked = [fields_of(constraints) for constraints in UNASKED]
    for one in asked:
        assert len({test.field.path for test in one}) == 8
        assert len({test.operator for test in one}) >= 6
    paths = [test.field.path for one in asked for test in one]
    assert len(set(paths)) == len(paths)


def test_every_constraint_is_passed_by_some_nodes_and_many_refuse_some(measured):
    columns = measured.columns
    shares = [
        float(test.over(columns, columns.rows()).mean())
        for one in UNASKED
        for test in fields_of(one)
    ]
    assert min(shares) > 0.02
    assert sum(share < 1 for share in shares) > len(shares) / 2


def test_a_request_of_the_bench_finds_a_node(measured):
    for constraints in UNASKED:
        one = placement.workload("one", expressions=constraints)
        assert placement.place(measured.world, one, (), keep=False).unplaced == 0


def test_every_cold_request_is_a_new_shape(measured):
    before = set(measured.columns.boards)
    for _ in range(3):
        measured.cold(UNASKED[0])
    assert len(set(measured.columns.boards) - before) == 3


def test_a_change_is_of_liveness_a_taint_or_a_label_and_goes_back(measured):
    changes = placement._changes(measured.sample[:9])
    for after, before in changes:
        differs = [
            one.name
            for one in dataclasses.fields(after)
            if getattr(after, one.name) != getattr(before, one.name)
        ]
        assert differs in (["liveness"], ["taints"], ["labels"])
        assert after.capability is before.capability
    columns = Columns()
    for _, before in changes:
        columns.put(before)
    for after, before in changes:
        columns.put(after)
        row = columns.row(after.id)
        assert columns.facts(row).liveness is after.liveness
        columns.put(before)
        assert columns.facts(row).liveness is before.liveness
    assert any(after.liveness is Liveness.LOST for after, _ in changes)


def test_what_is_unplugged_is_gone_and_every_record_was_decoded(measured):
    for after, before in placement._unplugged(measured.sample[:40]):
        less, all_of_it = after.capability.hardware, before.capability.hardware
        assert len(less.usb) == len(all_of_it.usb) - 1
        assert less.cameras == all_of_it.cameras[:-1]
        assert less.pci == all_of_it.pci
        assert not all_of_it.pci or less.pci is not all_of_it.pci
        assert type(less.labels) is dict


def test_the_middle_is_of_each_time_by_itself():
    times = [Time(3.0, 1.0), Time(1.0, 3.0), Time(2.0, 2.0)]
    assert placement.middle(times) == Time(2.0, 2.0)
    assert Time(4.0, 2.0).per(2) == Time(2.0, 1.0)


def figures(seconds):
    times = {
        one.name: Time(seconds, seconds)
        for one in dataclasses.fields(Figures)
        if one.type == "Time"
    }
    return Figures(nodes=1000, column_bytes=300.0, process_bytes=1.0, heartbeats_per_s=1.0, **times)


def test_a_row_meets_its_budget_or_does_not():
    budgets = [row.budget for row in placement.rows_of(figures(1e-5)) if row.budget]
    assert budgets == [
        "<= 10 ms",
        "<= 10 ms",
        ">= 10,000 /s",
        "<= 50 ms",
        "<= 20 ms",
        "<= 20 ms",
        "<= 50 µs",
        "<= 50 µs",
        "<= 400 bytes",
    ]
    fast, slow = placement.rows_of(figures(1e-5)), placement.rows_of(figures(1.0))
    for quick, late in itertools.zip_longest(fast, slow):
        assert (quick.met, late.met) in ((None, None), (True, False), (True, True))
    assert [row.met for row in placement.rows_of(figures(1.0))].count(False) == 8


def test_all_of_it_runs_on_a_small_fleet(capsys):
    placement.main(["--nodes", "1000", "-o", "json"])
    found = json.loads(capsys.readouterr().out)
    assert found["nodes"] == 1000
    assert all(found[name]["wall"] > 0 for name in ("cold", "warm", "spread", "explain_some"))
    with pytest.raises(SystemExit):
        placement.main(["--nodes", "10"])
    assert "--nodes must be at least 1000" in capsys.readouterr().err

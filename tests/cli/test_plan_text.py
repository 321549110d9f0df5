"""A plan in words."""

import dataclasses

import pytest
from tests.cli.samples import EXPLANATION, change

from skerry_cli.plan_text import DONE, lines, shortage
from skerry_cli.records import Explanation, Reason, Verdict, read
from skerry_hub.views import PlanView
from skerry_wire.codec import to_plain


def test_a_gang_that_does_not_fit_is_the_reason_where_nodes_would_take_it():
    found = dataclasses.replace(
        EXPLANATION, placed=0, feasible=5, note="gang ring: shop-db finds no place for 1"
    )
    assert shortage(found).endswith(" placed; gang ring: shop-db finds no place for 1")


def test_of_equal_misses_that_is_named_which_comes_first_by_all_constraints():
    why = Reason(constraint="devices", text="no usable gpu free", missing=1.0)
    nearer, other = (
        Verdict(node=name, hostname=name, feasible=False, reasons=(why,)) for name in "ba"
    )
    told = read(Explanation, to_plain(EXPLANATION, nulls=True))
    found = dataclasses.replace(told, blocked={"devices": 2}, verdicts=(nearer, other), note="")
    assert shortage(found).endswith("devices 2 nodes (nearest: b: no usable gpu free)")


@pytest.mark.parametrize(
    ("detail", "keep", "shown"), [("", False, 1), ("", True, 2), ("x", False, 2)]
)
def test_what_stays_is_shown_where_there_is_something_to_say_of_it(detail, keep, shown):
    plan = PlanView(changes=(change("keep", detail=detail),), unchanged=("shop-web",))
    assert len(list(lines(plan, DONE, keep=keep))) == shown

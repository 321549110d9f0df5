"""A plan in words."""

import dataclasses

from tests.cli.samples import EXPLANATION

from skerry_cli.plan_text import shortage


def test_a_gang_that_does_not_fit_is_the_reason_where_nodes_would_take_it():
    found = dataclasses.replace(
        EXPLANATION, placed=0, feasible=5, note="gang ring: shop-db finds no place for 1"
    )
    assert shortage(found).endswith(" placed; gang ring: shop-db finds no place for 1")

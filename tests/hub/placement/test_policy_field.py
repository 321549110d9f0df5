"""What nodes told of their policies, looked at as far as it is new."""

import dataclasses

import pytest
from tests.hub.placement.boxes import fleet, node

from skerry_hub.placement.policy_field import has_limits, policy_in, told_policies
from skerry_wire.box_policy import BoxPolicy

LIMITED = dataclasses.replace(BoxPolicy(), memory_bytes=100)


@pytest.mark.parametrize(
    ("values", "policy", "limits"),
    [
        ((), None, False),
        ((None,), None, False),
        ((BoxPolicy(),), BoxPolicy(), False),
        ((LIMITED,), LIMITED, True),
    ],
)
def test_a_policy_is_the_one_value_of_its_field(values, policy, limits):
    assert (policy_in(values), has_limits(values)) == (policy, limits)


def test_policies_that_come_later_are_seen():
    columns = fleet(node("a"))
    for policy, any_policy, any_limits in (
        (None, False, False),
        (BoxPolicy(), True, False),
        (LIMITED, True, True),
        (None, True, True),  # what was told once is told until the fleet is looked at anew
    ):
        columns.put(node("b", policy=policy))
        found = told_policies(columns)
        assert (found.any_policy, found.any_limits) == (any_policy, any_limits)
        assert told_policies(columns) is found

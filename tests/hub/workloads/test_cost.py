"""Cost and data, of `x-placement`."""

import pytest
from tests.hub.workloads.samples import refusals, workload

from skerry_hub.terms import Cost, DataNeed


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("{maxPerHour: 0.05}", Cost(max_per_hour=0.05)),
        ("{maxPerHour: 0}", Cost(max_per_hour=0)),
        ("{weight: 5}", Cost(weight=5)),
        ("{maxPerHour: 12, weight: 5}", Cost(max_per_hour=12, weight=5)),
    ],
)
def test_a_cost(written, found):
    assert workload(f"x-placement: {{cost: {written}}}").placement.cost == found


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ("{}", "", "must have maxPerHour, weight or both"),
        ("{maxPerHour: cheap}", ".maxPerHour", "is not a number: write 12 or 0.05"),
        ("{maxPerHour: 1000000000001}", ".maxPerHour", "must be at most 1000000000000"),
        ("{weight: 0}", ".weight", "from 1 to 100"),
        ("[]", "", "must be a mapping"),
    ],
)
def test_what_is_no_cost(written, field, reason):
    ((line, at, said),) = refusals(f"x-placement: {{cost: {written}}}")
    assert (line, at) == (4, f"x-placement.cost{field}")
    assert reason in said


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("{dataset: maps}", DataNeed(dataset="maps")),
        ("{dataset: maps, local: true}", DataNeed(dataset="maps", local=True)),
        ("{dataset: maps, maxTransfer: 10m, weight: 3}",
         DataNeed(dataset="maps", max_transfer_s=600, weight=3)),
    ],
)  # fmt: skip
def test_data(written, found):
    assert workload(f"x-placement: {{data: [{written}]}}").placement.data == (found,)


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ("{local: true}", ".dataset", "is missing"),
        ("{dataset: Maps}", ".dataset", "is not a name"),
        ("{dataset: maps, local: yes}", ".local", "must be true or false"),
        ("{dataset: maps, local: true, maxTransfer: 1m}", ".maxTransfer", "is not for local: true"),
        ("{dataset: maps, maxTransfer: 0}", ".maxTransfer", "must be more than 0; write local"),
        ("{dataset: maps, maxTransfer: soon}", ".maxTransfer", "is not a duration"),
        ("{dataset: maps, weight: x}", ".weight", "from 1 to 100"),
    ],
)
def test_what_is_no_data(written, field, reason):
    ((line, at, said),) = refusals(f"x-placement: {{data: [{written}]}}")
    assert (line, at) == (4, f"x-placement.data[0]{field}")
    assert reason in said

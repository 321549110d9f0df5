"""Whole chains that gain: with as many moves as asked for, and without what is refused."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.rebalance import fleets
from tests.hub.rebalance.fleets import node, uneven, work_of, workload
from tests.hub.rebalance.test_planning import OBJECTIVES, PRICES

from skerry_hub.balance.chains import chains_of
from skerry_hub.balance.solve import Effort
from skerry_hub.balance.steps import Step
from skerry_hub.rebalance.choosing import chosen, total_of
from skerry_hub.rebalance.picture import picture_of
from skerry_hub.rebalance.solving import solved
from skerry_hub.rebalance.tracked import Tracked

EFFORT = Effort(time_s=2.0)


@pytest.fixture
def packing():
    """Give three nodes of which n1 has two instances and n2 one; all have room at n0."""
    nodes = [node("n0", cpus=8), node("n1"), node("n2")]
    loads = [
        workload("shop-a", replicas=1, cpu=100),
        workload("shop-b", replicas=1, cpu=100),
        workload("shop-c", replicas=1, cpu=100),
        workload("shop-d", replicas=1, cpu=100),
    ]
    known = uneven(nodes, loads[:1], ["n1", "n2"])
    for names, some in ((("n0", "n2"), loads[1:3]), (("n0", "n1"), loads[3:])):
        known = fleets.changed(known, names, fleets.draining.cordon)
        for one in some:
            known = fleets.put(known, one)
        known = fleets.changed(known, names, fleets.draining.uncordon)
    picture = picture_of(work_of(known, "pack"), "pack", 10.0)
    tracked = Tracked(picture, picture.problem)
    waves = ((Step(item=1, source=1, target=0), Step(item=2, source=1, target=0)),
             (Step(item=3, source=2, target=0),))  # fmt: skip
    assert picture.problem.present == (0, 1, 1, 2)
    return tracked, waves


@pytest.mark.parametrize(
    ("most", "refused", "items"),
    [
        (9, (), [1, 2, 3]),
        (3, (), [1, 2, 3]),
        (2, (), [3]),
        (1, (), [3]),
        (0, (), []),
        (9, {0}, [3]),
        (9, {2}, [1, 2]),
        (2, {2}, [1, 2]),
        (1, {2}, []),
    ],
)
def test_a_chain_is_made_whole_or_not_at_all(packing, most, refused, items):
    tracked, waves = packing
    before = list(tracked.places), tracked.loss, tracked.cost
    found = chosen(tracked, waves, most, 10, refused)
    assert sorted(step.item for wave in found for step in wave) == items
    assert (list(tracked.places), tracked.loss, tracked.cost) == before


def test_what_gains_nothing_is_left_out(packing):
    tracked, waves = packing
    half = (waves[0][:1], waves[1])
    assert chosen(tracked, half, 9, 10) == (waves[1],)
    assert total_of(tracked, half) > total_of(tracked, (waves[1],))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(
    seed=st.integers(0, 2**32),
    objective=st.sampled_from(OBJECTIVES),
    most=st.integers(0, 8),
    share=st.integers(1, 3),
)
def test_every_chain_gains_beside_the_others(seed, objective, most, share):
    picture = picture_of(work_of(fleets.drawn(seed), "spread", *PRICES), objective, 10.0)
    problem = picture.problem
    if problem is None:
        return
    done = solved(picture, problem, EFFORT, 4)
    refused = set(range(0, sum(map(len, done.steps)), share + 1)) if share < 3 else set()
    tracked = Tracked(picture, problem)
    waves = chosen(tracked, done.steps, most, 4, refused)
    steps = list(itertools.chain(*waves))
    assert len(steps) <= most
    whole = total_of(tracked, waves)
    assert whole <= total_of(tracked, ())
    for chain in chains_of(problem, waves):
        others = [step for at, step in enumerate(steps) if at not in chain]
        assert total_of(tracked, (tuple(others),)) > whole

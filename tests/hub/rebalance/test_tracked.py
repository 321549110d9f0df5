"""The objective followed move by move is what it is when it is counted anew."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.rebalance import fleets
from tests.hub.rebalance.fleets import work_of
from tests.hub.rebalance.test_planning import OBJECTIVES, PRICES

from skerry_hub.rebalance.picture import picture_of
from skerry_hub.rebalance.search import loss
from skerry_hub.rebalance.tracked import Tracked


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(seed=st.integers(0, 2**32), objective=st.sampled_from(OBJECTIVES), data=st.data())
def test_each_gain_is_the_difference_of_two_sums(seed, objective, data):
    picture = picture_of(work_of(fleets.drawn(seed), "spread", *PRICES), objective, 10.0)
    problem = picture.problem
    if problem is None:
        return
    tracked = Tracked(picture, problem)
    paid = 0
    for _ in range(5):
        item = data.draw(st.integers(0, len(problem.items) - 1))
        target = int(data.draw(st.sampled_from(problem.items[item].bins.tolist())))
        moves = target != tracked.places[item]
        before = loss(picture, problem, tuple(tracked.places))
        gain = tracked.move(item, target)
        after = loss(picture, problem, tuple(tracked.places))
        paid += problem.items[item].move_cost * moves
        assert (gain, tracked.loss, tracked.cost) == (before - after, after, paid)

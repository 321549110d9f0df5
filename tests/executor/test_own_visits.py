"""When the executor looks after what ended although nobody asks."""

from skerry_executor.own_visits import CALM_S, FIRST_S, MOST_S, OwnVisits


def test_it_waits_for_the_agent_and_longer_each_time():
    own, waits, now = OwnVisits(), [], 0.0
    assert not own.is_due(1e9)
    for _ in range(12):
        own = own.ended(now)
        assert not own.is_due(now)
        waits.append(own.at_s - now)
        now = own.at_s
        assert own.is_due(now)
        own = own.visited()
    assert waits[:4] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S, 8 * FIRST_S]
    assert waits[-1] == MOST_S


def test_a_visit_of_the_agent_makes_it_needless():
    own = OwnVisits().ended(10.0).visited()
    assert not own.is_due(1000.0)


def test_after_a_calm_time_the_waits_begin_anew():
    own = OwnVisits().ended(0.0).ended(2.0)
    assert own.ended(2.0 + CALM_S + 1).at_s == 2.0 + CALM_S + 1 + FIRST_S

"""How soon it is looked at an instance that ended, and again, and again."""

import itertools

from skerry_agent.exits import Ended, ended

PACE = {"gap_s": 1.0, "gap_most_s": 60.0, "calm_s": 120.0}


def after(*ends):
    exits = {}
    for instance, at in ends:
        exits = ended(exits, instance, at, **PACE)
    return exits


def test_the_first_end_is_looked_at_at_once_and_each_further_one_later():
    ends = [("a", 100.0 + number) for number in range(10)]
    looks = [after(*ends[: count + 1])["a"].look_at for count in range(10)]
    gaps = [later - sooner for sooner, later in itertools.pairwise(looks)]
    assert looks[0] == 100.0
    assert gaps == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0]


def test_each_instance_has_its_own_pace():
    exits = after(("a", 1.0), ("a", 2.0), ("a", 3.0), ("b", 4.0))
    assert exits["b"] == Ended(4.0, 0, 4.0)
    assert exits["a"].look_at == 7.0


def test_what_is_calm_is_forgotten():
    exits = after(("a", 1.0), ("a", 2.0), ("b", 50.0), ("c", 123.0))
    assert set(exits) == {"b", "c"}
    assert after(("a", 1.0), ("a", 2.0), ("a", 130.0))["a"] == Ended(130.0, 0, 130.0)

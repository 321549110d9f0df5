"""From when nodes are silent, after a time in which nobody could be heard."""

import math

import numpy as np

from skerry_hub.fleet.listening import Listening

SEEN = [-math.inf, 50.0, 99.9, 100.0, 130.0, math.inf]


def test_who_was_not_heard_since_is_silent_only_from_when_it_should_be_back():
    listening = Listening(100.0, back_by=160.0)
    expected = [160.0, 160.0, 160.0, 100.0, 130.0, math.inf]
    assert listening.heard(np.array(SEEN)).tolist() == expected
    assert [listening.heard_one(one) for one in SEEN] == expected


def test_without_such_a_time_or_when_it_is_over_from_when_the_hub_listens():
    for listening in (Listening(100.0), Listening(100.0, back_by=20.0)):
        assert listening.heard(np.array(SEEN)).tolist()[:4] == [100.0] * 4
        assert listening.silent_from == 100.0

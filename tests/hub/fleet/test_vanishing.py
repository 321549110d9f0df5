"""Who vanished together, by times of last signs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry_hub.fleet.vanishing import together, together_at


def fleet(*heard):
    return np.array(heard, np.float64)


def one(heard, at, window=5.0):
    found = together(heard, fleet(at), fleet(window))
    return int(found.gone[0]), int(found.there[0]), bool(found.most[0])


@pytest.mark.parametrize(
    ("heard", "found"),
    [
        ((100, 200, 201, 202), (1, 4, False)),  # alone
        ((100, 101, 200, 201), (2, 4, False)),  # half
        ((100, 101, 104, 200), (3, 4, True)),  # most
        ((10, 11, 12, 100, 200, 201), (1, 3, False)),  # who was gone long before does not count
        ((100, 106, 107, 200), (1, 4, False)),  # a little later is not together
        ((100,), (1, 1, False)),  # the only one
        ((100, 103), (2, 2, True)),
    ],
)
def test_most_of_those_that_were_there(heard, found):
    assert one(fleet(*heard), 100) == found


def test_a_site_is_looked_at_by_itself():
    heard = fleet(100, 102, 200, 100, 200, 101, 150)
    sites = np.array([1, 1, 2, 2, 2, 3, 0])
    some = np.array([0, 3, 5, 6])
    found = together_at(heard, sites, some, heard[some], np.full(4, 5.0))
    assert found.gone.tolist() == [2, 1, 1, 0]
    assert found.there.tolist() == [2, 3, 1, 0]
    assert found.all.tolist() == [True, False, False, False], "a site of one is a node"


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), min_size=1, max_size=20),
    st.integers(0, 10),
)
def test_as_counted_one_by_one(nodes, window):
    heard = fleet(*(at for at, _ in nodes))
    sites = np.array([site for _, site in nodes])
    some = np.arange(len(nodes))
    windows = np.full(len(nodes), float(window))
    fleetwide, by_site = (
        together(heard, heard, windows),
        together_at(heard, sites, some, heard, windows),
    )
    for index, (at, site) in enumerate(nodes):
        there = [other for other, _ in nodes if other >= at - window]
        assert fleetwide.there[index] == len(there)
        assert fleetwide.gone[index] == sum(other <= at + window for other in there)
        own = [o for o, s in nodes if s == site and o >= at - window] if site else []
        assert by_site.there[index] == len(own)
        assert by_site.gone[index] == sum(other <= at + window for other in own)

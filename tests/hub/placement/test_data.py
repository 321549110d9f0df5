"""Datasets: where they lie, where they can be in time, and who is preferred."""

import dataclasses
import itertools

import numpy as np
import pytest
from tests.hub.placement.boxes import explain, fleet, node, place, requirements, where, workload

from skerry_hub.documents import Dataset
from skerry_hub.placement.data import DataNear, close_of, is_there, transfer_s
from skerry_hub.placement.points import SCALE
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.world import World
from skerry_hub.terms import DataNeed, Placement

COLUMNS = fleet(
    node("a", labels={"site": "quay"}),
    node("b", hub_labels={"site": "pier"}),
    node("c", labels={"environment": "cloud", "site": "quay"}, hub_labels={"site": "mole"}),
    node("d"),
)
VERSIONS = itertools.count(1)
SIZE = 75 * 10**8
"""Ten minutes at 100 Mbit/s."""


def maps(**more):
    return Dataset(name="maps", size_bytes=SIZE, **more)


def reading(*needs, **more):
    return dataclasses.replace(workload(**more), placement=Placement(data=needs))


def need(**more):
    return DataNeed(dataset="maps", **more)


def reasons(load, *documents):
    """Return the reasons of each node that refuses, by id."""
    told = explain(COLUMNS, load, [], rules=rules_of(documents, next(VERSIONS)))
    return {
        one.node: [(reason.constraint, reason.text, reason.missing) for reason in one.reasons]
        for one in told.verdicts
        if not one.feasible
    }


@pytest.mark.parametrize(
    ("places", "there"),
    [
        ({"site": ("quay",)}, "a"),
        ({"site": ("quay", "pier")}, "ab"),
        ({"site": ("mole",)}, "c"),
        ({"environment": ("cloud",)}, "c"),
        ({"node": ("d",)}, "d"),
        ({"node": ("host-d", "b")}, "bd"),
        ({"site": ("pier",), "node": ("d",), "environment": ("cloud",)}, "bcd"),
        ({"site": ("nowhere",), "node": ("nobody",)}, ""),
        ({"region": ("quay",)}, ""),
        ({}, ""),
    ],
)
def test_a_dataset_lies_in_each_of_its_places(places, there):
    found = is_there(maps(places=places), COLUMNS, COLUMNS.rows()).tolist()
    assert [name for name, is_here in zip("abcd", found, strict=True) if is_here] == list(there)


@pytest.mark.parametrize(("mbit", "seconds"), [(100.0, 600.0), (1000.0, 60.0), (0.5, 120_000.0)])
def test_a_dataset_is_on_its_way_as_long_as_its_size_and_bandwidth_say(mbit, seconds):
    assert transfer_s(maps(bandwidth_mbit=mbit)) == seconds


def test_local_data_is_wanted_where_it_is():
    load = reading(need(local=True), replicas=2)
    document = maps(places={"site": ("quay", "pier")})
    here = ("data maps", "dataset maps is not here", None)
    assert reasons(load, document) == {"c": [here], "d": [here]}
    decision = place(COLUMNS, load, [], keep=False, rules=rules_of([document], next(VERSIONS)))
    assert set(where(decision).values()) == {"a", "b"}


def test_data_may_move_where_it_is_there_in_time():
    document = maps(places={"node": ("a",)})
    assert reasons(reading(need(max_transfer_s=600.0)), document) == {}
    late = ("data maps", "dataset maps would be 600 s on its way > 599.5 s", 0.5)
    expected = {name: [late] for name in "bcd"}
    assert reasons(reading(need(max_transfer_s=599.5)), document) == expected


def test_local_data_does_not_move_however_fast():
    here = ("data maps", "dataset maps is not here", None)
    load = reading(need(local=True, max_transfer_s=1e9))
    expected = {name: [here] for name in "bcd"}
    assert reasons(load, maps(places={"node": ("a",)})) == expected


def test_data_without_a_limit_asks_nothing():
    assert reasons(reading(need()), maps(places={"node": ("a",)})) == {}


def test_a_dataset_that_nobody_described_is_nowhere():
    missing = ("data maps", "there is no dataset maps", None)
    assert reasons(reading(need())) == {name: [missing] for name in "abcd"}
    assert place(COLUMNS, reading(need()), [], keep=False).unplaced == 1


def test_each_of_several_datasets_must_be_there():
    first, second = (
        maps(places={"node": ("a", "b")}),
        Dataset(name="tiles", size_bytes=1, places={"node": ("b", "c")}),
    )
    load = reading(need(local=True), DataNeed(dataset="tiles", local=True))
    found = reasons(load, first, second)
    assert {name: [one[0] for one in told] for name, told in found.items()} == {
        "a": ["data tiles"],
        "c": ["data maps"],
        "d": ["data maps", "data tiles"],
    }


@pytest.mark.parametrize(
    ("mbit", "elsewhere"),
    [(1e9, 1.0), (1000.0, 0.5), (100.0, 60 / 660)],
)
def test_near_its_data_is_preferred_the_more_the_longer_its_way(mbit, elsewhere):
    world = World(
        COLUMNS,
        rules=rules_of([maps(places={"node": ("b",)}, bandwidth_mbit=mbit)], next(VERSIONS)),
    )
    (close,) = close_of(world, reading(need(weight=40)))
    points = close.of(COLUMNS, COLUMNS.rows())
    assert (close.weight, close.name) == (40, "data maps")
    assert points.tolist() == [int(SCALE * elsewhere), SCALE, *[int(SCALE * elsewhere)] * 2]


def test_a_wish_for_data_places_there_and_no_wish_does_not():
    rules = rules_of([maps(places={"node": ("d",)})], next(VERSIONS))
    wish = place(COLUMNS, reading(need(weight=100)), [], keep=False, rules=rules)
    assert where(wish) == {"shop-web-0": "d"}
    none = place(COLUMNS, reading(need()), [], keep=False, rules=rules)
    assert where(none) == {"shop-web-0": "a"}


@pytest.mark.parametrize("asked", [need(), need(local=True), need(max_transfer_s=5.0)])
@pytest.mark.parametrize("documents", [(), (maps(places={"site": ("quay",)}),)])
def test_whoever_passes_has_no_reason_against_it_and_who_does_not_has_one(asked, documents):
    world = World(COLUMNS, rules=rules_of(documents, next(VERSIONS)))
    near = DataNear(asked, world.rules.datasets.get("maps"))
    for row in COLUMNS.rows().tolist():
        passes = bool(near.mask(COLUMNS, np.array([row]))[0])
        assert passes == (not list(near.refusals(COLUMNS, row)))


def test_data_moves_nothing_that_is_there():
    kinds = [one for one in requirements(COLUMNS, reading(need())) if isinstance(one, DataNear)]
    assert [(one.binds, one.is_used_up) for one in kinds] == [(False, False)]

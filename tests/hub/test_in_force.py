"""What holds now for a node or a workload: reservations, maintenance, what is met no longer."""

import dataclasses

import pytest
from tests.hub.placement.boxes import GIB, assignment, fleet, node, workload

from skerry_hub.documents import Reservation, Window
from skerry_hub.in_force import LOOKED_AT, in_force_on, unmet
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.world import World
from skerry_hub.views import MaintenanceView, ReservationView

BATCH = dataclasses.replace(workload("shop-batch", cpu=1500), labels={"tier": "batch"})
ROOM = Reservation(name="a", selector="tier=batch", cpu_milli=1000, memory_bytes=GIB)
MORE = Reservation(name="b", selector="tier=batch", cpu_milli=1000, end=50.0)
ELSEWHERE = Reservation(name="c", nodes=("node.id == two",), selector="tier=batch", cpu_milli=1)
WINDOW = Window(name="roof", nodes=("node.id == one",), start=10.0, duration_s=20.0, reason="wet")


def world(*instances, now=20.0):
    columns = fleet(node("one"), node("two"))
    for one in instances:
        columns.reserve(one)
    return World(
        columns,
        workloads={BATCH.name: BATCH},
        rules=rules_of((ROOM, MORE, ELSEWHERE, WINDOW), 1),
        now=now,
    )


def test_what_is_kept_on_a_node_is_told_with_what_nobody_uses_yet():
    reservations, maintenance = in_force_on(world(), "one")
    assert reservations == (
        ReservationView(
            name="a",
            cpu_milli=1000,
            cpu_unused_milli=1000,
            memory_bytes=GIB,
            memory_unused_bytes=GIB,
        ),
        ReservationView(name="b", until=50.0, cpu_milli=1000, cpu_unused_milli=1000),
    )
    assert maintenance == (MaintenanceView(name="roof", until=30.0, reason="wet"),)


def test_what_is_used_fills_one_reservation_after_the_other():
    found, _ = in_force_on(world(assignment("shop-batch-0", "one", of=BATCH)), "one")
    assert [one.cpu_unused_milli for one in found] == [0, 500]


@pytest.mark.parametrize(
    ("name", "now", "names", "windows"),
    [
        ("one", 5.0, ["a", "b"], []),
        ("one", 60.0, ["a"], []),
        ("two", 20.0, ["a", "b", "c"], []),
        ("three", 20.0, [], []),
    ],
)
def test_only_what_is_about_the_node_at_this_time_is_told(name, now, names, windows):
    reservations, maintenance = in_force_on(world(now=now), name)
    assert [one.name for one in reservations] == names
    assert [one.name for one in maintenance] == windows


def test_an_instance_whose_node_no_longer_does_is_told_with_its_reasons():
    load = dataclasses.replace(workload(replicas=2), expressions=("node.labels.site == quay",))
    columns = fleet(node("one"), node("two", labels={"site": "quay"}))
    there = [assignment("shop-web-0", "one", of=load), assignment("shop-web-1", "two", of=load)]
    for one in there:
        columns.reserve(one)
    (told,) = unmet(World(columns), load, there)
    assert (told.instance, told.node, told.hostname) == ("shop-web-0", "one", "host-one")
    assert [one.constraint for one in told.reasons] == ["node.labels.site == quay"]
    assert len(columns.assigned("one")) == 1
    gone = [assignment("shop-web-0", "nowhere", of=load)]
    assert unmet(World(columns), load, gone)[0].hostname == "nowhere"
    assert len(unmet(World(columns), load, gone * (LOOKED_AT + 1))) == LOOKED_AT

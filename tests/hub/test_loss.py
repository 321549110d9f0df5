"""What is lost, and what only seems to be: fleets by simulated time, a look each second."""

import dataclasses

import pytest
from tests.hub.records import (
    FIRST,
    NOW,
    assignment,
    columns_of,
    finished,
    heartbeat,
    kept,
    node,
    settled,
)

from skerry_hub.fleet.listening import Listening
from skerry_hub.lifecycle import Lifecycle
from skerry_hub.loss import Losses, least_s, movable, tied_because, why_it_stays
from skerry_hub.model import Liveness
from skerry_hub.patience import Patience
from skerry_hub.state import Draft, Known
from skerry_hub.writer.judging import judge_all
from skerry_hub.writer.telling import Telling
from skerry_wire.lifecycle import Job
from skerry_wire.workload import Mount

PATIENCE = Patience(unreachable_s=15, lost_s=15, new_for_s=60)
BEAT_S = 5
WATCHED_S = 100


def box(number, site=None, **fields):
    name = f"box-{number}"
    labels = {"site": site} if site else {}
    return node(name, labels=labels, last_seen=NOW, **fields)


def volume(lifecycle=None):
    one = kept(**({"lifecycle": lifecycle} if lifecycle else {}))
    (container,) = one.workload.containers
    container = dataclasses.replace(
        container, mounts=(Mount(kind="volume", source="data", target="/data"),)
    )
    workload = dataclasses.replace(one.workload, containers=(container,))
    return dataclasses.replace(one, workload=workload)


class Fleet:
    """Boxes with one instance each, that beat until they vanish."""

    def __init__(self, boxes, workload=None, patience=PATIENCE):
        workload = workload or kept(replicas=len(boxes))
        placed = [assignment(f"shop-web-{n}", one.id) for n, one in enumerate(boxes)]
        self.known = Known(boxes, [workload], placed)
        self.columns = columns_of(self.known)
        self.losses = Losses(patience)
        self.patience, self.now, self.listening = patience, NOW, Listening(NOW)
        self.vanished, self.seq, self.found, self.held = set(), 0, {}, []
        self.run(WATCHED_S)
        assert self.found == {}

    def beat(self, name):
        self.seq += 1
        assert self.columns.heartbeat(name, heartbeat(FIRST, seq=self.seq), self.now)

    def second(self):
        self.now += 1
        for number, name in enumerate(sorted(self.known.nodes)):
            if name not in self.vanished and (self.now + number) % BEAT_S == 0:
                self.beat(name)
        self.columns.follow_silence(self.listening, self.now)
        least = self.losses.least_s(self.known)
        draft = judge_all(
            self.known, self.columns, Telling(), self.patience, least, self.listening, self.now
        )
        for one in draft.nodes.changes.values():
            self.columns.put(one)
        self.known.settle(draft)
        loss = self.losses.look(self.known, self.columns, self.listening, self.now)
        self.held = [str(one) for one in loss.held]
        for nodes in loss.workloads.values():
            for name in nodes:
                self.found.setdefault(name, self.now - self.columns.last_seen(name))

    def run(self, seconds, *vanish):
        self.vanished |= {f"box-{number}" for number in vanish}
        for _ in range(seconds):
            self.second()
        return self

    def lost(self):
        return sorted(self.found)


def boxes(count, site=None):
    return [box(number, site) for number in range(count)]


# --- one node -----------------------------------------------------------------------------------


def test_a_silent_node_is_lost_in_time_and_no_other():
    fleet = Fleet(boxes(6)).run(60, 2)
    assert fleet.lost() == ["box-2"]
    assert 15 <= fleet.found["box-2"] <= 21
    assert fleet.known.nodes["box-2"].liveness is Liveness.LOST
    assert fleet.held == []


def test_one_after_the_other_is_lost():
    fleet = Fleet(boxes(6)).run(12, 0).run(12, 1).run(12, 2).run(30, 3)
    assert fleet.lost() == ["box-0", "box-1", "box-2", "box-3"]


def test_a_node_that_comes_back_in_time_is_not():
    fleet = Fleet(boxes(6)).run(12, 2)
    fleet.vanished.clear()
    assert fleet.run(60).found == {}


def test_what_was_tried_is_not_tried_each_second_and_again_when_the_fleet_changes():
    fleet = Fleet(boxes(6)).run(20, 2)

    def look():
        fleet.now += 1
        loss = fleet.losses.look(fleet.known, fleet.columns, fleet.listening, fleet.now)
        return bool(loss.workloads)

    fleet.losses.tried(["box-2"], fleet.now)
    looks = [look() for _ in range(12)]
    assert looks.index(True) == 9
    fleet.losses.tried(["box-2"], fleet.now)
    fleet.losses.again()
    assert look()


def test_a_node_that_vanishes_again_is_looked_at_at_once():
    fleet = Fleet(boxes(6)).run(25, 2)
    fleet.losses.tried(["box-2"], fleet.now + 1000)
    fleet.vanished.clear()
    fleet.run(300)
    fleet.found.clear()
    assert fleet.run(120, 2).lost() == ["box-2"]


# --- the hub itself -----------------------------------------------------------------------------


def test_a_hub_that_was_away_watches_the_whole_time_again():
    fleet = Fleet(boxes(6)).run(10, 2)
    fleet.now += 1000  # and hears nothing of anybody
    fleet.listening = Listening(fleet.now)
    assert fleet.run(14).found == {}
    assert fleet.run(5).lost() == ["box-2"]


def test_a_new_hub_gives_each_node_longer_until_it_is_watched():
    fleet = Fleet(boxes(6))
    fleet.columns, fleet.listening = columns_of(fleet.known), Listening(fleet.now)
    assert fleet.run(60, 2).found == {}
    assert fleet.run(200).lost() == ["box-2"]


# --- together -----------------------------------------------------------------------------------


def test_a_site_that_vanishes_at_once_moves_nothing_and_one_node_of_it_does():
    fleet = Fleet([*boxes(4), box(5, "quay"), box(6, "quay"), box(7, "till"), box(8, "till")])
    fleet.run(60, 5, 6, 7)
    assert fleet.lost() == ["box-7"]
    assert fleet.held == ["all 2 nodes of site quay fell silent together"]


def test_a_site_of_one_is_a_node():
    assert Fleet([*boxes(4), box(5, "quay")]).run(30, 5).lost() == ["box-5"]


def test_the_workload_decides_about_its_site():
    workload = kept(replicas=6, lifecycle=Lifecycle(on_site_loss="move"))
    fleet = Fleet([*boxes(4), box(5, "quay"), box(6, "quay")], workload).run(30, 5, 6)
    assert fleet.lost() == ["box-5", "box-6"]


def test_when_a_node_of_the_site_is_back_the_others_have_their_whole_time_again():
    fleet = Fleet([*boxes(4), box(5, "quay"), box(6, "quay")]).run(40, 5, 6)
    assert fleet.held
    fleet.vanished.discard("box-5")
    assert fleet.run(14).found == {}
    assert fleet.run(10).lost() == ["box-6"]
    assert fleet.held == []


def test_boxes_that_come_back_late_after_the_broker_was_away_are_not_lost_and_a_dead_one_is():
    fleet = Fleet(boxes(8))
    away_s, back_s = 35, 45
    for _ in range(away_s):  # nobody is judged meanwhile
        fleet.now += 1
    fleet.listening = Listening(fleet.now, back_by=fleet.now + back_s)
    everyone = set(fleet.known.nodes)
    fleet.vanished = set(everyone)
    for late in range(7):  # most are back soon, the last one right before its time is over
        fleet.run(6 if late < 6 else 9)
        fleet.vanished.discard(f"box-{late}")
    assert fleet.run(5).found == {}
    assert fleet.known.nodes["box-6"].liveness is Liveness.ONLINE
    assert fleet.run(15).lost() == ["box-7"], "its tolerance after the time to come back"
    # Who was heard since, and vanishes then, has no more time than ever.
    fleet.listening = Listening(fleet.now, back_by=fleet.now + 1000)
    assert fleet.run(6).run(18, 3).lost() == ["box-3", "box-7"]


def test_more_than_half_of_the_fleet_at_once_moves_nothing():
    workload = kept(replicas=7, lifecycle=Lifecycle(on_site_loss="move"))
    fleet = Fleet(boxes(7), workload).run(60, 0, 1, 2, 3)
    assert (fleet.found, fleet.held) == ({}, ["4 of 7 nodes fell silent together"])
    assert Fleet(boxes(7)).run(60, 0, 1, 2).lost() == ["box-0", "box-1", "box-2"]


def test_when_most_are_back_the_rest_have_their_whole_time_again():
    fleet = Fleet(boxes(7)).run(60, 0, 1, 2, 3)
    fleet.vanished -= {"box-0", "box-1"}
    assert fleet.run(14).found == {}
    assert fleet.run(10).lost() == ["box-2", "box-3"]
    assert fleet.held == []


def test_who_was_lost_long_ago_is_not_counted_and_holds_up_nobody():
    fleet = Fleet(boxes(8)).run(60, 0, 1, 2, 3, 4)
    assert fleet.found == {}
    assert fleet.run(60, 5).lost() == ["box-5"]


def test_a_new_hub_remembers_by_the_records_who_vanished_together():
    fleet = Fleet([*boxes(4), box(5, "quay"), box(6, "quay")]).run(40, 5, 6)
    fleet.columns, fleet.listening = columns_of(fleet.known), Listening(fleet.now)
    fleet.losses = Losses(PATIENCE)
    assert fleet.run(300).found == {}


def test_who_was_lost_before_the_hub_began_did_not_vanish_with_who_is_lost_now():
    fleet = Fleet([*boxes(4), box(5, "quay"), box(6, "quay")]).run(200, 5)
    assert fleet.lost() == ["box-5"]
    fleet.columns, fleet.listening = columns_of(fleet.known), Listening(fleet.now)
    fleet.found.clear()
    fleet.losses = Losses(PATIENCE)
    assert "box-6" in fleet.run(300, 6).lost()


# --- whose tolerance ----------------------------------------------------------------------------


def test_a_workload_has_its_own_tolerance():
    hub = Patience(unreachable_s=60, lost_s=600, new_for_s=60)
    quick = kept(replicas=6, lifecycle=Lifecycle(lost_after_s=15.0))
    fleet = Fleet(boxes(6), quick, hub).run(25, 2)
    assert fleet.lost() == ["box-2"]
    assert fleet.known.nodes["box-2"].liveness is Liveness.UNREACHABLE
    slow = kept(replicas=6, lifecycle=Lifecycle(lost_after_s=50.0))
    fleet = Fleet(boxes(6), slow).run(45, 2)
    assert fleet.found == {}
    assert fleet.run(15).lost() == ["box-2"]
    known = Known([], [quick])
    assert (least_s(known, hub), least_s(Known(), hub)) == (15.0, 600)


# --- what belongs to its node -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("workload", "words"),
    [
        (kept(mode="global"), "it is one on each node"),
        (volume(), "its volume data is there"),
    ],
)
def test_what_belongs_to_its_node_stays_and_says_why(workload, words):
    fleet = Fleet(boxes(6), workload).run(60, 2)
    assert fleet.found == {}
    assert tied_because(workload.workload) == words
    assert words in why_it_stays(fleet.known.nodes["box-2"], workload.workload)
    assert why_it_stays(fleet.known.nodes["box-1"], workload.workload) is None


@pytest.mark.parametrize("succeeded", [True, False])
def test_a_finished_job_is_not_begun_again(succeeded):
    jobs = kept(replicas=2, lifecycle=Lifecycle(job=Job()))
    placed = [finished(succeeded=succeeded), assignment("shop-web-1", "box-2")]
    known = Known([box(1), box(2)], [jobs], placed)
    found = [[one.name for one in movable(known, node)] for node in known.nodes.values()]
    assert found == [[], ["shop-web"]]


def test_of_a_node_that_is_held_nothing_moves():
    fleet = Fleet([*boxes(5), box(6, diverged="it is ahead")]).run(60, 6)
    assert fleet.found == {}


def test_what_belongs_to_nobody_any_more_is_nobodys():
    fleet = Fleet(boxes(6))
    draft = Draft(fleet.known)
    draft.workloads.remove("shop-web")
    fleet.known = settled(fleet.known, draft)
    assert fleet.run(60, 2).found == {}

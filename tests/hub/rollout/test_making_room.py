"""What is more important takes room while others, or it itself, wait for a place in a new revision.

Random fleets are tried; the seeds are fixed, and SKERRY_SOAK tries more.
"""

import collections
import dataclasses
import os
import random

import pytest
from tests.hub.rollout.carrying_out import NAME, Fleet, box, shop

from skerry_hub import desired
from skerry_hub.draining import drain, uncordon
from skerry_hub.model import Placement, Resources
from skerry_hub.terms import Affinity, AtMost, Spread
from skerry_hub.work import RefusedError

CASES = int(os.environ.get("SKERRY_SOAK", "1")) * 15
NAMES = ("shop-web", "till-db", "cam-eye")
STRATEGIES = ("rolling", "rolling", "canary", "at-once", "blue-green")


def load(name, number, memory_mib, replicas=2, mode="replicated", priority=0, **update):
    made = shop(number, memory_mib, replicas, mode, **update)
    placement = Placement(priority=priority)
    return dataclasses.replace(made, name=name, project=name.split("-")[0], placement=placement)


def applied(fleet, content):
    """Apply a content, and return the plan of what was done."""
    plans = []
    fleet.change(lambda work: plans.append(desired.apply(work, [content], prune=False)))
    return plans[0]


def running(*boxes, loads):
    fleet = Fleet(*boxes)
    for one in loads:
        fleet.apply(one)
    fleet.goes_on(4)
    return fleet


def where(fleet, name):
    content = fleet.known.workloads[name].workload
    return {
        one.id: (one.node, one.revision == content.revision)
        for one in fleet.known.assignments.values()
        if one.workload == name
    }


def test_room_is_made_for_the_one_whose_node_does_not_take_the_new_revision():
    loads = (load("till-db", 1, 600), load("cam-eye", 1, 800, replicas=1))
    fleet = running(box("a", 1000), box("b", 1500), loads=loads)
    assert sorted(where(fleet, "till-db").values()) == [("a", True), ("b", True)]
    plan = applied(fleet, load("till-db", 2, 900, priority=5))
    ended = [one for one in plan.changes if "of priority 5 over 0" in one.detail]
    assert [one.workload for one in ended] == ["cam-eye"]
    assert [one.workload for one in plan.unplaced] == ["cam-eye"]
    fleet.goes_on()
    assert sorted(where(fleet, "till-db").values()) == [("a", True), ("b", True)]
    assert fleet.known.updates.rollouts["till-db"].state == "done"


def test_one_that_waits_for_a_place_ends_for_what_is_more_important_and_comes_back_newest():
    fleet = running(box("a", 1000), box("b", 2000), loads=[load("till-db", 1, 600)])
    fleet.apply(load("till-db", 2, 1200))
    fleet.goes_on(4)
    assert where(fleet, "till-db") == {"till-db-0": ("b", True), "till-db-1": ("a", False)}
    plan = applied(fleet, load(NAME, 1, 900, replicas=1, priority=9))
    assert [one.instance for one in plan.changes if one.action == "remove"] == ["till-db-1"]
    fleet.put(box("c", 1300))
    fleet.goes_on()
    assert where(fleet, NAME) == {"shop-web-0": ("a", True)}
    assert where(fleet, "till-db") == {"till-db-0": ("b", True), "till-db-1": ("c", True)}
    assert fleet.known.updates.rollouts["till-db"].state == "done"
    assert fleet.known.updates.contents == {}


class Chance:
    """Applies, drains and new boxes by chance, of tight rooms."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        some = self.chance.randint(2, 6)
        self.fleet = Fleet(*(self.box(f"box-{at}") for at in range(some)))

    def box(self, name):
        size = self.chance.choice([300, 500, 700, 1000, 1500])
        return box(name, size, {"site": self.chance.choice("ab")})

    def load(self, number):
        chance = self.chance
        made = load(
            chance.choice(NAMES),
            number,
            chance.choice([100, 200, 300, 400, 600, 900]),
            chance.randint(1, 6),
            chance.choice(["replicated"] * 3 + ["global"]),
            strategy=chance.choice(STRATEGIES),
            max_unavailable=chance.choice(["1", "25%", "2", "100%"]),
            canary="1",
            wave_by=chance.choice(["", "site"]),
            on_failure=chance.choice(["pause", "continue"]),
        )
        ports = chance.choice([(), (), (), ("tcp/80",), ("tcp/81",)])
        resources = Resources(memory_bytes=made.resources.memory_bytes, ports=ports)
        sites = ("node.labels.site == a", "node.labels.site == b")
        return dataclasses.replace(
            made,
            resources=resources,
            placement=self.placement(),
            expressions=(chance.choice(sites),) if chance.random() < 0.25 else (),
        )

    def placement(self):
        chance, terms = self.chance, {}
        topology, weight = chance.choice(["node", "site"]), chance.choice([None, None, 5])
        if chance.random() < 0.3:
            terms["spread"] = (Spread(topology=topology, max_skew=1, weight=weight),)
        if chance.random() < 0.25:
            near = chance.choice(NAMES)
            anti = chance.random() < 0.6
            terms["affinity"] = (
                Affinity(workload=near, topology=topology, anti=anti, weight=weight),
            )
        if chance.random() < 0.2:
            terms["at_most"] = (AtMost(topology=topology, count=chance.randint(1, 2)),)
        if chance.random() < 0.1:
            terms["gang"] = "all"
        return Placement(
            priority=chance.choice([0, 1, 3, 5, 9]),
            preemption=chance.choice(["LowerPriority"] * 6 + ["Never"]),
            **terms,
        )

    def drained(self):
        fleet = self.fleet
        name = self.chance.choice(sorted(fleet.known.nodes))
        fleet.change(lambda work: drain(work, fleet.known.nodes[name], force=False))
        if self.chance.random() < 0.7:
            fleet.change(lambda work: uncordon(work, work.draft.nodes.get(name)))

    def act(self, number):
        fleet, roll = self.fleet, self.chance.random()
        if roll < 0.75:
            self.apply(number)
        elif roll < 0.85:
            self.drained()
        else:
            fleet.put(self.box(f"box-{self.chance.randint(0, 5)}"))
        for _ in range(self.chance.randint(0, 4)):
            names = sorted(fleet.known.nodes)
            fleet.report(self.chance.sample(names, self.chance.randint(1, len(names))))
            fleet.fill()

    def apply(self, number):
        try:
            plan = applied(self.fleet, self.load(number))
        except RefusedError:
            return  # none of it fits anywhere
        told = {one.workload for one in plan.unplaced}
        for one in plan.changes:
            if "of priority" in one.detail and one.workload not in told:
                wanted = self.fleet.known.workloads[one.workload].workload
                there = len(where(self.fleet, one.workload))
                assert wanted.mode == "global" or there >= wanted.replicas, "ended and not told"


@pytest.mark.parametrize("seed", range(CASES))
def test_room_is_made_in_a_bounded_time_and_whoever_waits_is_told(seed):
    case = Chance(seed)
    for number in range(case.chance.randint(3, 10)):
        case.act(number)
    fleet = case.fleet
    fleet.goes_on(30)
    assert fleet.runs() == fleet.ordered()
    late = collections.Counter()
    for one in fleet.known.assignments.values():
        content = fleet.known.workloads[one.workload].workload
        late[one.workload] += one.revision != content.revision
    for name, rollout in fleet.known.updates.rollouts.items():
        # Where nobody has a place in it, it goes on, and says that.
        none = late[name] == len(where(fleet, name))
        assert rollout.state in ("done", "paused") or rollout.is_first or none
        assert late[name] <= fleet.known.unplaced.get(name, 0) or rollout.state == "paused"

"""An apply of a revision that not all nodes take: what has no place runs on as it is.

Random fleets are tried; the seeds are fixed, and SKERRY_SOAK tries more.
"""

import dataclasses
import os
import random

import pytest
from tests.hub.rollout.carrying_out import NAME, Fleet, box, shop

from skerry_hub.rollout.counting import many
from skerry_hub.rollout.showing import rollout_detail
from skerry_hub.showing import workload_view
from skerry_hub.work import RefusedError

CASES = int(os.environ.get("SKERRY_SOAK", "1")) * 25


def running(content, *boxes):
    fleet = Fleet(*boxes)
    fleet.apply(content)
    fleet.goes_on(4)
    assert fleet.known.updates.rollouts[NAME].state == "done"
    fleet.fewest = len(fleet.runs())
    return fleet


def test_what_has_no_place_in_the_new_revision_keeps_its_former_one_and_says_why():
    old, new = shop(1, 500), shop(2, 900)
    fleet = running(old, *(box(f"small-{at}", 700) for at in range(3)), box("large", 2000))
    fleet.apply(new)
    fleet.goes_on()
    assert (fleet.at(old), fleet.at(new)) == (2, 2)
    assert fleet.fewest == 3
    view = rollout_detail(fleet.known, fleet.known.workloads[NAME])
    assert (view.rollout.state, view.rollout.unplaced) == ("done", 2)
    assert "2 of 4 follow later" in view.rollout.reason
    assert "2 of 4 found no node: see skerry explain" in view.rollout.reason
    shown = workload_view(fleet.known, fleet.known.workloads[NAME])
    assert (shown.placed, shown.running, shown.current, shown.wanted) == (4, 4, 2, 4)
    assert shown.state != "running"


def test_it_follows_as_soon_as_a_node_takes_it():
    old, new = shop(1, 500), shop(2, 900)
    fleet = running(old, *(box(f"small-{at}", 700) for at in range(3)), box("large", 2000))
    fleet.apply(new)
    fleet.goes_on()
    fleet.put(box("new", 8000))
    fleet.goes_on()
    assert (fleet.at(old), fleet.at(new)) == (0, 4)
    assert fleet.fewest == 3
    assert fleet.known.updates.rollouts[NAME].state == "done"
    assert fleet.known.unplaced == {}
    assert fleet.known.updates.contents == {}


def test_those_that_move_for_want_of_room_do_so_a_few_at_a_time():
    old, new = shop(1, 500, max_unavailable="1"), shop(2, 900, max_unavailable="1")
    fleet = running(old, *(box(f"small-{at}", 700) for at in range(4)))
    fleet.put(*(box(f"large-{at}", 1000) for at in range(4)))
    fleet.apply(new)
    assert len(fleet.ordered() & fleet.runs()) == 3
    fleet.goes_on()
    assert (fleet.at(new), fleet.fewest) == (4, 3)


def test_fewer_replicas_end_those_that_have_no_place():
    fleet = running(shop(1, 500), *(box(f"small-{at}", 700) for at in range(3)), box("large", 2000))
    new = shop(2, 900, replicas=2)
    fleet.apply(new)
    fleet.goes_on()
    assert (len(fleet.runs()), fleet.at(new)) == (2, 2)


def test_replicas_that_are_new_with_a_revision_have_it_already():
    fleet = running(shop(1, 100, replicas=2), box("large", 2000))
    fleet.apply(shop(2, 100, replicas=3))
    rollout = fleet.known.updates.rollouts[NAME]
    assert (rollout.total, rollout.already) == (3, 1)
    fleet.goes_on()
    view = rollout_detail(fleet.known, fleet.known.workloads[NAME]).rollout
    assert (view.state, view.done, view.total) == ("done", 3, 3)


def test_a_newer_apply_or_an_undo_finds_them_as_they_are():
    old, new = shop(1, 500), shop(2, 900)
    fleet = running(old, *(box(f"small-{at}", 700) for at in range(3)), box("large", 2000))
    fleet.apply(new)
    fleet.goes_on()
    fleet.apply(dataclasses.replace(old, containers=old.containers))
    fleet.goes_on()
    assert fleet.at(old) == 4
    assert fleet.known.unplaced == {}


@pytest.mark.parametrize("strategy", ["rolling", "canary"])
def test_one_that_its_own_node_takes_after_all_stays_there(strategy):
    old, new = shop(1, 500, strategy=strategy), shop(2, 900, strategy=strategy)
    fleet = running(old, *(box(f"box-{at}", 700) for at in range(3)), box("large", 2000))
    fleet.apply(new)
    fleet.goes_on()
    before = {name: where for name, where, _ in fleet.runs()}
    fleet.put(*(box(f"box-{at}", 1000) for at in range(3)))
    fleet.goes_on()
    assert fleet.at(new) == 4
    assert {name: where for name, where, _ in fleet.runs()} == before


def test_a_global_workload_keeps_them_for_a_lack_of_room_alone():
    old, new = shop(1, 500, mode="global"), shop(2, 900, mode="global")
    labels = {"site": "a"}
    fleet = running(old, box("small", 700, labels), box("large", 2000, labels), box("other", 2000))
    fleet.apply(new)
    fleet.goes_on()
    assert (fleet.at(old), fleet.at(new)) == (1, 2)
    only = dataclasses.replace(new, expressions=("node.labels.site == a",))
    fleet.apply(dataclasses.replace(only, containers=shop(3, 900).containers))
    fleet.goes_on()
    assert {where for _, where, _ in fleet.runs()} == {"small", "large"}
    view = workload_view(fleet.known, fleet.known.workloads[NAME])
    assert (view.wanted, view.placed, view.current) == (2, 2, 1)


@pytest.mark.parametrize("seed", range(CASES))
def test_an_apply_never_lowers_what_runs_by_more_than_may_be_unavailable(seed):
    chance = random.Random(seed)
    boxes = [box(f"box-{at}", chance.choice([300, 700, 1000, 2000])) for at in range(8)]
    update = {
        "strategy": chance.choice(["rolling", "rolling", "canary"]),
        "max_unavailable": chance.choice(["1", "25%", "2"]),
        "canary": "1",
    }
    mode = chance.choice(["replicated", "replicated", "global"])
    fleet = Fleet(*boxes)
    fleet.apply(shop(0, chance.choice([100, 200]), chance.randint(3, 9), mode, **update))
    fleet.goes_on(4)
    for number in range(1, 4):
        replicas = chance.randint(3, 9)
        before = len(fleet.runs())
        fleet.fewest = before
        try:
            fleet.apply(
                shop(number, chance.choice([200, 600, 900, 1500]), replicas, mode, **update)
            )
        except RefusedError:
            continue  # none of it fits anywhere
        wanted = min(before, replicas) if mode == "replicated" else before
        for _ in range(chance.randint(1, 12)):
            fleet.report(chance.sample(sorted(fleet.known.nodes), chance.randint(1, 8)))
            fleet.fill()
        total = max(fleet.known.updates.rollouts[NAME].total, 1)
        assert fleet.fewest >= wanted - many(update["max_unavailable"], total)
        fleet.goes_on()
        placed = len(fleet.known.assignments)
        assert len(fleet.runs()) == placed
        assert fleet.at(fleet.content) == placed - _waiting(fleet)


def _waiting(fleet):
    """Return how many keep their former revision, which must have been said."""
    count = sum(one.revision != fleet.content.revision for one in fleet.known.assignments.values())
    assert count <= fleet.known.unplaced.get(NAME, 0)
    return count

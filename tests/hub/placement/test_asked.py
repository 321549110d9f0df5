"""What each node has against its own instance of a global workload, all others counted."""

import dataclasses

import pytest
from tests.hub.placement.boxes import explain, fleet, node, place, where, workload

from skerry_hub.documents import Policy, Prices, Quota
from skerry_hub.placement.asked import asked_of
from skerry_hub.placement.engine import reserve_decision
from skerry_hub.placement.obstacles import by_name
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.world import World
from skerry_hub.terms import Affinity, AtMost, Placement, Spread

SITES = {"n0": "quay", "n1": "quay", "n2": "pier", "n3": "pier", "n4": "pier"}
NODES = tuple(node(name, labels={"site": site}) for name, site in SITES.items())
ONE_A_SITE = Placement(at_most=(AtMost(topology="site", count=1),))
EVEN = Placement(spread=(Spread(topology="site", max_skew=1),))
APART = Placement(affinity=(Affinity(workload="shop-web", topology="site", anti=True),))
TOGETHER = Placement(affinity=(Affinity(workload="shop-web", topology="site"),))
THREE = Policy(name="three", quota=Quota(instances=3))
CHEAP = Policy(name="cheap", quota=Quota(cost_per_hour=0.25))


def placed(placement, *documents, cpu=100):
    """Return a world, a global workload, and its instances as they are placed."""
    load = dataclasses.replace(workload(mode="global", cpu=cpu), placement=placement)
    columns = fleet(*NODES)
    rules = rules_of([Prices(name="p", cpu_hour=1.0), *documents], 1)
    found = place(columns, load, [], keep=False, rules=rules)
    reserve_decision(columns, [], found)
    return columns, rules, load, found


@pytest.mark.parametrize(
    ("placement", "documents", "there", "unplaced", "name", "word"),
    [
        (ONE_A_SITE, (), ["n0", "n2"], 3, "at most 1 per site", "of 1 in site"),
        (EVEN, (), ["n0", "n1", "n2", "n3", "n4"], 0, "", ""),
        (APART, (), ["n0", "n2"], 0, str(APART.affinity[0]), "1 of shop-web in site"),
        (TOGETHER, (), ["n0", "n1"], 0, str(TOGETHER.affinity[0]), "none of shop-web in site"),
        (Placement(), (THREE,), ["n0", "n1", "n2"], 2, "quota of policy three", "3 of 3 instances"),
        (Placement(), (CHEAP,), ["n0", "n1"], 3, "quota of policy cheap", "an hour left"),
    ],
)
def test_what_keeps_it_off_the_other_nodes_is_named_and_its_own_nodes_take_it(
    placement, documents, there, unplaced, name, word
):
    columns, rules, load, found = placed(placement, *documents)
    assert sorted(where(found).values()) == there
    told = explain(columns, load, found.assignments, rules=rules)
    assert sorted(one.node for one in told.verdicts if one.feasible) == there
    assert (told.placed, told.wanted, found.unplaced) == (
        len(there),
        len(there) + unplaced,
        unplaced,
    )
    refusing = [one for one in told.verdicts if not one.feasible]
    assert told.blocked == ({name: len(refusing)} if refusing else {})
    for one in refusing:
        (reason,) = one.reasons
        assert (reason.constraint, word in reason.text) == (name, True)
    # Nothing of it is kept.
    assert sum(len(columns.assigned(name)) for name in SITES) == len(there)


def test_what_would_help_is_said_of_the_nodes_that_have_none():
    columns, rules, load, found = placed(ONE_A_SITE)
    (told,) = explain(columns, load, found.assignments, rules=rules).relaxations
    assert told.changes == ("allow 2 per site (1 of 1 in site quay already)",)
    assert (told.node, told.nodes) == ("n1", 3)


@pytest.mark.parametrize("placement", [ONE_A_SITE, EVEN, APART, TOGETHER, Placement()])
@pytest.mark.parametrize("having", [("n0", "n1"), ("n1", "n2", "n3"), tuple(SITES)])
def test_masks_and_words_agree_however_many_there_are(placement, having):
    quotas = Quota(instances=2, cpu_milli=200, cost_per_hour=0.2)
    columns, _, load, found = placed(Placement(), cpu=100)
    rules = rules_of([Prices(name="p", cpu_hour=1.0), Policy(name="q", quota=quotas)], 2)
    there = [one for one in found.assignments if one.node in having]
    for one in found.assignments:
        if one not in there:
            columns.release(one)
    load = dataclasses.replace(load, placement=placement)
    asked = asked_of(World(columns, rules=rules), load, there)
    lacks = by_name(asked.obstacles)
    for index, row in enumerate(asked.rows.tolist()):
        names = {name for name, _ in asked.refusals(row)}
        assert names == {name for name, lack in lacks.items() if lack[index]}


def test_of_a_replicated_workload_it_is_one_more():
    columns = fleet(*NODES)
    load = dataclasses.replace(workload(replicas=2), placement=ONE_A_SITE)
    found = place(columns, load, [], keep=False)
    reserve_decision(columns, [], found)
    asked = asked_of(World(columns), load, found.assignments[:1])
    (lack,) = by_name(asked.obstacles).values()
    assert lack.tolist() == [1, 1, 0, 0, 0]

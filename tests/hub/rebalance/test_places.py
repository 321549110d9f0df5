"""Where instances may go and what places count: each thing once, on a fleet of a few nodes."""

import numpy as np
import pytest
from tests.hub.rebalance.fleets import node, prices, uneven, work_of, workload
from tests.hub.records import changed

from skerry_hub import draining
from skerry_hub.model import Constraint
from skerry_hub.rebalance.evenness import UNIT
from skerry_hub.rebalance.picture import picture_of
from skerry_hub.terms import Affinity, AtMost, Cost, Placement, Spread

SITES = ("quay", "quay", "pier", "pier")
NODES = [node(f"n{index}", site) for index, site in enumerate(SITES)]


def picture(load, *others, objective="balance", change=None, documents=(), later=()):
    work = work_of(uneven(NODES, [load, *others], list(later)), "spread", *documents)
    if change is not None:
        change(work)
    return picture_of(work, objective, 10.0)


def item_of(picture, name="shop-web-0"):
    at = [one.id for one in picture.moving].index(name)
    return picture.problem.items[at]


def where(picture, name="shop-web-0"):
    return [picture.nodes[bin_] for bin_ in item_of(picture, name).bins]


def test_only_nodes_that_take_it_and_the_one_where_it_is():
    at_pier = Constraint(key="node.labels.site", operator="==", value="pier")
    assert where(picture(workload())) == ["n0", "n1", "n2", "n3"]
    assert where(picture(changed(workload(), constraints=(at_pier,)))) == ["n2", "n3"]

    def cordon(work):
        for name in ("n0", "n1"):
            draining.cordon(work, work.draft.nodes.get(name))

    assert where(picture(workload(), change=cordon)) == ["n0", "n2", "n3"]


@pytest.mark.parametrize(
    ("placement", "nodes"),
    [
        (Placement(spread=(Spread(topology="site"),)), ["n0", "n1"]),
        (Placement(affinity=(Affinity(workload="shop-db", topology="site"),)), ["n0", "n1"]),
        (
            Placement(affinity=(Affinity(workload="shop-db", topology="site", weight=9),)),
            ["n0", "n1"],
        ),
        (Placement(affinity=(Affinity(workload="shop-web", topology="site", anti=True),)), None),
        (Placement(at_most=(AtMost(topology="site", count=1),)), None),
    ],
)
def test_what_depends_on_others_stays_in_its_domain(placement, nodes):
    db = workload("shop-db")
    found = picture(db, workload(placement=placement), later=["n2", "n3"])
    assert where(found)[:2] == ["n0", "n1"]
    assert where(found) == (nodes or ["n0", "n1", "n2", "n3"])


def test_where_its_terms_do_not_hold_any_more_it_does_not_move_within():
    # Placed while one site was all there was: now it is two too many there.
    load = workload(replicas=3, placement=Placement(spread=(Spread(topology="site"),)))
    assert where(picture(load, later=["n2", "n3"])) == ["n0"]
    limited = workload(replicas=2)

    def limit(work):
        kept = work.draft.workloads.get("shop-web")
        asked = Placement(at_most=(AtMost(topology="site", count=1),))
        work.draft.workloads.put(
            "shop-web", changed(kept, workload=changed(limited, placement=asked))
        )

    assert where(picture(limited, change=limit, later=["n2", "n3"])) == ["n0", "n2", "n3"]


def test_limits_are_of_domains_with_what_stays_in_them_taken_off():
    load = workload(replicas=3, ports=("tcp/10.0.0.1:80",))
    other = workload("shop-db", ports=("tcp/80",), labels={"skerry.rebalance": "never"})
    found = picture(other, load, later=["n3"])
    number, port = found.problem.limits
    assert number.most.tolist() == [1, 1, 1, 1]
    assert sorted(number.items.tolist()) == sorted(port.items.tolist()) == [0, 1]
    home = found.nodes.index("n0")
    assert port.most.tolist() == [0 if at == home else 1 for at in range(4)]
    assert port.domains.tolist() == [0, 1, 2, 3]


def test_at_most_so_many_and_one_each():
    asked = Placement(
        at_most=(AtMost(topology="site", count=2), AtMost(topology="site", count=3)),
        affinity=(Affinity(workload="shop-web", topology="node", anti=True),),
    )
    found = picture(workload(replicas=4, placement=asked))
    by_node, by_site = found.problem.limits
    assert (by_node.most.tolist(), by_site.most.tolist()) == ([1, 1, 1, 1], [2, 2])
    assert len(set(by_site.domains.tolist())) == 2


def test_more_replicas_than_nodes_share_them_evenly_and_who_packs_need_not():
    found = picture(workload(replicas=6))
    assert [limit.most.tolist() for limit in found.problem.limits] == [[2, 2, 2, 2]]
    packing = workload(replicas=6, placement=Placement(strategy="pack"))
    assert picture(packing).problem.limits == []


def test_what_crowds_its_node_counts_more_there():
    found = picture(workload(replicas=2), later=["n1", "n2", "n3"])
    first, second = (item_of(found, f"shop-web-{index}") for index in range(2))
    assert first.scores.tolist() == [0, 0, 0, 0]
    assert second.scores[0] < 0 == second.scores[1:].any()
    assert not any(
        one.scores.any()
        for one in picture(
            workload(replicas=2), objective="pack", later=["n1", "n2", "n3"]
        ).problem.items
    )


def test_a_place_that_is_liked_less_counts_as_the_engine_weighs_it():
    dear = (prices("a", "pier", cpu_hour=2.0),)
    load = workload(cpu=1000, placement=Placement(cost=Cost(weight=30)))
    item = item_of(picture(load, documents=dear))
    # A quarter of a node; the engine's 30 points are three times what all room counts.
    assert item.scores.tolist() == [0, 0, -int(3 * 2 * UNIT / 4), -int(3 * 2 * UNIT / 4)]


def test_moves_cost_a_part_of_what_they_can_gain():
    load = workload(cpu=1000)
    assert item_of(picture(load)).move_cost == 2 * UNIT // 4 // 10
    assert item_of(picture(load, objective="pack")).move_cost == UNIT // 4 // 10
    dear = (prices("a", "quay", cpu_hour=2.0, node_hour=5.0),)
    cost = picture(load, objective="cost", documents=dear, later=["n2", "n3"])
    assert (item_of(cost).move_cost, item_of(cost).scores.tolist()) == (
        200_000,
        [-2_000_000, -2_000_000, 0, 0],
    )
    assert [one.open_cost for one in cost.problem.bins] == [5_000_000, 5_000_000, 0, 0]


def test_without_amounts_an_instance_is_weighed_by_number():
    found = picture(workload(), later=["n1", "n2", "n3"])
    assert item_of(found).move_cost == 2 * UNIT // 8 // 10
    assert np.array_equal(item_of(found).demand, [0, 0, 0, 16])

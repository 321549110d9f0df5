"""A plan's bound beside every placement that the engine allows: none of them is below it."""

import itertools
import random

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.hub.rebalance.fleets import DEVICES, documented, node, uneven, workload
from tests.hub.rebalance.test_planning import OBJECTIVES, PRICES, planned
from tests.hub.records import settled, work_on

from skerry_hub.placement.assigning import assign
from skerry_hub.placement.session import Session
from skerry_hub.rebalance.picture import picture_of
from skerry_hub.rebalance.search import loss
from skerry_hub.terms import Affinity, AtMost, Placement

TERMS = (
    Placement(strategy="pack"),
    Placement(strategy="pack", numa="single"),
    Placement(affinity=(Affinity(workload="shop-w0", topology="node", anti=True),)),
    Placement(at_most=(AtMost(topology="site", count=1),)),
)


def drawn(pick):
    """Return a fleet of few nodes, with up to five instances; most want devices."""
    count = pick.randint(2, 3)
    nodes = [
        node(
            f"n{index}",
            pick.choice(("quay", "pier")),
            gpus=pick.choice((1, 2, 3)),
            vendors=pick.choice((("NVIDIA",), ("AMD", "NVIDIA"), ("AMD",))),
            cpus=pick.choice((2, 4)),
        )
        for index in range(count)
    ]
    loads = [
        workload(
            f"shop-w{index}",
            pick.choice(TERMS),
            replicas=pick.randint(1, 2),
            cpu=pick.choice((200, 900)),
            accelerators=pick.choice(DEVICES[1:]),
        )
        for index in range(pick.randint(1, 3))
    ]
    return uneven(nodes, loads, [f"n{count - 1}"])


def allowed(known, picture, assignment):
    """Say whether the engine puts all that may move onto these nodes, in one turn or another."""
    work = work_on(known)
    for one in picture.moving:
        work.draft.assignments.remove(one.id)
    bare = settled(known, work.draft)
    whole = list(zip(picture.moving, assignment, strict=True))
    return any(placed(bare, picture, turn) for turn in (whole, whole[::-1]))


def placed(bare, picture, turn):
    work = work_on(bare)
    for one, place in turn:
        load = work.draft.workloads.get(one.workload).workload
        row = work.columns.row(picture.nodes[place])
        others = work.draft.of_workload(load.name)
        if not Session(work.world, load, one.revision, others).takes(row):
            return False
        found = assign(work.columns, load, one.revision, one.id, row)
        work.columns.reserve(found)
        work.draft.assignments.put(found.id, found)
    return True


def within(problem, assignment):
    """Say whether no domain has more than a limit says: an even part of a workload, too."""
    for limit in problem.limits:
        domains = [limit.domains[assignment[item]] for item in limit.items.tolist()]
        present = [limit.domains[problem.items[item].current] for item in limit.items.tolist()]
        for domain in set(domains) - {-1}:
            most = max(limit.most[domain], present.count(domain))
            if domains.count(domain) > most:
                return False
    return True


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(seed=st.integers(0, 2**32), objective=st.sampled_from(OBJECTIVES))
def test_no_placement_that_the_engine_allows_is_below_the_bound(seed, objective):
    known = documented(drawn(random.Random(seed)), *PRICES)
    picture = picture_of(work_on(known), objective, 10.0)
    problem = picture.problem
    if problem is None:
        return
    view = planned(work_on(known), objective)
    best = None
    for places in itertools.product(*(item.bins.tolist() for item in problem.items)):
        worth = loss(picture, problem, places)
        cost = sum(
            item.move_cost
            for item, place in zip(problem.items, places, strict=True)
            if place != item.current
        )
        total = (worth + cost) / picture.unit
        is_new = best is None or total < best
        if is_new and within(problem, places) and allowed(known, picture, places):
            best = total
    assert best is not None
    event(f"{objective}: {'as good as any' if view.gap < 1e-9 else 'a gap'}")
    assert view.bound <= best + 1e-9

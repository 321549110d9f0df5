"""What keeps nodes away, over all of them at once: the same as the reasons of each."""

import dataclasses

from tests.hub.placement.boxes import GIB, assignment, fleet, node, workload

from skerry_hub.documents import Policy, Quota
from skerry_hub.model import Taint
from skerry_hub.placement.constraints import refusals_of
from skerry_hub.placement.obstacles import by_name, obstacles_of
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.session import Session
from skerry_hub.placement.world import World
from skerry_hub.terms import AtMost, Placement

TAINTS = (Taint(key="a", effect="NoSchedule"), Taint(key="b", effect="NoExecute"))
NODES = (
    node("a", memory=GIB // 2, labels={"site": "quay"}),
    dataclasses.replace(node("b", labels={"site": "quay"}), taints=TAINTS),
    node("c"),
)


def test_each_is_named_once_and_says_of_each_node_what_its_reasons_say():
    columns = fleet(*NODES)
    there = assignment("shop-web-0", "b", of=workload(memory=GIB))
    columns.reserve(there)
    load = dataclasses.replace(
        workload(memory=GIB), placement=Placement(at_most=(AtMost(topology="site", count=1),))
    )
    rules = rules_of([Policy(name="team", quota=Quota(instances=1))], 1)
    session = Session(World(columns, rules=rules), load, "", [there])
    rows = columns.rows()
    lacks = by_name(obstacles_of(session, rows))
    assert set(lacks) == {"memory", "taints", "at most 1 per site", "quota of policy team"}
    assert lacks["memory"].tolist() == [0.5, 0, 0]
    for index, row in enumerate(rows.tolist()):
        reasons = refusals_of(columns, session.board.requirements, row)
        told = {name for name, _ in [*reasons, *session.term_refusals(row)]}
        assert told == {name for name, lack in lacks.items() if lack[index]}


def test_what_nobody_refuses_for_is_no_obstacle():
    columns = fleet(node("a"))
    session = Session(World(columns), workload(memory=GIB), "")
    assert obstacles_of(session, columns.rows()) == []

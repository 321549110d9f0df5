"""Scores in people's numbers: the same as the keys by which nodes are chosen."""

import pytest
from tests.hub.placement.boxes import GIB, MIB, node
from tests.hub.records import columns_of, workload

from skerry_hub.model import Part, Resources
from skerry_hub.placement.board import RANK_BITS
from skerry_hub.placement.scored import scores_of
from skerry_hub.placement.session import Session
from skerry_hub.placement.world import World
from skerry_hub.state import Known
from skerry_hub.terms import Affinity, Placement, Spread

NODES = [
    node("a", cpus=2, labels={"site": "x"}),
    node("b", cpus=8, memory=16 * GIB, labels={"site": "x"}),
    node("c", labels={"site": "y"}),
    node("d", runtimes=()),
]
SMALL = Resources(cpu_milli=500, memory_bytes=512 * MIB)
PLACEMENTS = {
    "plain": Placement(),
    "pack": Placement(strategy="pack"),
    "terms": Placement(
        spread=(Spread(topology="site", weight=30),),
        affinity=(Affinity(workload="shop-web", topology="node", anti=True, weight=20),),
    ),
}


def session_of(placement):
    columns = columns_of(Known(NODES))
    wanted = workload("shop-web", replicas=9, resources=SMALL, placement=placement)
    return Session(World(columns=columns, workloads={wanted.name: wanted}), wanted, wanted.revision)


@pytest.mark.parametrize("placement", PLACEMENTS.values(), ids=PLACEMENTS)
def test_a_higher_score_is_a_higher_key_at_every_step(placement):
    session = session_of(placement)
    rows = session.columns.rows()
    for step in range(6):
        keys = session.keys()[session.layout.position.take(rows)]
        scores = scores_of(session, rows)
        taking = [at for at in range(len(rows)) if keys[at] >= 0]
        points = {at: int(keys[at]) >> RANK_BITS for at in taking}
        ratios = {points[at] / scores[at].total for at in taking if scores[at].total}
        assert max(ratios) / min(ratios) == pytest.approx(1, abs=1e-3), "one scale for all"
        assert session.place(f"shop-web-{step}") is not None


def test_the_total_is_of_the_parts_by_their_weights():
    session = session_of(PLACEMENTS["plain"])
    (score,) = scores_of(session, session.columns.rows()[:1])
    weights = {one.name: one.weight for one in session.board.points} | {"spread": 80}
    assert {name: part.weight for name, part in score.parts.items()} == weights
    assert score.most == sum(weights.values())
    for name, value in ((name, part.value) for name, part in score.parts.items()):
        assert 0 <= value <= 1
        assert score.parts[name].points == pytest.approx(weights[name] * value, abs=0.02)
    assert score.points == pytest.approx(
        sum(part.points for part in score.parts.values()), abs=1e-3
    )
    assert score.total == pytest.approx(score.points / score.most, abs=1e-4)


def test_two_terms_of_one_name_are_one_part():
    twice = tuple(Affinity(workload="x", topology="site", weight=weight) for weight in (10, 30))
    session = session_of(Placement(affinity=twice))
    (score,) = scores_of(session, session.columns.rows()[:1])
    assert score.parts["affinity to x by site"] == Part(value=0.0, weight=40, points=0.0)
    assert score.most == sum(part.weight for part in score.parts.values())


def test_of_no_rows_there_are_no_scores():
    session = session_of(PLACEMENTS["plain"])
    assert scores_of(session, session.columns.rows()[:0]) == []

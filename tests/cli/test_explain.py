"""`skerry explain`: every reason of every node."""

import dataclasses
import json

import pytest
from tests.cli.canned import plain
from tests.cli.samples import EXPLANATION, PLACED

from skerry_hub.model import Part, Reason, Relaxation, Standing, Verdict

TEXT = """\
shop-web: 2 of 3 placed; no further node fits: memory 2 nodes (nearest: pier (box-2): \
lacks 180 MiB of memory), label 1 node
gang g: shop-db finds no place for 1

CONSTRAINT   REFUSES   ALONE
memory       2         2
label        1         0

What would help, the least first
  ask for at most 180 MiB memory (76 MiB less): then 1 node takes it, such as pier (box-2)
  drop label == mars (box-3 has site=mars) and ask for no gpu: then 3 nodes take it, such as box-3

Nodes that take it, the best first
NODE                                       SCORE   MADE UP OF
quay (box-1), has shop-web-0, shop-web-1   0.825   spread 0.75 × 80 = 60, balance 0.9 × 10 = 9

Nodes that refuse, the nearest miss first
NODE           REASON
pier (box-2)   memory: lacks 180 MiB of memory
box-3          memory: lacks 1 GiB of memory
               label: node.labels.site is mars, not quay-3
"""

WHERE = """\
shop-web: 9 of 9 placed; 2 of 40 nodes would take shop-web-8

Where it is, and why
shop-web-0 on quay (box-1): score 0.9 (9 of 10 points); no node is better
  balance 0.9 × 10 = 9
shop-web-1 on pier: stays, but nothing new would come there
  online: node is lost

Nodes that would take shop-web-8, the best first
NODE                                       SCORE   MADE UP OF
quay (box-1), has shop-web-0, shop-web-1   0.825   spread 0.75 × 80 = 60, balance 0.9 × 10 = 9
box-7                                      0.7     balance 0.7 × 10 = 7
"""

STANDINGS = (
    Standing(
        instance="shop-web-0",
        node="box-1",
        hostname="quay",
        score=0.9,
        points=9.0,
        most=10,
        scores={"balance": Part(value=0.9, weight=10, points=9.0)},
    ),
    Standing(
        instance="shop-web-1",
        node="pier",
        hostname="pier",
        closed=(Reason(constraint="online", text="node is lost"),),
    ),
)

SHORT = dataclasses.replace(
    EXPLANATION,
    nodes=3,
    note="gang g: shop-db finds no place for 1",
    relaxations=(
        Relaxation(
            node="box-2",
            hostname="pier",
            changes=("ask for at most 180 MiB memory (76 MiB less)",),
            cost=0.5,
            nodes=1,
        ),
        Relaxation(
            node="box-3",
            hostname="box-3",
            changes=("drop label == mars (box-3 has site=mars)", "ask for no gpu"),
            cost=1,
            nodes=3,
        ),
    ),
)
OTHER = Verdict(
    node="box-7",
    hostname="box-7",
    feasible=True,
    score=0.7,
    scores={"balance": Part(value=0.7, weight=10, points=7.0)},
)

ASKED = "GET /api/v1/workloads/shop-web/explain"


def test_what_is_not_placed_is_explained_and_exits_3(skerry, hub):
    hub.answers[ASKED] = SHORT
    done = skerry("explain", "shop-web", code=3)
    assert (done.out, done.err) == (TEXT, "")


def test_one_more_is_asked_for_where_a_node_takes_it_that_has_none(skerry, hub):
    hub.answers[ASKED] = dataclasses.replace(SHORT, verdicts=(*SHORT.verdicts, OTHER))
    assert "Nodes that take one more, the best first" in skerry("explain", "shop-web", code=3).out


def test_what_is_placed_is_explained_instance_by_instance(skerry, hub):
    whole = dataclasses.replace(
        PLACED,
        wanted=9,
        placed=9,
        nodes=40,
        feasible=2,
        verdicts=(*PLACED.verdicts, OTHER),
        standings=STANDINGS,
        instance="shop-web-8",
        more=True,
    )
    hub.answers[ASKED] = whole
    done = skerry("explain", "shop-web")
    assert done.out == WHERE
    assert done.err == (
        "and 7 further instances; --instance tells of one\n"
        "and 38 further nodes; --limit shows more\n"
    )
    hub.answers[ASKED] = dataclasses.replace(whole, standings=STANDINGS[:1])
    assert "instances" not in skerry("explain", "shop-web", "--instance", "shop-web-0").err


def test_of_one_node_there_are_no_others_to_show(skerry, hub):
    hub.answers[ASKED] = dataclasses.replace(PLACED, nodes=40, more=True)
    assert "further" in skerry("explain", "shop-web").err
    assert skerry("explain", "shop-web", "--node", "box-1").err == ""


def test_before_anything_is_placed_the_best_are_shown(skerry, hub):
    hub.answers[ASKED] = dataclasses.replace(PLACED, wanted=0, placed=0, verdicts=(OTHER,))
    assert "Nodes that take it, the best first\nNODE " in skerry("explain", "shop-web").out


@pytest.mark.parametrize(
    ("words", "query"),
    [
        ([], {}),
        (["--limit", "7"], {"limit": "7"}),
        (["--all"], {"limit": "1000"}),
        (["--limit", "7", "--node", "b"], {"limit": "7", "node": "b"}),
        (["--instance", "shop-web-3"], {"instance": "shop-web-3"}),
    ],
)
def test_as_many_are_asked_for_as_are_wanted(skerry, hub, words, query):
    hub.answers[ASKED] = PLACED
    skerry("explain", "shop-web", *words)
    assert hub.asked[-1].query == query


@pytest.mark.parametrize("limit", ["0", "1001", "x"])
def test_a_limit_beyond_the_apis_is_wrong_usage(skerry, limit):
    assert "--limit" in skerry("explain", "shop-web", "--limit", limit, code=2).err


def test_one_node_is_asked_for(skerry, hub):
    hub.answers[ASKED] = PLACED
    assert json.loads(skerry("explain", "shop-web", "--node", "b", "-o", "json").out) == plain(
        PLACED
    )
    assert hub.asked[-1].query == {"node": "b"}


def test_json_exits_3_too(skerry, hub):
    hub.answers[ASKED] = EXPLANATION
    assert json.loads(skerry("explain", "shop-web", "-o", "json", code=3).out) == plain(EXPLANATION)


def test_an_unknown_workload_is_an_error(skerry):
    assert skerry("explain", "x/../y", code=1).err.startswith("skerry: there is no")

"""`skerry explain`: every reason of every node."""

import dataclasses
import json

import pytest
from tests.cli.canned import plain
from tests.cli.samples import EXPLANATION, PLACED

from skerry_hub.model import Part, Reason, Relaxation, Verdict

TEXT = """\
shop-web: 2 of 3 placed; no further node fits: memory 2 nodes (nearest: pier: lacks 180 MiB of \
memory), label 1 node
gang g: shop-db finds no place for 1

CONSTRAINT   REFUSES   ALONE
memory       2         2
label        1         0

What would help, the least first
  less memory: lacks 180 MiB of memory: then 1 node takes it, such as pier
  without label: node.labels.site is mars: then 3 nodes take it, such as box-3

Where it is, and why
NODE           HAS                      SCORE   MADE UP OF
quay (box-1)   shop-web-0, shop-web-1   0.825   spread 0.75 × 80 = 60, balance 0.9 × 10 = 9

Nodes that refuse, the nearest miss first
NODE           REASON
pier (box-2)   memory: lacks 180 MiB of memory
box-3          memory: lacks 1 GiB of memory
               label: node.labels.site is mars, not quay-3
"""

NEXT_BEST = """\
shop-web: 1 of 1 placed; 2 of 40 nodes fit

Where it is, and why
NODE           HAS                      SCORE   MADE UP OF
quay (box-1)   shop-web-0, shop-web-1   0.825   spread 0.75 × 80 = 60, balance 0.9 × 10 = 9

The next best nodes
NODE    SCORE   MADE UP OF
box-7   0.7     balance 0.7 × 10 = 7
"""

SHORT = dataclasses.replace(
    EXPLANATION,
    nodes=3,
    note="gang g: shop-db finds no place for 1",
    relaxations=(
        Relaxation(
            node="box-2",
            hostname="pier",
            changes=("less memory: lacks 180 MiB of memory",),
            cost=0.5,
            nodes=1,
        ),
        Relaxation(
            node="box-3",
            hostname="box-3",
            changes=("without label: node.labels.site is mars",),
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


def test_what_is_placed_is_explained_with_its_score_and_the_runners_up(skerry, hub):
    verdicts = (*PLACED.verdicts, OTHER)
    hub.answers[ASKED] = dataclasses.replace(
        PLACED, nodes=40, feasible=2, verdicts=verdicts, more=True
    )
    done = skerry("explain", "shop-web")
    assert done.out == NEXT_BEST
    assert done.err == "and 38 further nodes; --limit shows more\n"


def test_of_one_node_there_are_no_others_to_show(skerry, hub):
    hub.answers[ASKED] = dataclasses.replace(PLACED, nodes=40, more=True)
    assert "further" in skerry("explain", "shop-web").err
    assert skerry("explain", "shop-web", "--node", "box-1").err == ""


def test_a_node_that_has_it_and_takes_no_more_says_why(skerry, hub):
    full = dataclasses.replace(
        PLACED.verdicts[0],
        feasible=False,
        score=None,
        reasons=(Reason(constraint="memory", text="lacks it"), Reason(constraint="b", text="c")),
    )
    hub.answers[ASKED] = dataclasses.replace(PLACED, verdicts=(full,))
    out = skerry("explain", "shop-web").out
    assert "quay (box-1)   shop-web-0, shop-web-1   -       takes no more: memory: lacks it" in out
    assert "takes no more: b: c" in out


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

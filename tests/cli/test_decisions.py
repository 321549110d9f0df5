"""Decisions listed, described and replayed."""

import dataclasses
import json

import pytest
from tests.cli.canned import plain, unknown
from tests.cli.samples import ago

from skerry_cli.decisions import MOST_LISTED
from skerry_hub.api import app as api
from skerry_hub.decision_list import (
    AskedView,
    DecisionDetail,
    DecisionView,
    ReplayView,
    VersionView,
)
from skerry_hub.model import Change, Part

PLACED = DecisionView(
    seq=42,
    at=ago(90),
    cause="apply",
    method="decide",
    workloads=("shop-web", "shop-batch"),
    created=1,
    moved=1,
    replaced=0,
    removed=0,
    unplaced=1,
    engine="0.1.0",
    inputs="0123456789abcdef" * 2,
    outcome="fedcba9876543210" * 2,
)
DRAINED = dataclasses.replace(
    PLACED,
    seq=7,
    at=ago(3600),
    cause="drain",
    method="evacuate",
    workloads=("shop-db",),
    created=0,
    unplaced=0,
)
DETAIL = DecisionDetail(
    decision=PLACED,
    asked=(
        AskedView(
            workload="shop-web",
            revision="1" * 16,
            mode="replicated",
            replicas=2,
            priority=10,
            keep=False,
        ),
    ),
    may_preempt=True,
    node="",
    force=False,
    strategy="spread",
    changes=(
        Change(
            action="move",
            instance="shop-batch-0",
            workload="shop-batch",
            node="box-2",
            detail="from box-1: for shop-web",
        ),
        Change(action="create", instance="shop-web-0", workload="shop-web", node="box-1"),
    ),
    more=False,
    unplaced={"shop-web": 1},
    refused={"shop-web": {"taints": 1, "memory": 3}},
    records="a" * 32,
    sections={"nodes": "1" * 16, "documents": "2" * 16},
    estimates="",
    documents=(VersionView(kind="Policy", name="eu-only", version=3),),
)
SAME = ReplayView(
    seq=42,
    result="same",
    difference="",
    engine="0.1.0",
    engine_now="0.1.0",
    inputs=PLACED.inputs,
    inputs_now=PLACED.inputs,
    outcome=PLACED.outcome,
    outcome_now=PLACED.outcome,
    changes=(
        Change(
            action="create",
            instance="shop-web-0",
            workload="shop-web",
            node="box-1",
            score=0.825,
            scores={
                "balance": Part(value=0.9, weight=10, points=9.0),
                "spread": Part(value=0.75, weight=80, points=60.0),
            },
        ),
    ),
    more=False,
)
OTHER = dataclasses.replace(
    SAME,
    result="other_outcome",
    difference="shop-web-0: create on box-1, and now create on box-2",
    engine_now="0.2.0",
)

LIST = """\
SEQ   AGE   CAUSE   WORKLOADS             CHANGES              UNPLACED   INPUTS
42    90s   apply   shop-web,shop-batch   1 created, 1 moved   1          0123456789ab
7     60m   drain   shop-db               1 moved              0          0123456789ab
"""

DESCRIBED = """\
Decision:  42
Time:      2026-09-21T14:11:49Z (90s ago)
Cause:     apply
Asked:     shop-web (2 replicas, priority 10)
Outcome:   1 created, 1 moved
Unplaced:  1 shop-web

  > shop-batch-0 to box-2  (from box-1: for shop-web)
  + shop-web-0 on box-1

Nodes that refused shop-web
  memory: 3 nodes
  taints: 1 node

Made from
  Inputs:       0123456789abcdef0123456789abcdef
  Records:      aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    Documents:  2222222222222222
    Nodes:      1111111111111111
  Round trips:  -
  Documents:    policy/eu-only v3
  Strategy:     spread
  Engine:       0.1.0
  Outcome:      fedcba9876543210fedcba9876543210
"""


def listed(hub, *found, more=False):
    hub.answers["GET /api/v1/decisions"] = {**plain(found), "more": more}


def test_the_newest_come_first(hub, skerry):
    listed(hub, PLACED, DRAINED)
    assert skerry("get", "decisions").out == LIST
    assert hub.asked[0].query == {}


def test_those_of_a_workload_are_asked_for(hub, skerry):
    listed(hub, PLACED, more=True)
    done = skerry("get", "dc", "shop-web", "--limit", "1")
    assert done.out.count("\n") == 2
    assert "there are more decisions than these" in done.err
    assert hub.asked[0].query == {"workload": "shop-web", "limit": "1"}
    assert "there is no decision x" in skerry("get", "dc", "shop-web", "x", code=1).err


def test_one_of_several_workloads_is_enough(hub, skerry):
    listed(hub, PLACED, DRAINED)
    found = json.loads(skerry("get", "decisions", "shop-batch", "-o", "json").out)
    assert [one["seq"] for one in found["items"]] == [42]
    assert skerry("get", "decisions", "-o", "name").out == "decision/42\ndecision/7\n"


def test_a_decision_is_got_by_its_number(hub, skerry):
    hub.answers["GET /api/v1/decisions/42"] = DETAIL
    hub.answers["GET /api/v1/decisions/9"] = unknown("decision 9")
    heading, row = LIST.splitlines()[:2]
    shown = skerry("get", "decision", "42").out.splitlines()
    assert [line.split() for line in shown] == [heading.split(), row.split()]
    told = json.loads(skerry("get", "decision", "42", "-o", "json").out)
    assert told["decision"]["seq"] == 42
    some = skerry("get", "decisions", "42", "9", "-o", "name", code=1)
    assert (some.out, some.err) == ("decision/42\n", "skerry: there is no decision 9\n")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["get", "decisions", "-l", "a=b"], "decisions have no labels to select by"),
        (["get", "decisions", "--limit", "1001"], "at most 1000 decisions"),
        (["get", "decisions", "42", "shop-web"], "by their numbers or by workloads"),
        (["get", "decisions", "42", "--limit", "5"], "needs no --workload and no --limit"),
        (["get", "decisions", "0"], "a decision is called by its number"),
        (["get", "decisions", "--node", "box-1"], "--node is for"),
        (["describe", "decision", "shop-web"], "a decision is called by its number"),
        (["describe", "decision", "0"], "a decision is called by its number"),
        (["replay", "-1"], "No such option"),
        (["replay", "9" * 40], "a decision is called by its number"),
    ],
)
def test_wrong_usage_exits_2_and_asks_nothing(hub, skerry, words, error):
    assert error in skerry(*words, code=2).err
    assert hub.asked == []


def test_one_is_described_with_what_it_was_made_from(hub, skerry):
    hub.answers["GET /api/v1/decisions/42"] = DETAIL
    assert skerry("describe", "decision", "42").out == DESCRIBED
    told = json.loads(skerry("describe", "decision", "42", "-o", "json").out)
    assert told["documents"] == [{"kind": "Policy", "name": "eu-only", "version": 3}]


def test_a_drained_node_is_told(hub, skerry):
    drained = dataclasses.replace(DETAIL, decision=DRAINED, node="box-1", force=True)
    hub.answers["GET /api/v1/decisions/7"] = drained
    assert (
        "Drained:   box-1, and what fits nowhere ends\n" in skerry("describe", "decision", "7").out
    )


def test_the_same_is_said(hub, skerry):
    hub.answers["GET /api/v1/decisions/42/replay"] = SAME
    assert skerry("replay", "42").out == "decision 42: the same\n"
    assert hub.asked[-1].query == {}
    assert skerry("replay", "42", "--scores").out == (
        "decision 42: the same\n\n"
        "  + shop-web-0 on box-1  score 0.825 (spread 60 of 80, balance 9 of 10)\n"
    )
    assert hub.asked[-1].query == {"scores": "true"}


def test_another_outcome_has_an_exit_status_of_its_own(hub, skerry):
    hub.answers["GET /api/v1/decisions/42/replay"] = OTHER
    assert skerry("replay", "42", code=7).out == (
        "decision 42: another outcome of the same inputs\n"
        "  shop-web-0: create on box-1, and now create on box-2\n"
        "  engine 0.1.0 decided then, 0.2.0 now\n"
    )
    told = json.loads(skerry("replay", "42", "-o", "json", code=7).out)
    assert told["result"] == "other_outcome"


def test_what_is_not_kept_is_no_success(hub, skerry):
    lost = dataclasses.replace(
        SAME, result="not_kept", difference="its inputs are not kept any more"
    )
    hub.answers["GET /api/v1/decisions/42/replay"] = lost
    assert skerry("replay", "42", code=7).out == ("decision 42: its inputs are not kept any more\n")


def test_a_number_that_there_is_not_is_an_error(hub, skerry):
    hub.answers["GET /api/v1/decisions/9/replay"] = unknown("decision 9")
    assert "there is no decision 9" in skerry("replay", "9", code=1).err


def test_the_limit_is_the_apis():
    parameters = api.openapi_document()["paths"]["/api/v1/decisions"]["get"]["parameters"]
    (limit,) = (one["schema"] for one in parameters if one["name"] == "limit")
    assert limit["maximum"] == MOST_LISTED

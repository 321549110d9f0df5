"""Decisions as they are listed and shown: counts, whose documents, and where a list ends."""

import dataclasses

import pytest
from tests.hub.records import NOW, kept_document, workload

from skerry_hub.decision_list import (
    SHOWN,
    decision_detail,
    decision_view,
    replay_view,
    with_decisions,
)
from skerry_hub.decisions import Answer, Asked, DecisionRecord, KeptDecision, Question
from skerry_hub.documents import Dataset, Endpoint, Policy, Prices, Reservation
from skerry_hub.model import Change, Explanation, Standing
from skerry_hub.replaying import Replay
from skerry_hub.terms import DataNeed, Latency, Placement


def change(action, number, owner="shop-web"):
    return Change(action=action, instance=f"{owner}-{number}", workload=owner, node="box-1")


def decided(*changes, wanted=(), unplaced=None, **fields):
    asked = tuple(Asked(workload=one, keep=False) for one in wanted or (workload(),))
    record = DecisionRecord(
        cause="apply",
        at=NOW,
        engine="0.1.0",
        strategy="spread",
        question=Question(method="decide", wanted=asked),
        position=0,
        records="a" * 32,
        sections={},
        inputs="b" * 32,
        outcome="c" * 32,
        **fields,
    )
    answer = Answer(changes=changes, unplaced=unplaced or {})
    return KeptDecision(seq=1, log=1, record=record, answer=answer)


def test_steps_are_counted():
    kept = decided(
        change("create", 0),
        change("create", 1),
        change("move", 2),
        change("replace", 3),
        change("remove", 4),
        change("keep", 5),
        unplaced={"shop-web": 2, "shop-db": 1},
    )
    view = decision_view(kept)
    assert (view.created, view.moved, view.replaced, view.removed) == (2, 1, 1, 1)
    assert view.unplaced == 3


def test_those_that_were_asked_about_come_first():
    kept = decided(
        change("remove", 0, "a-batch"),
        change("create", 0, "shop-web"),
        wanted=(workload("shop-web"), workload("shop-db")),
    )
    assert decision_view(kept).workloads == ("shop-web", "shop-db", "a-batch")


def test_an_instance_names_the_newest_decision_that_put_it_where_it_is():
    def at(number, seq, action="create", node="box-1"):
        step = dataclasses.replace(change(action, number), node=node)
        return dataclasses.replace(decided(step), seq=seq)

    decisions = [
        at(0, 9, "keep"),
        at(0, 8, "replace"),
        at(0, 7, "move"),
        at(1, 6, "move", "box-2"),
        at(1, 5),
        at(0, 4),
    ]
    standings = tuple(
        Standing(instance=f"shop-web-{number}", node="box-1", hostname="x") for number in range(3)
    )
    found = Explanation(workload="shop-web", wanted=3, placed=3, feasible=0, standings=standings)
    told = with_decisions(found, decisions).standings
    # Of shop-web-1 the newest decision tells another node: something else put it here since.
    assert [(one.decision, one.decided_at) for one in told] == [
        (7, NOW),
        (None, None),
        (None, None),
    ]
    assert with_decisions(found, []).standings == standings


@pytest.mark.parametrize(("count", "more"), [(SHOWN, False), (SHOWN + 1, True)])
def test_a_long_list_ends_and_says_so(count, more):
    kept = decided(*(change("create", number) for number in range(count)))
    detail = decision_detail(kept, ())
    assert (len(detail.changes), detail.more) == (SHOWN, more)
    view = replay_view(kept, Replay(result="same", changes=kept.answer.changes), "0.2.0")
    assert (len(view.changes), view.more) == (SHOWN, more)
    assert (view.engine, view.engine_now) == ("0.1.0", "0.2.0")


DOCUMENTS = (
    Policy(name="front", selector="tier=front"),
    Policy(name="back", selector="tier=back"),
    Policy(name="yard", projects=("yard",)),
    Prices(name="all"),
    Reservation(name="cams"),
    Dataset(name="maps", size_bytes=1),
    Dataset(name="films", size_bytes=1),
    Endpoint(name="erp", host="erp.example", port=443),
    Endpoint(name="till", host="till.example", port=443),
)


def test_the_documents_are_those_about_its_workloads():
    one = workload(
        labels={"tier": "front"},
        placement=Placement(
            data=(DataNeed(dataset="maps"),),
            latency=(
                Latency(to="endpoint", name="erp", weight=1),
                Latency(to="node", name="till", weight=1),
            ),
        ),
    )
    documents = [kept_document(document, version=3) for document in DOCUMENTS]
    found = decision_detail(decided(wanted=(one,)), documents).documents
    assert [(one.kind, one.name) for one in found] == [
        ("Dataset", "maps"),
        ("Endpoint", "erp"),
        ("Policy", "front"),
        ("Prices", "all"),
        ("Reservation", "cams"),
    ]
    assert {one.version for one in found} == {3}


def test_a_gangs_documents_are_those_of_each():
    wanted = (workload(labels={"tier": "front"}), workload("yard-cam", labels={"tier": "back"}))
    documents = [kept_document(document) for document in DOCUMENTS[:3]]
    found = decision_detail(decided(wanted=wanted), documents).documents
    assert [one.name for one in found] == ["back", "front", "yard"]


def test_times_that_were_not_kept_are_said_to_be():
    lost = decided(estimates_lost="they were too many to be kept")
    assert decision_detail(lost, ()).estimates == "they were too many to be kept"
    assert decision_detail(decided(estimates="d" * 32), ()).estimates == "d" * 32

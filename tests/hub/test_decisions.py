"""The digests of decisions: equal for equal content, other for anything else."""

import dataclasses

import pytest
from tests.hub.records import NOW, assignment, workload

from skerry_hub.decisions import (
    Answer,
    Asked,
    Estimates,
    Made,
    Question,
    estimates_digest,
    inputs_digest,
    outcome_digest,
    shortages,
)
from skerry_hub.model import Change, Explanation

RECORDS = "a" * 32


def made(**fields):
    question = Question(method="decide", wanted=(Asked(workload=workload(), keep=False),))
    whole = {"cause": "apply", "at": NOW, "strategy": "spread", "question": question}
    return Made(**{**whole, "answer": Answer(), "first": 0, **fields})


OTHERS = [
    made(at=NOW + 1e-6),
    made(strategy="pack"),
    made(question=Question(method="decide", wanted=(Asked(workload=workload(), keep=True),))),
    made(question=dataclasses.replace(made().question, may_preempt=True)),
    made(question=dataclasses.replace(made().question, method="remove")),
    made(question=dataclasses.replace(made().question, node="box-1")),
    made(question=Question(method="decide", wanted=(Asked(workload=workload(replicas=2)),))),
    made(estimates=Estimates(ms={})),
    made(estimates=Estimates(ms={"box-1": b"\x00" * 8})),
]


def test_all_that_it_was_made_from_is_in_its_digest():
    digests = {inputs_digest(one, RECORDS) for one in (made(), *OTHERS)}
    assert len(digests) == 1 + len(OTHERS)
    assert inputs_digest(made(), "b" * 32) not in digests
    assert inputs_digest(made(), RECORDS) == inputs_digest(made(), RECORDS)


def test_what_it_is_called_and_what_came_of_it_is_not():
    same = inputs_digest(made(), RECORDS)
    for other in (made(cause="fill"), made(answer=Answer(ended=("a-0",))), made(first=9)):
        assert inputs_digest(other, RECORDS) == same


STEP = Change(action="create", instance="shop-web-0", workload="shop-web", node="box-1")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(assignments=(assignment(),)),
        Answer(ended=("shop-web-0",)),
        Answer(changes=(STEP,)),
        Answer(changes=(dataclasses.replace(STEP, node="box-2"),)),
        Answer(changes=(dataclasses.replace(STEP, detail="so"),)),
        Answer(unplaced={"shop-web": 1}),
        Answer(refused={"shop-web": {"memory": 2}}),
    ],
)
def test_all_that_came_of_it_is_in_the_outcomes_digest(answer):
    assert outcome_digest(answer) != outcome_digest(Answer())
    assert outcome_digest(answer) == outcome_digest(dataclasses.replace(answer))


def test_times_in_any_order_are_the_same():
    one = Estimates(ms={"a": b"\x00" * 8, "b": b"\x01" * 8})
    other = Estimates(ms={"b": b"\x01" * 8, "a": b"\x00" * 8})
    assert estimates_digest(one) == estimates_digest(other)


def test_what_found_no_place_is_counted_by_workload():
    short = Explanation(workload="a", wanted=5, placed=3, feasible=0, blocked={"memory": 2})
    full = Explanation(workload="b", wanted=2, placed=2, feasible=0)
    counts, refused = shortages(["a", "b", "c"], [short, full])
    # A global workload wants no number: that it is told at all says that it lacks some.
    assert counts == {"a": 2, "b": 1, "c": 0}
    assert refused == {"a": {"memory": 2}, "b": {}}


def test_of_very_many_constraints_those_that_refuse_most_are_named():
    blocked = {f"policy p{number}": number for number in range(5000)}
    one = Explanation(workload="a", wanted=1, placed=0, feasible=0, blocked=blocked)
    _, refused = shortages(["a"], [one])
    assert sorted(refused["a"].values()) == list(range(4900, 5000))

"""What holds an apply to a plan: the same inputs and the same outcome, or why not."""

import pytest
from tests.hub.records import changed, kept, node, work_on, workload

from skerry_hub import planned
from skerry_hub.documenting import put
from skerry_hub.documents import Prices
from skerry_hub.planning import Wish, decide
from skerry_hub.state import Draft, Known
from skerry_hub.work import RefusedError

WEB = workload("shop-web")


def known():
    return Known([node("box-1"), node("box-2")])


def basis(found, *workloads):
    return decide(work_on(found), Wish(workloads=workloads or (WEB,))).basis


def refusals(found, basis_, *workloads, **fields):
    wish = Wish(workloads=workloads or (WEB,), basis=basis_, **fields)
    with pytest.raises(RefusedError) as error:
        decide(work_on(found), wish)
    assert error.value.status == 409
    return [one.reason.removeprefix("the plan is stale: ") for one in error.value.problems]


def test_the_same_again_is_done():
    found = known()
    plan = decide(work_on(found), Wish(workloads=(WEB,)))
    assert decide(work_on(found), Wish(workloads=(WEB,), basis=plan.basis)) == plan


def test_the_outcome_tells_all_that_changes():
    found = known()
    outcomes = {
        basis(found).outcome,
        basis(found, workload("shop-web", replicas=2)).outcome,
        basis(found, workload("shop-web", image="localhost/web:2")).outcome,
        basis(found, workload("shop-web", labels={"a": "b"})).outcome,
        basis(Known([node("box-2")])).outcome,
    }
    assert len(outcomes) == 5
    work = work_on(found)
    put(work, Prices(name="eu", cpu_hour=1))
    assert planned.outcome_of(work.draft) not in outcomes


def test_the_outcome_of_nothing_is_the_same_everywhere():
    empty = planned.outcome_of(Draft(known()))
    assert planned.outcome_of(Draft(Known([]))) == empty


def test_many_changes_are_named_as_far_as_there_is_room():
    found = known()
    before = basis(found)
    draft = Draft(found)
    for number in range(30):
        draft.nodes.put(f"n-{number:02d}", node(f"n-{number:02d}"))
    found.settle(draft)
    told = refusals(found, before)
    assert told[0] == "node n-00 is new"
    assert told[-1] == "20 further changes"
    assert len(told) == planned.MOST_NAMED + 1


def test_another_time_is_told_as_such():
    found = known()
    before = basis(found)
    other = Wish(workloads=(workload("shop-web", replicas=2),), basis=before)
    with pytest.raises(RefusedError, match="or since the plan was edited after it was made"):
        decide(work_on(found), other)


def test_without_the_inputs_only_the_outcome_counts():
    found = known()
    before = basis(found)
    draft = Draft(found)
    draft.nodes.put("box-2", changed(found.nodes["box-2"], labels={"a": "b"}))
    draft.workloads.put("far-db", kept("far-db"))
    found.settle(draft)
    assert refusals(found, before) == [
        "node box-2 changed: labels",
        "workload far-db is new",
    ]
    wish = Wish(workloads=(WEB,), basis=before, only_outcome=True)
    assert decide(work_on(found), wish).created == ("shop-web",)

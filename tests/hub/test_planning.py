"""An apply decided: documents first, held to a basis, and as a plan with its scores."""

from tests.hub.records import node, work_on, workload

from skerry_hub import planning
from skerry_hub.documents import Policy
from skerry_hub.planning import Wish
from skerry_hub.state import Known
from skerry_hub.views import DocumentPlan

ELSEWHERE = Policy(name="not-here", forbidden=("node.id == box-1",))


def test_workloads_are_placed_as_the_documents_of_the_same_wish_say():
    work = work_on(Known([node("box-1"), node("box-2")]))
    wish = Wish(documents=(ELSEWHERE,), workloads=(workload("shop-web", replicas=2),))
    plan = planning.decide(work, wish)
    assert [one.node for one in plan.changes] == ["box-2", "box-2"]
    assert [(one.kind, one.action) for one in plan.documents] == [("Policy", "created")]


def test_who_keeps_documents_may_be_somebody_else():
    told = []

    def put(work, documents):
        told.extend(documents)
        return (DocumentPlan(kind="Policy", name="x", action="unchanged", version=7),)

    work = work_on(Known([node("box-1")]))
    wish = Wish(documents=(ELSEWHERE,), workloads=(workload("shop-web"),))
    plan = planning.decide(work, wish, put)
    assert (told, plan.documents[0].version) == ([ELSEWHERE], 7)
    assert [one.node for one in plan.changes] == ["box-1"]


def test_the_basis_is_of_what_was_and_of_what_comes():
    work = work_on(Known([node("box-1")]))
    before = work.draft.inputs.digest
    first = planning.decide(work, Wish(workloads=(workload("shop-web"),)))
    assert first.basis.inputs == before
    other = work_on(Known([node("box-1")]))
    second = planning.decide(other, Wish(workloads=(workload("shop-db"),)))
    assert second.basis.inputs == before
    assert second.basis.outcome != first.basis.outcome


def test_scores_change_nothing_else():
    work = work_on(Known([node("box-1")]))
    wish = Wish(documents=(ELSEWHERE,), workloads=(workload("shop-web", mode="global"),))
    with work.columns.trial():
        plan = planning.decide(work, wish)
    scored = planning.scored(work, wish, plan)
    assert scored == plan, "nothing was placed"
    work = work_on(Known([node("box-1")]))
    wish = Wish(workloads=(workload("shop-web"),))
    with work.columns.trial():
        plan = planning.decide(work, wish)
    scored = planning.scored(work, wish, plan)
    assert scored.basis == plan.basis
    assert [one.score is None for one in plan.changes] == [True]
    assert [one.score is None for one in scored.changes] == [False]

"""What a scope forbids, decided without a hub; over HTTP it is in test_guarding.py."""

import dataclasses

import pytest
from tests.hub.records import assignment, kept, work_on, workload

from skerry_hub.access.scope import EVERYTHING, Scope
from skerry_hub.api import scoping
from skerry_hub.api.requests import LabelRequest
from skerry_hub.documents import Reservation
from skerry_hub.joining.views import JoinTokenRequest
from skerry_hub.model import Change, Constraint
from skerry_hub.planning import Wish
from skerry_hub.state import Known
from skerry_hub.views import PlanView
from skerry_hub.work import RefusedError

QUAY = Scope((("site", "quay-3"),))
ASKS = (Constraint(key="node.labels.site", operator="==", value="quay-3"),)
HERE, THERE = workload("here-web", constraints=ASKS), workload("there-web")


def refused(call, *given):
    """Return why something is refused within a scope, and see that nothing is without one."""
    call(EVERYTHING, *given)
    with pytest.raises(RefusedError) as error:
        call(QUAY, *given)
    assert error.value.status == 403
    return [one.reason for one in error.value.problems]


def plan(action, *workloads, **fields):
    steps = (
        Change(action=action, instance=f"{one}-0", workload=one, node="box-1") for one in workloads
    )
    return PlanView(changes=tuple(steps), **fields)


@pytest.fixture
def work():
    records = [kept("here-web", constraints=ASKS), kept("there-web")]
    return work_on(Known(workloads=records, assignments=[assignment("there-web-0")]))


def test_workloads_outside_are_named_with_what_they_lack():
    scoping.check_workloads(QUAY, [HERE])
    (reason,) = refused(scoping.check_workloads, [HERE, THERE])
    assert reason.startswith("workload there-web must ask for node.labels.site == quay-3")


def test_documents_are_nobodys_who_has_a_scope():
    wish = Wish(documents=(Reservation(name="room", selector="a=b"),), workloads=(HERE,))
    (reason,) = refused(scoping.check_wish, wish)
    assert "documents are for the whole fleet" in reason


def test_what_is_there_already_must_be_within(work):
    taken = dataclasses.replace(THERE, constraints=ASKS)
    scoping.check_kept(QUAY, work, Wish(workloads=(HERE,)))
    (reason,) = refused(scoping.check_kept, work, Wish(workloads=(taken,)))
    assert "there-web" in reason


@pytest.mark.parametrize("action", ["create", "replace", "move", "remove"])
def test_steps_of_others_are_refused(work, action):
    scoping.check_changes(QUAY, work, plan(action, "here-web"))
    scoping.check_changes(QUAY, work, plan("keep", "there-web"))
    (reason,) = refused(scoping.check_changes, work, plan(action, "here-web", "there-web"))
    assert "it would change there-web, which are not within site=quay-3" in reason


def test_a_workload_without_instances_is_not_taken_away_either(work):
    refused(scoping.check_changes, work, PlanView(removed=("there-web",)))
    scoping.check_changes(QUAY, work, PlanView(removed=("here-web",)))


def test_what_moves_off_a_node_goes_on_and_what_ends_does_not(work):
    scoping.check_ended(QUAY, work, plan("move", "there-web"))
    refused(scoping.check_ended, work, plan("remove", "there-web"))


def test_the_labels_of_a_scope_stay():
    scoping.check_labels(QUAY, LabelRequest(set={"rack": "b"}, unset=("tier",)))
    for request in (LabelRequest(set={"site": "a"}), LabelRequest(unset=("site",))):
        refused(scoping.check_labels, request)


def test_a_box_joins_with_the_labels_of_a_scope_and_takes_no_place_of_another():
    here = {"site": "quay-3"}
    scoping.check_join_token(QUAY, JoinTokenRequest(labels={**here, "rack": "b"}))
    for labels in ({}, {"site": "quay-4"}):
        (reason,) = refused(scoping.check_join_token, JoinTokenRequest(labels=labels))
        assert reason.endswith("boxes must join with --label site=quay-3")
    (reason,) = refused(scoping.check_join_token, JoinTokenRequest(labels=here, node="box-1"))
    assert reason.endswith("cannot have a box join as a named node")

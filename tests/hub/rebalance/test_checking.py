"""A plan looked at again: how far it was made, and when it is stale, with the reasons."""

import dataclasses

import pytest
from tests.hub.rebalance.fleets import changed, node, put, uneven, workload
from tests.hub.records import settled, work_on

from skerry_hub import desired, draining
from skerry_hub.rebalance.checking import check
from skerry_hub.rebalance.moving import move_all
from skerry_hub.rebalance.plan_view import outcome_of
from skerry_hub.rebalance.planning import plan
from skerry_hub.rebalance.records import CheckRequest, CheckView, RebalanceRequest
from skerry_hub.views import Basis
from skerry_hub.work import RefusedError

NODES = [node(f"n{index}") for index in range(4)]
LOADS = [workload(f"shop-w{index}") for index in range(8)]
CHANGES = ("node n9 is new",)


def planned(known, wave=1):
    """Return a plan of a fleet as it is sent to be checked."""
    work = work_on(known)
    view = plan(work, RebalanceRequest(objective="balance", time_limit_s=5.0, wave=wave))
    basis = Basis(inputs=work.draft.inputs.digest, outcome=outcome_of(view.waves))
    return CheckRequest(
        objective=view.objective, move_cost_percent=10.0, waves=view.waves, basis=basis
    )


def checked(known, request):
    work = work_on(known)
    return check(work, request, work.draft.inputs.digest, CHANGES)


def refused(known, request):
    with pytest.raises(RefusedError) as found:
        checked(known, request)
    return found.value.status, [(one.field, one.reason) for one in found.value.problems]


@pytest.fixture
def known():
    return uneven(NODES, LOADS, ["n3"])


@pytest.fixture
def request_(known):
    found = planned(known)
    assert [len(wave.moves) for wave in found.waves] == [1, 1]
    return found


def after(known, change):
    work = work_on(known)
    change(work)
    return settled(known, work.draft)


def test_what_has_not_changed_holds(known, request_):
    gain = sum(wave.gain for wave in request_.waves)
    assert checked(known, request_) == CheckView(gain=gain, planned_gain=gain)


def test_what_does_not_matter_does_not_make_it_stale(known, request_):
    other = changed(known, ["n0"], draining.cordon)
    found = checked(other, request_)
    assert found.waves_done == 0
    assert found.gain == pytest.approx(found.planned_gain)


def test_what_was_done_before_is_not_done_again(known, request_):
    first = after(known, lambda work: move_all(work, request_.waves[0].moves))
    found = checked(first, request_)
    assert (found.waves_done, found.planned_gain) == (1, request_.waves[1].gain)
    assert found.gain == pytest.approx(found.planned_gain)
    whole = after(first, lambda work: move_all(work, request_.waves[1].moves))
    assert checked(whole, request_) == CheckView(waves_done=2)


def test_a_move_that_cannot_be_made_any_more_makes_it_stale(known, request_):
    move = request_.waves[0].moves[0]
    gone = after(known, lambda work: desired.delete(work, move.workload))
    status, told = refused(gone, request_)
    reason = f"{move.instance} cannot move to n3: there is no such instance of this workload"
    assert (status, [field for field, _ in told]) == (409, ["basis.outcome", "basis.inputs"])
    assert told[0][1].startswith(f"the plan is stale: {reason}")
    assert told[1][1] == "the plan is stale: node n9 is new"


def test_a_node_that_takes_nothing_makes_it_stale(known, request_):
    shut = changed(known, ["n3"], draining.cordon)
    status, told = refused(shut, request_)
    assert (status, told[0][0]) == (409, "basis.outcome")
    assert "cannot move to n3: n3 does not take it: taints: " in told[0][1]


def test_moves_that_gain_less_than_they_did_make_it_stale(known, request_):
    full = put(
        changed(known, ["n0", "n1", "n2"], draining.cordon),
        workload("shop-new", replicas=2),
    )
    assert {one.node for one in full.of_workload("shop-new")} == {"n3"}
    status, told = refused(full, request_)
    assert status == 409
    assert told[0][1].startswith("the plan is stale: its moves gain -")
    assert "as planned they gain" in told[0][1]


def test_what_is_pinned_since_makes_it_stale(known, request_):
    move = request_.waves[0].moves[0]
    load = workload(move.workload, labels={"skerry.rebalance": "never"})
    _, told = refused(put(known, load), request_)
    assert told[0][1].endswith("it may not move now")


def test_a_plan_that_somebody_changed_is_refused(known, request_):
    wave = request_.waves[0]
    move = dataclasses.replace(wave.moves[0], target="n1")
    forged = (dataclasses.replace(wave, moves=(move,)), *request_.waves[1:])
    status, told = refused(known, dataclasses.replace(request_, waves=forged))
    assert (status, told) == (400, [("basis.outcome", "the moves are not those that were planned")])


def test_a_detour_is_one_way_and_half_of_it_is_known(known):
    request = planned(known)
    (move,) = request.waves[0].moves
    there = dataclasses.replace(move, target="n1")
    on = dataclasses.replace(move, source="n1")
    waves = tuple(dataclasses.replace(request.waves[0], moves=(one,)) for one in (there, on))
    basis = dataclasses.replace(request.basis, outcome=outcome_of(waves))
    detour = dataclasses.replace(request, waves=waves, basis=basis)
    half = after(known, lambda work: move_all(work, [there]))
    assert half.assignments[move.instance].node == "n1"
    assert checked(after(half, lambda work: move_all(work, [on])), detour).waves_done == 2
    assert checked(half, dataclasses.replace(detour)).waves_done == 1

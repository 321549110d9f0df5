"""What a plan tells: its waves, what they gain, what is left out and why."""

import dataclasses

import pytest
from tests.hub.rebalance.fleets import node, uneven, work_of, workload
from tests.hub.rebalance.test_planning import moves_of, planned

from skerry_hub.balance.solve import Effort
from skerry_hub.rebalance.picture import picture_of
from skerry_hub.rebalance.plan_view import Planned, outcome_of, view_of
from skerry_hub.rebalance.records import Wave
from skerry_hub.rebalance.solving import solved

EFFORT = Effort(time_s=5.0)


def test_no_more_moves_than_asked_for_the_best_first():
    nodes = [node(f"n{index}") for index in range(4)]
    loads = [workload(f"shop-w{index}", cpu=100 * (index + 1)) for index in range(12)]
    work = work_of(uneven(nodes, loads, ["n2", "n3"]))
    whole, some = planned(work), planned(work, max_moves=2)
    assert len(moves_of(whole)) > 2 == len(moves_of(some))
    assert some.moves_left_out == some.left_out["max moves"] == len(moves_of(whole)) - 2
    assert (some.bound, some.ended) == (whole.bound, "left out")
    assert some.after > whole.after
    none = planned(work, max_moves=0)
    assert (none.waves, none.left_out) == ((), {"max moves": len(moves_of(whole))})
    assert (none.ended, none.gap > 0) == ("left out", True)


def taken():
    nodes = [node(f"n{index}") for index in range(4)]
    loads = [workload(f"shop-w{index}") for index in range(8)]
    return picture_of(work_of(uneven(nodes, loads, ["n3"])), "balance", 10.0)


@pytest.mark.parametrize(
    ("status", "left_out", "bound", "ended"),
    [
        ("optimal", {}, None, "optimal"),
        ("limit", {"stop": 2}, None, "optimal"),
        ("limit", {}, 0, "limit"),
        ("limit", {"stop": 2}, 0, "limit"),
        ("optimal", {"stop": 2, "refused": 1}, 0, "left out"),
        ("within gap", {}, 0, "within gap"),
        ("within gap", {"max moves": 1}, 0, "left out"),
    ],
)
def test_why_nothing_better_was_found_is_said_as_it_was(status, left_out, bound, ended):
    picture = taken()
    done = solved(picture, picture.problem, EFFORT, 10)
    found = Planned(
        waves=done.steps,
        bound=done.found.bound if bound is None else bound,
        status=status,
        left_out=left_out,
    )
    view = view_of(picture, picture.problem, found)
    assert (view.ended, view.gap > 0) == (ended, bound is not None)
    assert view.left_out == ({} if bound is None else left_out)
    assert view.moves_left_out == sum(view.left_out.values())


def test_gains_add_up_to_what_is_gained():
    picture = taken()
    done = solved(picture, picture.problem, EFFORT, 1)
    view = view_of(picture, picture.problem, Planned(waves=done.steps, bound=0, status="optimal"))
    assert [len(wave.moves) for wave in view.waves] == [1, 1]
    gained = sum(move.gain for move in moves_of(view))
    assert gained == pytest.approx(view.before - view.after) == sum(w.gain for w in view.waves)


def test_of_nothing_there_is_a_plan_of_nothing():
    view = view_of(taken(), None, None)
    assert (view.waves, view.nodes, view.ended) == ((), 4, "optimal")


def test_the_digest_of_a_plan_is_of_its_moves_in_their_waves():
    work = work_of(
        uneven([node("n0"), node("n1")], [workload(f"shop-w{n}") for n in "abcd"], ["n1"])
    )
    (wave,) = planned(work).waves
    first, second = wave.moves
    known = outcome_of([wave])
    assert known == outcome_of([dataclasses.replace(wave, gain=9.0)])
    others = (
        [Wave(moves=(first,)), Wave(moves=(second,))],
        [Wave(moves=(second, first))],
        [Wave(moves=(first, dataclasses.replace(second, target="n9")))],
        [Wave(moves=(first, dataclasses.replace(second, revision="f" * 16)))],
    )
    assert known not in map(outcome_of, others)

"""`skerry rebalance`: the plan as people read it, and its waves, each when the last one runs."""

import dataclasses
import json
import pathlib
import signal

import pytest
from tests.cli.canned import Answers, problems
from tests.cli.samples import INSTANCE

from skerry_hub import views
from skerry_hub.rebalance.records import (
    CheckRequest,
    CheckView,
    Move,
    MovesRequest,
    RebalanceRequest,
    RebalanceView,
    Wave,
)
from skerry_wire.codec import from_plain, to_plain
from skerry_wire.messages import Health, InstanceState


def move(name, target="box-2"):
    workload = name.rpartition("-")[0]
    return Move(
        instance=name,
        workload=workload,
        revision="12" * 8,
        source="box-1",
        target=target,
        gain=0.25,
    )


BASIS = views.Basis(inputs="a" * 32, sections={"nodes": "b" * 16}, outcome="c" * 32)
VIEW = RebalanceView(
    basis=BASIS,
    objective="balance",
    unit="sum of squares",
    waves=(
        Wave(moves=(move("shop-web-0"), move("shop-db-0")), gain=0.5),
        Wave(moves=(move("shop-job-0"),), gain=0.25),
    ),
    before=2.0,
    after=1.25,
    moves_cost=0.05,
    bound=1.26,
    gap=0.04,
    gap_percent=3.0769,
    ended="limit",
    seconds=1.24,
    instances=9,
    nodes=2,
    nodes_left_out=1,
    moves_left_out=5,
    left_out={"max moves": 2, "stop": 2, "refused": 1},
    refused=("shop-x-0 cannot move to box-2: ports: taken",),
    pinned={"one on each node": 2},
    nodes_used_before=1,
    nodes_used_after=2,
    fullest_before_percent=80.0,
    fullest_after_percent=55.5,
)
TEXT = """\
wave 1: 2 moves, gain 0.5
  > shop-web-0 to box-2  (from box-1; gain 0.25)
  > shop-db-0 to box-2  (from box-1; gain 0.25)
wave 2: 1 move, gain 0.25
  > shop-job-0 to box-2  (from box-1; gain 0.25)
Objective:      balance (sum of squares; less is better)
Moves:          3 in 2 waves, which count 0.05
Before, after:  2, 1.25
Nodes in use:   1 -> 2
Fullest node:   80 % -> 55.5 %
Bound:          no moves lead below 1.26, their cost counted: gap 3.0769 %
Solved:         9 instances on 2 nodes in 1.2 s (not proven optimal: the search's limit, \
--max-moves, chains that need a stop, refused moves)
"""
PLAN = "POST /api/v1/rebalance/plan"
MOVES = "POST /api/v1/rebalance/moves"
CHECK = "POST /api/v1/rebalance/check"
INSTANCES = "GET /api/v1/instances"


def there(asked):
    """Answer that everything runs where it was moved to."""
    if asked.query["node"] == "box-1":
        return {"items": []}
    names = [f"shop-{name}-0" for name in ("web", "db", "job")]
    found = [dataclasses.replace(INSTANCE, id=name, node="box-2") for name in names]
    return {"items": [to_plain(one, nulls=True) for one in found]}


def asked_of(hub, question):
    method, path = question.split()
    return [one for one in hub.asked if (one.method, one.path) == (method, path)]


def test_a_plan_is_shown_and_nothing_done(skerry, hub):
    hub.answers[PLAN] = VIEW
    done = skerry("rebalance", "--plan")
    assert done.out == TEXT
    assert done.err.splitlines() == [
        "2 instances pinned: one on each node",
        "1 node not looked at for want of time",
        "2 moves left out: more than --max-moves",
        "2 moves left out: only possible by ending an instance before it starts",
        "1 move left out: refused, as told below",
        "shop-x-0 cannot move to box-2: ports: taken",
    ]
    assert [one.path for one in hub.asked] == ["/api/v1/rebalance/plan"]
    assert from_plain(RebalanceRequest, hub.asked[0].body, strict=True) == RebalanceRequest()


def test_what_is_asked_for_is_passed_on(skerry, hub):
    hub.answers[PLAN] = VIEW
    words = ("--objective", "cost", "--move-cost", "5", "--max-moves", "7", "--wave", "3")
    skerry("rebalance", *words, "--time-limit", "1m")
    assert from_plain(RebalanceRequest, hub.asked[0].body, strict=True) == RebalanceRequest(
        objective="cost", move_cost_percent=5.0, max_moves=7, wave=3, time_limit_s=60.0
    )


def test_a_plan_for_programs(skerry, hub):
    hub.answers[PLAN] = VIEW
    done = skerry("rebalance", "-o", "json")
    assert '"gap_percent": 3.0769' in done.out
    assert done.err == ""


@pytest.mark.parametrize(
    ("ended", "left_out", "why", "solved"),
    [
        ("optimal", {}, "no move gains more than it costs", "optimal"),
        (
            "left out",
            {"max moves": 5},
            "what would gain takes more moves than --max-moves",
            "not proven optimal: --max-moves",
        ),
        (
            "left out",
            {"stop": 2},
            "what would gain more needs an instance to end before it starts elsewhere",
            "not proven optimal: chains that need a stop",
        ),
        (
            "left out",
            {"refused": 2},
            "what would gain more is refused",
            "not proven optimal: refused moves",
        ),
        (
            "limit",
            {},
            "none was found that gains more than it costs",
            "not proven optimal: the search's limit",
        ),
    ],
)
def test_nothing_to_move_says_so_and_why(skerry, hub, ended, left_out, why, solved):
    hub.answers[PLAN] = dataclasses.replace(
        VIEW, waves=(), after=2.0, fullest_after_percent=80.0, ended=ended, left_out=left_out
    )
    done = skerry("rebalance", "--apply")
    assert f"Moves:         none: {why}\n" in done.out
    assert f"in 1.2 s ({solved})\n" in done.out
    assert "Fullest node:  80 %\n" in done.out
    assert asked_of(hub, MOVES) == []


def test_each_wave_waits_for_the_last_one(skerry, hub):
    starting = dataclasses.replace(INSTANCE, state=InstanceState.PENDING, node="box-2")
    hub.answers |= {PLAN: VIEW, MOVES: views.PlanView(), INSTANCES: there}
    done = skerry("rebalance", "--apply", "--timeout", "20s")
    bodies = [from_plain(MovesRequest, one.body, strict=True) for one in asked_of(hub, MOVES)]
    assert [one.moves for one in bodies] == [wave.moves for wave in VIEW.waves]
    assert [one.note for one in bodies] == ["balance, wave 1 of 2", "balance, wave 2 of 2"]
    assert done.err.splitlines()[-3:] == [
        "wave 1 of 2: 2 instances move",
        "wave 2 of 2: 1 instance move",
        "rebalanced: 3 of 3 moves made",
    ]
    paths = [one.path for one in hub.asked]
    first, second = (at for at, path in enumerate(paths) if path.endswith("/moves"))
    assert "/api/v1/instances" in paths[first:second]
    # One that does not start in time ends it.
    hub.asked.clear()
    hub.answers[INSTANCES] = lambda asked: (
        {"items": []}
        if asked.query["node"] == "box-1"
        else {"items": [to_plain(starting, nulls=True)]}
    )
    late = skerry("rebalance", "--apply", "--timeout", "1s", code=4)
    assert len(asked_of(hub, MOVES)) == 1
    assert "wave 1 of 2 is under way and goes on; no other is begun, 0 of 3 moves made" in late.err
    assert "instance/shop-web-0 on box-2 is not healthy after 1s; last seen: pending" in late.err


@pytest.mark.parametrize("health", [Health.STARTING, Health.UNHEALTHY])
def test_what_is_not_healthy_ends_it(skerry, hub, health):
    sick = dataclasses.replace(INSTANCE, node="box-2", health=health)
    view = dataclasses.replace(VIEW, waves=(Wave(moves=(move("shop-web-0"),)),))
    hub.answers |= {PLAN: view, MOVES: views.PlanView()}
    hub.answers[INSTANCES] = lambda asked: (
        {"items": []} if asked.query["node"] == "box-1" else {"items": [to_plain(sick, nulls=True)]}
    )
    done = skerry("rebalance", "--apply", "--timeout", "1s", code=4)
    assert f"is not healthy after 1s; last seen: running, {health}" in done.err


def test_a_stale_wave_ends_it(skerry, hub):
    stale = problems(409, {"reason": "the plan is stale: it is gone", "field": "moves[0]"})
    hub.answers |= {PLAN: VIEW, MOVES: Answers(views.PlanView(), stale), INSTANCES: there}
    done = skerry("rebalance", "--apply", code=6)
    assert done.err.splitlines()[-2:] == [
        "wave 2 of 2 refused; 2 of 3 moves made, and all of them run",
        "skerry: moves[0]: the plan is stale: it is gone",
    ]


@pytest.fixture
def saved(skerry, hub, tmp_path):
    hub.answers[PLAN] = VIEW
    file = tmp_path / "night.plan"
    done = skerry("rebalance", "--move-cost", "5", "--out", str(file))
    assert done.out == TEXT
    hub.asked.clear()
    return str(file)


def test_a_plan_in_a_file_is_checked_and_made(skerry, hub, saved):
    hub.answers |= {CHECK: CheckView(gain=0.7, planned_gain=0.75), MOVES: views.PlanView()}
    hub.answers[INSTANCES] = there
    done = skerry("rebalance", "--apply", saved)
    assert done.out == TEXT
    assert done.err.splitlines()[-1] == "rebalanced: 3 of 3 moves made"
    assert asked_of(hub, PLAN) == []
    (asked,) = asked_of(hub, CHECK)
    assert from_plain(CheckRequest, asked.body, strict=True) == CheckRequest(
        objective="balance", move_cost_percent=5.0, waves=VIEW.waves, basis=BASIS
    )
    bodies = [from_plain(MovesRequest, one.body, strict=True) for one in asked_of(hub, MOVES)]
    assert [one.moves for one in bodies] == [wave.moves for wave in VIEW.waves]


def test_it_goes_on_where_it_was_interrupted(skerry, hub, saved):
    hub.answers |= {CHECK: CheckView(waves_done=1), MOVES: views.PlanView(), INSTANCES: there}
    done = skerry("rebalance", "--apply", saved, "-o", "json")
    (body,) = asked_of(hub, MOVES)
    assert from_plain(MovesRequest, body.body, strict=True).moves == VIEW.waves[1].moves
    assert done.err.splitlines() == [
        "wave 1 of 2 was made before; no other begins until it runs",
        "wave 2 of 2: 1 instance move",
        "rebalanced: 3 of 3 moves made",
    ]
    found = json.loads(done.out)
    assert (found["waves_done"], found["moves_done"]) == (2, 3)
    hub.asked.clear()
    hub.answers[CHECK] = CheckView(waves_done=2)
    assert skerry("rebalance", "--apply", saved).err.endswith("rebalanced: 3 of 3 moves made\n")
    assert asked_of(hub, MOVES) == []


def test_a_plan_that_is_stale_moves_nothing(skerry, hub, saved):
    told = {"reason": "the plan is stale: its moves gain 0 now", "field": "basis.outcome"}
    hub.answers[CHECK] = problems(409, told)
    done = skerry("rebalance", "--apply", saved, code=6)
    assert done.err == "skerry: basis.outcome: the plan is stale: its moves gain 0 now\n"
    assert done.out == ""
    assert asked_of(hub, MOVES) == []


def test_what_is_no_plan_of_a_rebalance_is_refused_by_its_name(skerry, hub, saved, tmp_path):
    content = json.loads(pathlib.Path(saved).read_text())
    other = tmp_path / "other"
    for change, why in (
        ({"of": "apply"}, f"is made for `skerry apply --plan {other}`"),
        ({"of": "drain"}, "is of another version of skerry"),
        ({"answer": {"basis": {}}}, "is damaged: "),
        ({"answer": {}}, "is damaged: "),
    ):
        other.write_text(json.dumps({**content, **change}))
        done = skerry("rebalance", "--apply", str(other), code=2)
        assert f"{other}: {why}" in done.err
    done = skerry("apply", "--plan", saved, code=2)
    assert f"{saved}: is made for `skerry rebalance --apply {saved}`" in done.err
    assert hub.asked == []


def test_it_can_be_interrupted(start, hub):
    hub.answers |= {PLAN: VIEW, MOVES: views.PlanView(), INSTANCES: {"items": []}}
    process = start("rebalance", "--apply")
    lines = iter(process.stderr.readline, "")
    assert any("2 instances move" in line for line in lines)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "wave 1 of 2 is under way and goes on; no other is begun" in err
    assert len(asked_of(hub, MOVES)) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("--objective", "fast"),
        ("--wave", "0"),
        ("--wave", "101"),
        ("--max-moves", "-1"),
        ("--move-cost", "x"),
        ("--time-limit", "1y"),
        ("--time-limit", "0s"),
        ("--time-limit", "301s"),
        ("now",),
        ("--plan", "--apply"),
        ("--plan", "--apply", "night.plan"),
        ("--apply", "--out", "night.plan"),
        ("--apply", "night.plan", "--wave", "3"),
        ("--apply", "night.plan", "--objective", "pack"),
        ("--max-moves", "10001"),
    ],
)
def test_wrong_usage(skerry, hub, words):
    assert skerry("rebalance", *words, code=2).err
    assert hub.asked == []

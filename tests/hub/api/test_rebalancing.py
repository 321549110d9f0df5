"""A rebalance over HTTP: a plan that changes nothing, and its waves, done or refused as stale."""

import asyncio
import threading

import pytest
from tests.hub.rig import until

from skerry_hub.api.rebalancing import RebalanceAnswers, _watch
from skerry_hub.rebalance.records import RebalanceRequest
from skerry_hub.writer.calling import BusyError

PLAN = "/api/v1/rebalance/plan"
MOVES = "/api/v1/rebalance/moves"
CHECK = "/api/v1/rebalance/check"
SIX = "services:\n" + "".join(f"  w{index}:\n    image: localhost/web:1\n" for index in range(6))


def uneven(client, rig):
    """Have six workloads on one of two nodes."""
    rig.join("box-1", "box-2")
    client.ask("POST", "/api/v1/nodes/box-2/cordon")
    assert client.apply(SIX)[0] == 200
    client.ask("POST", "/api/v1/nodes/box-2/uncordon")


def planned(client, **body):
    status_, found = client.ask("POST", PLAN, body)
    assert status_ == 200, found
    client.fits("post", PLAN, found)
    return found


def homes(rig):
    nodes = [one.node for one in rig.service.known.assignments.values()]
    return {name: nodes.count(name) for name in ("box-1", "box-2")}


def test_a_plan_changes_nothing_and_its_waves_make_the_fleet_even(client, rig):
    uneven(client, rig)
    found = planned(client, wave=2)
    assert homes(rig) == {"box-1": 6, "box-2": 0}
    assert [len(wave["moves"]) for wave in found["waves"]] == [2, 1]
    assert (found["objective"], found["ended"], found["gap"]) == ("balance", "optimal", 0.0)
    for number, wave in enumerate(found["waves"]):
        status_, done = client.ask(
            "POST", MOVES, {"moves": wave["moves"], "note": f"wave {number}"}
        )
        client.fits("post", MOVES, done)
        assert (status_, {one["action"] for one in done["changes"]}) == (200, {"move"})
    assert homes(rig) == {"box-1": 3, "box-2": 3}
    assert [len(rig.orders(one)[-1].instances) for one in ("box-1", "box-2")] == [3, 3]
    events = [one for one in client.get("/api/v1/events")["items"] if one["kind"] == "rebalanced"]
    assert [(one["node"], one["detail"]) for one in events] == [
        ("box-2", "from box-1: wave 0"),
        ("box-2", "from box-1: wave 0"),
        ("box-2", "from box-1: wave 1"),
    ]
    assert {one["subject"] for one in events} == {
        move["instance"] for wave in found["waves"] for move in wave["moves"]
    }
    assert planned(client)["waves"] == []


def test_a_stale_wave_is_refused_whole(client, rig):
    uneven(client, rig)
    (wave,) = planned(client)["waves"]
    gone = wave["moves"][-1]["workload"]
    assert client.ask("DELETE", f"/api/v1/workloads/{gone}")[0] == 200
    status_, found = client.ask("POST", MOVES, {"moves": wave["moves"]})
    (problem,) = found["problems"]
    assert (status_, problem["field"]) == (409, "moves[2]")
    assert problem["reason"].startswith("the plan is stale: ")
    assert problem["reason"].endswith("there is no such instance of this workload any more")
    assert homes(rig) == {"box-1": 5, "box-2": 0}


def check(client, plan):
    body = {key: plan[key] for key in ("objective", "waves", "basis")}
    status_, found = client.ask("POST", CHECK, {**body, "move_cost_percent": 10.0})
    client.fits("post", CHECK, found)
    return status_, found


def test_a_plan_is_checked_before_it_is_made_and_in_its_middle(client, rig):
    uneven(client, rig)
    plan = planned(client, wave=2)
    status_, found = check(client, plan)
    assert (status_, found["waves_done"]) == (200, 0)
    assert found["gain"] == found["planned_gain"] == pytest.approx(plan["before"] - plan["after"])
    client.ask("POST", MOVES, {"moves": plan["waves"][0]["moves"]})
    status_, found = check(client, plan)
    assert (status_, found["waves_done"]) == (200, 1)
    assert found["gain"] == pytest.approx(plan["waves"][1]["gain"])
    assert homes(rig) == {"box-1": 4, "box-2": 2}, "a check moves nothing"


def test_a_stale_plan_is_refused_with_what_changed(client, rig):
    uneven(client, rig)
    plan = planned(client)
    client.ask("POST", "/api/v1/nodes/box-2/cordon")
    status_, found = check(client, plan)
    *moves, last = found["problems"]
    assert (status_, len(moves), {one["field"] for one in moves}) == (409, 3, {"basis.outcome"})
    assert all("cannot move to box-2: box-2 does not take it" in one["reason"] for one in moves)
    assert last["reason"] == "the plan is stale: node box-2 changed: taints"
    plan["basis"]["outcome"] = "0" * 32
    assert check(client, plan)[0] == 400


def test_a_move_that_the_engine_does_not_allow_is_no_part_of_a_plan(client, rig):
    """Money that a node costs when it is opened is no need that is followed."""
    prices = {"name": "all", "nodes": [], "node_hour": 5.0}
    assert client.ask("PUT", "/api/v1/documents/Prices/all", prices)[0] == 200
    uneven(client, rig)
    assert [len(wave["moves"]) for wave in planned(client)["waves"]] == [3]
    policy = {"name": "thrift", "quota": {"cost_per_hour": 5.0}}
    assert client.ask("PUT", "/api/v1/documents/Policy/thrift", policy)[0] == 200
    found = planned(client)
    assert (found["waves"], found["moves_left_out"]) == ([], 3)
    assert len(found["refused"]) == 6, "the others were tried, too"
    assert all("cannot move to box-2" in reason for reason in found["refused"])
    assert found["gap"] > 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"objective": "fast"}, "objective"),
        ({"move_cost_percent": -1}, "move_cost_percent"),
        ({"time_limit_s": 301}, "time_limit_s"),
        ({"max_moves": -1}, "max_moves"),
        ({"wave": 0}, "wave"),
        ({"wave": 101}, "wave"),
        ({"nodes": 1}, "nodes"),
    ],
)
def test_what_is_asked_wrongly_is_refused_by_field(client, body, field):
    status_, found = client.ask("POST", PLAN, body)
    assert (status_, found["problems"][0]["field"]) == (400, field)


def test_an_empty_hub_has_nothing_to_move(client):
    found = planned(client, objective="cost")
    assert (found["waves"], found["nodes"], found["instances"]) == ([], 0, 0)


def test_who_goes_away_is_not_waited_for(rig, client):
    uneven(client, rig)
    gone = threading.Event()

    class Asked:
        """A request of which the other end hangs up."""

        async def is_disconnected(self):
            return True

    asyncio.run(_watch(Asked(), gone))
    assert gone.is_set()
    answers = RebalanceAnswers(rig.service)
    with pytest.raises(BusyError, match="has gone away"):
        answers.plan(RebalanceRequest(), gone)
    assert answers.plan(RebalanceRequest()).waves, "the next one is served"


def test_one_plan_at_a_time(rig):
    class Slow:
        """A service whose writer takes its time."""

        known = rig.service.known

        def __init__(self):
            self.entered, self.goes_on = threading.Event(), threading.Event()

        def call(self, change, *, dry):
            self.entered.set()
            self.goes_on.wait(20)
            return rig.service.call(change, dry=dry)

    slow = Slow()
    answers = RebalanceAnswers(slow)
    done = []
    thread = threading.Thread(target=lambda: done.append(answers.plan(RebalanceRequest())))
    thread.start()
    assert slow.entered.wait(20)
    with pytest.raises(BusyError, match="another rebalance is being planned"):
        answers.plan(RebalanceRequest())
    slow.goes_on.set()
    thread.join(20)
    assert [one.waves for one in done] == [()]
    assert until("the next one", lambda: answers.plan(RebalanceRequest()) is not None)

"""Every node's verdict, sorted so that the answer stands first."""

from tests.hub.placement.boxes import (
    GIB,
    MIB,
    assignment,
    explain,
    fleet,
    gpus,
    node,
    place,
    workload,
)

from skerry_hub.fleet.columns import totals_of
from skerry_hub.model import Liveness, Reason
from skerry_hub.placement.engine import reserve_decision
from skerry_wire.codec import to_plain

FLEET = (
    node("full", memory=180 * MIB, labels={"site": "quay"}),
    node("far", memory=100 * MIB, labels={"site": "quay"}),
    node("both", memory=MIB),
    node("best", memory=8 * GIB, labels={"site": "quay"}),
    node("good", memory=GIB, labels={"site": "quay"}),
    node("gone", labels={"site": "quay"}, liveness=Liveness.LOST),
)
LOAD = workload(memory=256 * MIB, constraints=["node.labels.site == quay"])


def test_the_best_node_comes_first_and_then_the_nearest_miss():
    told = explain(fleet(*FLEET), LOAD, [])
    names = [verdict.node for verdict in told.verdicts]
    assert names == ["best", "good", "full", "far", "gone", "both"]
    assert (told.wanted, told.placed, told.feasible) == (1, 0, 2)
    assert told.blocked == {"memory": 3, "node.labels.site == quay": 1, "online": 1}
    assert told.alone == {"memory": 2, "online": 1}
    assert told.verdicts[2].reasons == (
        Reason(constraint="memory", text="memory 180 MiB free < 256 MiB", missing=76.0),
    )
    assert [reason.constraint for reason in told.verdicts[-1].reasons] == [
        "memory",
        "node.labels.site == quay",
    ]
    assert told.verdicts[0].hostname == "host-best"
    assert told.verdicts[0].score > told.verdicts[1].score
    assert set(told.verdicts[0].scores) == {
        "spread",
        "runtime",
        "devices",
        "balance",
        "quiet",
    }


def test_one_node_is_shown_alone_and_counted_among_all():
    columns = fleet(*FLEET)
    told = explain(columns, LOAD, [], node="far")
    assert [verdict.node for verdict in told.verdicts] == ["far"]
    assert told.blocked["memory"] == 3
    assert explain(columns, LOAD, [], node="nobody").verdicts == ()


def test_where_nothing_is_missing_an_instance_is_not_in_its_own_way():
    columns = fleet(node("a"), node("b"))
    load = workload(ports=["tcp/80"], cpu=3000)
    first = place(columns, load, [], keep=False)
    reserve_decision(columns, [], first)
    told = explain(columns, load, first.assignments)
    assert told.feasible == 2
    assert told.verdicts[0].instances == ("shop-web-0",)
    assert totals_of(columns.assigned("a")).cpu_milli == 3000


def test_where_replicas_are_missing_the_question_is_for_one_more():
    columns = fleet(node("a"))
    load = workload(replicas=2, ports=["tcp/80"])
    first = place(columns, load, [], keep=False)
    reserve_decision(columns, [], first)
    told = explain(columns, load, first.assignments)
    assert (told.wanted, told.placed, told.feasible) == (2, 1, 0)
    assert told.verdicts[0].reasons[0].text == "port tcp/80 is taken by shop-web-0"
    assert told.verdicts[0].instances == ("shop-web-0",)


def test_a_global_workload_wants_its_nodes_and_those_that_are_short():
    columns = fleet(node("a"), node("b", memory=MIB), node("c", liveness=Liveness.LOST))
    load = workload(mode="global", memory=GIB)
    first = place(columns, load, [], keep=False)
    reserve_decision(columns, [], first)
    told = explain(columns, load, first.assignments)
    assert (told.wanted, told.placed, told.feasible) == (2, 1, 1)
    assert told.wanted == told.placed + first.unplaced


def test_an_empty_fleet_is_explained():
    told = explain(fleet(), workload(accelerators=[gpus()]), [])
    assert (told.feasible, told.blocked, told.verdicts) == (0, {}, ())


def test_an_explanation_is_plain_data():
    told = explain(fleet(*FLEET, reserved=[assignment("x-0", "best")]), LOAD, [])
    plain = to_plain(told, nulls=True)
    assert plain["verdicts"][0]["scores"]["spread"] == 1.0
    assert plain["verdicts"][0]["reasons"] == []

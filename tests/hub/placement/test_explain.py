"""Every node's verdict, sorted so that the answer stands first."""

import dataclasses

import pytest
from tests.hub.placement.boxes import (
    GIB,
    MIB,
    accelerator,
    assignment,
    explain,
    fleet,
    gpus,
    node,
    place,
    where,
    workload,
)

from skerry_hub.fleet.columns import totals_of
from skerry_hub.model import Hold, Liveness, Part, Reason, Taint
from skerry_hub.placement.engine import reserve_decision
from skerry_hub.terms import Affinity, AtMost, Placement
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


def two_of_two(columns):
    """Return a workload of which one is on each of a and b, one a site."""
    one_per_site = Placement(at_most=(AtMost(topology="site", count=1),))
    load = dataclasses.replace(workload(replicas=2), placement=one_per_site)
    found = place(columns, load, [], keep=False)
    reserve_decision(columns, [], found)
    assert where(found) == {"shop-web-0": "a", "shop-web-1": "b"}
    return load, found.assignments


def test_where_nothing_is_missing_it_is_asked_who_would_take_the_last_and_the_others_stay():
    columns = fleet(*(node(name, labels={"site": name}) for name in "abc"))
    load, there = two_of_two(columns)
    for words, instance, takers in (
        ({}, "shop-web-1", ["b", "c"]),
        ({"node": "a"}, "shop-web-0", ["a"]),
        ({"node": "c"}, "shop-web-1", ["c"]),
        ({"instance": "shop-web-0"}, "shop-web-0", ["a", "c"]),
        ({"instance": "shop-web-0", "node": "b"}, "shop-web-0", []),
    ):
        told = explain(columns, load, there, **words)
        assert told.instance == instance
        assert [one.node for one in told.verdicts if one.feasible] == takers, words
    assert (told.placed, told.feasible, told.blocked) == (2, 2, {"at most 1 per site": 1})
    more = explain(columns, dataclasses.replace(load, replicas=3), there)
    assert (more.instance, more.feasible) == ("", 1)


def test_so_many_standings_are_told_or_that_of_the_one_that_is_named():
    columns = fleet(*(node(name, labels={"site": name}) for name in "abc"))
    load, there = two_of_two(columns)
    for words, told in (
        ({}, []),
        ({"standings": 1}, ["shop-web-0"]),
        ({"standings": 9}, ["shop-web-0", "shop-web-1"]),
        ({"standings": 9, "node": "b"}, ["shop-web-1"]),
        ({"standings": 9, "node": "c"}, []),
        ({"instance": "shop-web-1"}, ["shop-web-1"]),
    ):
        found = explain(columns, load, there, **words)
        assert [one.instance for one in found.standings] == told
    # Nothing of it is kept.
    assert [len(columns.assigned(name)) for name in "abc"] == [1, 1, 0]


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
    assert plain["verdicts"][0]["scores"]["spread"] == {"value": 1.0, "weight": 80, "points": 80.0}
    assert plain["verdicts"][0]["reasons"] == []


# --- as many as are asked for --------------------------------------------------------------------


def many(count, **fields):
    """Return nodes of which the first of each ten takes it, and the others lack ever more."""
    return fleet(
        *(
            node(f"n{i:03}", memory=(256 - i) * MIB if i % 10 else 8 * GIB, **fields)
            for i in range(count)
        )
    )


@pytest.mark.parametrize(("most", "shown"), [(0, 0), (1, 2), (3, 6), (10, 20), (100, 100)])
def test_no_more_nodes_are_shown_than_are_asked_for_and_all_are_counted(most, shown):
    told = explain(many(100), workload(memory=256 * MIB), [], most=most)
    assert len(told.verdicts) == shown
    assert (told.nodes, told.feasible, told.blocked) == (100, 10, {"memory": 90})
    assert told.more is (shown < 100)


def test_those_that_are_shown_are_the_best_and_the_nearest_of_all():
    columns = many(60)
    load = workload(memory=256 * MIB)
    whole = explain(columns, load, [])
    taking = [one for one in whole.verdicts if one.feasible]
    refusing = [one for one in whole.verdicts if not one.feasible]
    assert [one.node for one in refusing[:3]] == ["n001", "n002", "n003"]
    for most in (1, 2, 5, 6, 7):
        told = explain(columns, load, [], most=most)
        assert list(told.verdicts) == [*taking[:most], *refusing[:most]]


def test_what_has_all_that_is_wanted_in_the_wrong_place_is_nearer_than_what_has_none():
    only = Taint(key="gpu", value="only", effect="NoSchedule")
    pair = [accelerator("1", numa_node=0), accelerator("2", numa_node=1)]
    both = node("z", accelerators=pair)
    columns = fleet(node("a"), node("b", accelerators=pair[:1]), both)
    single = Placement(numa="single")
    load = dataclasses.replace(workload(accelerators=[gpus(2)]), placement=single)
    assert [one.node for one in explain(columns, load, []).verdicts] == ["z", "b", "a"]
    columns = fleet(node("a"), dataclasses.replace(both, taints=(only,)))
    told = explain(columns, workload(accelerators=[gpus(2)]), [])
    assert [one.node for one in told.verdicts] == ["z", "a"]
    columns = fleet(*(node(name) for name in "abz"))
    columns.reserve(assignment("x-0", "z", of=workload("x", ports=["tcp/80"])))
    told = explain(columns, workload(ports=["tcp/80"], constraints=["node.id == z"]), [])
    assert [one.node for one in told.verdicts] == ["z", "a", "b"]


def test_equal_misses_come_by_their_ids_however_few_are_shown():
    columns = fleet(*(node(name, memory=MIB) for name in "dbeac"))
    for most in range(1, 6):
        told = explain(columns, workload(memory=GIB), [], most=most)
        assert [one.node for one in told.verdicts] == list("abcde")[:most]


def test_a_node_that_has_an_instance_is_shown_where_it_is_asked_for():
    columns = fleet(*(node(f"n{i}", labels={"site": "quay"}) for i in range(9)))
    there = [assignment("shop-web-0", "n7")]
    for one in there:
        columns.reserve(one)
    columns.put(node("n7", liveness=Liveness.LOST))
    load = workload(replicas=2, constraints=["node.labels.site == quay"])
    assert len(explain(columns, load, there, most=1).verdicts) == 2
    (told,) = explain(columns, load, there, node="n7").verdicts
    assert told.instances == ("shop-web-0",)
    assert {one.constraint for one in told.reasons} == {
        "online",
        "node.labels.site == quay",
    }


# --- what would have to be given up --------------------------------------------------------------


def relaxed(told):
    return [(one.node, one.changes, one.cost, one.nodes) for one in told.relaxations]


def test_the_cheapest_relaxation_comes_first_with_how_many_nodes_it_opens():
    columns = fleet(
        node("a", memory=192 * MIB, labels={"site": "quay"}),
        node("b", memory=128 * MIB, labels={"site": "quay"}),
        node("c", memory=8 * GIB, labels={"site": "pier"}),
        node("d", memory=8 * GIB, labels={"site": "pier"}),
        node("e", memory=MIB, labels={"site": "pier"}),
    )
    load = workload(memory=256 * MIB, constraints=["node.labels.site == quay"])
    assert relaxed(explain(columns, load, [])) == [
        ("a", ("ask for at most 192 MiB memory (64 MiB less)",), 0.25, 1),
        (
            "c",
            ("drop constraint node.labels.site == quay (host-c (c) has site=pier)",),
            1.0,
            2,
        ),
        (
            "e",
            (
                "ask for at most 1 MiB memory (255 MiB less)",
                "drop constraint node.labels.site == quay (host-e (e) has site=pier)",
            ),
            1.9961,
            5,
        ),
    ]


def test_what_a_workload_cannot_give_up_is_no_relaxation():
    columns = fleet(
        node("a", liveness=Liveness.LOST, memory=MIB),
        node("b", runtimes=()),
        node("c", diverged="x"),
    )
    assert relaxed(explain(columns, workload(memory=GIB), [])) == []
    columns.put(node("d", memory=GIB // 2))
    assert [
        (one.node, one.cost) for one in explain(columns, workload(memory=GIB), []).relaxations
    ] == [("d", 0.5)]


def test_where_a_node_takes_it_nothing_is_to_be_given_up():
    assert explain(fleet(*FLEET), LOAD, []).relaxations == ()
    assert explain(fleet(), LOAD, []).relaxations == ()


def test_a_relaxation_does_place_it():
    columns = fleet(node("a", memory=192 * MIB), node("b", memory=100 * MIB))
    (cheapest,) = explain(columns, workload(memory=256 * MIB), []).relaxations
    assert (cheapest.node, cheapest.hostname, cheapest.nodes) == ("a", "host-a", 1)
    assert where(place(columns, workload(memory=192 * MIB), [], keep=False)) == {"shop-web-0": "a"}


# --- terms ----------------------------------------------------------------------------------------


def test_a_term_is_counted_and_told_as_a_constraint_is():
    columns = fleet(
        node("a", labels={"site": "quay"}),
        node("b", labels={"site": "quay"}),
        node("c", labels={"site": "pier"}),
    )
    asked = Placement(at_most=(AtMost(topology="site", count=1),))
    load = dataclasses.replace(workload(replicas=3), placement=asked)
    first = place(columns, load, [], keep=False)
    assert (where(first), first.unplaced) == ({"shop-web-0": "a", "shop-web-1": "c"}, 1)
    reserve_decision(columns, [], first)
    told = explain(columns, load, first.assignments)
    assert (told.feasible, told.blocked, told.alone) == (
        0,
        {"at most 1 per site": 3},
        {"at most 1 per site": 3},
    )
    assert {one.node: one.reasons[0].text for one in told.verdicts} == {
        "a": "1 of 1 in site quay already",
        "b": "1 of 1 in site quay already",
        "c": "1 of 1 in site pier already",
    }
    wish = Placement(
        affinity=(Affinity(workload="shop-web", topology="site", anti=True, weight=9),)
    )
    told = explain(columns, dataclasses.replace(load, placement=wish), first.assignments)
    assert told.feasible == 3
    (name,) = set(told.verdicts[0].scores) - set(
        explain(columns, workload(), []).verdicts[0].scores
    )
    assert name == "antiAffinity to shop-web by site"
    half = Part(value=0.5, weight=9, points=4.5)
    assert {one.node: one.scores[name] for one in told.verdicts} == dict.fromkeys("abc", half)


def test_who_lacks_the_fewest_devices_is_the_nearest_miss_and_the_least_to_give_up():
    columns = fleet(
        node("a"),
        node("b", accelerators=[accelerator("1")]),
        node("c", accelerators=[accelerator("1"), accelerator("2")]),
    )
    found = explain(columns, workload(accelerators=[gpus(3)]), [])
    assert [one.node for one in found.verdicts] == ["c", "b", "a"]
    assert (found.relaxations[0].node, found.relaxations[0].cost) == ("c", round(1 / 3, 4))
    assert found.relaxations[0].nodes == 1


def test_a_device_that_is_taken_or_not_quite_the_one_is_nearer_than_none():
    columns = fleet(node("a"), node("b", accelerators=[accelerator("1")]))
    columns.reserve(assignment("x-0", "b", held=(Hold(device="gpu/1"),)))
    found = explain(columns, workload(accelerators=[gpus(1)]), [])
    assert [one.node for one in found.verdicts] == ["b", "a"]
    (none,) = found.relaxations
    assert (none.node, none.cost, none.nodes) == ("b", 1.0, 2)
    assert none.changes == ("ask for no gpu (host-b (b): no usable gpu free: 1 there, 1 taken)",)

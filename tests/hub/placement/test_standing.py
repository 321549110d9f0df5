"""Why an instance is where it is: its node against the others, as if it alone were placed again."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.placement.boxes import (
    GIB,
    accelerator,
    assignment,
    fleet,
    gpus,
    node,
    place,
    where,
    workload,
)

from skerry_hub.documents import Policy, Quota, Window
from skerry_hub.model import Liveness, Part, Reason, Taint
from skerry_hub.placement.engine import reserve_decision
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.standing import RUNNERS_UP, differences, standing_of
from skerry_hub.placement.world import World
from skerry_hub.terms import Affinity, AtMost, Placement, Spread


def put(columns, load, **world):
    """Place a workload, and return its instances."""
    found = place(columns, load, [], keep=False, **world)
    reserve_decision(columns, [], found)
    return found.assignments


def standing(columns, load, there, at=0, **world):
    return standing_of(World(columns, **world), load, there, there[at])


def test_the_node_is_told_with_its_score_and_the_runners_up_with_what_they_lack():
    columns = fleet(
        *(node(name, cpus=cpus) for name, cpus in zip("abcde", [8, 8, 4, 2, 2], strict=True))
    )
    load = workload(cpu=1000, memory=GIB)
    told = standing(columns, load, put(columns, load))
    assert (told.instance, told.node, told.hostname) == ("shop-web-0", "a", "host-a")
    assert (told.unmet, told.closed, told.better) == ((), (), 0)
    assert told.scores["balance"] == Part(value=0.75, weight=10, points=7.5)
    assert told.points == pytest.approx(sum(part.points for part in told.scores.values()))
    assert (told.most, told.score) == (270, round(told.points / 270, 4))
    assert [one.node for one in told.runners_up] == ["b", "c", "d"]
    assert len(told.runners_up) == RUNNERS_UP
    assert [one.ahead for one in told.runners_up] == [0, 0, -2.5]
    assert told.runners_up[2].differences == {"balance": -2.5}
    # What was looked at is as it was.
    assert len(columns.assigned("a")) == 1


def test_what_has_a_former_revision_keeps_it_where_its_node_takes_the_new_one_no_more():
    columns = fleet(node("a", cpus=2))
    there = put(columns, workload(cpu=1000))
    told = standing(columns, workload(cpu=9000, image="web:2"), there)
    assert (told.keeps_former, [one.constraint for one in told.unmet]) == (True, ["cpu"])
    assert not standing(columns, workload(cpu=1000), there).keeps_former


def test_the_others_of_the_workload_stay_where_they_are():
    columns = fleet(*(node(name, labels={"site": name}) for name in "abc"))
    one_each = Placement(at_most=(AtMost(topology="site", count=1),))
    load = dataclasses.replace(workload(replicas=2), placement=one_each)
    there = put(columns, load)
    for at in (0, 1):
        told = standing(columns, load, there, at)
        assert told.scores["spread"].value == 1
        # Only where no other one is: the other's site takes none.
        assert [one.node for one in told.runners_up] == ["c"]


def test_a_partly_placed_workloads_instances_are_told_like_any():
    columns = fleet(node("a", cpus=1), node("b", cpus=1))
    load = workload(cpu=1000, replicas=3)
    there = put(columns, load)
    assert len(there) == 2
    told = [standing(columns, load, there, at) for at in (0, 1)]
    assert [(one.node, one.better) for one in told] == [("a", 0), ("b", 0)]
    assert all(one.score for one in told)
    assert all(one.runners_up == () for one in told)


def test_where_it_is_not_the_best_any_more_is_told():
    columns = fleet(node("a", cpus=4), node("b", cpus=2))
    load = workload(cpu=1000, memory=GIB)
    there = put(columns, load)
    columns.put(node("c", cpus=64, memory=64 * GIB))
    columns.put(node("d", cpus=16, memory=16 * GIB))
    told = standing(columns, load, there)
    assert (told.node, told.better) == ("a", 2)
    assert [one.node for one in told.runners_up] == ["c", "d", "b"]
    assert [one.ahead > 0 for one in told.runners_up] == [True, True, False]
    assert told.runners_up[0].differences == {"balance": pytest.approx(2.34, abs=0.01)}


def test_equals_are_not_better_though_their_ids_are_smaller():
    columns = fleet(node("b"))
    load = workload()
    there = put(columns, load)
    columns.put(node("a"))
    told = standing(columns, load, there)
    assert (told.better, told.runners_up[0].node, told.runners_up[0].ahead) == (0, "a", 0)


def test_a_device_that_went_leaves_an_instance_that_is_not_met_any_more():
    columns = fleet(node("a", accelerators=[accelerator("1")]))
    load = workload(accelerators=[gpus()])
    there = put(columns, load)
    columns.put(node("a"))
    columns.put(node("b", accelerators=[accelerator("1")]))
    told = standing(columns, load, there)
    assert told.unmet == (
        Reason(constraint="devices", text="no usable gpu free: none there", missing=1.0),
    )
    assert (told.closed, told.score, told.scores) == ((), None, {})
    assert [(one.node, one.ahead, one.differences) for one in told.runners_up] == [("b", None, {})]
    # What is told to leave does leave when the workload is applied.
    assert where(place(columns, load, there, keep=False)) == {"shop-web-0": "b"}


def test_a_label_that_changed_is_told():
    columns = fleet(node("a", labels={"site": "quay"}))
    load = workload(constraints=["node.labels.site == quay"])
    there = put(columns, load)
    columns.put(node("a", labels={"site": "pier"}))
    (reason,) = standing(columns, load, there).unmet
    assert reason.text == 'node.labels.site is "pier", not "quay"'


def test_what_only_keeps_new_ones_away_is_told_apart():
    columns = fleet(node("a"))
    load = workload()
    there = put(columns, load)
    taint = Taint(key="x", effect="NoSchedule")
    night = Window(name="night", start=0.0, duration_s=60.0)
    columns.put(dataclasses.replace(node("a", liveness=Liveness.LOST), taints=(taint,)))
    told = standing(columns, load, there, rules=rules_of([night], 1), now=5.0)
    assert told.unmet == ()
    assert [one.constraint for one in told.closed] == ["online", "taints", "maintenance night"]
    # Nothing moves for these.
    assert where(place(columns, load, there, keep=False)) == {"shop-web-0": "a"}


def test_what_is_not_known_of_a_node_moves_nothing():
    columns = fleet(node("a"))
    load = workload(cpu=1000)
    there = put(columns, load)
    columns.put(node("a", known=False))
    told = standing(columns, load, there)
    assert told.unmet == ()
    assert "cpu" in [one.constraint for one in told.closed]


def test_a_quota_that_shrank_keeps_new_ones_away_and_a_term_is_not_met():
    columns = fleet(node("a", labels={"site": "quay"}))
    load = workload(replicas=2)
    there = put(columns, load)
    rules = rules_of([Policy(name="team", quota=Quota(instances=1))], 1)
    alone = Placement(affinity=(Affinity(workload="shop-web", topology="site", anti=True),))
    told = standing(columns, dataclasses.replace(load, placement=alone), there, rules=rules)
    assert [one.constraint for one in told.unmet] == ["antiAffinity to shop-web by site"]
    assert [one.constraint for one in told.closed] == ["quota of policy team"]


def test_a_global_workloads_instance_has_a_score_and_nothing_beside_it():
    columns = fleet(node("a"), node("b"))
    load = workload(mode="global")
    there = put(columns, load)
    for at in (0, 1):
        told = standing(columns, load, there, at)
        assert (told.node, told.score, told.runners_up) == ("ab"[at], 1.0, ())
    columns.put(node("b", runtimes=()))
    told = standing(columns, load, there, 1)
    assert [one.constraint for one in told.closed] == ["runtime"]


def test_an_instance_on_a_node_that_is_not_known_is_told():
    columns = fleet(node("a"))
    lost = assignment("shop-web-0", "gone")
    columns.reserve(lost)
    told = standing(columns, workload(), [lost])
    assert told.unmet == (Reason(constraint="node", text="node gone is not known"),)


def test_differences_leave_out_what_is_equal():
    def parts(**points):
        return {name: Part(value=0, weight=1, points=one) for name, one in points.items()}

    assert differences(parts(a=1, b=2, c=3), parts(a=1, b=5, c=-1)) == {"c": -4, "b": 3}


placements = st.sampled_from(
    [
        Placement(),
        Placement(strategy="pack"),
        Placement(spread=(Spread(topology="site", weight=20),)),
        Placement(affinity=(Affinity(workload="shop-web", topology="site", weight=9),)),
    ]
)


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=7),
    st.integers(1, 4),
    placements,
    st.data(),
)
@settings(max_examples=80, deadline=None)
def test_the_newest_instance_is_where_nothing_is_better(sizes, replicas, asked, data):
    """Right after an instance was placed, with all others as they were, its node is the best."""
    columns = fleet(
        *(
            node(f"n{at}", cpus=cpus, labels={"site": "xyz"[cpus % 3]})
            for at, cpus in enumerate(sizes)
        )
    )
    load = dataclasses.replace(workload(cpu=1000, replicas=replicas), placement=asked)
    there = put(columns, load)
    if not there:
        return
    told = standing(columns, load, there, -1)
    assert (told.unmet, told.closed, told.better) == ((), (), 0)
    assert all(one.ahead <= 0 for one in told.runners_up)
    for one in told.runners_up:
        assert sum(one.differences.values()) == pytest.approx(one.ahead, abs=1e-3)
    at = data.draw(st.integers(0, len(there) - 1))
    any_one = standing(columns, load, there, at)
    assert any_one.better == sum(one.ahead > 0 for one in any_one.runners_up) or any_one.better > 3

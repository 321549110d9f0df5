"""Shapes: which workloads share a board, and that no board is ever an old one."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.fleet.steps import ASSIGNMENTS, NODES, STEPS, act
from tests.hub.placement.boxes import (
    GIB,
    accelerator,
    assignment,
    explain,
    fleet,
    node,
    place,
    where,
    workload,
)

from skerry_hub.documents import (
    Dataset,
    Egress,
    Policy,
    Prices,
    Quota,
    Reservation,
    Window,
)
from skerry_hub.latency import Network
from skerry_hub.placement.board import board_of
from skerry_hub.placement.contention import Contention
from skerry_hub.placement.demand import demand_of
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.shape import shape_of
from skerry_hub.placement.world import World
from skerry_hub.terms import (
    Cost,
    DataNeed,
    DeviceRequest,
    Latency,
    Placement,
    Traffic,
)

NETWORK = Network.of(
    {"a": {"b": 5.0, "c": 30.0, "d": 60.0}, "b": {"c": 20.0, "d": 50.0}, "c": {"d": 10.0}}
)
RULES = rules_of(
    [
        Policy(name="tier", selector="tier=web", required=("node.labels.site exists",)),
        Policy(name="few", quota=Quota(instances=100)),
        Prices(name="1", node_hour=1.0, cpu_hour=0.5, egress=(Egress(per_gb=2.0),)),
        Prices(name="2", nodes=("node.labels.site == pier",), cpu_hour=3.0),
        Dataset(name="maps", size_bytes=10**12, places={"site": ("quay",)}),
        Reservation(name="room", selector="app=batch", cpu_milli=2000, memory_bytes=GIB),
        Window(name="pier", nodes=("node.labels.site == pier",), start=100.0, duration_s=50.0),
    ],
    1,
)
SHARE = DeviceRequest(kind="gpu", share_milli=300)
DEMAND = demand_of(
    [
        (workload(cpu=500, accelerators=[SHARE]).resources, 3),
        (workload(cpu=1000, accelerators=[DeviceRequest(kind="gpu", count=2)]).resources, 2),
        (workload(accelerators=[DeviceRequest(kind="gpu", vendor="AMD")]).resources, 1),
    ]
)


def asking(name="shop-web", *, labels=None, **more):
    own = {key: more.pop(key) for key in ("cpu", "memory", "accelerators", "image") if key in more}
    return dataclasses.replace(
        workload(name, **own), placement=Placement(**more), labels=labels or {}
    )


SHAPES = [
    asking("plain", cpu=500),
    asking("governed", cpu=500, labels={"tier": "web"}),
    asking("near", latency=(Latency(to="site", name="quay", max_ms=25.0, weight=50),)),
    asking("beside", latency=(Latency(to="node", name="host-a", weight=100),)),
    asking("cheap", cpu=100, cost=Cost(weight=70)),
    asking("limited", cpu=1000, cost=Cost(max_per_hour=1.6), data=(DataNeed(dataset="maps"),)),
    asking("local", data=(DataNeed(dataset="maps", weight=30, max_transfer_s=1.0),)),
    asking("packed", cpu=300, strategy="pack", accelerators=[SHARE]),
    asking("packed-plain", cpu=300, strategy="pack"),
    asking("dear", cpu=100, cost=Cost(weight=10), data=(DataNeed(dataset="maps"),)),
]
OTHERS = {
    one.name: one
    for one in (workload("x"), dataclasses.replace(workload("shop-db"), labels={"app": "batch"}))
}


def world_of(columns, now=0.0, **more):
    more.setdefault("rules", RULES)
    return World(columns, workloads=OTHERS, network=NETWORK, demand=DEMAND, now=now, **more)


RESERVING = st.lists(
    st.tuples(st.sampled_from(["reserve", "reserve", "release"]), ASSIGNMENTS),
    min_size=1,
    max_size=2,
)


def told(world, load):
    board = board_of(world, load)
    rows = board.layout.rows.tolist()
    return {world.columns.facts(row).id: board.key_of(row) for row in rows}, board.keys.tolist()


def mirrored(steps, nodes, held):
    """Carry out steps on plain dicts of nodes and of what is reserved."""
    for step, what in steps:
        if step == "put":
            nodes[what.id] = what
        elif step == "remove":
            nodes.pop(what, None)
            for key in [key for key in held if key[1] == what]:
                del held[key]
        elif step == "reserve":
            held[what.id, what.node] = what
        else:
            held.pop((what.id, what.node), None)


turns = st.lists(
    st.tuples(st.one_of(STEPS, RESERVING), st.sampled_from([0.0, 120.0])), min_size=1, max_size=4
)


@given(st.lists(NODES, min_size=1, max_size=4), turns)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_board_says_what_one_of_a_fleet_that_is_put_together_anew_says(first, turns):
    columns = fleet()
    nodes, held = {}, {}
    for one in first:
        act(columns, [("put", one)])
        nodes[one.id] = one
    for steps, now in turns:
        for load in SHAPES:
            board_of(world_of(columns, now), load)
        act(columns, steps)
        mirrored(steps, nodes, held)
        anew = fleet(*nodes.values(), reserved=held.values())
        for load in SHAPES:
            assert told(world_of(columns, now), load) == told(world_of(anew, now), load), load.name


def test_only_names_replicas_and_containers_are_no_part_of_a_shape():
    world = world_of(fleet(node("a")))
    shape = shape_of(world, SHAPES[0])
    same = asking("other", cpu=500, image="other:2")
    assert shape_of(world, dataclasses.replace(same, replicas=7)) == shape
    for other in SHAPES[1:]:
        assert shape_of(world, other) != shape, other.name
    assert len({shape_of(world, one) for one in SHAPES}) == len(SHAPES)


@pytest.mark.parametrize(
    "load",
    [
        asking(latency=(Latency(to="workload", name="shop-db", max_ms=5.0),)),
        asking(traffic=(Traffic(workload="shop-db", gb_per_hour=1.0),)),
    ],
)
def test_what_depends_on_where_others_run_has_no_board_to_keep(load):
    assert shape_of(world_of(fleet(node("a"))), load) is None


def test_who_packs_beside_what_is_contended_has_no_board_to_keep():
    columns = fleet(node("a"))
    world = world_of(columns, contention=Contention(columns))
    assert shape_of(world, SHAPES[8]) is None
    assert shape_of(world, SHAPES[0]) is not None


def test_a_governed_workload_and_one_like_it_do_not_share_a_board():
    columns = fleet(node("a"), node("b", labels={"site": "quay"}))
    world = world_of(columns)
    plain, governed = SHAPES[0], SHAPES[1]
    for _ in range(2):
        assert sorted(told(world, plain)[0].values())[0] >= 0
        assert told(world, governed)[0]["a"] == -1
        assert told(world, governed)[0]["b"] >= 0


def test_changed_documents_leave_no_old_board():
    columns = fleet(node("a"), node("b", labels={"site": "quay"}))
    load = SHAPES[1]
    placed = []
    for version, required in enumerate(["node.id == a", "node.id == b", "node.id == a"]):
        rules = rules_of([Policy(name="tier", selector="tier=web", required=(required,))], version)
        placed += where(place(columns, load, [], keep=False, rules=rules)).values()
    without = place(columns, load, [], keep=False)
    assert placed == ["a", "b", "a"]
    assert len(without.assignments) == 1


def test_a_policy_that_ceases_to_be_about_a_workload_counts_no_more():
    columns = fleet(node("a"))
    rules = rules_of([Policy(name="p", projects=("shop",), required=("node.id == b",))], 1)
    load = workload()
    assert place(columns, load, [], keep=False, rules=rules).unplaced == 1
    moved = dataclasses.replace(load, project="other")
    assert place(columns, moved, [], keep=False, rules=rules).unplaced == 0


def test_a_time_of_maintenance_begins_and_ends_for_boards_that_are_kept():
    columns = fleet(node("a"))
    window = Window(name="w", start=100.0, duration_s=10.0, repeats="daily")
    rules = rules_of([window], 1)
    day = 86_400.0
    answers = [
        place(columns, workload(), [], keep=False, rules=rules, now=now).unplaced
        for now in (99.9, 100.0, 109.9, 110.0, 100.0 + day, 110.0 + day)
    ]
    assert answers == [0, 1, 1, 0, 1, 0]
    for number in (0, 1):
        (verdict,) = explain(
            columns, workload(), [], rules=rules, now=105.0 + number * day
        ).verdicts
        assert verdict.reasons[0].text == f"is maintained until 1970-01-0{1 + number} 00:01 UTC"


def test_a_new_node_of_a_site_is_one_to_be_near():
    columns = fleet(node("a", labels={"site": "quay"}), node("c"), node("d", cpus=8))
    load = asking("near", latency=(Latency(to="site", name="quay", max_ms=15.0),))
    assert told(world_of(columns), load)[0]["d"] == -1
    columns.put(node("c", hub_labels={"site": "quay"}))
    assert told(world_of(columns), load)[0]["d"] >= 0


def test_what_a_device_is_worth_follows_the_devices_that_there_are():
    """A demand weighs more where few devices will do: a board must see that some were unplugged."""
    boxes = [node(name, accelerators=[accelerator("1"), accelerator("2")]) for name in "ab"]
    boxes.append(node("c", accelerators=[accelerator("1", vendor="AMD")]))
    columns = fleet(*boxes)
    load = SHAPES[7]
    before = told(world_of(columns), load)
    columns.put(node("b", accelerators=[accelerator("1")]))
    after = told(world_of(columns), load)
    anew = fleet(boxes[0], node("b", accelerators=[accelerator("1")]), boxes[2])
    assert before != after == told(world_of(anew), load)
    columns.put(boxes[1])
    assert told(world_of(columns), load) == before


def test_the_wish_for_cheapness_is_the_same_whatever_ran_when_the_board_was_made():
    load = asking("cheap", cost=Cost(weight=100))
    dear = Prices(name="3", nodes=("node.id == c",), node_hour=5.0)
    rules = rules_of([*RULES.prices, dear], 7)
    there = assignment("x-0", "a", of=workload("x"))
    early = fleet(node("a"), node("b"), node("c"))
    late = fleet(node("a"), node("b"), node("c"), reserved=[there])
    board_of(world_of(early, rules=rules), load)
    early.reserve(there)
    assert told(world_of(early, rules=rules), load) == told(world_of(late, rules=rules), load)


def test_each_of_equal_shapes_is_about_the_policies_of_its_own():
    columns = fleet(node("a"), node("b"))
    policies = [
        Policy(name=one, selector=f"team={one}", required=(f"node.id == {one}",)) for one in "ab"
    ]
    rules = rules_of(policies, 1)
    for _ in range(2):
        for team in "ab":
            load = asking("same", labels={"team": team})
            decision = place(columns, load, [], keep=False, rules=rules)
            assert where(decision) == {"same-0": team}


def test_each_of_equal_shapes_is_judged_by_its_own_image():
    columns = fleet(node("a"))
    rules = rules_of([Policy(name="p", registries=("registry.example/",))], 1)
    for _ in range(2):
        for image, unplaced in (("registry.example/web:1", 0), ("web:1", 1)):
            load = asking("same", image=image)
            assert place(columns, load, [], keep=False, rules=rules).unplaced == unplaced


def test_a_workload_that_may_use_a_reservation_shares_no_board_with_one_that_may_not():
    columns = fleet(node("a", cpus=2))
    for _ in range(2):
        for labels, unplaced in (({"app": "batch"}, 0), ({}, 1)):
            load = asking("same", cpu=1000, labels=labels)
            assert place(columns, load, [], keep=False, rules=RULES).unplaced == unplaced


def test_a_board_knows_who_uses_what_is_reserved():
    columns = fleet(node("a", cpus=4))
    user = dataclasses.replace(workload("shop-db", cpu=2000), labels={"app": "batch"})
    columns.reserve(assignment("shop-db-0", "a", of=user))
    load = asking("other", cpu=2000)
    for known, unplaced in (({}, 1), ({"shop-db": user}, 0), ({}, 1)):
        decision = place(columns, load, [], keep=False, rules=RULES, workloads=known)
        assert decision.unplaced == unplaced


def test_where_data_comes_from_is_seen_when_its_place_changes():
    """The price of moving data into a node depends on the environments of others."""

    def boxes(site):
        place = {"environment": "cloud", "site": site}
        return node("a", hub_labels=place), node("b", hub_labels={"environment": "plant"})

    rules = rules_of(
        [
            Prices(name="1", egress=(Egress(to="plant", per_gb=2.0),)),
            Dataset(name="maps", size_bytes=10**12, places={"site": ("quay",)}),
        ],
        1,
    )
    load = asking(data=(DataNeed(dataset="maps"),), cost=Cost(max_per_hour=0.1))
    columns = fleet(*boxes("quay"))
    answers = []
    for site in ("quay", "pier", "quay"):
        columns.put(boxes(site)[0])
        answers.append(told(world_of(columns, rules=rules), load)[0]["b"] >= 0)
    assert answers == [False, True, False]


def test_how_much_a_device_counts_does_not_tell_of_nodes_that_are_gone():
    boxes = [node("a", accelerators=[accelerator("1")]), node("b", accelerators=[accelerator("1")])]
    many = node("c", accelerators=[accelerator(str(number)) for number in range(7)])
    columns = fleet(*boxes, many)
    columns.states("gpu")
    columns.remove("c")
    columns.reserve(assignment("x-0", "a", of=workload("x", cpu=700)))
    anew = fleet(*boxes, reserved=columns.assigned("a"))
    assert told(world_of(columns), SHAPES[7]) == told(world_of(anew), SHAPES[7])


def test_what_is_dear_and_cheap_is_seen_when_a_label_changes_elsewhere():
    dear = Prices(name="3", nodes=("node.labels.site == pier",), node_hour=5.0)
    rules = rules_of([*RULES.prices, dear], 8)
    boxes = [node("a"), node("b", hub_labels={"site": "pier"}), node("c", hub_labels={"site": "y"})]
    columns = fleet(*boxes, reserved=[assignment("x-0", "a", of=workload("x"))])
    load = asking("cheap", cost=Cost(weight=100))
    before = told(world_of(columns, rules=rules), load)
    columns.put(node("b"))
    after = told(world_of(columns, rules=rules), load)
    assert before[0]["c"] > after[0]["c"]  # it is the dearest now
    anew = fleet(boxes[0], node("b"), boxes[2], reserved=columns.assigned("a"))
    assert after == told(world_of(anew, rules=rules), load)

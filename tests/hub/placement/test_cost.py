"""What instances cost: each price, the prices that count, limits, and what comes back."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.placement.boxes import GIB, assignment, explain, fleet, node, place, where, workload

from skerry_hub.documents import Dataset, Egress, Prices
from skerry_hub.placement.cost import FINEST, MOST, Costs, cheap_of, money
from skerry_hub.placement.points import SCALE
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.world import World
from skerry_hub.terms import Cost, DataNeed, DeviceRequest, Placement, Traffic

GB = 10**9


def priced(name="shop-web", *, cost=Cost(), traffic=(), data=(), strategy="", **more):  # noqa: B008
    placement = Placement(cost=cost, traffic=tuple(traffic), data=tuple(data), strategy=strategy)
    return dataclasses.replace(workload(name, **more), placement=placement)


def world_of(columns, *documents, **more):
    return World(columns, rules=rules_of(documents, 1), **more)


def costs(world, load):
    """Return what an instance costs on each node, in millionths, by id."""
    columns = world.columns
    found = Costs(world, load).of(columns, columns.rows()).tolist()
    return dict(zip(columns.ids(), found, strict=True))


def at(name, environment):
    return node(name, labels={"environment": environment})


EVERYTHING = {
    "cpu_hour": 0.031,
    "gib_hour": 0.004,
    "storage_gib_hour": 0.0001,
    "device_hour": {"gpu": 1.2, "npu": 0.4},
    "watts_per_cpu": 8.0,
    "kwh": 0.30,
    "carbon_g_per_kwh": 380.0,
    "carbon_per_kg": 0.05,
}


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (workload(), 0),
        (workload(memory=3 * GIB // 2), 6_000),
        (workload(storage=20 * GIB), 2_000),
        # Two processors: 0.062; 16 W are 0.016 kWh: 0.0048, and 6.08 g of carbon: 0.000304.
        (workload(cpu=2000), 62_000 + 4_800 + 304),
        (workload(accelerators=[DeviceRequest(kind="gpu", count=2)]), 2_400_000),
        (workload(accelerators=[DeviceRequest(kind="gpu", share_milli=250)]), 300_000),
        (workload(accelerators=[DeviceRequest(kind="camera")]), 0),
        (
            workload(accelerators=[DeviceRequest(kind="gpu"), DeviceRequest(kind="npu", count=3)]),
            2_400_000,
        ),
    ],
)
def test_each_price_is_counted(load, expected):
    world = world_of(fleet(node("a")), Prices(name="all", **EVERYTHING))
    assert costs(world, load) == {"a": expected}


def test_a_node_that_no_prices_name_costs_nothing_and_the_last_that_name_it_count_alone():
    sites = {"a": "x", "b": "y", "c": "x"}
    columns = fleet(*(node(name, labels={"site": site}) for name, site in sites.items()))
    prices = [
        Prices(name="30-a", nodes=("node.id == a",), gib_hour=1.0),
        Prices(name="10-x", nodes=("node.labels.site == x",), cpu_hour=1.0),
        Prices(name="20-x", nodes=("node.labels.site == x",), cpu_hour=2.0),
    ]
    load = workload(cpu=1000, memory=GIB)
    expected = {"a": 1_000_000, "b": 0, "c": 2_000_000}
    assert costs(world_of(columns, *prices), load) == expected
    assert costs(world_of(columns, *reversed(prices)), load) == expected
    everywhere = Prices(name="00-all", cpu_hour=0.5)
    assert costs(world_of(columns, *prices, everywhere), load) == {**expected, "b": 500_000}


def test_prices_with_an_expression_that_cannot_be_read_name_no_node():
    world = world_of(fleet(node("a")), Prices(name="p", nodes=("node.what =?",), cpu_hour=1.0))
    assert costs(world, workload(cpu=1000)) == {"a": 0}


def test_a_node_costs_its_own_price_only_while_nothing_runs_on_it():
    columns = fleet(node("a"), node("b"), reserved=[assignment("x-0", "b")])
    world = world_of(columns, Prices(name="p", node_hour=0.5, cpu_hour=1.0))
    assert costs(world, workload(cpu=500)) == {"a": 1_000_000, "b": 500_000}
    assert Costs(world, workload(cpu=500)).span(columns) == (500_000, 1_000_000)


EGRESS = Prices(
    name="cloud",
    nodes=("node.labels.environment == cloud",),
    egress=(Egress(to="plant", per_gb=0.09), Egress(per_gb=0.05)),
)


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("plant", {"c": 180_000, "n": 0, "p": 0}),
        ("cloud", {"c": 0, "n": 0, "p": 0}),
        ("elsewhere", {"c": 100_000, "n": 0, "p": 0}),
    ],
)
def test_traffic_into_an_environment_costs_what_leaving_ones_own_does(to, expected):
    columns = fleet(at("c", "cloud"), at("p", "plant"), node("n"))
    load = priced(traffic=[Traffic(environment=to, gb_per_hour=2.0)])
    assert costs(world_of(columns, EGRESS), load) == expected


def test_traffic_to_a_workload_goes_where_its_instances_are_in_parts():
    columns = fleet(at("c1", "cloud"), at("c2", "cloud"), at("p", "plant"), node("n"))
    load = priced(traffic=[Traffic(workload="shop-db", gb_per_hour=4.0)])
    world = world_of(columns, EGRESS)
    assert costs(world, load)["c1"] == 0  # it is nowhere yet
    db = workload("shop-db")
    for number, there in enumerate(("c1", "p", "p", "n")):
        columns.reserve(assignment(f"shop-db-{number}", there, of=db))
    # Half of 4 GB go to the plant at 0.09, a quarter to where no environment is known at 0.05.
    assert costs(world, load) == {"c1": 230_000, "c2": 230_000, "n": 0, "p": 0}


def test_a_board_of_traffic_to_a_workload_sees_where_its_instances_went():
    columns = fleet(at("c", "cloud"), at("p", "plant"))
    dear = dataclasses.replace(EGRESS, nodes=(), egress=(Egress(per_gb=1.0),))
    load = priced(
        traffic=[Traffic(workload="shop-db", gb_per_hour=1.0)], cost=Cost(weight=100), replicas=1
    )
    world = world_of(columns, dear)
    for there in "pcpc":
        columns.reserve(assignment("shop-db-0", there, of=workload("shop-db")))
        assert where(place(columns, load, [], keep=False, rules=world.rules)) == {
            "shop-web-0": there
        }
        columns.release(assignment("shop-db-0", there, of=workload("shop-db")))


DATA = Dataset(name="maps", size_bytes=720 * GB, places={"node": ("c",)})


def test_data_elsewhere_costs_its_way_over_a_month_and_none_within_its_environment():
    columns = fleet(at("c", "cloud"), at("d", "cloud"), at("p", "plant"), node("n"))
    load = priced(data=[DataNeed(dataset="maps")])
    # 720 GB over 720 hours are one GB an hour.
    expected = {"c": 0, "d": 0, "n": 50_000, "p": 90_000}
    assert costs(world_of(columns, EGRESS, DATA), load) == expected
    near = dataclasses.replace(DATA, places={"node": ("c", "p")})
    # The plant's prices say nothing of egress: from there it comes for nothing.
    assert set(costs(world_of(columns, EGRESS, near), load).values()) == {0}
    gone = dataclasses.replace(DATA, places={"node": ("nobody",)})
    assert set(costs(world_of(columns, EGRESS, gone), load).values()) == {0}


def test_a_limit_refuses_with_the_price_and_the_excess():
    columns = fleet(node("a"), node("b", labels={"site": "x"}))
    rules = rules_of(
        [
            Prices(name="1", cpu_hour=0.03),
            Prices(name="2", nodes=("node.labels.site == x",), cpu_hour=0.0425),
        ],
        1,
    )
    load = priced(cpu=1000, cost=Cost(max_per_hour=0.03))
    told = explain(columns, load, [], rules=rules)
    assert (told.feasible, told.blocked, told.alone) == (1, {"cost": 1}, {"cost": 1})
    (reason,) = told.verdicts[1].reasons
    assert (reason.constraint, reason.text) == ("cost", "costs 0.0425 an hour > 0.03")
    assert reason.missing == 0.0125
    assert where(place(columns, load, [], keep=False, rules=rules)) == {"shop-web-0": "a"}
    nowhere = priced(cpu=1000, cost=Cost(max_per_hour=0.029999))
    assert place(columns, nowhere, [], keep=False, rules=rules).unplaced == 1
    relaxed = explain(columns, nowhere, [], rules=rules).relaxations[0]
    assert (relaxed.node, relaxed.changes) == (
        "a",
        ("allow a cost of 0.03 an hour (0.000001 more)",),
    )


def test_a_limit_counts_the_price_of_a_node_that_it_would_wake():
    columns = fleet(node("a"), node("b"), reserved=[assignment("x-0", "b")])
    rules = rules_of([Prices(name="p", node_hour=1.0, cpu_hour=1.0)], 1)
    load = priced(cpu=100, replicas=3, cost=Cost(max_per_hour=0.5))
    placed = place(columns, load, [], keep=False, rules=rules)
    assert set(where(placed).values()) == {"b"}
    assert placed.unplaced == 0


def test_the_cheapest_is_chosen_and_a_wish_is_no_limit():
    columns = fleet(*(node(name) for name in "abc"))
    rules = rules_of(
        [
            Prices(name="a", nodes=("node.id == a",), cpu_hour=3.0),
            Prices(name="b", nodes=("node.id == b",), cpu_hour=2.0),
            Prices(name="c", nodes=("node.id == c",), cpu_hour=1.0),
        ],
        1,
    )
    load = priced(cpu=3000, replicas=3, cost=Cost(weight=100))
    assert where(place(columns, load, [], keep=False, rules=rules)) == {
        "shop-web-0": "c",
        "shop-web-1": "b",
        "shop-web-2": "a",
    }
    plain = priced(cpu=3000)
    assert where(place(columns, plain, [], keep=False, rules=rules)) == {"shop-web-0": "a"}
    scores = explain(columns, load, [], rules=rules).verdicts
    assert [(one.node, one.scores["cost"].value) for one in scores] == [
        ("c", 1.0),
        ("b", 0.5),
        ("a", 0),
    ]


def points(world, load):
    (cheap,) = cheap_of(world, load)
    columns = world.columns
    return dict(zip(columns.ids(), cheap.of(columns, columns.rows()).tolist(), strict=True))


@given(st.floats(0, 1e12), st.floats(0, 1e12), st.floats(0, 1e12))
@settings(max_examples=200, deadline=None)
def test_points_are_in_their_bounds_and_the_cheaper_never_has_fewer(first, second, third):
    columns = fleet(*(node(name) for name in "abc"))
    named = [
        Prices(name=name, nodes=(f"node.id == {name}",), cpu_hour=price)
        for name, price in zip("abc", (first, second, third), strict=True)
    ]
    world = world_of(columns, *named)
    load = priced(cpu=1000, cost=Cost(weight=1))
    found, prices = points(world, load), costs(world, load)
    assert all(0 <= one <= SCALE for one in found.values())
    for one in "abc":
        for other in "abc":
            if prices[one] <= prices[other]:
                assert found[one] >= found[other]


def test_dear_prices_leave_the_points_in_order():
    columns = fleet(*(node(name) for name in "abc"))
    dear = (FINEST + 1) / 1e6
    named = [
        Prices(name=name, nodes=(f"node.id == {name}",), cpu_hour=price)
        for name, price in (("a", 4 * dear), ("b", 2 * dear), ("c", 0.0))
    ]
    found = points(world_of(columns, *named), priced(cpu=1000, cost=Cost(weight=1)))
    assert (found["a"], found["c"]) == (0, SCALE)
    assert abs(found["b"] - SCALE // 2) <= 1


def test_no_price_is_over_the_most_and_no_sum_wraps():
    columns = fleet(node("a"))
    most = Prices(
        name="p",
        node_hour=1e12,
        cpu_hour=1e12,
        device_hour={"gpu": 1e12},
        egress=(Egress(per_gb=1e12),),
    )
    flows = [Traffic(environment=f"e{number}", gb_per_hour=1e9) for number in range(32)]
    load = priced(cpu=10_000_000, traffic=flows, accelerators=[DeviceRequest(kind="gpu")])
    assert costs(world_of(columns, most), load) == {"a": MOST}


MONEY = st.floats(0, 1e6).map(lambda value: round(value, 4))
LOADS = st.builds(
    lambda cpu, memory, share: workload(
        cpu=cpu, memory=memory, accelerators=[DeviceRequest(kind="gpu", share_milli=share)]
    ),
    st.integers(0, 5000),
    st.integers(0, 2**40),
    st.integers(1, 1000),
)


@given(st.lists(LOADS, min_size=1, max_size=5), MONEY, MONEY, MONEY, MONEY)
@settings(max_examples=60, deadline=None)
def test_what_instances_cost_is_whole_and_comes_back_exactly(loads, opening, cpu, gib, gpu):
    columns = fleet(node("a"), node("b"))
    prices = Prices(
        name="p", node_hour=opening, cpu_hour=cpu, gib_hour=gib, device_hour={"gpu": gpu}
    )
    world = world_of(columns, prices)
    before = [costs(world, load) for load in loads]
    there = [
        assignment(f"x-{number}", "a", of=dataclasses.replace(load, name="x"))
        for number, load in enumerate(loads)
    ]
    for one in there:
        columns.reserve(one)
    opened = round(opening * 1e6)
    while_busy = [costs(world, load) for load in loads]
    for idle, busy in zip(before, while_busy, strict=True):
        assert isinstance(idle["a"], int)
        assert idle["a"] - busy["a"] in (opened, min(opened, MOST))
        assert idle["b"] == busy["b"]
    for one in there:
        columns.release(one)
    assert [costs(world, load) for load in loads] == before


@pytest.mark.parametrize(
    ("micro", "text"),
    [
        (0, "0"),
        (1, "0.000001"),
        (42_500, "0.0425"),
        (12_000_000, "12"),
        (MOST, "9007199254.740992"),
    ],
)
def test_money_is_told_as_people_read_it(micro, text):
    assert money(micro) == text


def test_costs_depend_on_nothing_but_the_row():
    columns = fleet(*(at(name, env) for name, env in (("a", "cloud"), ("b", "plant"), ("c", "x"))))
    load = priced(traffic=[Traffic(environment="plant", gb_per_hour=1.0)])
    world = world_of(columns, EGRESS)
    found = Costs(world, load)
    alone = [int(found.of(columns, np.array([row]))[0]) for row in columns.rows().tolist()]
    assert alone == found.of(columns, columns.rows()).tolist()
    assert found.of(columns, columns.rows()[:0]).tolist() == []


def test_one_dear_node_does_not_make_the_others_alike():
    names = ("a", "b", "c", "d", "e", "gold")
    columns = fleet(*(node(name) for name in names))
    hours = {"a": 0.03, "b": 0.3, "c": 0.3, "d": 0.3, "e": 0.3, "gold": 300.0}
    prices = (
        Prices(name=name, nodes=(f"node.id == {name}",), cpu_hour=hours[name]) for name in names
    )
    world = world_of(columns, *prices)
    found = points(world, priced(cpu=1000, cost=Cost(weight=1)))
    assert (found["a"], found["gold"]) == (SCALE, 0)
    assert found["a"] - found["b"] > SCALE // 5


def test_where_all_costs_the_same_all_is_as_good_as_can_be():
    columns = fleet(node("a"), node("b"))
    found = points(world_of(columns), priced(cpu=1000, cost=Cost(weight=1)))
    assert found == {"a": SCALE, "b": SCALE}

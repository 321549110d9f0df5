"""Quotas: what workloads of a policy have together, within a call and across them."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.placement.boxes import (
    GIB,
    accelerator,
    assignment,
    explain,
    fleet,
    node,
    place,
    workload,
)

from skerry_hub.documents import Policy, Prices, Quota
from skerry_hub.model import Hold
from skerry_hub.placement.engine import reserve_decision
from skerry_hub.placement.quotas import budgets_of
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.world import World
from skerry_hub.terms import DeviceRequest


class Team:
    """A fleet under quotas, in which workloads are placed one after the other."""

    def __init__(self, columns, quota, *documents, selector=""):
        self.columns = columns
        policy = Policy(name="team", quota=quota, selector=selector)
        self.rules = rules_of([policy, *documents], 1)
        self.workloads = {}
        self.placed = {}

    def world(self):
        return World(self.columns, workloads=self.workloads, rules=self.rules)

    def apply(self, load):
        """Place a workload, keep what was decided, and return how many of it there are."""
        self.workloads[load.name] = load
        before = self.placed.get(load.name, ())
        decision = place(
            self.columns, load, before, keep=True, rules=self.rules, workloads=self.workloads
        )
        reserve_decision(self.columns, before, decision)
        self.placed[load.name] = decision.assignments
        if load.mode == "replicated":
            assert decision.unplaced == max(0, load.replicas - len(decision.assignments))
        return len(decision.assignments)

    def against(self, load, name="a"):
        """Return what one node says to one more of a workload."""
        told = explain(
            self.columns,
            load,
            self.placed.get(load.name, ()),
            node=name,
            rules=self.rules,
            workloads=self.workloads,
        )
        return [(one.constraint, one.text) for one in told.verdicts[0].reasons]


def boxes(count=4):
    return fleet(
        *(
            node(name, cpus=64, memory=64 * GIB, storage=64 * GIB, accelerators=gpus)
            for name, gpus in zip(
                "abcdefgh"[:count], [[accelerator("1"), accelerator("2")]] * count, strict=True
            )
        )
    )


GPU = DeviceRequest(kind="gpu")
NAME = "quota of policy team"


@pytest.mark.parametrize(
    ("quota", "wanted", "most", "reason"),
    [
        (Quota(instances=3), {}, 3, "3 of 3 instances are used"),
        (Quota(instances=0), {}, 0, "0 of 0 instances are used"),
        (Quota(cpu_milli=2500), {"cpu": 600}, 4, "cpu 0.1 left < 0.6"),
        (Quota(cpu_milli=2400), {"cpu": 600}, 4, "cpu 0 left < 0.6"),
        (Quota(memory_bytes=GIB), {"memory": GIB // 4 + 1}, 3, "memory 255.9 MiB left < 256.1 MiB"),
        (Quota(storage_bytes=2 * GIB), {"storage": GIB}, 2, "storage 0 B left < 1 GiB"),
        (Quota(devices={"gpu": 3}), {"accelerators": [GPU]}, 3, "gpu 0 left < 1"),
        (
            Quota(devices={"gpu": 3}),
            {"accelerators": [dataclasses.replace(GPU, count=2)]},
            1,
            "gpu 1 left < 2",
        ),
        (
            Quota(devices={"gpu": 1}),
            {"accelerators": [dataclasses.replace(GPU, share_milli=300)]},
            3,
            "gpu 0.1 left < 0.3",
        ),
        (Quota(devices={"gpu": 0}), {"accelerators": [GPU]}, 0, "gpu 0 left < 1"),
        (Quota(devices={"npu": 0}), {"accelerators": [GPU]}, 5, None),
        (Quota(cpu_milli=0, memory_bytes=0), {}, 5, None),
        (Quota(), {"cpu": 600}, 5, None),
    ],
)
def test_a_quota_ends_within_one_call_of_many_replicas(quota, wanted, most, reason):
    team = Team(boxes(8), quota)
    load = workload(replicas=5, **wanted)
    assert team.apply(load) == most
    assert team.against(dataclasses.replace(load, replicas=9), "h") == (
        [(NAME, reason)] if reason else []
    )
    # Once more changes nothing.
    assert team.apply(load) == most


def test_a_quota_is_of_all_workloads_of_its_policy_together_and_no_others():
    team = Team(boxes(), Quota(cpu_milli=3000), selector="team=a")
    ours = {"team": "a"}
    first = dataclasses.replace(workload("shop-a", cpu=800, replicas=2), labels=ours)
    second = dataclasses.replace(workload("shop-b", cpu=700, replicas=3), labels=ours)
    theirs = workload("shop-c", cpu=4000, replicas=3)
    assert [team.apply(one) for one in (theirs, first, second)] == [3, 2, 2]
    assert team.against(dataclasses.replace(second, replicas=9)) == [(NAME, "cpu 0 left < 0.7")]


def test_what_is_released_is_there_for_others_again_exactly():
    team = Team(boxes(), Quota(cpu_milli=3000, memory_bytes=3 * GIB, devices={"gpu": 1}))
    share = dataclasses.replace(GPU, share_milli=500)
    many = workload("shop-a", cpu=1500, memory=GIB + 1, accelerators=[share], replicas=2)
    other = workload("shop-b", cpu=1500, memory=GIB, accelerators=[share], replicas=2)
    assert team.apply(many) == 2
    assert team.apply(other) == 0
    assert team.apply(dataclasses.replace(many, replicas=1)) == 1
    assert team.apply(other) == 1
    assert team.apply(dataclasses.replace(many, replicas=0)) == 0
    assert team.apply(other) == 2


def test_a_global_workload_ends_with_its_quota_too():
    team = Team(boxes(4), Quota(instances=3, cpu_milli=2000))
    load = workload(cpu=600, mode="global")
    assert team.apply(load) == 3
    assert team.apply(workload("shop-b")) == 0


def test_a_device_that_is_held_counts_as_what_is_held_of_it():
    team = Team(boxes(), Quota(devices={"gpu": 1}))
    held = assignment(
        "shop-db-0", "a", of=workload("shop-db"), held=(Hold(device="gpu/1", milli=400),)
    )
    team.columns.reserve(held)
    team.workloads["shop-db"] = workload("shop-db")
    share = workload(accelerators=[dataclasses.replace(GPU, share_milli=300)], replicas=5)
    assert team.apply(share) == 2


# --- money ------------------------------------------------------------------------------------

PRICES = Prices(name="1", cpu_hour=1.0)


def test_what_it_costs_is_counted_by_node():
    dear = Prices(name="2", nodes=("node.id == a",), cpu_hour=3.0)
    team = Team(boxes(2), Quota(cost_per_hour=5.5), PRICES, dear)
    load = workload(cpu=1000, replicas=9)
    # a, b, then only b is cheap enough: 3 + 1 + 1.
    assert team.apply(load) == 3
    assert sorted(where_of(team).values()) == ["a", "b", "b"]
    assert team.against(load, "a") == [(NAME, "0.5 an hour left < 3")]
    assert team.against(load, "b") == [(NAME, "0.5 an hour left < 1")]


def where_of(team):
    return {one.id: one.node for placed in team.placed.values() for one in placed}


def test_a_quota_of_money_leaves_the_nodes_that_it_still_pays_for():
    dear = Prices(name="2", nodes=("node.id == a",), cpu_hour=3.0)
    team = Team(boxes(2), Quota(cost_per_hour=2.0), PRICES, dear)
    assert team.apply(workload(cpu=1000)) == 1
    assert where_of(team) == {"shop-web-0": "b"}
    told = explain(
        team.columns,
        workload(cpu=1000, replicas=2),
        team.placed["shop-web"],
        rules=team.rules,
        workloads=team.workloads,
    )
    assert told.blocked == {NAME: 1}
    assert [one.node for one in told.verdicts if one.feasible] == ["b"]


def test_a_nodes_own_price_counts_once_while_the_team_is_alone_on_it():
    prices = Prices(name="1", node_hour=1.0)
    team = Team(boxes(4), Quota(cost_per_hour=2.0), prices)
    # Two nodes are paid for; more come there for nothing.
    assert team.apply(workload("shop-a", replicas=6)) == 6
    assert len(set(where_of(team).values())) == 2
    # Where others are too, the node's price is not the team's.
    team.columns.reserve(assignment("x-0", "c", of=workload("x")))
    assert team.apply(workload("shop-b", cpu=1, replicas=3)) == 3
    assert "d" not in where_of(team).values()
    team.columns.release(assignment("x-0", "c", of=workload("x")))
    # The others have gone, and the team pays for three nodes, for more than it may: no further one.
    assert set(where_of(team).values()) == {"a", "b", "c"}
    (budget,) = budgets_of(team.world(), workload("shop-b"))
    assert budget.affordable(team.columns.rows()).tolist() == [True, True, True, False]


def test_a_quota_that_has_shrunk_is_nothing_to_who_asks_for_none_of_it():
    team = Team(boxes(1), Quota())
    assert team.apply(workload("shop-a", accelerators=[DeviceRequest(kind="gpu")])) == 1
    shrunk = Policy(name="team", quota=Quota(devices={"gpu": 0}, cost_per_hour=0.0))
    team.rules = rules_of([shrunk, Prices(name="1", device_hour={"gpu": 1.0})], 2)
    assert team.apply(workload("shop-b", cpu=1)) == 1
    assert team.apply(workload("shop-c", accelerators=[DeviceRequest(kind="gpu")])) == 0


def test_money_that_was_spent_comes_back():
    team = Team(boxes(), Quota(cost_per_hour=0.3), PRICES)
    # 0.1 three times is more than 0.3 in doubles; in millionths it is not.
    load = workload("shop-a", cpu=100, replicas=3)
    other = workload("shop-b", cpu=100, replicas=3)
    assert team.apply(load) == 3
    assert team.apply(other) == 0
    assert team.apply(dataclasses.replace(load, replicas=0)) == 0
    assert team.apply(other) == 3


def test_only_policies_with_a_quota_make_a_budget():
    columns = boxes()
    policies = [
        Policy(name="1", required=("node.id == a",)),
        Policy(name="2", quota=Quota(instances=1)),
        Policy(name="3", projects=("other",), quota=Quota(instances=1)),
    ]
    world = World(columns, rules=rules_of(policies, 1))
    assert [one.name for one in budgets_of(world, workload())] == ["quota of policy 2"]


# --- against a plain computation --------------------------------------------------------------

LOADS = st.builds(
    lambda name, cpu, replicas, share, mode: workload(
        name,
        cpu=cpu,
        replicas=replicas,
        mode=mode,
        accelerators=[dataclasses.replace(GPU, share_milli=share)] if share else (),
    ),
    st.sampled_from(["shop-a", "shop-b", "shop-c"]),
    st.sampled_from([0, 300, 1000]),
    st.integers(0, 5),
    st.sampled_from([0, 0, 300, 1000]),
    st.sampled_from(["replicated", "replicated", "global"]),
)
QUOTAS = st.builds(
    Quota,
    instances=st.sampled_from([None, 4, 7]),
    cpu_milli=st.sampled_from([None, 2000, 3100]),
    devices=st.sampled_from([{}, {"gpu": 1}, {"gpu": 2}]),
    cost_per_hour=st.sampled_from([None, 1.3, 4.0]),
)
TARIFFS = [
    Prices(name="1", cpu_hour=0.3, node_hour=0.5),
    Prices(name="2", nodes=("node.id == a",), cpu_hour=1.1, device_hour={"gpu": 0.25}),
]
PER_NODE = {"a": (1.1, 0.25, 0.0), "b": (0.3, 0.0, 0.5), "c": (0.3, 0.0, 0.5)}


def spent(placed):
    """Return what all instances cost an hour, and the nodes that they keep awake."""
    found = 0
    for one in placed:
        cpu, gpu, _ = PER_NODE[one.node]
        milli = sum(hold.milli for hold in one.held)
        found += round((one.resources.cpu_milli * cpu + milli * gpu) * 1000)
    return found + sum(round(PER_NODE[name][2] * 1e6) for name in {one.node for one in placed})


@given(QUOTAS, st.lists(LOADS, min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_no_quota_is_ever_exceeded_and_one_that_refuses_would_be(quota, loads):
    team = Team(boxes(3), quota, *TARIFFS)
    for load in loads:
        if team.workloads.get(load.name, load).mode != load.mode:
            continue
        # What is there keeps what it has, so that less is wanted first.
        team.apply(dataclasses.replace(load, replicas=0, mode="replicated"))
        count = team.apply(load)
        placed = [one for of in team.placed.values() for one in of]
        cpu = sum(one.resources.cpu_milli for one in placed)
        gpu = sum(hold.milli for one in placed for hold in one.held)
        used = [
            (len(placed), quota.instances, 1),
            (cpu, quota.cpu_milli, load.resources.cpu_milli),
            (
                gpu,
                quota.devices.get("gpu", 0) * 1000 if quota.devices else None,
                sum(one.share_milli for one in load.resources.devices),
            ),
        ]
        for there, most, _ in used:
            assert most is None or there <= most
        money = None if quota.cost_per_hour is None else round(quota.cost_per_hour * 1e6)
        assert money is None or spent(placed) <= money
        if load.mode == "replicated" and count < load.replicas:
            for name in "abc":
                reasons = team.against(load, name)
                assert reasons
                one = dataclasses.replace(
                    assignment("new", name, of=load),
                    held=tuple(
                        Hold(device="gpu/1", milli=one.share_milli)
                        for one in load.resources.devices
                    ),
                )
                refused = any(
                    most is not None and more and there + more > most for there, most, more in used
                )
                refused |= money is not None and spent([*placed, one]) > money
                assert refused == any(constraint == NAME for constraint, _ in reasons)

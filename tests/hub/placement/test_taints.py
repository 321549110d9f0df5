"""Taints and tolerations: who is refused, who has to leave, and in which words."""

import dataclasses

import pytest
from tests.hub.placement.boxes import (
    accelerator,
    assignment,
    evacuate,
    explain,
    fleet,
    node,
    place,
    steps,
    where,
    workload,
)
from tests.hub.placement.test_constraints import reasons

from skerry_hub.fleet.columns import totals_of
from skerry_hub.model import UNSCHEDULABLE, Taint, Toleration
from skerry_hub.placement.points import SCALE
from skerry_hub.placement.scores import own_spread_of, points_of
from skerry_hub.placement.world import World
from skerry_wire.hardware import RuntimeInfo

KEEP_OFF = Taint(key="maintenance", value="true", effect="NoSchedule")
LEAVE = Taint(key="maintenance", value="true", effect="NoExecute")
CORDONED = Taint(key=UNSCHEDULABLE, effect="NoSchedule")


def tainted(name, *taints, **fields):
    return dataclasses.replace(node(name, **fields), taints=taints)


def bearing(*tolerations, **fields):
    return dataclasses.replace(workload(**fields), tolerations=tolerations)


TOLERATED = [
    (Toleration(key="maintenance", value="true"), True),
    (Toleration(key="maintenance", value="true", effect="NoSchedule"), True),
    (Toleration(key="maintenance", value="true", effect="NoExecute"), False),
    (Toleration(key="maintenance"), False),
    (Toleration(key="maintenance", value="false"), False),
    (Toleration(key="other", value="true"), False),
    (Toleration(key="maintenance", operator="Exists"), True),
    (Toleration(key="other", operator="Exists"), False),
    (Toleration(operator="Exists"), True),
    (Toleration(operator="Exists", effect="NoExecute"), False),
]


@pytest.mark.parametrize(("toleration", "is_borne"), TOLERATED)
def test_a_toleration_bears_what_kubernetes_would_let_it(toleration, is_borne):
    columns = fleet(tainted("a", KEEP_OFF))
    refused = reasons(columns, bearing(toleration))
    assert refused == (
        [] if is_borne else ["has the taint maintenance=true:NoSchedule, which is not tolerated"]
    )


def test_every_taint_that_is_not_tolerated_is_a_reason():
    columns = fleet(tainted("a", LEAVE, KEEP_OFF, CORDONED), node("b"))
    load = bearing(Toleration(key="maintenance", value="true", effect="NoSchedule"))
    assert reasons(columns, load) == [
        f"has the taint {UNSCHEDULABLE}:NoSchedule, which is not tolerated",
        "has the taint maintenance=true:NoExecute, which is not tolerated",
    ]
    assert reasons(columns, load, "b") == []
    found = explain(columns, load, [])
    assert (found.blocked, found.alone, found.feasible) == ({"taints": 1}, {"taints": 1}, 1)


def test_nothing_new_comes_to_a_tainted_node_until_the_taint_goes():
    columns = fleet(tainted("a", KEEP_OFF))
    decision = place(columns, workload(replicas=2), [], keep=False)
    assert (where(decision), decision.unplaced) == ({}, 2)
    columns.put(node("a"))
    assert place(columns, workload(replicas=2), [], keep=False).unplaced == 0


@pytest.mark.parametrize(
    ("taint", "keep", "moved"),
    [(KEEP_OFF, False, False), (KEEP_OFF, True, False), (LEAVE, True, False), (LEAVE, False, True)],
)
def test_only_no_execute_and_only_an_operators_apply_moves_what_is_there(taint, keep, moved):
    held = assignment("shop-web-0", "a")
    columns = fleet(tainted("a", taint), node("b"), reserved=[held])
    decision = place(columns, workload(), [held], keep=keep)
    assert where(decision) == {"shop-web-0": "b" if moved else "a"}
    assert [c.detail for c in decision.changes] == (
        ["from a: has the taint maintenance=true:NoExecute, which is not tolerated"]
        if moved
        else [""]
    )


def test_a_global_workload_comes_to_cordoned_nodes_and_to_no_others_with_taints():
    columns = fleet(tainted("a", CORDONED), tainted("b", KEEP_OFF), node("c"))
    decision = place(columns, workload(mode="global"), [], keep=False)
    assert (sorted(where(decision).values()), decision.unplaced) == (["a", "c"], 0)


# --- leaving a node -------------------------------------------------------------------------


def test_what_leaves_a_node_goes_where_it_fits_and_all_else_stays():
    load = workload(replicas=3, cpu=2000)
    held = [assignment(f"shop-web-{i}", name, of=load) for i, name in enumerate("aab")]
    columns = fleet(node("a"), node("b"), node("c", cpus=2), reserved=held)
    decision = evacuate(columns, load, held, "a", force=False)
    assert where(decision) == {"shop-web-0": "c", "shop-web-1": "b", "shop-web-2": "b"}
    assert steps(decision) == [("move", "shop-web-0", "c"), ("move", "shop-web-1", "b")]
    assert decision.changes[0].detail == "from a: the node is drained"
    assert totals_of(columns.assigned("a")).cpu_milli == 4000, "the given columns stay as they were"


@pytest.mark.parametrize("force", [False, True])
def test_what_fits_nowhere_else_stays_or_is_removed_by_force(force):
    load = workload(replicas=2, cpu=3000)
    held = [assignment(f"shop-web-{i}", "a", of=load) for i in range(2)]
    columns = fleet(node("a", cpus=8), node("b"), reserved=held)
    decision = evacuate(columns, load, held, "a", force=force)
    stays = {} if force else {"shop-web-1": "a"}
    assert where(decision) == {"shop-web-0": "b", **stays}
    assert decision.unplaced == 1


def test_a_workload_that_tolerates_everything_leaves_all_the_same():
    load = bearing(Toleration(operator="Exists"))
    held = assignment("shop-web-0", "a", of=load)
    columns = fleet(tainted("a", CORDONED), node("b", cpus=1), reserved=[held])
    assert where(evacuate(columns, load, [held], "a", force=False)) == {"shop-web-0": "b"}
    columns.remove("b")
    assert evacuate(columns, load, [held], "a", force=False).unplaced == 1
    assert where(evacuate(columns, load, [held], "a", force=True)) == {}


def test_a_node_that_is_not_known_can_be_left():
    held = assignment("shop-web-0", "gone")
    decision = evacuate(fleet(node("b")), workload(), [held], "gone", force=False)
    assert where(decision) == {"shop-web-0": "b"}


# --- the columns ----------------------------------------------------------------------------


def test_sets_of_taints_that_no_node_has_any_more_are_forgotten():
    columns = fleet(node("a"), tainted("b", KEEP_OFF))
    for number in range(6000):
        columns.put(tainted("a", Taint(key="k", value=str(number), effect="NoSchedule")))
        if number % 100:
            continue
        assert reasons(columns, workload()) == [
            f"has the taint k={number}:NoSchedule, which is not tolerated"
        ]
        assert (
            reasons(columns, bearing(Toleration(operator="Exists", key="maintenance")), "b") == []
        )
    asked = []
    columns.without_taints(lambda taints: bool(asked.append(taints)), columns.rows())
    assert len(asked) < 6000 - 4096


def test_a_trial_and_a_grown_fleet_know_their_taints():
    columns = fleet(*(tainted(f"n{i}", *([KEEP_OFF] if i % 3 == 0 else [])) for i in range(200)))
    with columns.trial():
        columns.put(node("n0"))
        assert explain(columns, workload(), []).feasible == 134
    assert explain(columns, workload(), []).feasible == 133


# --- preferring others ----------------------------------------------------------------------

PREFER = Taint(key="old", value="true", effect="PreferNoSchedule")
OTHER = Taint(key="slow", effect="PreferNoSchedule")


def points(columns, load):
    """Return the score of each node by its id; None where nothing is scored."""
    found = [one for one in points_of(World(columns), load) if one.name == "taints"]
    return found[0].of(columns, columns.rows()).tolist() if found else None


def test_the_fewer_of_them_are_not_tolerated_the_better():
    many = [Taint(key=f"k{n}", effect="PreferNoSchedule") for n in range(64)]
    columns = fleet(
        node("a"), tainted("b", PREFER), tainted("c", PREFER, OTHER), tainted("d", *many)
    )
    best = points(columns, workload())
    assert best[0] == SCALE
    assert best[1:3] == [SCALE // 3, SCALE // 3 // 3]
    assert 0 <= best[3] < best[2]
    assert points(columns, bearing(Toleration(key="slow", operator="Exists")))[:3] == [
        SCALE, SCALE // 3, SCALE // 3
    ]  # fmt: skip
    assert points(columns, bearing(Toleration(operator="Exists"))) == [SCALE] * 4


def test_nothing_is_refused_or_moved_for_them():
    load = workload(replicas=2)
    held = [assignment(f"shop-web-{n}", "a", of=load) for n in range(2)]
    columns = fleet(tainted("a", PREFER, OTHER), node("b"), reserved=held)
    assert reasons(columns, load) == []
    assert steps(place(columns, load, held, keep=False)) == []
    assert points(fleet(node("a"), tainted("b", KEEP_OFF, LEAVE)), load) is None


@pytest.mark.parametrize("names", ["ab", "ba"])
@pytest.mark.parametrize(
    ("clean", "spoilt", "replicas", "count"),
    [
        ({}, {}, 1, 1),
        ({"cpus": 1, "accelerators": [accelerator("1")]}, {"cpus": 64}, 1, 1),
        ({}, {}, 2, 1),
        ({"runtimes": (RuntimeInfo(name="podman"),)}, {}, 1, 0),
    ],
)
def test_it_counts_more_than_room_and_less_than_a_second_replica_or_a_runtime_that_is_silent(
    names, clean, spoilt, replicas, count
):
    first, second = names
    columns = fleet(node(first, **clean), tainted(second, PREFER, **spoilt))
    decision = place(columns, workload(cpu=500, replicas=replicas), [], keep=False)
    assert list(where(decision).values()).count(first) == count


def test_any_number_of_them_counts_less_than_a_runtime_that_answers():
    weights = {
        one.name: one.weight for one in points_of(World(fleet(tainted("a", PREFER))), workload())
    }
    own = own_spread_of(World(fleet()), workload()).weight
    assert weights["runtime"] > sum(weights.values()) - weights["runtime"] + own


def test_a_taint_that_comes_or_goes_is_seen_by_boards_that_are_kept():
    columns = fleet(node("a"), node("b"))
    answers = []
    for taints in ((), (PREFER,), (KEEP_OFF,), (), (PREFER,)):
        columns.put(tainted("a", *taints))
        answers += where(place(columns, workload(), [], keep=False)).values()
    assert answers == ["a", "b", "b", "a", "b"]


def test_a_node_for_which_others_are_preferred_is_not_cordoned():
    assert not tainted("a", Taint(key=UNSCHEDULABLE, effect="PreferNoSchedule")).cordoned
    assert tainted("a", CORDONED).cordoned

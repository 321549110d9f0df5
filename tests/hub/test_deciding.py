"""Gangs, and room made for what is more important."""

import dataclasses

import pytest
from tests.hub.placement.boxes import GIB, MIB, accelerator, assignment, gpus, node, workload
from tests.hub.records import kept_document, work_on

from skerry_hub import deciding, desired
from skerry_hub.documents import Policy, Quota
from skerry_hub.state import Known
from skerry_hub.terms import Affinity, Placement
from skerry_hub.work import RefusedError


def work_of(*boxes, documents=()):
    return work_on(Known(boxes, documents=[kept_document(one) for one in documents]))


def important(name, priority, **more):
    return with_terms(workload(name, **more), priority=priority)


def with_terms(load, **terms):
    return dataclasses.replace(load, placement=Placement(**terms))


def apply(work, *loads):
    return desired.apply(work, loads, prune=False)


def steps(plan):
    return [(one.action, one.instance, one.node) for one in plan.changes if one.action != "keep"]


def where(work):
    return {one.id: one.node for one in work.draft.assignments.values()}


# --- priority -----------------------------------------------------------------------------


def test_what_is_less_important_ends_where_nothing_else_helps_and_goes_elsewhere():
    work = work_of(node("a", cpus=4), node("b", cpus=2))
    apply(work, workload("shop-web", cpu=1000, replicas=2))
    assert where(work) == {"shop-web-0": "a", "shop-web-1": "b"}
    plan = apply(work, important("shop-ai", 10, cpu=4000))
    assert steps(plan) == [("move", "shop-web-0", "b"), ("create", "shop-ai-0", "a")]
    assert "shop-ai, of priority 10 over 0" in plan.changes[0].detail
    assert where(work) == {"shop-ai-0": "a", "shop-web-0": "b", "shop-web-1": "b"}


def test_no_second_instance_of_a_global_workload_is_made_room_for():
    work = work_of(node("a", memory=8 * GIB), node("b", memory=4 * GIB))
    apply(work, workload("shop-job", memory=3 * GIB, constraints=["node.id == a"]))
    apply(work, important("shop-top", 99, memory=3 * GIB, constraints=["node.id == b"]))
    plan = apply(work, important("shop-web", 10, memory=3 * GIB, mode="global"))
    assert steps(plan) == [("create", "shop-web-a", "a")]
    assert where(work) == {"shop-job-0": "a", "shop-top-0": "b", "shop-web-a": "a"}


def test_a_global_workload_ends_what_does_not_want_it_near_where_it_also_lacks_room():
    work = work_of(node("a", memory=8 * GIB), node("b", memory=GIB))
    apart = with_terms(workload("shop-web"), affinity=(Affinity(workload="shop-log", anti=True),))
    apply(work, apart)
    assert where(work) == {"shop-web-0": "a"}
    plan = apply(work, important("shop-log", 9, memory=3 * GIB, mode="global"))
    assert where(work) == {"shop-log-a": "a", "shop-web-0": "b"}
    assert [one.workload for one in plan.unplaced] == ["shop-log"]


def test_what_finds_no_other_place_is_removed_and_comes_back_when_it_can():
    work = work_of(node("a", cpus=2))
    apply(work, workload("shop-web", cpu=1000, replicas=2))
    plan = apply(work, important("shop-ai", 1, cpu=1000))
    assert sorted(steps(plan)) == [("create", "shop-ai-0", "a"), ("remove", "shop-web-1", "a")]
    assert desired.wanting(work.draft) == ["shop-web"]


@pytest.mark.parametrize(("priority", "preemption"), [(0, "LowerPriority"), (9, "Never")])
def test_equals_stay_and_so_does_all_where_it_says_never(priority, preemption):
    work = work_of(node("a", cpus=2))
    apply(work, workload("shop-web", cpu=2000))
    load = with_terms(workload("shop-ai", cpu=2000), priority=priority, preemption=preemption)
    plan = apply(work, load)
    assert steps(plan) == []
    assert [one.workload for one in plan.unplaced] == ["shop-ai"]


def test_as_few_and_as_unimportant_as_possible_end():
    work = work_of(node("a", cpus=4), node("b", cpus=4), node("c", cpus=4))
    for name, cpu, priority, box in (
        ("shop-x", 4000, 5, "a"),
        ("shop-y", 2000, 1, "b"),
        ("shop-z", 2000, 1, "b"),
        ("shop-s", 3000, 1, "c"),
        ("shop-t", 1000, 0, "c"),
    ):
        apply(work, important(name, priority, cpu=cpu, constraints=[f"node.id == {box}"]))
    plan = apply(work, important("shop-ai", 9, cpu=3000))
    # On c one of priority 1 is enough; on b it would be two, on a one of priority 5.
    assert ("remove", "shop-s-0", "c") in steps(plan)
    assert where(work)["shop-t-0"] == "c"


def test_a_device_is_taken_from_who_is_less_important():
    work = work_of(node("a", accelerators=[accelerator("1")]))
    apply(work, workload("shop-web", accelerators=[gpus()]))
    plan = apply(work, important("shop-ai", 1, accelerators=[gpus()]))
    assert sorted(steps(plan)) == [("create", "shop-ai-0", "a"), ("remove", "shop-web-0", "a")]


def test_the_background_ends_nothing():
    work = work_of(node("a", cpus=2), node("b", cpus=1))
    apply(work, important("shop-ai", 9, cpu=2000, constraints=["node.id == b"]))
    apply(work, workload("shop-web", cpu=2000))
    load = important("shop-ai", 9, cpu=2000)
    kept = work.draft.workloads.get("shop-ai")
    work.draft.workloads.put("shop-ai", dataclasses.replace(kept, workload=load))
    desired.fill(work, ["shop-ai"])
    assert where(work) == {"shop-web-0": "a"}


# --- gangs --------------------------------------------------------------------------------


def gang(name, **more):
    return with_terms(workload(name, **more), gang="ring")


def test_a_gang_is_placed_whole_or_not_at_all():
    work = work_of(node("a", cpus=2), node("b", cpus=2))
    plan = apply(work, gang("shop-a", cpu=1000, replicas=2), gang("shop-b", cpu=2000, replicas=2))
    assert where(work) == {}
    assert sorted(one.workload for one in plan.unplaced) == ["shop-a", "shop-b"]
    assert plan.unplaced[0].note == "gang ring waits: shop-a finds no place for 2"
    work.columns.put(node("c", cpus=4))
    desired.fill(work, desired.wanting(work.draft))
    assert sorted(where(work)) == ["shop-a-0", "shop-a-1", "shop-b-0", "shop-b-1"]


def test_what_of_a_gang_is_there_stays_when_it_grows_beyond_the_fleet():
    work = work_of(node("a", cpus=2))
    apply(work, gang("shop-a", cpu=1000))
    plan = apply(work, gang("shop-a", cpu=1000, replicas=4))
    assert where(work) == {"shop-a-0": "a"}
    assert plan.unplaced[0].note == "gang ring waits: shop-a finds no place for 2"


def test_a_gang_with_a_global_one_is_placed_on_every_node_that_could_or_nowhere():
    work = work_of(node("a", cpus=2), node("b", cpus=2), node("c", cpus=2, arch="aarch64"))
    apply(work, workload("yard-web", cpu=2000, constraints=["node.id == b"]))
    agent = gang("shop-log", cpu=1000, mode="global", constraints=["node.platform.arch == x86_64"])
    plan = apply(work, agent, gang("shop-a"))
    assert sorted(where(work)) == ["yard-web-0"]
    assert {one.workload: (one.placed, one.wanted, one.note) for one in plan.unplaced} == {
        "shop-log": (0, 2, "gang ring waits: shop-log finds no place for 1"),
        "shop-a": (0, 1, "gang ring waits: shop-log finds no place for 1"),
    }
    desired.delete(work, "yard-web")
    desired.fill(work, desired.wanting(work.draft))
    assert sorted(where(work)) == ["shop-a-0", "shop-log-a", "shop-log-b"]


def test_a_global_one_of_a_gang_that_waits_keeps_what_it_has():
    work = work_of(node("a", cpus=2))
    agent = gang("shop-log", cpu=1000, mode="global")
    apply(work, agent)
    work.columns.put(node("b", cpus=2))
    plan = apply(work, agent, gang("shop-a", cpu=4000))
    assert where(work) == {"shop-log-a": "a"}
    assert sorted(one.workload for one in plan.unplaced) == ["shop-a", "shop-log"]


def as_important(name, priority, **more):
    return with_terms(workload(name, **more), gang="ring", priority=priority)


def test_what_is_less_important_ends_for_a_gang_where_all_of_it_is_placed_thereby():
    work = work_of(node("a", cpus=2), node("b", cpus=1), node("c", cpus=1))
    apply(work, important("shop-few", 1, cpu=1000, constraints=["node.id == c"]))
    apply(work, important("shop-web", 1, cpu=1000, replicas=3))
    plan = apply(
        work,
        as_important("shop-a", 9, cpu=2000),
        as_important("shop-b", 9, cpu=1000, constraints=["node.id == b"]),
    )
    assert where(work) == {"shop-a-0": "a", "shop-b-0": "b", "shop-few-0": "c"}
    assert [(one.workload, one.placed, one.wanted) for one in plan.unplaced] == [("shop-web", 0, 3)]
    assert [one for one in steps(plan) if one[0] == "remove"] == [
        ("remove", "shop-web-0", "a"),
        ("remove", "shop-web-2", "a"),
        ("remove", "shop-web-1", "b"),
    ]
    assert "for shop-a, of priority 9 over 1" in {one.detail for one in plan.changes}


def test_nothing_ends_for_a_gang_that_does_not_fit_even_so():
    work = work_of(node("a", cpus=2), node("b", cpus=2))
    apply(work, important("shop-web", 1, cpu=1000, replicas=4))
    before = where(work)
    plan = apply(work, as_important("shop-a", 9, cpu=2000), as_important("shop-b", 9, cpu=3000))
    assert where(work) == before
    assert steps(plan) == []
    assert {one.note for one in plan.unplaced} == {"gang ring waits: shop-b finds no place for 1"}


def test_a_gang_is_as_important_as_its_least_important_one():
    work = work_of(node("a", cpus=2))
    apply(work, important("shop-web", 5, cpu=2000))
    apply(work, as_important("shop-a", 9, cpu=1000), as_important("shop-b", 5, cpu=1000))
    assert set(where(work)) == {"shop-web-0"}
    apply(work, as_important("shop-a", 9, cpu=1000), as_important("shop-b", 6, cpu=1000))
    assert set(where(work)) == {"shop-a-0", "shop-b-0"}


def test_none_of_a_gang_ends_for_another_of_it():
    work = work_of(node("a", cpus=2))
    apply(work, as_important("shop-b", 1, cpu=2000))
    apply(work, as_important("shop-a", 9, cpu=2000), as_important("shop-b", 5, cpu=2000))
    assert set(where(work)) == {"shop-b-0"}


def test_a_gang_that_had_to_end_is_placed_elsewhere_whole_or_waits():
    work = work_of(node("a", cpus=2), node("b", cpus=1))
    apply(work, as_important("shop-a", 1, cpu=1000, replicas=2))
    grown = as_important("shop-a", 1, cpu=1000, replicas=4)
    apply(work, grown)
    assert len(where(work)) == 2
    plan = apply(work, important("yard-ai", 9, cpu=2000))
    assert where(work)["yard-ai-0"] == "a"
    assert {one.workload: one.note for one in plan.unplaced} == {
        "shop-a": "gang ring waits: shop-a finds no place for 3"
    }


def test_why_a_gang_waits_is_told_of_each_of_it_that_misses_something():
    work = work_of(node("a", cpus=2))
    few, many = gang("shop-a", cpu=500), gang("shop-b", cpu=1000, replicas=3)
    apply(work, few)
    apply(work, few, many)
    assert deciding.explained(work, few).note == ""
    found = deciding.explained(work, many)
    assert (found.placed, found.wanted, found.feasible) == (0, 3, 1)
    assert found.note == "gang ring waits: shop-b finds no place for 2"


def test_gangs_of_two_projects_have_nothing_to_do_with_each_other():
    work = work_of(node("a", cpus=1))
    other = dataclasses.replace(gang("yard-a", cpu=500), project="yard")
    apply(work, gang("shop-a", cpu=4000), other)
    assert where(work) == {"yard-a-0": "a"}


# --- near each other ----------------------------------------------------------------------


def near(name, other, **more):
    return with_terms(workload(name, **more), affinity=(Affinity(workload=other, topology="site"),))


def sites(**cpus):
    return work_of(*(node(name, cpus=cpu, labels={"site": name}) for name, cpu in cpus.items()))


def test_the_first_of_two_that_must_be_near_each_other_chooses():
    work = sites(a=2, b=4)
    pair = near("shop-a", "shop-b", cpu=1000, replicas=2), near("shop-b", "shop-a", cpu=1500)
    plan = apply(work, *pair)
    assert plan.unplaced == ()
    assert where(work) == {"shop-a-0": "b", "shop-a-1": "b", "shop-b-0": "b"}
    assert steps(apply(work, *pair)) == []


def test_who_chose_stays_where_the_other_finds_no_place():
    work = sites(a=2)
    pair = near("shop-a", "shop-b", cpu=1000), near("shop-b", "shop-a", cpu=1500)
    for _ in range(2):
        plan = apply(work, *pair)
        assert len(where(work)) == 1
        assert len(plan.unplaced) == 1


def test_a_gang_of_two_near_each_other_is_placed_whole_or_not_at_all():
    def pair(cpu):
        return [
            dataclasses.replace(one, placement=dataclasses.replace(one.placement, gang="ring"))
            for one in (near("shop-a", "shop-b", cpu=cpu), near("shop-b", "shop-a", cpu=1000))
        ]

    work = sites(a=2, b=2)
    apply(work, *pair(1500))
    assert where(work) == {}
    apply(work, *pair(1000))
    assert len(where(work)) == 2
    assert len(set(where(work).values())) == 1


# --- policies -----------------------------------------------------------------------------


def test_what_a_policy_does_not_allow_anywhere_is_refused():
    policy = Policy(name="trusted", registries=("registry.example/",), max_priority=5)
    work = work_of(node("a"), documents=[policy])
    with pytest.raises(RefusedError) as refused:
        apply(work, important("shop-web", 9, image="evil.example/web:1"))
    assert [one.reason for one in refused.value.problems] == [
        "shop-web: policy trusted: image evil.example/web:1 is not from registry.example/",
        "shop-web: policy trusted: priority 9 is over 5",
    ]
    assert where(work) == {}


def test_a_quota_counts_all_workloads_of_a_policy():
    policy = Policy(name="team", selector="team=a", quota=Quota(memory_bytes=3 * GIB))
    work = work_of(node("a", memory=8 * GIB), documents=[policy])
    mine = dataclasses.replace(workload("shop-a", memory=GIB, replicas=2), labels={"team": "a"})
    more = dataclasses.replace(workload("shop-b", memory=GIB, replicas=2), labels={"team": "a"})
    other = workload("shop-c", memory=GIB, replicas=2)
    plan = apply(work, mine, more, other)
    assert sorted(where(work)) == ["shop-a-0", "shop-a-1", "shop-b-0", "shop-c-0", "shop-c-1"]
    (told,) = plan.unplaced
    assert told.workload == "shop-b"
    assert told.blocked == {"quota of policy team": 1}
    assert told.verdicts[0].reasons[0].text == "memory 0 B left < 1 GiB"


def test_room_is_measured_in_what_is_left():
    work = work_of(node("a", memory=512 * MIB))
    plan = apply(work, workload("shop-a", memory=GIB))
    (cheapest,) = plan.unplaced[0].relaxations
    assert (cheapest.node, cheapest.nodes, cheapest.cost) == ("a", 1, 0.5)
    assert cheapest.changes == ("ask for at most 512 MiB memory (512 MiB less)",)


def test_who_lost_its_place_and_found_no_other_is_told_too():
    work = work_of(node("a", cpus=2))
    apply(work, workload("shop-web", cpu=1000, replicas=2))
    plan = apply(work, important("shop-ai", 1, cpu=1000))
    assert [(one.workload, one.placed) for one in plan.unplaced] == [("shop-web", 1)]


def test_what_ended_for_another_ends_nothing_in_its_turn():
    work = work_of(node("a", cpus=4), node("b", cpus=2))
    apply(work, workload("shop-low", cpu=2000, constraints=["node.id == b"]))
    apply(work, important("shop-mid", 5, cpu=2000))
    assert where(work) == {"shop-low-0": "b", "shop-mid-0": "a"}
    plan = apply(work, important("shop-top", 9, cpu=4000))
    assert sorted(steps(plan)) == [("create", "shop-top-0", "a"), ("remove", "shop-mid-0", "a")]
    assert where(work) == {"shop-low-0": "b", "shop-top-0": "a"}


def test_who_is_applied_beside_what_ends_it_is_told_once():
    work = work_of(node("a", cpus=2))
    web = workload("shop-web", cpu=1000, replicas=2)
    apply(work, web)
    plan = apply(work, important("shop-ai", 1, cpu=1000), web)
    assert [(one.workload, one.placed) for one in plan.unplaced] == [("shop-web", 1)]


def test_an_apply_moves_what_another_must_not_have_beside_it():
    work = work_of(node("a", labels={"site": "x"}), node("b", labels={"site": "y"}))
    apply(work, workload("shop-web", constraints=["node.id == a"]))
    shy = Affinity(workload="shop-web", topology="site", anti=True)
    lone = with_terms(workload("shop-lone", replicas=0), affinity=(shy,))
    apply(work, lone)
    there = assignment("shop-lone-0", "a", of=lone)
    work.draft.assignments.put(there.id, there)
    work.columns.reserve(there)
    plan = apply(work, workload("shop-web"))
    assert ("move", "shop-web-0", "b") in steps(plan)

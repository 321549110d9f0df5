"""What a hub with this fleet would do: the same decisions, and what the fleet would be then."""

import dataclasses

import pytest
from tests.hub.placement.boxes import GIB, MIB, node
from tests.hub.records import NOW, assignment, kept, kept_document, work_on, workload

from skerry_hub import planning
from skerry_hub.documents import Policy, Window
from skerry_hub.model import Resources
from skerry_hub.planning import Wish
from skerry_hub.simulating import Question, simulate
from skerry_hub.snapshot import Snapshot
from skerry_hub.snapshot_reading import Fleet
from skerry_hub.state import Known
from skerry_hub.terms import Latency, Placement
from skerry_hub.work import RefusedError

SMALL = Resources(cpu_milli=500, memory_bytes=512 * MIB)
NODES = (node("a"), node("b"))
OLD = kept("old-job", resources=SMALL)
HELD = assignment("old-job-0", node="a", resources=SMALL)


def fleet(**fields):
    whole = {"at": NOW, "nodes": NODES, "workloads": (OLD,), "assignments": (HELD,)}
    return Fleet(Snapshot(**{**whole, **fields}))


def wish(*workloads, **fields):
    return Wish(workloads=workloads, **fields)


def totals(found):
    return {one.node: (one.instances, one.memory_reserved_bytes // MIB) for one in found.nodes}


def test_it_is_the_plan_that_a_hub_makes():
    web = workload("shop-web", replicas=3, resources=SMALL)
    found = simulate(fleet(), wish(web), 0.0)
    work = work_on(Known(NODES, [OLD], [HELD]))
    with work.columns.trial():
        plan = planning.decide(work, wish(web))
    assert found.plan == planning.scored(work, wish(web), plan)
    assert found.fleet.inputs == work.draft.inputs.digest
    assert (found.fleet.nodes, found.fleet.workloads, found.fleet.assignments) == (2, 1, 1)


def test_each_node_has_what_it_would_have():
    found = simulate(fleet(), wish(workload("shop-web", replicas=3, resources=SMALL)), 0.0)
    assert totals(found) == {"a": (2, 1024), "b": (2, 1024)}
    one = found.nodes[0]
    assert (one.hostname, one.cpu_milli, one.memory_bytes) == ("host-a", 4000, 4 * GIB)
    assert one.cpu_reserved_milli == 1000


def test_without_a_wish_it_is_the_fleet_as_it_is():
    found = simulate(fleet(), wish(), 0.0)
    assert totals(found) == {"a": (1, 512), "b": (0, 0)}
    assert found.plan.changes == ()


def test_what_goes_gives_its_room_back():
    bare = workload("old-web", project="old")
    found = simulate(fleet(), wish(bare, prune=True), 0.0)
    assert found.plan.removed == ("old-job",)
    assert sum(one.memory_reserved_bytes for one in found.nodes) == 0


def test_a_workload_is_explained_as_it_would_be():
    web = workload("shop-web", replicas=2, resources=SMALL)
    found = simulate(fleet(), wish(web), 0.0, Question(workload="shop-web"))
    there = {one.node: one.instances for one in found.explanation.verdicts}
    assert there == {"a": ("shop-web-1",), "b": ("shop-web-0",)}
    asked = Question(workload="old-job", node="host-b")
    (verdict,) = simulate(fleet(), wish(), 0.0, asked).explanation.verdicts
    assert verdict.node == "b"


def test_what_was_taken_is_missing_to_the_next():
    web = workload("shop-web", replicas=2, resources=Resources(memory_bytes=3 * GIB))
    db = workload("shop-db", resources=Resources(memory_bytes=2 * GIB))
    asked = Question(workload="shop-db", node="b")
    found = simulate(fleet(), wish(web, db), 0.0, asked)
    assert [one.workload for one in found.plan.unplaced] == ["shop-db"]
    (verdict,) = found.explanation.verdicts
    told = {one.node: one.memory_reserved_bytes for one in found.nodes}
    (reason,) = (one.text for one in verdict.reasons)
    assert f"{4 - told['b'] / GIB:g} GiB free" in reason


@pytest.mark.parametrize(
    "question", [Question(workload="x"), Question(workload="old-job", node="y")]
)
def test_what_there_is_not_cannot_be_explained(question):
    with pytest.raises(RefusedError, match="there is no"):
        simulate(fleet(), wish(), 0.0, question)


def test_documents_hold_those_of_the_file_and_those_of_the_wish():
    policy = Policy(name="not-a", forbidden=("node.id == a",))
    web = workload("shop-web")
    kept_ = fleet(documents=(kept_document(policy),))
    for found in (
        simulate(kept_, wish(web), 0.0),
        simulate(fleet(), wish(web, documents=(policy,)), 0.0),
    ):
        assert [one.node for one in found.plan.changes] == ["b"]


def test_the_time_is_that_of_the_file_or_now():
    window = Window(name="night", start=NOW - 60, duration_s=3600)
    documents = (kept_document(window),)
    during = simulate(fleet(documents=documents), wish(workload("shop-web")), NOW + 86_400)
    assert during.plan.unplaced
    assert during.fleet.at == NOW
    undated = fleet(documents=documents, at=None)
    assert simulate(undated, wish(workload("shop-web")), NOW).plan.unplaced
    assert not simulate(undated, wish(workload("shop-web")), NOW + 86_400).plan.unplaced


def test_measured_times_count_where_somebody_asks_for_them():
    near = Placement(latency=(Latency(to="endpoint", name="erp", max_ms=10),))
    measured = {"a": {"endpoint/erp": 30.0}, "b": {"endpoint/erp": 3.0}}
    web = workload("shop-web", placement=near)
    found = simulate(fleet(round_trip_ms=measured), wish(web), 0.0)
    assert [one.node for one in found.plan.changes] == ["b"]
    assert simulate(fleet(), wish(web), 0.0).plan.unplaced


def test_the_strategy_is_the_files():
    web = workload("shop-web", replicas=2, resources=SMALL)
    spread = simulate(fleet(strategy="spread"), wish(web), 0.0)
    packed = simulate(fleet(strategy="pack"), wish(web), 0.0)
    assert len({one.node for one in spread.plan.changes}) == 2
    assert len({one.node for one in packed.plan.changes}) == 1


def test_nothing_that_was_read_is_changed():
    given = fleet()
    before = dataclasses.replace(given.snapshot)
    simulate(given, wish(workload("shop-web", replicas=9)), 0.0)
    assert given.snapshot == before

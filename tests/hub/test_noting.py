"""Which decisions of a draft are worth keeping, and what is noted of them."""

import numpy as np
import pytest
from tests.hub.placement.boxes import GIB, node
from tests.hub.records import settled, work_on, workload

from skerry_hub import desired, draining, noting
from skerry_hub.decisions import Estimates
from skerry_hub.latency import Network, endpoint
from skerry_hub.model import Liveness, Resources
from skerry_hub.placement.coordinates import Coordinates
from skerry_hub.state import Known
from skerry_hub.terms import Latency, Placement

BIG = Resources(memory_bytes=3 * GIB)


def after(known, change):
    """Return what is known once a change is done, and the decisions that it made."""
    work = work_on(known)
    change(work)
    return settled(known, work.draft), work.draft.made


def applied(known, *workloads, prune=False):
    return after(known, lambda work: desired.apply(work, workloads, prune=prune))


def filled(known):
    return after(known, lambda work: desired.fill(work, desired.wanting(work.draft)))


def told(made):
    return [
        (one.cause, one.question.method, sorted(one.answer.workloads), dict(one.unplaced))
        for one in made
    ]


def two_boxes():
    return Known([node("box-1"), node("box-2")])


def test_an_apply_is_a_decision_about_each_workload():
    _, made = applied(two_boxes(), workload("shop-b"), workload("shop-a"))
    assert told(made) == [
        ("apply", "decide", ["shop-a"], {"shop-a": 0}),
        ("apply", "decide", ["shop-b"], {"shop-b": 0}),
    ]
    # The second one is made from what the first one did.
    assert made[0].first < made[1].first
    assert made[0].question.may_preempt
    assert not made[0].question.wanted[0].keep


def test_what_stays_as_it_was_is_no_decision():
    known, _ = applied(two_boxes(), workload())
    assert applied(known, workload())[1] == []
    assert filled(known)[1] == []


def test_what_finds_no_place_is_noted_once_for_each_number():
    known, made = applied(two_boxes(), workload(replicas=3, resources=BIG))
    assert told(made) == [("apply", "decide", ["shop-web"], {"shop-web": 1})]
    assert made[0].answer.refused == {"shop-web": {"memory": 2}}
    assert filled(known)[1] == []
    lost = Known(
        [node("box-1", liveness=Liveness.LOST), node("box-2")],
        known.workloads.values(),
        known.assignments.values(),
        unplaced=known.unplaced,
    )
    assert filled(lost)[1] == []
    more, made = applied(lost, workload(replicas=4, resources=BIG))
    assert told(made) == [("apply", "decide", ["shop-web"], {"shop-web": 2})]
    assert made[0].answer.assignments == ()
    again, made = applied(more, workload(replicas=2, resources=BIG))
    assert told(made) == [("apply", "decide", ["shop-web"], {"shop-web": 0})]
    assert again.unplaced == {}


def test_only_what_changes_is_in_the_answer():
    known, _ = applied(two_boxes(), workload(replicas=2))
    _, ((made),) = applied(known, workload(replicas=3))
    assert [one.id for one in made.answer.assignments] == ["shop-web-2"]
    assert [(one.action, one.instance) for one in made.answer.changes] == [("create", "shop-web-2")]
    _, ((made),) = applied(known, workload(replicas=1))
    assert (made.answer.assignments, made.answer.ended) == ((), ("shop-web-1",))


def test_causes():
    known, _ = applied(two_boxes(), workload(replicas=2, resources=BIG), workload("shop-db"))
    box = known.nodes["box-1"]
    assert {
        one.cause for one in after(known, lambda work: draining.drain(work, box, force=True))[1]
    } == {"drain"}
    assert told(after(known, lambda work: desired.delete(work, "shop-db"))[1]) == [
        ("delete", "remove", ["shop-db"], {"shop-db": 0})
    ]
    _, made = applied(known, workload(replicas=2, resources=BIG), prune=True)
    assert told(made) == [("apply", "remove", ["shop-db"], {"shop-db": 0})]
    lost = node("box-1", liveness=Liveness.LOST)
    known.nodes["box-1"] = lost
    _, made = after(known, lambda work: desired.forget(work, lost))
    assert {one.cause for one in made} == {"forget"}


def test_who_had_to_end_for_it_is_in_the_decision():
    known, _ = applied(Known([node("box-1")]), workload("shop-job", resources=BIG))
    important = workload(resources=BIG, placement=Placement(priority=5))
    _, (made,) = applied(known, important)
    assert made.answer.workloads == {"shop-web", "shop-job"}
    assert made.answer.ended == ("shop-job-0",)
    assert [one.instance for one in made.answer.changes] == ["shop-job-0", "shop-web-0"]


# --- round-trip times -----------------------------------------------------------------------

NEAR = Placement(latency=(Latency(to="endpoint", name="erp", max_ms=30.0),))


def measured():
    coordinates = Coordinates()
    coordinates.observe("box-1", {endpoint("erp"): 5.0})
    return Network(coordinates)


def with_network(wanted):
    work = work_on(two_boxes())
    work = type(work)(work.draft, work.columns, work.now, measured())
    desired.apply(work, [wanted], prune=False)
    (made,) = work.draft.made
    return made


def test_the_round_trip_times_that_could_be_read_are_noted():
    made = with_network(workload(placement=NEAR))
    assert made.estimates.ms.keys() == {endpoint("erp")}
    ms = np.frombuffer(made.estimates.ms[endpoint("erp")], "<f8")
    assert ms[0] == pytest.approx(5.0)
    assert np.isnan(ms[1])


def test_who_reads_none_has_none():
    assert with_network(workload()).estimates is None


def test_a_place_of_nodes_is_each_of_them():
    made = with_network(
        workload(placement=Placement(latency=(Latency(to="node", name="host-box-2", weight=5),)))
    )
    assert made.estimates.ms.keys() == {"box-2"}


def test_how_large_they_are():
    assert Estimates(ms={"a": b"12345678", "b": b"12345678"}).size == 16
    # 20 places for 100,000 nodes.
    assert noting.MOST_ESTIMATE_BYTES >= 20 * 100_000 * 8

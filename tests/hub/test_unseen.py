"""What is shown of instances whose node is silent."""

import pytest
from tests.hub.records import NOW, assignment, kept, node, report, status

from skerry_hub.leases import Place, Vacating
from skerry_hub.lifecycle import Lifecycle
from skerry_hub.model import Liveness
from skerry_hub.moment import moment
from skerry_hub.showing import instances_of, instances_on, workload_view
from skerry_hub.state import Known
from skerry_hub.unseen import as_known
from skerry_wire.lifecycle import JobStatus
from skerry_wire.messages import Health, InstanceState

SEEN = NOW + 100
LEASED = Lifecycle(lease_s=60.0)
RUNNING, UNKNOWN, EXITED = InstanceState.RUNNING, InstanceState.UNKNOWN, InstanceState.EXITED


def lost(*statuses, liveness=Liveness.LOST):
    reported = report(instances=statuses or (status(),))
    return node(last_seen=SEEN, liveness=liveness, report=reported)


def moved(lifecycle=None, vacating=(), **fields):
    """A fleet whose lost box still has, by its last report, what another box runs now."""
    there = node("box-2", last_seen=SEEN + 600, report=report(instances=(status(),)))
    workload = kept(**({"lifecycle": lifecycle} if lifecycle else {}))
    placed = [assignment(node="box-2")]
    return Known([lost(), there], [workload], placed, vacating=vacating, **fields)


def on_lost(known):
    (view,) = instances_on(known, known.nodes["box-1"])
    return view


def test_what_was_moved_is_unknown_where_it_was_and_runs_where_it_is():
    known = moved()
    there = on_lost(known)
    assert there.state is UNKNOWN
    assert there.reason == f"last seen running {moment(SEEN)}; not wanted here any more"
    (here,) = instances_of(known, known.workloads["shop-web"])
    assert (here.node, here.state) == ("box-2", RUNNING)
    assert workload_view(known, known.workloads["shop-web"]).running == 1


def test_what_was_moved_by_its_lease_has_ended_once_that_is_over():
    place = Place(node="box-1", incarnation="0" * 32, generation=1, since=SEEN, lease_s=60.0)
    waits = Vacating(instance="shop-web-0", workload="shop-web", places=(place,))
    assert on_lost(moved(LEASED, [waits])).state is UNKNOWN
    assert "ended by its lease by 20" in on_lost(moved(LEASED, [waits])).reason
    over = on_lost(moved(LEASED))
    assert (over.state, over.current) == (EXITED, False)
    assert over.reason.startswith("its lease is over: the box has ended it")


def test_a_lease_that_came_after_the_box_had_vanished_says_nothing_of_it():
    known = moved(LEASED)
    workload = known.workloads["shop-web"]
    later = type(workload)(workload=workload.workload, created_at=NOW, updated_at=SEEN + 1)
    known = Known(list(known.nodes.values()), [later], [assignment(node="box-2")])
    assert on_lost(known).state is UNKNOWN
    assert "lease" not in on_lost(known).reason


@pytest.mark.parametrize("liveness", [Liveness.LOST, Liveness.UNREACHABLE])
def test_what_stays_on_a_lost_box_is_not_counted_as_running(liveness):
    is_lost = liveness is Liveness.LOST
    there = lost(status(health=Health.HEALTHY), liveness=liveness)
    known = Known([there], [kept(mode="global")], [assignment()])
    view = workload_view(known, known.workloads["shop-web"])
    (one,) = view.instances
    assert (one.state is UNKNOWN) == is_lost
    assert (view.running, view.current, view.ready) == ((0, 0, 0) if is_lost else (1, 1, 1))
    assert view.state == ("degraded" if is_lost else "running")
    if is_lost:
        assert view.reason.startswith("shop-web-0 on host-box-1 (box-1): last seen running 20")
        assert "it is one on each node" in view.reason


@pytest.mark.parametrize(
    "told",
    [
        status(state=EXITED, job=JobStatus(runs=1, attempts=1, succeeded=True)),
        status(state=InstanceState.FAILED, reason="no such image"),
        status(state=InstanceState.PENDING, job=JobStatus(next_at=NOW + 1e5)),
    ],
)
def test_what_had_ended_or_waits_for_its_schedule_is_shown_as_it_was(told):
    assert as_known(Known(), lost(), told) == told


def test_what_is_on_an_unreachable_box_is_as_last_seen_and_says_so():
    there = lost(status(), liveness=Liveness.UNREACHABLE)
    known = Known([there], [kept()], [assignment()])
    one = on_lost(known)
    assert (one.state, one.current) == (RUNNING, True)
    assert one.reason == f"as of {moment(SEEN)}: the node is unreachable"
    there = lost(status(reason="health: 503"), liveness=Liveness.UNREACHABLE)
    one = on_lost(Known([there], [kept()], [assignment()]))
    assert one.reason == f"health: 503; as of {moment(SEEN)}: the node is unreachable"


def test_a_lease_on_an_unreachable_box_is_not_taken_for_running():
    there = lost(status(), liveness=Liveness.UNREACHABLE)
    known = Known([there], [kept(lifecycle=LEASED)], [assignment()])
    one = on_lost(known)
    assert one.state is UNKNOWN
    assert one.reason.startswith(f"last seen running {moment(SEEN)}, ended by its lease by 20")
    view = workload_view(known, known.workloads["shop-web"])
    assert (view.running, view.state) == (0, "degraded")

"""Instances that are impossible by their lease, or as a job."""

import dataclasses

from tests.executor.orders import INCARNATION, KEYS, NODE, container, instance, order, signed

from skerry_executor.faults import lifecycle_fault
from skerry_executor.order import MALFORMED, Identity, verify
from skerry_wire.lifecycle import Job, Lease

LEASE = Lease(duration_s=60.0)


def test_processes_that_could_outlive_a_lease_are_refused():
    parts = (container("web"), container("side", pid="host"))
    shared = instance("a-0", containers=parts)
    assert lifecycle_fault(shared) is None
    words = lifecycle_fault(dataclasses.replace(shared, lease=LEASE))
    assert words == "side: pid host cannot have a lease: its processes may outlive it"


def test_a_schedule_that_is_none_is_refused_by_name():
    job = dataclasses.replace(instance("a-0"), job=Job(schedule="61 * * * *"))
    assert "its schedule '61 * * * *' is none: minute: 61" in lifecycle_fault(job)
    assert lifecycle_fault(dataclasses.replace(job, job=Job(schedule="@daily"))) is None
    assert lifecycle_fault(dataclasses.replace(job, job=Job())) is None


def test_the_whole_order_is_refused():
    bad = dataclasses.replace(instance("a-0", pid="host"), lease=LEASE)
    identity = Identity(node=NODE, incarnation=INCARNATION)
    found = verify(signed(order(instance("b-0"), bad)), KEYS, identity, None)
    assert found.code == MALFORMED
    assert found.reason.startswith("a-0: web: pid host cannot have a lease")

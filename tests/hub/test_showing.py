"""What people are shown of nodes, instances and workloads: each state's word."""

import dataclasses

import pytest
from tests.hub.records import (
    AS_USUAL,
    NOW,
    assignment,
    capability,
    changed,
    columns_of,
    heartbeat,
    kept,
    node,
    refusal,
    report,
    status,
    workload,
)

from skerry_hub.joining.records import Revocation
from skerry_hub.lifecycle import Lifecycle
from skerry_hub.model import Liveness, Resources
from skerry_hub.showing import instances_of, instances_on, node_view, workload_of_subject
from skerry_hub.showing import workload_view as shown
from skerry_hub.state import Known
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.lifecycle import Job, JobStatus, UpdateStatus
from skerry_wire.messages import Health, InstanceState

FAILED, EXITED, PULLING = InstanceState.FAILED, InstanceState.EXITED, InstanceState.PULLING
PENDING = InstanceState.PENDING
OLD = "0" * 16


LATER = NOW + 600


def jobs(*statuses, **job):
    """Return a fleet with one replica of a job for each status."""
    record = node(report=report(instances=statuses))
    lifecycle = Lifecycle(job=Job(**job))
    placed = [assignment(f"shop-web-{number}") for number in range(len(statuses))]
    return Known([record], [kept(replicas=len(statuses), lifecycle=lifecycle)], placed)


def done(number=0, **fields):
    job = JobStatus(runs=1, attempts=1, succeeded=True, **fields)
    return status(f"shop-web-{number}", state=EXITED, exit_code=0, job=job)


@pytest.mark.parametrize(
    ("known", "state", "current"),
    [
        (jobs(done()), "completed", 1),
        (jobs(done(), done(1)), "completed", 2),
        (jobs(done(), status("shop-web-1", job=JobStatus(runs=1))), "running", 2),
        (jobs(done(next_at=LATER), schedule="@daily"), "scheduled", 1),
        (
            jobs(status(state=PENDING, job=JobStatus(next_at=LATER)), schedule="@daily"),
            "scheduled",
            1,
        ),
        (jobs(status(state=PENDING, job=JobStatus(runs=1, attempts=1))), "progressing", 0),
        (
            jobs(status(state=FAILED, exit_code=3, job=JobStatus(runs=1, succeeded=False))),
            "degraded",
            0,
        ),
        (jobs(status(state=EXITED, exit_code=0)), "degraded", 0),
        (jobs(status(revision=OLD, state=EXITED, job=JobStatus(succeeded=True))), "progressing", 0),
    ],
)
def test_a_job_that_need_not_run_is_not_missing(known, state, current):
    view = shown(known, known.workloads["shop-web"])
    assert (view.state, view.current) == (state, current)
    told = known.nodes["box-1"].report.instances
    assert [one.job for one in view.instances] == [one.job for one in told]


def fleet(*statuses, replicas=1, placed=1, node_fields=None, **report_fields):
    record = node(report=report(instances=statuses, **report_fields), **(node_fields or {}))
    return Known(
        [record],
        [kept(replicas=replicas)],
        [assignment(f"shop-web-{number}") for number in range(placed)],
    )


@pytest.mark.parametrize(
    ("known", "state", "reason"),
    [
        (fleet(status()), "running", None),
        (fleet(replicas=0, placed=0), "running", None),
        (fleet(status(health=Health.HEALTHY)), "running", None),
        (fleet(), "progressing", "shop-web-0 on host-box-1 (box-1): pending"),
        (fleet(status(state=PULLING)), "progressing", "shop-web-0 on host-box-1 (box-1): pulling"),
        (fleet(status(state=PULLING, reason="12 of 80 MB")), "progressing", "12 of 80 MB"),
        (fleet(status(health=Health.STARTING)), "progressing", "health check is starting"),
        (fleet(status(revision=OLD)), "progressing", "still runs another revision"),
        (fleet(status(), replicas=2), "unplaced", "1 of 2 replicas found no node"),
        (fleet(replicas=2, placed=0), "unplaced", "2 of 2 replicas found no node"),
        (fleet(status(state=FAILED, reason="port 80 is in use")), "degraded", "port 80 is in use"),
        (fleet(status(state=EXITED, exit_code=3)), "degraded", "exit code 3"),
        (fleet(status(health=Health.UNHEALTHY)), "degraded", "its health check fails"),
        # The worst first: what fails is more than what is missing.
        (fleet(status(state=FAILED, reason="no"), replicas=2), "degraded", "no"),
    ],
)
def test_each_state_of_a_workload_has_its_word_and_its_reason(known, state, reason):
    view = shown(known, known.workloads["shop-web"])
    assert view.state == state
    assert (reason is None) == (view.reason is None)
    assert reason is None or reason in view.reason


def test_those_that_do_their_work_are_ready_at_whatever_revision():
    ill = {"health": Health.UNHEALTHY}, {"health": Health.STARTING}, {"state": FAILED}
    others = [status(f"shop-web-{number}", **one) for number, one in enumerate(ill, 2)]
    former = status("shop-web-1", revision=OLD, health=Health.HEALTHY)
    known = fleet(status(), former, *others, replicas=6, placed=6)
    view = shown(known, known.workloads["shop-web"])
    assert (view.ready, view.current) == (2, 3)


def test_the_counts_of_a_workload():
    known = fleet(status(), status("shop-web-1", revision=OLD), replicas=4, placed=3)
    view = shown(known, known.workloads["shop-web"])
    assert (view.wanted, view.placed, view.running, view.current) == (4, 3, 2, 1)
    assert [one.id for one in view.instances] == ["shop-web-0", "shop-web-1", "shop-web-2"]
    assert [one.current for one in view.instances] == [True, False, False]


@pytest.mark.parametrize(("unplaced", "wanted"), [({}, 1), ({"shop-web": 2}, 3)])
def test_a_daemon_wants_what_it_has_and_what_found_no_room(unplaced, wanted):
    there = [kept(mode="global")], [assignment("shop-web-box")]
    known = Known([node()], *there, unplaced=unplaced)
    view = shown(known, known.workloads["shop-web"])
    assert (view.wanted, view.placed) == (wanted, 1)
    assert (view.state == "unplaced") == bool(unplaced)


@pytest.mark.parametrize(
    ("node_fields", "report_fields", "reason"),
    [
        ({}, {}, None),
        ({"liveness": Liveness.LOST}, {}, "host-box-1 (box-1) is lost; it is replaced once"),
        ({"liveness": Liveness.UNREACHABLE}, {}, "the node is unreachable"),
        ({}, {"refusal": refusal(reason="no such image allowed")}, "no such image allowed"),
        ({"diverged": "ahead"}, {}, "the node is held"),
    ],
)
def test_why_an_instance_waits_is_said(node_fields, report_fields, reason):
    known = fleet(node_fields=node_fields, **report_fields)
    (view,) = instances_of(known, known.workloads["shop-web"])
    assert view.state is InstanceState.PENDING
    assert (reason is None) == (view.reason is None)
    assert reason is None or reason in view.reason


@pytest.mark.parametrize(
    ("state", "reason", "shown_as"),
    [
        ("waiting", "no room", "its update waits: no room"),
        ("waiting", "", None),
        ("switching", "", None),
    ],
)
def test_why_an_update_has_not_begun_is_said_of_what_runs(state, reason, shown_as):
    update = UpdateStatus(revision="1" * 16, state=state, reason=reason)
    known = fleet(status(update=update))
    (view,) = instances_on(known, known.nodes["box-1"])
    assert (view.state, view.reason) == (InstanceState.RUNNING, shown_as)


def test_what_a_node_still_runs_and_nobody_wants_is_shown_last():
    known = fleet(status("other-web-0"), status())
    first, second = instances_on(known, known.nodes["box-1"])
    assert (first.id, second.id) == ("shop-web-0", "other-web-0")
    assert second.current is False
    assert "not wanted here" in second.reason


def test_instances_are_sorted_as_people_count():
    known = fleet(replicas=12, placed=12)
    names = [one.id for one in instances_on(known, known.nodes["box-1"])]
    assert names == [f"shop-web-{number}" for number in range(12)]


def test_a_node_is_shown_with_what_it_has_what_is_reserved_and_what_it_last_said():
    resources = Resources(cpu_milli=500, memory_bytes=2**30)
    record = node(labels={"site": "quay-3"}, generation=3, report=report(accepted=2, generation=1))
    known = Known([record], [kept()], [assignment(resources=resources)])
    columns = columns_of(known)
    columns.heartbeat("box-1", heartbeat(seq=5, cpu_percent=12.5, load_1m=0.5), NOW + 30)
    view = node_view(known, columns, record, AS_USUAL)
    assert (view.hostname, view.arch, view.os) == ("host-box-1", "x86_64", "Debian")
    assert view.last_seen == NOW + 30
    assert view.labels == {"site": "quay-3"}
    assert view.runtimes == ("podman 4.3.1",)
    found = view.resources
    assert (found.cpu_milli, found.cpu_reserved_milli, found.cpu_percent) == (4000, 500, 12.5)
    assert (found.memory_bytes, found.memory_reserved_bytes) == (2**33, 2**30)
    assert (found.storage_bytes, found.temperature_c) == (None, None), "unknown is not zero"
    assert (view.order.issued, view.order.accepted, view.order.reached) == (3, 2, 1)


def test_a_node_on_battery_is_shown_with_its_charge_and_its_other_file_systems():
    record = node()
    known = Known([record])
    columns = columns_of(known)
    beat = heartbeat(
        battery_percent=80.0,
        on_battery=True,
        power_w=12.5,
        filesystems_available_bytes={"/data": 2**30},
    )
    assert columns.heartbeat("box-1", beat, NOW + 1)
    found = node_view(known, columns, record, AS_USUAL).resources
    assert (found.battery_percent, found.on_battery, found.power_w) == (80.0, True, 12.5)
    assert found.filesystems_available_bytes == {"/data": 2**30}
    columns.heartbeat("box-1", heartbeat(seq=2), NOW + 2)
    found = node_view(known, columns, record, AS_USUAL).resources
    assert (found.battery_percent, found.on_battery, found.power_w) == (None, None, None)
    assert found.filesystems_available_bytes is None, "only the newest heartbeat counts"


def test_a_label_of_the_hub_overrides_the_boxs_and_gives_way_when_it_is_taken():
    own = {"site": "quay-1", "zone": "harbour"}
    record = node(capability=capability(labels=own), labels={"site": "quay-3", "tier": "edge"})
    known = Known([record])
    shown_labels = node_view(known, columns_of(known), record, AS_USUAL).labels
    assert shown_labels == {"site": "quay-3", "zone": "harbour", "tier": "edge"}
    without = changed(record, labels={})
    known = Known([without])
    assert node_view(known, columns_of(known), without, AS_USUAL).labels == own


def test_a_node_that_was_shut_out_says_so_and_when_and_by_whom():
    record = node()
    known = Known([record])
    gone = {"box-1": Revocation(at=NOW + 1, by="alice"), "box-2": Revocation(at=NOW)}
    by = dataclasses.replace(AS_USUAL, revocations=gone)
    view = node_view(known, columns_of(known), record, by)
    assert (view.revoked_at, view.revoked_by) == (NOW + 1, "alice")
    view = node_view(known, columns_of(known), record, AS_USUAL)
    assert (view.revoked_at, view.revoked_by) == (None, None)


def test_a_node_of_which_next_to_nothing_is_known_is_shown_all_the_same():
    record = node(presence=None, capability=None, report=None)
    view = node_view(Known([record]), columns_of(Known([record])), record, AS_USUAL)
    assert (view.hostname, view.arch, view.resources.cpu_milli) == ("box-1", None, None)
    assert (view.order.accepted, view.instances, view.problems) == (0, (), ())


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (refusal(7, "policy", "image x is not allowed"), "order 7 refused (policy): image x"),
        (refusal(0, "form", "not msgpack"), "order refused (form): not msgpack"),
    ],
)
def test_a_refusal_is_put_into_words(said, words):
    record = node(report=report(refusal=said))
    view = node_view(Known([record]), columns_of(Known([record])), record, AS_USUAL)
    assert view.order.refusal.startswith(words)


def test_an_events_subject_tells_its_workload_from_what_is_placed_or_reported():
    known = fleet(status("other-web-0"))
    record = known.nodes["box-1"]
    assert workload_of_subject(known, record, "shop-web-0") == "shop-web"
    assert workload_of_subject(known, record, "other-web-0") == "other-web"
    assert workload_of_subject(known, record, "usb 1-1.2") == ""
    assert workload_of_subject(known, None, "other-web-0") == ""


def test_records_and_states_agree_on_the_current_revision():
    assert status().revision == workload().revision != OLD


BROKEN = "the box's policy cannot be used: policy.toml:2: no TOML"


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (status(state=FAILED, reason="crash loop back-off of 40s"), "crash loop back-off of 40s; "),
        (status(state=FAILED, reason="image pull back-off"), "image pull back-off; "),
        (status(), None),
    ],
)
def test_a_policy_that_cannot_be_used_hides_nothing_of_what_was_before(told, reason):
    bad = capability(policy=BoxPolicy(trouble=BROKEN))
    known = fleet(told, node_fields={"capability": bad})
    (view,) = instances_on(known, known.nodes["box-1"])
    assert view.reason == (reason and reason + BROKEN)


def test_what_is_failed_and_refused_says_both():
    known = fleet(status(state=FAILED, reason="exit 1"), refusal=refusal(reason="no image x"))
    (view,) = instances_on(known, known.nodes["box-1"])
    assert view.reason == "exit 1; the node refused its order: no image x"
